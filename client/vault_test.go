package client_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// vault keeps a refresh token in memory, and counts.
type vault struct {
	token            string
	loads            int
	saved            []string
	loadErr, saveErr error
}

func (v *vault) Load(context.Context) (string, error) {
	v.loads++
	return v.token, v.loadErr
}

func (v *vault) Save(_ context.Context, token string) error {
	v.saved = append(v.saved, token)
	if v.saveErr == nil {
		v.token = token
	}
	return v.saveErr
}

// withVault has no files.
func withVault(s *server, v *vault) client.Config {
	cfg := s.config()
	cfg.RefreshTokenFile, cfg.RefreshTokens = "", v
	cfg.ClientSecretFile, cfg.ClientSecret = "", func(context.Context) (string, error) { return "fake-vault-secret", nil }
	return cfg
}

// Credentials come from functions when a token is needed, and the rotated token is
// stored before the access token is used.
func TestCredentialsOfAVault(t *testing.T) {
	s, v := newServer(t), &vault{token: "fake-refresh-token-1\r\n"}
	s.on(summaryPath, func(w http.ResponseWriter, r *http.Request) {
		if v.token != "fake-refresh-token-2" {
			t.Errorf("The API is called while the vault has %q", v.token)
		}
		answer(200, `{"totalCost":1}`)(w, r)
	})
	c := newClient(t, withVault(s, v))
	if v.loads != 0 {
		t.Errorf("New reads the vault %d times", v.loads)
	}
	if _, err := c.UsageSummary(t.Context(), customerID); err != nil {
		t.Fatal(err)
	}
	form := s.calls(tokenPath)[0].Form
	if form.Get("client_secret") != "fake-vault-secret" || form.Get("refresh_token") != "fake-refresh-token-1" {
		t.Errorf("got %v", form)
	}
	if diff := cmp.Diff([]string{"fake-refresh-token-2"}, v.saved); diff != "" || c.RefreshTokenIssued().IsZero() {
		t.Errorf("%v %s", c.RefreshTokenIssued(), diff)
	}
}

// A vault that stores nothing does not stop the client, which tries again.
func TestVaultThatCannotStore(t *testing.T) {
	s, v := newServer(t), &vault{token: "fake-refresh-token-1", saveErr: errors.New("sealed")}
	s.on(summaryPath, denied, answer(200, `{"totalCost":1}`))
	c := newClient(t, withVault(s, v))
	if _, err := c.UsageSummary(t.Context(), customerID); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"fake-refresh-token-2", "fake-refresh-token-3"}, v.saved); diff != "" {
		t.Error(diff)
	}
}

// A vault that cannot be read costs no request, and the next call tries again.
func TestVaultThatCannotBeRead(t *testing.T) {
	s, v := newServer(t), &vault{loadErr: errors.New("sealed")}
	c := newClient(t, withVault(s, v))
	err := c.Authenticate(t.Context())
	if !client.IsAuth(err) || !strings.Contains(err.Error(), "RefreshTokens: sealed") || len(s.calls(tokenPath)) != 0 {
		t.Errorf("got %v after %d requests", err, len(s.calls(tokenPath)))
	}
	v.loadErr, v.token = nil, "fake-refresh-token-1"
	if err := c.Authenticate(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFunctionsBesideFiles(t *testing.T) {
	s := newServer(t)
	for want, change := range map[string]func(*client.Config){
		"RefreshTokens: it is set together with RefreshTokenFile: leave one of them out": func(cfg *client.Config) { cfg.RefreshTokenFile = s.config().RefreshTokenFile },
		"ClientSecret: it is set together with a file: leave one of them out":            func(cfg *client.Config) { cfg.ClientSecretFile = s.config().ClientSecretFile },
	} {
		cfg := withVault(s, &vault{token: "fake-refresh-token-1"})
		change(&cfg)
		if _, err := client.New(cfg); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// What a function returns is checked as the content of a file is.
func TestSecretOfAFunctionIsChecked(t *testing.T) {
	s := newServer(t)
	cfg := withVault(s, &vault{token: "fake-refresh-token-1"})
	cfg.ClientSecret = func(context.Context) (string, error) { return `"fake-vault-secret"`, nil }
	err := newClient(t, cfg).Authenticate(t.Context())
	if err == nil || !strings.Contains(err.Error(), "ClientSecret: holds a quotation mark") || strings.Contains(err.Error(), "fake-vault-secret") || len(s.calls(tokenPath)) != 0 {
		t.Errorf("got %v", err)
	}
}

// A sign-in stores its token in the vault.
func TestSignInIntoAVault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vault{}
		cfg := newAuthority(t, tokenAnswer("fake-access-token-1", "fake-refresh-token-2")).config()
		cfg.RefreshTokenFile, cfg.RefreshTokens = "", v
		if err := client.SignIn(t.Context(), cfg, ignore); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"fake-refresh-token-2"}, v.saved); diff != "" {
			t.Error(diff)
		}
	})
}
