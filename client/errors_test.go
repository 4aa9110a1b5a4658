package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// kinds of an error, in the words of the Is functions.
var kinds = []struct {
	name string
	is   func(error) bool
}{
	{"no-usage", client.IsNoUsage},
	{"no-access", client.IsNoAccess},
	{"not-found", client.IsNotFound},
	{"auth", client.IsAuth},
	{"mfa", client.IsMFA},
	{"permission", client.IsPermission},
	{"throttled", client.IsThrottled},
	{"temporary", client.IsTemporary},
}

func kindsOf(err error) string {
	var names []string
	for _, kind := range kinds {
		if kind.is(err) {
			names = append(names, kind.name)
		}
	}
	return strings.Join(names, " ")
}

// Every answer of the API that is not a success becomes an error of one reason
// and of the kinds that callers ask for.
func TestErrorsOfTheAPI(t *testing.T) {
	const noUsage = "Customer does not have usage data."
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   client.Error
		kinds  string
	}{
		"no usage":             {answer(400, fixture(t, "error_3000_no_usage.synthetic.json")), client.Error{StatusCode: 400, Code: "3000", Description: noUsage, Reason: "client"}, "no-usage"},
		"no usage as a string": {answer(404, "\ufeff"+`{"code":"3000","description":"`+noUsage+`"}`), client.Error{StatusCode: 404, Code: "3000", Description: noUsage, Reason: "client"}, "no-usage"},
		"3000, a relationship": {answer(400, `{"code":3000,"description":"The Relationship with the customer does not exist."}`), client.Error{StatusCode: 400, Code: "3000", Description: "The Relationship with the customer does not exist.", Reason: "permission"}, "no-access permission"},
		"3000 elsewhere":       {answer(500, `{"code":"3000"}`), client.Error{StatusCode: 500, Code: "3000", Description: "Internal Server Error", Reason: "server"}, "temporary"},
		"no relation":          {answer(403, `{"code":"20002"}`), client.Error{StatusCode: 403, Code: "20002", Description: "Forbidden", Reason: "permission"}, "no-access permission"},
		"role":                 {answer(403, `{"code":900150}`), client.Error{StatusCode: 403, Code: "900150", Description: "Forbidden", Reason: "permission"}, "no-access permission"},
		"not found":            {answer(404, `{"code":"1000"}`), client.Error{StatusCode: 404, Code: "1000", Description: "Not Found", Reason: "client"}, "not-found"},
		"tenant not found":     {answer(404, `{"code":60003}`), client.Error{StatusCode: 404, Code: "60003", Description: "Not Found", Reason: "client"}, "not-found"},
		"bad query":            {answer(400, fixture(t, "error_2000_dotnet_unittest.json")), client.Error{StatusCode: 400, Code: "2000", Description: "Customer search only allows starts with and equals operation.", Reason: "client"}, ""},
		"access denied":        {answer(401, `{"code":400,"description":"Access denied."}`), client.Error{StatusCode: 401, Code: "400", Description: "Access denied.", Reason: "auth"}, "auth"},
		"retired audience":     {answer(401, `{"code":"900420"}`), client.Error{StatusCode: 401, Code: "900420", Description: "Unauthorized", Reason: "auth"}, "auth"},
		"no MFA":               {answer(401, `{"code":"900421"}`), client.Error{StatusCode: 401, Code: "900421", Description: "Unauthorized", Reason: "mfa"}, "mfa"},
		"no MFA in words":      {answer(401, `{"code":"","description":"Unauthorized - MFA required"}`), client.Error{StatusCode: 401, Description: "Unauthorized - MFA required", Reason: "mfa"}, "mfa"},
		"gateway's throttling": {answer(429, fixture(t, "error_429_throttled.json"), "Retry-After: 57"), client.Error{StatusCode: 429, Description: "Rate limit is exceeded. Try again in 57 seconds.", RetryAfter: 57 * time.Second, Reason: "throttled"}, "throttled temporary"},
		"throttled in secret":  {answer(429, ""), client.Error{StatusCode: 429, Description: "Too Many Requests", Reason: "throttled"}, "throttled temporary"},
		"wait of an age":       {answer(503, "", "Retry-After: 2000000000"), client.Error{StatusCode: 503, Description: "Service Unavailable", RetryAfter: 24 * time.Hour, Reason: "server"}, "temporary"},
		"wait until the past":  {answer(429, "", "Retry-After: Wed, 21 Jul 1999 04:10:58 GMT"), client.Error{StatusCode: 429, Description: "Too Many Requests", Reason: "throttled"}, "throttled temporary"},
		"wait until for ever":  {answer(429, "", "Retry-After: Fri, 31 Dec 9998 23:59:59 GMT"), client.Error{StatusCode: 429, Description: "Too Many Requests", RetryAfter: 24 * time.Hour, Reason: "throttled"}, "throttled temporary"},
		"wait of nonsense":     {answer(429, "", "Retry-After: -5 minutes"), client.Error{StatusCode: 429, Description: "Too Many Requests", Reason: "throttled"}, "throttled temporary"},
		"request timeout":      {answer(408, ""), client.Error{StatusCode: 408, Description: "Request Timeout", Reason: "timeout"}, "temporary"},
		"server error":         {answer(500, `{"code":"900192","description":"Something went wrong, retry."}`), client.Error{StatusCode: 500, Code: "900192", Description: "Something went wrong, retry.", Reason: "server"}, "temporary"},
		"not implemented":      {answer(501, `{"code":"0"}`), client.Error{StatusCode: 501, Code: "0", Description: "Not Implemented", Reason: "server"}, ""},
		"plain text":           {answer(502, "upstream is down"), client.Error{StatusCode: 502, Description: "Bad Gateway", Reason: "server"}, "temporary"},
		"HTML":                 {answer(503, "<html><h1>Down</h1></html>"), client.Error{StatusCode: 503, Description: "Service Unavailable", Reason: "server"}, "temporary"},
		"unknown status":       {answer(499, `{"code":1}`), client.Error{StatusCode: 499, Code: "1", Reason: "client"}, ""},
		"proxy wants a login":  {answer(407, "<html>"), client.Error{StatusCode: 407, Description: "Proxy Authentication Required", Reason: "network"}, "temporary"},
		"a page with its ids":  {answer(403, "<html>", "MS-RequestId: "+requestID), client.Error{StatusCode: 403, Description: "Forbidden", Reason: "permission"}, "no-access permission"},
		"code that is none":    {answer(400, `{"code":"<b>1</b>","description":"x"}`), client.Error{StatusCode: 400, Description: "x", Reason: "client"}, ""},
		"null code":            {answer(400, `{"code":null,"description":"x"}`), client.Error{StatusCode: 400, Description: "x", Reason: "client"}, ""},
		"code of an object":    {answer(400, `{"code":{"a":1},"description":"x"}`), client.Error{StatusCode: 400, Description: "x", Reason: "client"}, ""},
		"of 64 KiB":            {answer(400, `{"code":"3000","data":["`+strings.Repeat("x", 64<<10-len(`{"code":"3000","data":[""]}`))+`"]}`), client.Error{StatusCode: 400, Code: "3000", Description: "Bad Request", Reason: "client"}, "no-usage"},
		"larger than 64 KiB":   {answer(400, `{"code":"3000","data":["`+strings.Repeat("x", 64<<10)+`"]}`), client.Error{StatusCode: 400, Reason: "decode"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(s *server) {
				t := s.t
				s.on(summaryPath, test.answer)
				cfg := s.config()
				cfg.Timeout = 500 * time.Millisecond // Some are tried again until then.
				_, err := newClient(t, cfg).UsageSummary(t.Context(), customerID)
				test.want.Endpoint, test.want.CustomerID = client.EndpointUsageSummary, customerID
				ids := cmpopts.IgnoreFields(client.Error{}, "RequestID", "CorrelationID", "Err")
				if diff := cmp.Diff(&test.want, failure(t, err), ids); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if got := kindsOf(fmt.Errorf("wrapped: %w", err)); got != test.kinds {
					t.Errorf("got the kinds %q, want %q", got, test.kinds)
				}
			})
		})
	}
}

// A page of a proxy is not Microsoft's refusal, as docs/operations.md promises: it is
// a bad response, for which no token is renewed and no customer is without access.
func TestProxyPagesAreBadResponses(t *testing.T) {
	for _, status := range []int{302, 307, 400, 401, 403, 404} {
		for _, body := range []string{"<html>Blocked</html>", "Blocked", `{"error":"blocked"}`, "null", "[]"} {
			s := newServer(t)
			s.on(summaryPath, answer(status, body))
			_, err := s.client().UsageSummary(t.Context(), customerID)
			if e := failure(t, err); e.Reason != client.ReasonDecode || kindsOf(err) != "" || !strings.Contains(e.Hint(), "proxy") {
				t.Errorf("%d %s: got %v for %s of the kinds %q", status, body, err, e.Reason, kindsOf(err))
			}
			if n := len(s.calls(tokenPath)); n != 1 {
				t.Errorf("%d %s: got %d exchanges, want 1", status, body, n)
			}
		}
	}
}

// The ids are what Microsoft's support asks for: the server's where it tells
// them, otherwise those that were sent. The message is one line.
func TestErrorMessage(t *testing.T) {
	ids := []string{"MS-RequestId: " + requestID, "MS-CorrelationId: " + traceID}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"complete": {
			answer(400, fixture(t, "error_3000_no_usage.synthetic.json"), ids...),
			`usagesummary of customer "44908a11-641b-4c53-b7fc-0f2bfca8a581": HTTP 400: code 3000: Customer does not have usage data. (request 11111111-1111-4111-8111-111111111111, correlation 22222222-2222-4222-8222-222222222222)`,
		},
		"several lines": {
			answer(403, `{"code":"20002","description":"a\r\n\tb\u0085c"}`, ids...),
			`usagesummary of customer "44908a11-641b-4c53-b7fc-0f2bfca8a581": HTTP 403: code 20002: a b c (request 11111111-1111-4111-8111-111111111111, correlation 22222222-2222-4222-8222-222222222222)`,
		},
		"no code": {
			answer(501, "", ids...),
			`usagesummary of customer "44908a11-641b-4c53-b7fc-0f2bfca8a581": HTTP 501: Not Implemented (request 11111111-1111-4111-8111-111111111111, correlation 22222222-2222-4222-8222-222222222222)`,
		},
	} {
		s := newServer(t)
		s.on(summaryPath, test.answer)
		_, err := s.client().UsageSummary(t.Context(), customerID)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s:\n got %q\nwant %q", name, err, test.want)
		}
	}
}

// A message is read in terminals, which obey what cannot be printed.
func TestErrorMessageIsPrintable(t *testing.T) {
	s := newServer(t)
	s.on(summaryPath, answer(400, `{"description":"\u001b[31mred\u0000\u202egnirts"}`))
	_, err := s.client().UsageSummary(t.Context(), customerID)
	if strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("got %q", err)
	}
}

func TestErrorIDs(t *testing.T) {
	s := newServer(t)
	s.on(summaryPath,
		answer(400, ""),
		answer(400, "", "MS-RequestId: "+requestID, "MS-CorrelationId: "+traceID),
		answer(400, "", "MS-RequestId: no id", "MS-CorrelationId: "),
		answer(200, "", "MS-RequestId: no id"),
	)
	c := s.client()
	var got [][2]string
	for range 4 {
		_, err := c.UsageSummary(t.Context(), customerID)
		e := failure(t, err)
		got = append(got, [2]string{e.RequestID, e.CorrelationID})
	}
	var want [][2]string
	for _, call := range s.calls(summaryPath) {
		want = append(want, [2]string{call.Header.Get("MS-RequestId"), call.Header.Get("MS-CorrelationId")})
	}
	want[1] = [2]string{requestID, traceID}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A description is Microsoft's text of at most 1024 characters.
func TestErrorDescriptionIsShort(t *testing.T) {
	s := newServer(t)
	s.on(summaryPath, answer(400, `{"description":"`+strings.Repeat("ü", 5000)+`"}`))
	_, err := s.client().UsageSummary(t.Context(), customerID)
	if want := strings.Repeat("ü", 512) + "…"; failure(t, err).Description != want {
		t.Errorf("got %q", failure(t, err).Description)
	}
}

// A failure is found under whatever a caller wraps it into, and its cause under
// the failure. Other errors are of no kind.
func TestErrorsAreFound(t *testing.T) {
	s := newServer(t)
	s.on(summaryPath, answer(404, `{"code":"60003"}`))
	ctx, cancel := context.WithCancel(t.Context())
	c := s.client()
	_, err := c.UsageSummary(ctx, customerID)
	var e *client.Error
	if !errors.As(fmt.Errorf("wrapped: %w", err), &e) || e.Code != "60003" {
		t.Errorf("got %v", e)
	}
	cancel()
	_, err = c.UsageSummary(ctx, customerID)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the cancellation", err)
	}
	for _, other := range []error{nil, errors.New("other"), context.DeadlineExceeded} {
		if got := kindsOf(other); got != "" || client.ReasonOf(other) != client.ReasonClient {
			t.Errorf("%v: got the kinds %q and the reason %s", other, got, client.ReasonOf(other))
		}
	}
}

// Only a call about a customer can say something about that customer.
func TestListsAreNotCustomers(t *testing.T) {
	for status, reason := range map[int]client.Reason{403: client.ReasonPermission, 404: client.ReasonClient} {
		s := newServer(t)
		s.on(customersPath, answer(status, `{"code":"1000"}`))
		_, err := s.client().Customers(t.Context())
		if client.IsNoAccess(err) || client.IsNotFound(err) || client.ReasonOf(err) != reason {
			t.Errorf("got the kinds %q and the reason %s", kindsOf(err), client.ReasonOf(err))
		}
	}
}

// Whoever reads of a failure reads what to do, of its code if that says more.
func TestRemedies(t *testing.T) {
	seen := map[string]client.Reason{}
	for _, reason := range client.Reasons() {
		remedy := (&client.Error{Reason: reason}).Hint()
		if remedy == "" || seen[remedy] != "" {
			t.Errorf("%s has the remedy %q of %q", reason, remedy, seen[remedy])
		}
		seen[remedy] = reason
	}
	for _, code := range []string{
		"900421", "900420", "900329", "900150", "900308", "900309",
		"AADSTS700082", "AADSTS70000", "AADSTS50173", "AADSTS50076", "AADSTS50078", "AADSTS50079", "AADSTS65001",
		"AADSTS700007", "AADSTS7000215", "AADSTS7000222", "AADSTS53003", "AADSTS90038", "AADSTS50126",
	} {
		remedy := (&client.Error{Code: code, Reason: client.ReasonAuth}).Hint()
		if remedy == "" || seen[remedy] != "" {
			t.Errorf("%s has no remedy of its own but %q", code, remedy)
		}
	}
	if got, want := (&client.Error{Code: "3000", Reason: client.ReasonClient}).Hint(), (&client.Error{Reason: client.ReasonClient}).Hint(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEndpoints(t *testing.T) {
	want := []client.Endpoint{"token", "customers", "usagesummary", "usagerecords"}
	if diff := cmp.Diff(want, client.Endpoints()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A customer's id is spelled as the metrics spell it, so that both are found by it.
func TestErrorSpellsTheIDAsMetricsDo(t *testing.T) {
	e := &client.Error{Endpoint: client.EndpointUsageSummary, CustomerID: "44908A11-641B-4C53-B7FC-0F2BFCA8A581", StatusCode: 500}
	if got, want := e.Error(), `usagesummary of customer "44908a11-641b-4c53-b7fc-0f2bfca8a581": HTTP 500`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
