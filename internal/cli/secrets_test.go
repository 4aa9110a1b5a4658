package cli_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"
)

// echo responds with all secrets that were sent, in a body of the test.
func echo(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// FormValue reads the form first.
		sent := strings.Join([]string{r.FormValue("client_secret"), r.FormValue("refresh_token"), r.Header.Get("Authorization"), r.PostForm.Encode()}, " ")
		respond(status, strings.ReplaceAll(body, "SENT", sent), "Location: http://127.0.0.1:1/?"+r.PostForm.Encode(),
			"WWW-Authenticate: Bearer error="+strings.ReplaceAll(sent, " ", "+"))(w, r)
	}
}

// A secret that Microsoft or a proxy repeats in a response appears neither in the log at
// level debug nor in the metrics or a page.
func TestNothingSecretIsPrinted(t *testing.T) {
	t.Parallel()
	const summaryPath = "/v1/customers/c0/usagesummary"
	tests := []struct {
		name, path string
		response   http.HandlerFunc
		reason     string // under which the failure is counted
	}{
		{"an error of the token endpoint", tokenPath, echo(400, `{"error":"SENT","error_description":"AADSTS7000215: SENT","error_codes":[7000215],"trace_id":"SENT"}`), "auth"},
		{"a token endpoint that fails", tokenPath, echo(500, `<html>SENT</html>`), "server"},
		{"a token endpoint that redirects", tokenPath, echo(302, `SENT`), "decode"},
		{"a response that is no token", tokenPath, echo(200, `{"unexpected":"SENT"}`), "decode"},
		{"a response that is no JSON", tokenPath, echo(200, `SENT`), "decode"},
		{"a list that is rejected", listPath, echo(401, `{"code":"SENT","description":"The token SENT is not valid."}`), "auth"},
		{"a list that redirects", listPath, echo(302, `SENT`), "decode"},
		{"a link to another host", listPath, echo(200, `{"items":[],"links":{"next":{"uri":"http://fake-access-1/"}}}`), "decode"},
		{"a usage that is rejected", summaryPath, echo(400, `{"code":"800002","description":"SENT"}`), "client"},
		{"a usage that fails", summaryPath, echo(503, `SENT`), "server"},
		{"a usage that is no JSON", summaryPath, echo(200, `SENT`), "decode"},
		{"an invalid date", summaryPath, echo(200, `{"totalCost":1,"billingEndDate":"SENT"}`), "decode"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPartner(t)
			p.on(listPath, listOf("A"))
			p.on(test.path, test.response)
			exporter := clitest.Start(t, p.flags("serve", "--log.level=debug")...)
			metrics := exporter.Get("/metrics")
			var count int
			if lines := metrics.Series(`azure_csp_errors_total{reason="` + test.reason + `"}`); len(lines) == 1 {
				_, _ = fmt.Sscanf(strings.Fields(lines[0])[1], "%d", &count)
			}
			if count == 0 {
				t.Errorf("No failure has the reason %s:\n%s", test.reason, strings.Join(metrics.Series("azure_csp_errors_total"), "\n"))
			}
			landing := exporter.Get("/")
			exporter.Stop()
			if !strings.Contains(exporter.Stderr.String(), "reason="+test.reason) {
				t.Errorf("The log has no failure:\n%s", exporter.Stderr)
			}
			printed := metrics.Body + landing.Body + exporter.Stdout.String() + exporter.Stderr.String()
			for _, secret := range []string{fakeSecret, "fake-refresh", "fake-access", "Bearer"} {
				if i := strings.Index(printed, secret); i >= 0 {
					t.Errorf("%s is printed: %q", secret, printed[max(i-100, 0):min(i+100, len(printed))])
				}
			}
		})
	}
}
