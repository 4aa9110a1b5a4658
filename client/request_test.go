package client_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/go-kit/log"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// callAll makes every call of the API once.
func callAll(ctx context.Context, c *client.Client) error {
	_, customers := c.Customers(ctx)
	_, records := c.UsageRecords(ctx)
	_, summary := c.UsageSummary(ctx, customerID)
	_, _, mfa := c.ValidateMFA(ctx)
	return errors.Join(customers, records, summary, mfa)
}

func TestHeadersOfEveryCall(t *testing.T) {
	s := newServer(t)
	const prefix = "/csp/proxy"
	paths := []string{prefix + customersPath, prefix + recordsPath, prefix + summaryPath}
	for _, path := range paths {
		s.on(path, answer(200, `{"items":[],"totalCost":1}`))
	}
	cfg := s.config()
	cfg.Cloud.APIURL += prefix
	if err := callAll(t.Context(), newClient(t, cfg)); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, path := range paths {
		for _, call := range s.calls(path) {
			got := []string{call.Method, call.Header.Get("Authorization"), call.Header.Get("Accept"), call.Header.Get("User-Agent")}
			want := []string{"GET", "Bearer fake-access-token-1", "application/json", "fake-agent/1.0"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
			for _, name := range []string{"MS-RequestId", "MS-CorrelationId"} {
				id := call.Header.Get(name)
				if uuid.Validate(id) != nil || ids[id] {
					t.Errorf("%s has the %s %q, want a GUID of its own", path, name, id)
				}
				ids[id] = true
			}
		}
	}
	if len(ids) != 8 {
		t.Errorf("got %d ids, want 2 of each of 4 calls", len(ids))
	}
}

// A customer's id is put into the path, and stays one segment of it.
func TestUsageSummaryEscapesTheCustomer(t *testing.T) {
	s := newServer(t)
	s.on("/v1/customers/a/b?c d/usagesummary", answer(200, `{"totalCost":1}`))
	if _, err := s.client().UsageSummary(t.Context(), "a/b?c d"); err != nil {
		t.Fatal(err)
	}
	if got := s.calls("/v1/customers/a/b?c d/usagesummary")[0].URI; got != "/v1/customers/a%2Fb%3Fc%20d/usagesummary" {
		t.Errorf("got %s", got)
	}
}

// An id that leads out of the customers is refused, and nothing is sent.
func TestUsageSummaryRefusesPathIDs(t *testing.T) {
	for _, id := range []string{"", " ", ".", ".."} {
		s := newServer(t)
		_, err := s.client().UsageSummary(t.Context(), id)
		if client.ReasonOf(err) != client.ReasonClient || failure(t, err).Err == nil || len(s.calls(tokenPath)) != 0 {
			t.Errorf("%q: got %v", id, err)
		}
	}
}

// A request id makes a call idempotent: it changes after an answer, and stays
// where nobody knows whether the request arrived. The correlation id belongs to
// the whole call.
func TestRequestIDOfRepeatedCall(t *testing.T) {
	for name, test := range map[string]struct {
		first http.HandlerFunc
		same  bool
	}{
		"refused token":     {answer(401, `{"code":"400"}`), false},
		"no answer":         {drop, true},
		"half of an answer": {cutOff, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.on(summaryPath, test.first, answer(200, `{"totalCost":1}`))
			cfg := s.config()
			// The transport would repeat a request by itself on a connection
			// that it used before.
			cfg.Transport = &http.Transport{DisableKeepAlives: true}
			if _, err := newClient(t, cfg).UsageSummary(t.Context(), customerID); err != nil {
				t.Fatal(err)
			}
			calls := s.calls(summaryPath)
			if len(calls) != 2 {
				t.Fatalf("got %d calls, want 2", len(calls))
			}
			before, after := calls[0].Header, calls[1].Header
			if same := before.Get("MS-RequestId") == after.Get("MS-RequestId"); same != test.same {
				t.Errorf("got the request ids %s and %s", before.Get("MS-RequestId"), after.Get("MS-RequestId"))
			}
			if before.Get("MS-CorrelationId") != after.Get("MS-CorrelationId") {
				t.Errorf("got the correlation ids %s and %s", before.Get("MS-CorrelationId"), after.Get("MS-CorrelationId"))
			}
		})
	}
}

// A server that is gone is tried three times more and no oftener. A dropped connection
// has the status 0 for the trace and for the error.
func TestDroppedConnections(t *testing.T) {
	for name, broken := range map[string]http.HandlerFunc{"no answer": drop, "half of an answer": cutOff} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.on(summaryPath, broken)
			type event struct {
				Endpoint client.Endpoint
				Status   int
			}
			var trace []event
			cfg := s.config()
			cfg.Transport = &http.Transport{DisableKeepAlives: true}
			cfg.Trace = func(e client.Endpoint) func(int) {
				return func(status int) { trace = append(trace, event{e, status}) }
			}
			_, err := newClient(t, cfg).UsageSummary(t.Context(), customerID)
			e := failure(t, err)
			if e.StatusCode != 0 || e.Reason != client.ReasonNetwork || !client.IsTemporary(err) || e.Unwrap() == nil {
				t.Errorf("got %v for %s", err, e.Reason)
			}
			want := []event{{"token", 200}, {"usagesummary", 0}, {"usagesummary", 0}, {"usagesummary", 0}, {"usagesummary", 0}}
			if diff := cmp.Diff(want, trace); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTraceHasTheStatus(t *testing.T) {
	s := newServer(t)
	s.on(tokenPath, answer(500, ""), s.issue)
	s.on(summaryPath, answer(400, `{"code":3000}`))
	s.on(customersPath, answer(200, `{"items":[]}`))
	s.on(recordsPath, answer(200, "<html>"))
	got := map[client.Endpoint][]int{}
	cfg := s.config()
	cfg.Trace = func(e client.Endpoint) func(int) {
		return func(status int) { got[e] = append(got[e], status) }
	}
	if err := newClient(t, cfg).Authenticate(t.Context()); err == nil {
		t.Error("The token endpoint failed, and the client did not.")
	}
	if err := callAll(t.Context(), newClient(t, cfg)); err == nil {
		t.Error("The API failed, and the client did not.")
	}
	want := map[client.Endpoint][]int{"token": {500, 200}, "customers": {200, 200}, "usagesummary": {400}, "usagerecords": {200}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestValidateMFA(t *testing.T) {
	const empty = `{"items":[]}`
	for name, test := range map[string]struct {
		answer           http.HandlerFunc
		compliant, known bool
		reason           client.Reason
	}{
		"header true":            {answer(200, empty, "isMfaCompliant: true"), true, true, ""},
		"header in .NET's way":   {answer(200, empty, "IsMfaCompliant: True"), true, true, ""},
		"header false":           {answer(200, empty, "isMfaCompliant: false"), false, true, ""},
		"header without a sense": {answer(200, empty, "isMfaCompliant: perhaps"), false, false, ""},
		"neither":                {answer(200, empty), false, false, ""},
		"body true":              {answer(200, "\ufeff"+`{"items":[],"isMfaCompliant":true}`), true, true, ""},
		"body false":             {answer(200, `{"items":[],"isMfaCompliant":false}`), false, true, ""},
		"code 900421":            {answer(401, `{"code":"900421","description":"MFA required."}`), false, true, ""},
		"no role":                {answer(403, `{"code":"900150"}`), false, false, client.ReasonPermission},
		"server error":           {answer(501, ``), false, false, client.ReasonServer},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.on(customersPath, test.answer)
			compliant, known, err := s.client().ValidateMFA(t.Context())
			if compliant != test.compliant || known != test.known {
				t.Errorf("got compliant %v and known %v", compliant, known)
			}
			if (err == nil) != (test.reason == "") || err != nil && client.ReasonOf(err) != test.reason {
				t.Errorf("got the error %v", err)
			}
			if calls := s.calls(customersPath); len(calls) != 1 || calls[0].Header.Get("ValidateMfa") != "true" {
				t.Errorf("got the calls %v", calls)
			}
		})
	}
}

func TestNewRefusesConfig(t *testing.T) {
	s := newServer(t)
	for name, test := range map[string]struct {
		change func(*client.Config)
		want   string
	}{
		"no cloud":               {func(cfg *client.Config) { cfg.Cloud = client.Cloud{} }, `Cloud: it is empty: set one that CloudByName returns`},
		"no scope":               {func(cfg *client.Config) { cfg.Cloud.Scope = "" }, `Cloud.Scope: it is empty: set that of a cloud that CloudByName returns`},
		"no tenant":              {func(cfg *client.Config) { cfg.TenantID = "" }, `TenantID: it is empty: set the partner's Entra tenant, a GUID or a domain`},
		"no client id":           {func(cfg *client.Config) { cfg.ClientID = "" }, `ClientID: it is empty: set the application (client) id of the app registration`},
		"no API":                 {func(cfg *client.Config) { cfg.Cloud.APIURL = "" }, `API address: "" is not of the form https://host`},
		"no scheme":              {func(cfg *client.Config) { cfg.Cloud.APIURL = "api.example" }, `API address: "api.example" is not of the form https://host`},
		"other scheme":           {func(cfg *client.Config) { cfg.Cloud.APIURL = "ftp://api.example" }, `API address: "ftp://api.example" is not of the form https://host`},
		"no host":                {func(cfg *client.Config) { cfg.Cloud.APIURL = "https:///v1" }, `API address: "https:///v1" is not of the form https://host`},
		"query":                  {func(cfg *client.Config) { cfg.Cloud.APIURL = "https://api.example?a=b" }, `API address: "https://api.example?a=b" is not of the form https://host`},
		"empty query":            {func(cfg *client.Config) { cfg.Cloud.APIURL = "https://api.example?" }, `API address: "https://api.example?" is not of the form https://host`},
		"fragment":               {func(cfg *client.Config) { cfg.Cloud.APIURL = "https://api.example#a" }, `API address: "https://api.example#a" is not of the form https://host`},
		"password":               {func(cfg *client.Config) { cfg.Cloud.LoginURL = "https://user:fake-password@login.example" }, `login address: "https://user:xxxxx@login.example" is not of the form https://host`},
		"not an address":         {func(cfg *client.Config) { cfg.Cloud.LoginURL = "https://login.example:port" }, `login address: not a valid URL`},
		"missing refresh token":  {func(cfg *client.Config) { cfg.RefreshTokenFile = "testdata/none" }, "refresh token file: stat testdata/none: no such file or directory"},
		"folder for a token":     {func(cfg *client.Config) { cfg.RefreshTokenFile = "testdata" }, "refresh token file: read testdata: is a directory"},
		"empty refresh token":    {func(cfg *client.Config) { cfg.RefreshTokenFile = os.DevNull }, "refresh token file: /dev/null is empty"},
		"missing client secret":  {func(cfg *client.Config) { cfg.ClientSecretFile = "testdata/none" }, "client secret file: stat testdata/none: no such file or directory"},
		"empty client secret":    {func(cfg *client.Config) { cfg.ClientSecretFile = os.DevNull }, "client secret file: /dev/null is empty"},
		"no refresh token named": {func(cfg *client.Config) { cfg.RefreshTokenFile = "" }, "refresh token file: stat : no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := s.config()
			test.change(&cfg)
			c, err := client.New(cfg)
			if c != nil || err == nil || err.Error() != test.want {
				t.Errorf("got %v and %v, want %s", c, err, test.want)
			}
		})
	}
}

func TestClouds(t *testing.T) {
	want := []client.Cloud{
		{
			Name:     "global",
			APIURL:   "https://api.partnercenter.microsoft.com",
			LoginURL: "https://login.microsoftonline.com",
			Scope:    "https://api.partnercenter.microsoft.com/.default offline_access",
		},
		{
			Name:     "usgov",
			APIURL:   "https://api.partnercenter.microsoft.com",
			LoginURL: "https://login.microsoftonline.us",
			Scope:    "https://api.partnercenter.microsoft.com/.default offline_access",
		},
		{
			Name:     "china",
			APIURL:   "https://partner.partnercenterapi.microsoftonline.cn",
			LoginURL: "https://login.chinacloudapi.cn",
			Scope:    "https://partner.partnercenterapi.microsoftonline.cn/.default offline_access",
		},
	}
	if diff := cmp.Diff(want, client.Clouds()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, cloud := range want {
		if got, ok := client.CloudByName(cloud.Name); !ok || got != cloud {
			t.Errorf("%s: got %v, %v", cloud.Name, got, ok)
		}
	}
	if got, ok := client.CloudByName("germany"); ok || got != (client.Cloud{}) {
		t.Errorf("got %v, %v for a closed cloud", got, ok)
	}
}

// Each request is logged at level debug, with what Microsoft's support asks for and
// without the query, in which a server may repeat anything.
func TestRequestsAreLogged(t *testing.T) {
	bubble(t, func(s *server) {
		t := s.t
		s.on(customersPath, page(link("/customers?size=500&fake-access-token-1", "fake-page"), "a"), answer(403, `{"code":"900150"}`))
		var lines strings.Builder
		cfg := s.config()
		cfg.Logger = log.NewLogfmtLogger(&lines)
		if _, err := newClient(t, cfg).Customers(t.Context()); !client.IsPermission(err) {
			t.Errorf("got %v", err)
		}
		got := regexp.MustCompile(`[0-9a-f-]{36}`).ReplaceAllString(lines.String(), "ID")
		want := "level=debug msg=request endpoint=token method=POST path=/fake-tenant/oauth2/v2.0/token status=200 duration=0s request_id= correlation_id=\n" +
			"level=debug msg=request endpoint=customers method=GET path=/v1/customers status=200 duration=0s request_id=ID correlation_id=ID\n" +
			"level=debug msg=request endpoint=customers method=GET path=/v1/customers status=403 duration=0s request_id=ID correlation_id=ID\n"
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
