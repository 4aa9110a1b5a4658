package client_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// Of what the token endpoint says only codes and ids come through, since its
// text may repeat what was sent.
func TestTokenErrors(t *testing.T) {
	const refused = "the token endpoint refused"
	grant := func(description string) http.HandlerFunc {
		return answer(400, fmt.Sprintf(`{"error":"invalid_grant","error_description":%q}`, description))
	}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   client.Error
		text   string
	}{
		"published sample": {
			answer(401, fixture(t, "aad_error_invalid_grant.json")),
			client.Error{StatusCode: 401, Code: "AADSTS50126", Description: "invalid_grant", Reason: "auth", RequestID: "753be5e9-0eeb-4229-b3d8-28a2b1832f00", CorrelationID: "bc4e18ac-bffe-4d33-80b8-20a101392ec2"},
			"token: HTTP 401: code AADSTS50126: invalid_grant (request 753be5e9-0eeb-4229-b3d8-28a2b1832f00, correlation bc4e18ac-bffe-4d33-80b8-20a101392ec2)",
		},
		"trace alone": {
			answer(400, `{"error":"invalid_grant","trace_id":"`+traceID+`"}`),
			client.Error{StatusCode: 400, Description: "invalid_grant", Reason: "auth", RequestID: traceID, CorrelationID: "unknown"},
			"token: HTTP 400: invalid_grant (request 22222222-2222-4222-8222-222222222222, correlation unknown)",
		},
		"unknown code":      {grant("AADSTS12345: words"), client.Error{StatusCode: 400, Code: "AADSTS12345", Description: "invalid_grant", Reason: "auth"}, "token: HTTP 400: code AADSTS12345: invalid_grant"},
		"not a code":        {grant("AADSTS123456789: words"), client.Error{StatusCode: 400, Description: "invalid_grant", Reason: "auth"}, "token: HTTP 400: invalid_grant"},
		"unknown error":     {answer(400, `{"error":"x\ny"}`), client.Error{StatusCode: 400, Description: refused, Reason: "auth"}, "token: HTTP 400: the token endpoint refused"},
		"error at 200":      {answer(200, `{"error":"invalid_client","error_description":"AADSTS7000222: x"}`), client.Error{StatusCode: 200, Code: "AADSTS7000222", Description: "invalid_client", Reason: "auth"}, "token: HTTP 200: code AADSTS7000222: invalid_client"},
		"order mark":        {answer(400, "\ufeff"+`{"error":"invalid_scope"}`), client.Error{StatusCode: 400, Description: "invalid_scope", Reason: "auth"}, "token: HTTP 400: invalid_scope"},
		"HTML":              {answer(403, "<html>", "Content-Type: text/html"), client.Error{StatusCode: 403, Reason: "decode"}, "token: HTTP 403: not a response of Entra ID: the body is HTML or XML, not JSON"},
		"plain text":        {answer(400, "words", "Content-Type: text/plain"), client.Error{StatusCode: 400, Reason: "decode"}, "token: HTTP 400: not a response of Entra ID: the body is not a JSON object"},
		"empty":             {answer(400, ""), client.Error{StatusCode: 400, Reason: "decode"}, "token: HTTP 400: not a response of Entra ID: the body is empty"},
		"redirect":          {answer(302, "", "Location: /elsewhere"), client.Error{StatusCode: 302, Reason: "decode"}, "token: HTTP 302: not a response of Entra ID: the body is empty"},
		"proxy's own JSON":  {answer(403, `{"message":"blocked"}`), client.Error{StatusCode: 403, Reason: "decode"}, "token: HTTP 403: not a response of Entra ID: the body is not an error of the documented form"},
		"proxy's login":     {answer(407, "<html>"), client.Error{StatusCode: 407, Description: refused, Reason: "network"}, "token: HTTP 407: the token endpoint refused"},
		"empty with its id": {answer(401, "", "x-ms-request-id: "+traceID), client.Error{StatusCode: 401, Description: refused, Reason: "auth"}, "token: HTTP 401: the token endpoint refused"},
		"server error":      {answer(500, `{"error":"server_error"}`), client.Error{StatusCode: 500, Description: "server_error", Reason: "server"}, "token: HTTP 500: server_error"},
		"server's HTML":     {answer(503, "<html>"), client.Error{StatusCode: 503, Description: refused, Reason: "server"}, "token: HTTP 503: the token endpoint refused"},
		"request timeout":   {answer(408, ""), client.Error{StatusCode: 408, Description: refused, Reason: "timeout"}, "token: HTTP 408: the token endpoint refused"},
		"throttled":         {answer(429, "", "Retry-After: 30"), client.Error{StatusCode: 429, Description: refused, RetryAfter: 30 * time.Second, Reason: "throttled"}, "token: HTTP 429: the token endpoint refused"},
		"empty at 200":      {answer(200, ""), client.Error{StatusCode: 200, Reason: "decode"}, "token: HTTP 200: the response is not a token"},
		"HTML at 200":       {answer(200, "<html>"), client.Error{StatusCode: 200, Reason: "decode"}, "token: HTTP 200: the response is not a token"},
		"no token at 200":   {answer(200, "{}"), client.Error{StatusCode: 200, Reason: "decode"}, "token: HTTP 200: the response is not a token"},
		"new line in it":    {answer(200, `{"access_token":"fake\r\ntoken","expires_in":3599}`), client.Error{StatusCode: 200, Reason: "decode"}, "token: HTTP 200: the token is not visible ASCII"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.on(tokenPath, test.answer)
			cfg := s.config()
			err := newClient(t, cfg).Authenticate(t.Context())
			test.want.Endpoint = client.EndpointToken
			got := failure(t, err)
			if diff := cmp.Diff(&test.want, got, cmpopts.IgnoreFields(client.Error{}, "Err")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.Error() != test.text || got.Hint() == "" {
				t.Errorf("got %q with the remedy %q, want %q", got, got.Hint(), test.text)
			}
			if got := read(t, cfg.RefreshTokenFile); got != "fake-refresh-token-1\n" {
				t.Errorf("The file holds %q after a failure", got)
			}
		})
	}
}

// The codes that providers meet say which reason a failure is counted under and
// what helps. A description may begin with a general code.
func TestTokenErrorCodes(t *testing.T) {
	for code, reason := range map[string]client.Reason{
		"AADSTS700082":  client.ReasonAuth,
		"AADSTS50173":   client.ReasonAuth,
		"AADSTS50076":   client.ReasonMFA,
		"AADSTS50078":   client.ReasonMFA,
		"AADSTS50079":   client.ReasonMFA,
		"AADSTS65001":   client.ReasonPermission,
		"AADSTS700007":  client.ReasonAuth,
		"AADSTS7000215": client.ReasonAuth,
		"AADSTS7000222": client.ReasonAuth,
		"AADSTS70008":   client.ReasonAuth,
		"AADSTS70043":   client.ReasonAuth,
		"AADSTS700084":  client.ReasonAuth,
		"AADSTS50132":   client.ReasonAuth,
		"AADSTS50133":   client.ReasonAuth,
		"AADSTS9002313": client.ReasonAuth,
		"AADSTS700023":  client.ReasonAuth,
		"AADSTS700024":  client.ReasonAuth,
		"AADSTS700027":  client.ReasonAuth,
		"AADSTS53003":   client.ReasonAuth,
		"AADSTS90038":   client.ReasonAuth,
		"AADSTS50126":   client.ReasonAuth,
		"AADSTS50020":   client.ReasonAuth,
		"AADSTS50034":   client.ReasonAuth,
		"AADSTS50057":   client.ReasonAuth,
		"AADSTS50074":   client.ReasonMFA,
		"AADSTS50105":   client.ReasonPermission,
		"AADSTS50194":   client.ReasonAuth,
		"AADSTS53000":   client.ReasonAuth,
		"AADSTS53001":   client.ReasonAuth,
		"AADSTS53002":   client.ReasonAuth,
		"AADSTS530036":  client.ReasonAuth,
		"AADSTS65004":   client.ReasonPermission,
		"AADSTS65005":   client.ReasonAuth,
		"AADSTS650057":  client.ReasonAuth,
		"AADSTS70018":   client.ReasonAuth,
		"AADSTS70019":   client.ReasonAuth,
		"AADSTS700016":  client.ReasonAuth,
		"AADSTS7000218": client.ReasonAuth,
		"AADSTS90002":   client.ReasonAuth,
		"AADSTS900023":  client.ReasonAuth,
	} {
		for _, before := range []string{"", "AADSTS70002: Error validating credentials. "} {
			s := newServer(t)
			s.on(tokenPath, answer(400, `{"error":"invalid_grant","error_description":"`+before+code+`: fake words"}`))
			e := failure(t, s.client().Authenticate(t.Context()))
			if e.Code != code || e.Reason != reason || client.IsTemporary(e) {
				t.Errorf("got %v for %s, want %s for %s", e, e.Reason, code, reason)
			}
			if general := (&client.Error{Reason: reason}).Hint(); e.Hint() == general {
				t.Errorf("%s has no remedy of its own", code)
			}
		}
	}
}

// A token endpoint whose answer breaks off is a matter of the network.
func TestTokenEndpointBreaksOff(t *testing.T) {
	for name, broken := range map[string]http.HandlerFunc{"no answer": drop, "half of an answer": cutOff} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.on(tokenPath, broken)
			status := -1
			cfg := s.config()
			cfg.Trace = func(client.Endpoint) func(int) { return func(got int) { status = got } }
			err := newClient(t, cfg).Authenticate(t.Context())
			if e := failure(t, err); e.Reason != client.ReasonNetwork || e.StatusCode != 0 || !client.IsTemporary(err) || status != 0 {
				t.Errorf("got %v for %s and the status %d in the trace", err, e.Reason, status)
			}
		})
	}
}
