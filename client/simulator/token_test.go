package simulator_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

// A good form gets an access token and the next refresh token, in a body without
// a byte order mark, as Entra ID writes it.
func TestTokenAnswer(t *testing.T) {
	sim := simulator.New(simulator.Config{TokenLife: 3599 * time.Second})
	recorder := exchange(sim, tokenPath, nil)
	var got map[string]any
	if err := json.Unmarshal(recorder.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"token_type": "Bearer", "scope": "https://api.partnercenter.microsoft.com/.default offline_access",
		"expires_in": 3599.0, "ext_expires_in": 3599.0,
		"access_token": "not-a-token-simulated-access-1", "refresh_token": "not-a-token-simulated-refresh-1",
	}
	if diff := cmp.Diff(want, got); diff != "" || recorder.Code != 200 {
		t.Errorf("The status is %d, want 200: %s", recorder.Code, diff)
	}
	if got := recorder.Header().Get("Cache-Control"); got != "no-store, no-cache" {
		t.Errorf("A token may be kept by a cache: %q", got)
	}
}

// What is wrong with a form is refused with the code that Entra ID uses.
func TestTokenRefusals(t *testing.T) {
	tests := map[string]struct {
		path    string
		changes map[string]string
		status  int
		name    string
		code    int
	}{
		"another tenant":         {"/another.example/oauth2/v2.0/token", nil, 400, "invalid_request", 90002},
		"another client":         {tokenPath, map[string]string{"client_id": "00000000-0000-4000-8000-000000000002"}, 400, "unauthorized_client", 700016},
		"another secret":         {tokenPath, map[string]string{"client_secret": "not-the-secret"}, 401, "invalid_client", 7000215},
		"no secret":              {tokenPath, map[string]string{"client_secret": ""}, 401, "invalid_client", 7000215},
		"another grant":          {tokenPath, map[string]string{"grant_type": "client_credentials"}, 400, "unsupported_grant_type", 70003},
		"another resource":       {tokenPath, map[string]string{"scope": "https://graph.windows.net/.default offline_access"}, 400, "invalid_scope", 70011},
		"no refresh token asked": {tokenPath, map[string]string{"scope": "https://api.partnercenter.microsoft.com/.default"}, 400, "invalid_scope", 70011},
		"another refresh token":  {tokenPath, map[string]string{"refresh_token": "not-the-token"}, 400, "invalid_grant", 50173},
		"no refresh token":       {tokenPath, map[string]string{"refresh_token": ""}, 400, "invalid_grant", 50173},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			recorder := exchange(simulator.New(simulator.Config{}), test.path, test.changes)
			checkTokenRefusal(t, recorder, test.status, test.name, test.code)
		})
	}
}

func checkTokenRefusal(t *testing.T, recorder *httptest.ResponseRecorder, status int, name string, code int) {
	t.Helper()
	var got struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Codes       []int  `json:"error_codes"`
		TraceID     string `json:"trace_id"`
	}
	if err := json.Unmarshal(recorder.Body.Bytes(), &got); err != nil {
		t.Fatalf("%v: %s", err, recorder.Body)
	}
	if recorder.Code != status || got.Error != name || len(got.Codes) != 1 || got.Codes[0] != code {
		t.Errorf("It answered %d %s %v, want %d %s %d", recorder.Code, got.Error, got.Codes, status, name, code)
	}
	if prefix := fmt.Sprintf("AADSTS%d: ", code); !strings.HasPrefix(got.Description, prefix) || !strings.Contains(got.Description, "Trace ID: "+got.TraceID) {
		t.Errorf("The description is %q, want one that begins with %s and has the trace id", got.Description, prefix)
	}
}

// The endpoint takes forms by POST only.
func TestTokenMethod(t *testing.T) {
	sim, recorder := simulator.New(simulator.Config{}), httptest.NewRecorder()
	sim.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, tokenPath, nil))
	checkTokenRefusal(t, recorder, 405, "invalid_request", 900561)
	checkTokenRefusal(t, post(sim, tokenPath, "client_id=%zz"), 400, "invalid_request", 900144)
}

// A public client has no secret to send, and must not send one.
func TestPublicClient(t *testing.T) {
	sim := simulator.New(simulator.Config{PublicClient: true})
	if got := exchange(sim, tokenPath, map[string]string{"client_secret": ""}).Code; got != 200 {
		t.Errorf("It answered %d without a secret, want 200", got)
	}
	checkTokenRefusal(t, exchange(sim, tokenPath, nil), 401, "invalid_client", 7000215)
}

// Every exchange gives another refresh token. The old one lives on, unless the
// rotation is strict.
func TestRotation(t *testing.T) {
	const first, second = simulator.RefreshToken, "not-a-token-simulated-refresh-1"
	for strict, want := range map[bool]int{false: 200, true: 400} {
		sim := simulator.New(simulator.Config{StrictRotation: strict})
		if sim.AcceptsRefreshToken(second) {
			t.Errorf("%s is accepted before it was issued", second)
		}
		exchange(sim, tokenPath, nil)
		if sim.AcceptsRefreshToken(first) == strict || !sim.AcceptsRefreshToken(second) {
			t.Errorf("With strict rotation %v, the old token is accepted: %v, the new one: %v",
				strict, sim.AcceptsRefreshToken(first), sim.AcceptsRefreshToken(second))
		}
		if got := exchange(sim, tokenPath, nil).Code; got != want {
			t.Errorf("With strict rotation %v, the old token is answered with %d, want %d", strict, got, want)
		}
		if got := exchange(sim, tokenPath, map[string]string{"refresh_token": second}).Code; got != 200 {
			t.Errorf("With strict rotation %v, the new token is answered with %d, want 200", strict, got)
		}
	}
}

// An access token dies at its time, and then the call is refused as the real one
// does.
func TestAccessTokenExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := simulator.New(simulator.Config{})
		c := newCaller(t, sim)
		time.Sleep(time.Hour - time.Second)
		if got := c.get("/v1/customers?size=1").Code; got != 200 {
			t.Errorf("A second before its end, the token is answered with %d, want 200", got)
		}
		time.Sleep(time.Second)
		recorder := c.get("/v1/customers?size=1")
		if got := read[fault](t, recorder); recorder.Code != 401 || got.Code != "400" {
			t.Errorf("At its end, the token is answered with %d and %v, want 401 and code 400", recorder.Code, got)
		}
		if got, want := recorder.Header().Get("WWW-Authenticate"), "OAuth realm=urn:cpsvc:cpid:"+simulator.ClientID; got != want {
			t.Errorf("The challenge is %q, want %q", got, want)
		}
	})
}

// The client recovers from revoked access tokens by itself, and from revoked
// refresh tokens not at all.
func TestRevocation(t *testing.T) {
	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(1)})
	c := newClient(t, sim, "")
	for range 2 {
		if _, err := c.Customers(t.Context()); err != nil {
			t.Fatal(err)
		}
		sim.RevokeAccessTokens()
	}
	if got := sim.Stats().Calls[client.EndpointToken]; got != 2 {
		t.Errorf("There were %d exchanges, want 2", got)
	}
	sim.RevokeRefreshTokens()
	_, err := c.Customers(t.Context())
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != "AADSTS50173" || !client.IsAuth(err) {
		t.Errorf("It failed with %v, want AADSTS50173", err)
	}
}
