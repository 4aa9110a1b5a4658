package simulator_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

const (
	bom       = "\ufeff"
	tokenPath = "/" + simulator.TenantID + "/oauth2/v2.0/token"
)

// newClient is the real client on a simulator, with its address if it has one.
func newClient(t *testing.T, sim *simulator.Simulator, address string) *client.Client {
	t.Helper()
	folder := t.TempDir()
	cfg := client.Config{
		TenantID:         simulator.TenantID,
		ClientID:         simulator.ClientID,
		ClientSecretFile: filepath.Join(folder, "secret"),
		RefreshTokenFile: filepath.Join(folder, "token"),
	}
	if address == "" {
		address, cfg.Transport = "http://simulator.example", simulator.Transport{Handler: sim}
	}
	cfg.Cloud = client.Cloud{APIURL: address, LoginURL: address, Scope: simulator.Scope}
	for file, content := range map[string]string{cfg.ClientSecretFile: simulator.ClientSecret, cfg.RefreshTokenFile: simulator.RefreshToken} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// exchange sends a form to the token endpoint: a good one, but for the changes,
// of which an empty one leaves a field out.
func exchange(sim *simulator.Simulator, path string, changes map[string]string) *httptest.ResponseRecorder {
	fields := map[string]string{
		"client_id": simulator.ClientID, "client_secret": simulator.ClientSecret, "grant_type": "refresh_token",
		"refresh_token": simulator.RefreshToken, "scope": simulator.Scope,
	}
	maps.Copy(fields, changes)
	form := url.Values{}
	for name, value := range fields {
		if value != "" {
			form.Set(name, value)
		}
	}
	return post(sim, path, form.Encode())
}

func post(sim *simulator.Simulator, path, body string) *httptest.ResponseRecorder {
	req := httptest.NewRequestWithContext(context.Background(), http.MethodPost, path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	recorder := httptest.NewRecorder()
	sim.ServeHTTP(recorder, req)
	return recorder
}

// caller is somebody with an access token.
type caller struct {
	t     *testing.T
	sim   *simulator.Simulator
	token string
}

func newCaller(t *testing.T, sim *simulator.Simulator) caller {
	t.Helper()
	recorder := exchange(sim, tokenPath, nil)
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(recorder.Body.Bytes(), &token); err != nil || recorder.Code != 200 || token.AccessToken == "" {
		t.Fatalf("The token endpoint answered %d %s", recorder.Code, recorder.Body)
	}
	return caller{t, sim, token.AccessToken}
}

// get asks with the headers that a call needs, and more as "Name: value". One
// without a value is left out.
func (c caller) get(path string, headers ...string) *httptest.ResponseRecorder {
	return c.do(c.t.Context(), http.MethodGet, path, headers...)
}

func (c caller) do(ctx context.Context, method, path string, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequestWithContext(ctx, method, path, nil)
	for _, header := range slices.Concat([]string{"Accept: application/json", "Authorization: Bearer " + c.token}, headers) {
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Set(name, value)
		if value == "" {
			req.Header.Del(name)
		}
	}
	recorder := httptest.NewRecorder()
	c.sim.ServeHTTP(recorder, req)
	return recorder
}

// fault is an error body of Partner Center.
type fault struct{ Code, Description, Source string }

// read reads a body of Partner Center, all of which begin with a byte order mark.
func read[T any](t *testing.T, recorder *httptest.ResponseRecorder) T {
	t.Helper()
	var into T
	body, ok := strings.CutPrefix(recorder.Body.String(), bom)
	if !ok {
		t.Errorf("The body has no byte order mark: %q", body)
	}
	if err := json.Unmarshal([]byte(body), &into); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return into
}
