package cli_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli"
)

// refuses answers as the token endpoint does.
func refuses(name string, code int, message string) http.HandlerFunc {
	return says(http.StatusBadRequest, fmt.Sprintf(`{"error":%q,"error_description":"AADSTS%d: %s Trace ID: %s","error_codes":[%d],
		"timestamp":"2020-01-02 03:04:05Z","trace_id":%q,"correlation_id":%q}`, name, code, message, fakeRequest, code, fakeRequest, fakeCorrelation))
}

// faults answers as Partner Center does when it refuses.
func faults(status int, code, description string) http.HandlerFunc {
	return says(status, fmt.Sprintf(`{"code":%q,"description":%q,"data":[],"source":"PartnerFD"}`, code, description))
}

// lists answers with customers of these names, whose ids are c0, c1 and so on.
func lists(names ...string) http.HandlerFunc {
	var items []string
	for i, name := range names {
		items = append(items, fmt.Sprintf(`{"id":"c%d","companyProfile":{"companyName":%q}}`, i, name))
	}
	return says(http.StatusOK, fmt.Sprintf(`{"totalCount":%d,"items":[%s],"links":{}}`, len(items), strings.Join(items, ",")), "isMfaCompliant: true")
}

// The report names every step, what failed, and what to do about it. A step that
// needs one which failed is not tried.
func TestCheckReports(t *testing.T) {
	const ids = "(request 11111111-1111-4111-8111-111111111111, correlation 22222222-2222-4222-8222-222222222222)"
	noUsage := faults(400, "3000", "Customer does not have usage data.")
	tests := []struct {
		name    string
		answers map[string]http.HandlerFunc
		want    string // after the line of the files
		failed  bool
	}{
		{
			"all in order",
			map[string]http.HandlerFunc{
				listPath: lists("Contoso \"Labs\"", "Fabrikam"), "/v1/customers/c0/usagesummary": says(200, `{"totalCost":12.345,"currencyCode":"EUR"}`),
			},
			`ok    token      the refresh token was exchanged for an access token
ok    clock      this machine's clock agrees with Microsoft's
ok    mfa        the sign-in used MFA
ok    customers  Partner Center lists 2 customers
ok    role       no request was rejected for a missing role
ok    usage      "Contoso \"Labs\"" has a cost of 12.35 EUR in the current billing period
note  budgets    1 of 2 customers with usage have a budget
ok    throttle   0 of 5 requests were throttled
`, false,
		},
		{
			"the client secret is wrong",
			map[string]http.HandlerFunc{tokenPath: refuses("invalid_client", 7000215, "Invalid client secret provided.")},
			`FAIL  token      token: HTTP 400: code AADSTS7000215: invalid_client ` + ids + `
                 hint: the client secret is wrong: create a new client secret in the app registration and write it to the client secret file
ok    clock      this machine's clock agrees with Microsoft's
skip  mfa        skipped because of the failure above
skip  customers  skipped because of the failure above
skip  role       skipped because of the failure above
skip  usage      skipped because of the failure above
skip  budgets    skipped because of the failure above
skip  throttle   skipped because of the failure above
`, true,
		},
		{
			"the refresh token died",
			map[string]http.HandlerFunc{tokenPath: refuses("invalid_grant", 700082, "The refresh token has expired due to inactivity.")},
			`FAIL  token      token: HTTP 400: code AADSTS700082: invalid_grant ` + ids + `
                 hint: the refresh token died of 90 idle days: sign in again as a partner user with MFA and replace the refresh token file
ok    clock      this machine's clock agrees with Microsoft's
skip  mfa        skipped because of the failure above
skip  customers  skipped because of the failure above
skip  role       skipped because of the failure above
skip  usage      skipped because of the failure above
skip  budgets    skipped because of the failure above
skip  throttle   skipped because of the failure above
`, true,
		},
		{ // The question about MFA fails likewise, but MFA is not what is wrong.
			"the user lacks the role",
			map[string]http.HandlerFunc{listPath: faults(403, "900150", "The supplied role does not have the rights.")},
			`ok    token      the refresh token was exchanged for an access token
ok    clock      this machine's clock agrees with Microsoft's
note  mfa        Partner Center does not report whether the sign-in used MFA
FAIL  customers  customers: HTTP 403: code 900150: The supplied role does not have the rights. ` + ids + `
                 hint: give the user who signed in the Admin agent role in Partner Center, then sign in again
skip  role       skipped because of the failure above
skip  usage      skipped because of the failure above
skip  budgets    skipped because of the failure above
skip  throttle   skipped because of the failure above
`, true,
		},
		{
			"MFA is not told, nor is there usage",
			map[string]http.HandlerFunc{
				listPath: says(200, `{"items":[{"id":"c0"},{"id":"c1"}]}`), "/v1/customers/c0/usagesummary": noUsage, "/v1/customers/c1/usagesummary": noUsage,
			},
			`ok    token      the refresh token was exchanged for an access token
ok    clock      this machine's clock agrees with Microsoft's
note  mfa        Partner Center does not report whether the sign-in used MFA
ok    customers  Partner Center lists 2 customers
ok    role       no request was rejected for a missing role
note  usage      none of the first 2 customers has usage
note  budgets    1 of 2 customers with usage have a budget
ok    throttle   0 of 6 requests were throttled
`, false,
		},
		{
			"the token is the application's",
			map[string]http.HandlerFunc{
				listPath: lists("A"), "/v1/customers/c0/usagesummary": faults(403, "900329", "This resource doesn't support application-only authentication."),
			},
			`ok    token      the refresh token was exchanged for an access token
ok    clock      this machine's clock agrees with Microsoft's
ok    mfa        the sign-in used MFA
ok    customers  Partner Center lists 1 customers
FAIL  role       usagesummary of customer "c0": HTTP 403: code 900329: This resource doesn't support application-only authentication. ` + ids + `
                 hint: usage needs a user besides the application: sign in again as a partner user with MFA and replace the refresh token file
skip  usage      skipped because of the failure above
skip  budgets    skipped because of the failure above
skip  throttle   skipped because of the failure above
`, true,
		},
		{
			"the role does not extend to usage",
			map[string]http.HandlerFunc{
				listPath: lists("A", "B"), "/v1/customers/c0/usagesummary": noUsage,
				"/v1/customers/c1/usagesummary": faults(403, "900150", "The supplied role does not have the rights."),
			},
			`ok    token      the refresh token was exchanged for an access token
ok    clock      this machine's clock agrees with Microsoft's
ok    mfa        the sign-in used MFA
ok    customers  Partner Center lists 2 customers
FAIL  role       usagesummary of customer "c1": HTTP 403: code 900150: The supplied role does not have the rights. ` + ids + `
                 hint: give the user who signed in the Admin agent role in Partner Center, then sign in again
skip  usage      skipped because of the failure above
skip  budgets    skipped because of the failure above
skip  throttle   skipped because of the failure above
`, true,
		},
		{
			"single customers are out of reach",
			map[string]http.HandlerFunc{
				listPath: lists("A", "B", "C"), "/v1/customers/c0/usagesummary": faults(403, "20002", "No relationship."),
				"/v1/customers/c1/usagesummary": faults(404, "60003", "Not found."), "/v1/customers/c2/usagesummary": says(200, `{"totalCost":1,"currencyLocale":"en-GB"}`),
			},
			`ok    token      the refresh token was exchanged for an access token
ok    clock      this machine's clock agrees with Microsoft's
ok    mfa        the sign-in used MFA
ok    customers  Partner Center lists 3 customers
ok    role       no request was rejected for a missing role
ok    usage      "C" has a cost of 1.00 GBP in the current billing period
note  budgets    1 of 2 customers with usage have a budget
ok    throttle   0 of 7 requests were throttled
`, false,
		},
		{
			"all customers are out of reach",
			map[string]http.HandlerFunc{listPath: lists("A"), "/v1/customers/c0/usagesummary": faults(403, "20002", "No relationship.")},
			`ok    token      the refresh token was exchanged for an access token
ok    clock      this machine's clock agrees with Microsoft's
ok    mfa        the sign-in used MFA
ok    customers  Partner Center lists 1 customers
ok    role       no request was rejected for a missing role
FAIL  usage      usagesummary of customer "c0": HTTP 403: code 20002: No relationship. ` + ids + `
                 hint: the customer has ended the relationship, or not yet accepted it: renew it in Partner Center, or exclude the customer
note  budgets    1 of 2 customers with usage have a budget
ok    throttle   0 of 5 requests were throttled
`, true,
		},
		{
			"there are no customers",
			map[string]http.HandlerFunc{listPath: lists()},
			`ok    token      the refresh token was exchanged for an access token
ok    clock      this machine's clock agrees with Microsoft's
ok    mfa        the sign-in used MFA
note  customers  Partner Center lists no customers; is this the partner's tenant, and not a customer's?
skip  role       there are no customers
skip  usage      there are no customers
note  budgets    1 of 2 customers with usage have a budget
ok    throttle   0 of 4 requests were throttled
`, false,
		},
		{
			"the clock is slow, and the records are refused",
			map[string]http.HandlerFunc{
				listPath: says(200, `{"items":[{"id":"c0"}]}`, "isMfaCompliant: true", "Date: "+time.Now().Add(10*time.Minute).UTC().Format(http.TimeFormat)),
				tokenPath: says(200, `{"access_token":"fake-access-0","refresh_token":"fake-refresh-1","token_type":"Bearer","expires_in":3599}`,
					"Date: "+time.Now().Add(10*time.Minute+30*time.Second).UTC().Format(http.TimeFormat)),
				"/v1/customers/c0/usagesummary": says(200, `{"totalCost":1,"currencyCode":"EUR"}`),
				recordsPath:                     faults(403, "900150", "The supplied role does not have the rights."),
			},
			`ok    token      the refresh token was exchanged for an access token
FAIL  clock      this machine's clock is 10m30s behind Microsoft's
                 hint: synchronise the clock, for instance with systemd-timesyncd or chrony
ok    mfa        the sign-in used MFA
ok    customers  Partner Center lists 1 customers
ok    role       no request was rejected for a missing role
ok    usage      "" has a cost of 1.00 EUR in the current billing period
note  budgets    unknown, as the usage records cannot be read: usagerecords: HTTP 403: code 900150: The supplied role does not have the rights. ` + ids + `
ok    throttle   0 of 5 requests were throttled
`, true,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPartner(t)
			for path, answer := range test.answers {
				p.on(path, answer)
			}
			status, stdout, stderr := clitest.Run(t, p.flags("check")...)
			want := "ok    files      the credential files are readable, and the refresh token file is replaceable\n" + test.want
			if diff := cmp.Diff(want, stdout); diff != "" {
				t.Error(diff)
			}
			checkExit(t, status, stderr, test.failed)
			for _, secret := range []string{fakeSecret, "fake-refresh", "fake-access"} {
				if strings.Contains(stdout+stderr, secret) {
					t.Errorf("The report holds %s:\n%s%s", secret, stdout, stderr)
				}
			}
		})
	}
}

func checkExit(t *testing.T, status int, stderr string, failed bool) {
	t.Helper()
	wantStatus, wantErr := 0, ""
	if failed {
		wantStatus, wantErr = 1, "azure_csp_exporter: error: some checks failed\n"
	}
	if status != wantStatus || stderr != wantErr {
		t.Errorf("It ended with status %d and said %q, want %d and %q", status, stderr, wantStatus, wantErr)
	}
}

// The check notes how many requests were throttled.
func TestCheckWhenThrottled(t *testing.T) {
	p := newPartner(t)
	p.on(listPath, lists("A"))
	refused := false
	p.on("/v1/customers/c0/usagesummary", func(w http.ResponseWriter, r *http.Request) {
		if !refused {
			refused = true
			says(http.StatusTooManyRequests, "", "Retry-After: 1")(w, r)
			return
		}
		says(http.StatusOK, `{"totalCost":1,"currencyCode":"EUR"}`)(w, r)
	})
	status, stdout, stderr := clitest.Run(t, p.flags("check")...)
	if want := "note  throttle   1 of 6 requests were throttled\n"; status != 0 || !strings.HasSuffix(stdout, want) {
		t.Errorf("The exit status is %d:\n%s%s", status, stdout, stderr)
	}
}

// Ctrl-C is reported as such, not as the failure that it causes, and nothing after
// it is tried.
func TestCheckIsInterrupted(t *testing.T) {
	for step, test := range map[string]struct{ path, want string }{
		"token":     {tokenPath, "stop  token      interrupted\n"},
		"customers": {listPath, "stop  mfa        interrupted\n"}, // The MFA check lists customers too.
		"usage":     {"/v1/customers/c0/usagesummary", "stop  role       interrupted\n"},
		"budgets":   {recordsPath, "stop  budgets    interrupted\n"},
	} {
		t.Run(step, func(t *testing.T) {
			p := newPartner(t)
			p.on(listPath, lists("Contoso"))
			p.on("/v1/customers/c0/usagesummary", says(200, `{"totalCost":1,"currencyCode":"EUR"}`))
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
				t.Errorf("It ended with status %d and said %q, want 130 and that it was interrupted", status, stderr)
			}
			if !strings.HasSuffix(stdout.String(), test.want) || strings.Contains(stdout.String(), "hint") {
				t.Errorf("It reported\n%s, want %q at the end", stdout, test.want)
			}
		})
	}
}

// On a terminal the report shows the step that is being performed.
func TestCheckShowsTheStep(t *testing.T) {
	p := newPartner(t)
	p.on(listPath, lists("Contoso"))
	p.on("/v1/customers/c0/usagesummary", says(200, `{"totalCost":1,"currencyCode":"EUR"}`))
	tty, seen := terminal(t, 120)
	if status := cli.Run(t.Context(), p.flags("check"), tty, tty); status != 0 {
		t.Errorf("It ended with status %d", status)
	}
	text := seen()
	for _, step := range []string{"token", "mfa", "customers", "usage", "budgets"} {
		if want := "...   " + step + "\r\x1b[K"; !strings.Contains(text, want) {
			t.Errorf("It never showed %q: %q", want, text)
		}
	}
}

// A sign-in without MFA is refused with code 900421, and nothing but another
// sign-in helps.
func TestCheckWithoutMFA(t *testing.T) {
	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(3)})
	sim.SetFaults(simulator.Faults{WithoutMFA: true})
	status, stdout, stderr := clitest.Run(t, simulated(t, sim, "check")...)
	const want = `ok    files      the credential files are readable, and the refresh token file is replaceable
ok    token      the refresh token was exchanged for an access token
ok    clock      this machine's clock agrees with Microsoft's
FAIL  mfa        customers: the sign-in did not use MFA
                 hint: sign in again as a partner user with MFA and replace the refresh token file
skip  customers  skipped because of the failure above
skip  role       skipped because of the failure above
skip  usage      skipped because of the failure above
skip  budgets    skipped because of the failure above
skip  throttle   skipped because of the failure above
`
	if diff := cmp.Diff(want, stdout); diff != "" {
		t.Error(diff)
	}
	checkExit(t, status, stderr, true)
}

// Where nobody answers, the report says so rather than blame the credentials.
func TestCheckWithoutNetwork(t *testing.T) {
	p := newPartner(t)
	address := p.Listener.Addr().String()
	p.Close()
	status, stdout, stderr := clitest.Run(t, p.flags("check")...)
	const want = `ok    files      the credential files are readable, and the refresh token file is replaceable
FAIL  token      token: Post "http://ADDRESS/fake-partner.example/oauth2/v2.0/token": dial tcp ADDRESS: connect: connection refused
                 hint: check DNS, firewall and proxy between this machine and Microsoft
note  clock      unknown, as there was no response
skip  mfa        skipped because of the failure above
skip  customers  skipped because of the failure above
skip  role       skipped because of the failure above
skip  usage      skipped because of the failure above
skip  budgets    skipped because of the failure above
skip  throttle   skipped because of the failure above
`
	if diff := cmp.Diff(want, strings.ReplaceAll(stdout, address, "ADDRESS")); diff != "" {
		t.Error(diff)
	}
	checkExit(t, status, stderr, true)
}
