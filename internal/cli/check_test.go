package cli_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli"
)

// tokenError responds as the token endpoint does when it rejects a request.
func tokenError(name string, code int, message string) http.HandlerFunc {
	return respond(http.StatusBadRequest, fmt.Sprintf(`{"error":%q,"error_description":"AADSTS%d: %s Trace ID: %s","error_codes":[%d],
		"timestamp":"2020-01-02 03:04:05Z","trace_id":%q,"correlation_id":%q}`, name, code, message, fakeRequest, code, fakeRequest, fakeCorrelation))
}

// apiError responds as Partner Center does when it rejects a request.
func apiError(status int, code, description string) http.HandlerFunc {
	return respond(status, fmt.Sprintf(`{"code":%q,"description":%q,"data":[],"source":"PartnerFD"}`, code, description))
}

// listOf responds with customers of these names and the ids c0, c1 and so on.
func listOf(names ...string) http.HandlerFunc {
	var items []string
	for i, name := range names {
		items = append(items, fmt.Sprintf(`{"id":"c%d","companyProfile":{"companyName":%q}}`, i, name))
	}
	return respond(http.StatusOK, fmt.Sprintf(`{"totalCount":%d,"items":[%s],"links":{}}`, len(items), strings.Join(items, ",")), "isMfaCompliant: true")
}

// dated responds with a body and the time of a clock that is ahead.
func dated(ahead time.Duration, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		respond(http.StatusOK, body, append(headers, "Date: "+time.Now().Add(ahead).UTC().Format(http.TimeFormat))...)(w, r)
	}
}

// The report names every step, what failed, and what to do about it. A step that
// needs one which failed is not tried.
func TestCheckReports(t *testing.T) {
	t.Parallel()
	noUsage := apiError(400, "3000", "Customer does not have usage data.")
	tests := map[string]map[string]http.HandlerFunc{
		"everything is in order": {
			listPath: listOf("Contoso \"Labs\"", "Fabrikam"), "/v1/customers/c0/usagesummary": respond(200, `{"totalCost":12.345,"currencyCode":"EUR"}`),
		},
		"the client secret is wrong":    {tokenPath: tokenError("invalid_client", 7000215, "Invalid client secret provided.")},
		"the refresh token has expired": {tokenPath: tokenError("invalid_grant", 700082, "The refresh token has expired due to inactivity.")},
		// The MFA check fails with the same code, but MFA is not the cause.
		"the user lacks the role": {listPath: apiError(403, "900150", "The supplied role does not have the rights.")},
		"MFA is unknown and there is no usage": {
			listPath: respond(200, `{"items":[{"id":"c0"},{"id":"c1"}]}`), "/v1/customers/c0/usagesummary": noUsage, "/v1/customers/c1/usagesummary": noUsage,
		},
		"the token belongs to the application": {
			listPath: listOf("A"), "/v1/customers/c0/usagesummary": apiError(403, "900329", "This resource doesn't support application-only authentication."),
		},
		"the role does not extend to usage": {
			listPath: listOf("A", "B"), "/v1/customers/c0/usagesummary": noUsage,
			"/v1/customers/c1/usagesummary": apiError(403, "900150", "The supplied role does not have the rights."),
		},
		"some customers are inaccessible": {
			listPath: listOf("A", "B", "C"), "/v1/customers/c0/usagesummary": apiError(403, "20002", "No relationship."),
			"/v1/customers/c1/usagesummary": apiError(404, "60003", "Not found."), "/v1/customers/c2/usagesummary": respond(200, `{"totalCost":1,"currencyLocale":"en-GB"}`),
		},
		"all customers are inaccessible": {listPath: listOf("A"), "/v1/customers/c0/usagesummary": apiError(403, "20002", "No relationship.")},
		"there are no customers":         {listPath: listOf()},
		"the clock is slow and the records are denied": {
			listPath:                        dated(10*time.Minute, `{"items":[{"id":"c0"}]}`, "isMfaCompliant: true"),
			tokenPath:                       dated(10*time.Minute+30*time.Second, `{"access_token":"fake-access-0","refresh_token":"fake-refresh-1","token_type":"Bearer","expires_in":3599}`),
			"/v1/customers/c0/usagesummary": respond(200, `{"totalCost":1,"currencyCode":"EUR"}`),
			recordsPath:                     apiError(403, "900150", "The supplied role does not have the rights."),
		},
	}
	for name, responses := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPartner(t)
			for path, response := range responses {
				p.on(path, response)
			}
			checkSilence(t, checkTranscript(t, p.flags("check")...))
		})
	}
}

// The report counts throttled requests, and states the concurrency that is left.
func TestCheckWhenThrottled(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	p.on(listPath, listOf("A"))
	throttled := false
	p.on("/v1/customers/c0/usagesummary", func(w http.ResponseWriter, r *http.Request) {
		if !throttled {
			throttled = true
			respond(http.StatusTooManyRequests, "", "Retry-After: 1")(w, r)
			return
		}
		respond(http.StatusOK, `{"totalCost":1,"currencyCode":"EUR"}`)(w, r)
	})
	status, stdout, stderr := clitest.Run(t, p.flags("check")...)
	if want := "note  throttle   1 of 6 requests were throttled\n"; status != 0 || !strings.HasSuffix(stdout, want) {
		t.Errorf("The exit status is %d:\n%s%s", status, stdout, stderr)
	}
}

// Ctrl-C is reported as such, not as the failure that it causes, and nothing after
// it is tried.
func TestCheckIsInterrupted(t *testing.T) {
	t.Parallel()
	for step, test := range map[string]struct{ path, want string }{
		"token":     {tokenPath, "stop  token      interrupted\n"},
		"customers": {listPath, "stop  mfa        interrupted\n"}, // The MFA check lists customers too.
		"usage":     {"/v1/customers/c0/usagesummary", "stop  role       interrupted\n"},
		"budgets":   {recordsPath, "stop  budgets    interrupted\n"},
	} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			p := newPartner(t)
			p.on(listPath, listOf("Contoso"))
			p.on("/v1/customers/c0/usagesummary", respond(200, `{"totalCost":1,"currencyCode":"EUR"}`))
			ctx, interrupt := context.WithCancel(t.Context())
			hang := make(chan struct{})
			t.Cleanup(func() { close(hang) })
			p.on(test.path, func(http.ResponseWriter, *http.Request) {
				interrupt()
				<-hang
			})
			stdout, stderr := clitest.NewOutput(), clitest.NewOutput()
			status := cli.Run(ctx, p.flags("check"), stdout, stderr)
			if status != 130 || stderr.String() != "azure_csp_exporter: error: interrupted\n" {
				t.Errorf("Exit status %d, standard error %q, want 130 and interrupted", status, stderr)
			}
			if !strings.HasSuffix(stdout.String(), test.want) || strings.Contains(stdout.String(), "hint") {
				t.Errorf("The report is\n%s, want %q at its end", stdout, test.want)
			}
		})
	}
}

// On a terminal the report shows the step that is being performed.
func TestCheckShowsTheStep(t *testing.T) {
	p := newPartner(t)
	p.on(listPath, listOf("Contoso"))
	p.on("/v1/customers/c0/usagesummary", respond(200, `{"totalCost":1,"currencyCode":"EUR"}`))
	tty, seen := terminal(t, 120)
	if status := cli.Run(t.Context(), p.flags("check"), tty, tty); status != 0 {
		t.Errorf("Exit status %d, want 0", status)
	}
	text := seen()
	for _, step := range []string{"token", "mfa", "customers", "usage", "budgets"} {
		if want := "...   " + step + "\r\x1b[K"; !strings.Contains(text, want) {
			t.Errorf("The terminal never showed %q: %q", want, text)
		}
	}
}

// A sign-in without MFA is rejected with code 900421, and only another sign-in helps.
func TestCheckWithoutMFA(t *testing.T) {
	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(3)})
	sim.SetFaults(simulator.Faults{WithoutMFA: true})
	checkTranscript(t, simulated(t, sim, "check")...)
}

// Without a connection the report blames the network, not the credentials.
func TestCheckWithoutNetwork(t *testing.T) {
	p := newPartner(t)
	p.Close()
	checkTranscript(t, p.flags("check")...)
}
