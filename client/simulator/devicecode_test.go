package simulator_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

const devicePath = "/" + simulator.TenantID + "/oauth2/v2.0/devicecode"

// poll asks for tokens with the first device code, but for the changes.
func poll(sim *simulator.Simulator, changes map[string]string) *httptest.ResponseRecorder {
	fields := map[string]string{
		"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "refresh_token": "", "scope": "",
		"device_code": "not-a-token-simulated-device-code-1",
	}
	maps.Copy(fields, changes)
	return exchange(sim, tokenPath, fields)
}

// readToken reads a body without a byte order mark.
func readToken(t *testing.T, recorder *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(recorder.Body.Bytes(), &body); err != nil {
		t.Fatalf("%v: %s", err, recorder.Body)
	}
	return body
}

// A device code is answered with what the user needs, and with tokens once.
func TestDeviceCode(t *testing.T) {
	sim := simulator.New(simulator.Config{})
	recorder := exchange(sim, devicePath, map[string]string{"client_secret": ""})
	want := map[string]any{
		"user_code": "SIMULATED", "device_code": "not-a-token-simulated-device-code-1",
		"verification_uri": "https://login.simulated.example/devicelogin", "expires_in": 900.0, "interval": 5.0,
		"message": "Open https://login.simulated.example/devicelogin and enter SIMULATED.",
	}
	if diff := cmp.Diff(want, readToken(t, recorder)); diff != "" || recorder.Code != 200 {
		t.Errorf("The status is %d, want 200: %s", recorder.Code, diff)
	}
	recorder = poll(sim, nil)
	if got := readToken(t, recorder); recorder.Code != 200 || got["refresh_token"] != "not-a-token-simulated-refresh-1" {
		t.Errorf("A poll is answered with %d and %v, want tokens", recorder.Code, got)
	}
	checkTokenRefusal(t, poll(sim, nil), 400, "bad_verification_code", 70018)
}

// What is wrong with a request for a code is refused as for a token.
func TestDeviceCodeRefusals(t *testing.T) {
	sim := simulator.New(simulator.Config{})
	checkTokenRefusal(t, exchange(sim, "/another.example/oauth2/v2.0/devicecode", nil), 400, "invalid_request", 90002)
	checkTokenRefusal(t, exchange(sim, devicePath, map[string]string{"client_id": "another"}), 400, "unauthorized_client", 700016)
	checkTokenRefusal(t, exchange(sim, devicePath, map[string]string{"scope": "offline_access"}), 400, "invalid_scope", 70011)
	exchange(sim, devicePath, nil)
	checkTokenRefusal(t, poll(sim, map[string]string{"client_secret": ""}), 401, "invalid_client", 7000215)
	checkTokenRefusal(t, poll(sim, map[string]string{"device_code": "another"}), 400, "bad_verification_code", 70018)
}

// The user takes a while, and the real client waits.
func TestSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := simulator.New(simulator.Config{PublicClient: true})
		sim.SetSignIn(simulator.SignIn{Interval: 2 * time.Second, Pending: 3, SlowDown: 1})
		began := time.Now()
		if err := signIn(t, sim); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(began); got != 15*time.Second {
			t.Errorf("It took %v, want 4 polls every 2 s and one 7 s later", got)
		}
		if got := sim.Stats().Calls; got[client.EndpointDeviceCode] != 1 || got[client.EndpointToken] != 5 {
			t.Errorf("The calls were %v, want 1 for a code and 5 polls", got)
		}
	})
}

// A sign-in ends as it was told to.
func TestSignInRefusals(t *testing.T) {
	for want, script := range map[string]simulator.SignIn{
		"token: HTTP 400: authorization_declined":                 {Refusal: simulator.Declined},
		"token: HTTP 400: code AADSTS70019: expired_token":        {Refusal: simulator.Expired, Pending: 20},
		"token: HTTP 400: code AADSTS65001: invalid_grant":        {Refusal: simulator.NoConsent},
		"token: HTTP 400: code AADSTS50076: interaction_required": {Refusal: simulator.NoMFA},
		"token: HTTP 400: code AADSTS53003: access_denied":        {Refusal: simulator.Blocked},
		"token: HTTP 400: code AADSTS530036: access_denied":       {Refusal: simulator.NoDeviceCodes},
		"token: HTTP 401: code AADSTS7000218: invalid_client":     {Refusal: simulator.NoPublicClientFlow},
		"token: HTTP 200: the response has no refresh token":      {WithoutRefreshToken: true},
		"token: the code expired before the user signed in":       {Pending: 1000, Life: 12 * time.Second},
	} {
		t.Run(want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := simulator.New(simulator.Config{PublicClient: true})
				sim.SetSignIn(script)
				e, ok := errors.AsType[*client.Error](signIn(t, sim))
				if !ok {
					t.Fatalf("It did not fail, want %s", want)
				}
				e.RequestID = ""
				if got := e.Error(); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			})
		})
	}
}

// A code that has expired is refused whatever the user does then.
func TestDeviceCodeExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := simulator.New(simulator.Config{})
		exchange(sim, devicePath, nil)
		time.Sleep(15 * time.Minute)
		checkTokenRefusal(t, poll(sim, nil), 400, "expired_token", 70019)
	})
}

func signIn(t *testing.T, sim *simulator.Simulator) error {
	t.Helper()
	return client.SignIn(t.Context(), client.Config{
		Cloud:            client.Cloud{LoginURL: "http://simulator.example", Scope: simulator.Scope},
		TenantID:         simulator.TenantID,
		ClientID:         simulator.ClientID,
		RefreshTokenFile: filepath.Join(t.TempDir(), "token"),
		Transport:        simulator.Transport{Handler: sim},
	}, func(client.DeviceCode) {})
}
