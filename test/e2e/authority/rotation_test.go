package authority_test

import (
	"crypto"
	"crypto/elliptic"
	"path/filepath"
	"strings"
	"testing"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/testcert"
)

// The tests of this file run against an authority that the project did not write,
// so that a mistake which client and simulator have in common shows.

// rotates makes exchanges, each by a client of its own that begins with what the
// one before has stored.
func rotates(t *testing.T, s *oauthServer, cfg client.Config) {
	t.Helper()
	for _, want := range []string{"fake-refresh-token-2\n", "fake-refresh-token-3\n", "fake-refresh-token-4\n"} {
		c := newClient(t, cfg)
		if err := c.Authenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := read(t, cfg.RefreshTokenFile); got != want || !s.storage.accepts(want[:len(want)-1]) {
			t.Fatalf("The file holds %q, want %q", got, want)
		}
	}
	if s.storage.accepts("fake-refresh-token-3") {
		t.Error("A refresh token that was exchanged lives on, so that the test shows nothing.")
	}
}

func TestRotationWithSecret(t *testing.T) {
	s := newOAuthServer(t, nil)
	rotates(t, s, s.config(t))
}

func TestRotationWithCertificate(t *testing.T) {
	for name, key := range map[string]crypto.Signer{"RSA": testcert.RSA(t, 2048), "EC": testcert.EC(t, elliptic.P256())} {
		t.Run(name, func(t *testing.T) {
			s := newOAuthServer(t, key.Public())
			cfg := s.config(t)
			withCertificate(t, &cfg, key, farFuture)
			rotates(t, s, cfg)
		})
	}
}

// One client goes on by itself, from exchange to exchange.
func TestRotationWithinOneClient(t *testing.T) {
	key := testcert.RSA(t, 2048)
	authority := newOAuthServer(t, key.Public())
	cfg := authority.config(t)
	cfg.Cloud.APIURL = newAPI(t, 200, 401, 200, 401, 200)
	withCertificate(t, &cfg, key, farFuture)
	c := newClient(t, cfg)
	for range 3 {
		if _, err := c.UsageSummary(t.Context(), "fake-customer"); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, cfg.RefreshTokenFile); got != "fake-refresh-token-4\n" {
		t.Errorf("The file holds %q", got)
	}
}

// Who proves nothing gets nothing, and the token is not spent.
func TestRotationIsRefused(t *testing.T) {
	key, other := testcert.RSA(t, 2048), testcert.RSA(t, 2048)
	for name, test := range map[string]struct {
		key    crypto.PublicKey // that is registered, nil for a secret
		want   string
		change func(*client.Config)
	}{
		"wrong secret":          {nil, "401: invalid_client", func(cfg *client.Config) { write(t, cfg.ClientSecretFile, "fake-client-secret-2") }},
		"no secret":             {nil, "401: invalid_client", func(cfg *client.Config) { cfg.ClientSecretFile = "" }},
		"another certificate":   {key.Public(), "400: invalid_grant", func(cfg *client.Config) { withCertificate(t, cfg, other, farFuture) }},
		"a secret in its place": {key.Public(), "401: invalid_client", func(*client.Config) {}},
		"another client":        {key.Public(), "400: invalid_grant", func(cfg *client.Config) { withCertificate(t, cfg, key, farFuture); cfg.ClientID = "another" }},
		"another scope":         {nil, "400: invalid_scope", func(cfg *client.Config) { cfg.Cloud.Scope = "https://another.example/.default" }},
		"for another address": {key.Public(), "400: invalid_grant", func(cfg *client.Config) {
			withCertificate(t, cfg, key, farFuture)
			cfg.Cloud.LoginURL = strings.Replace(cfg.Cloud.LoginURL, "127.0.0.1", "localhost", 1)
		}},
		"another's refresh token": {nil, "400: invalid_grant", func(cfg *client.Config) { write(t, cfg.RefreshTokenFile, "another") }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newOAuthServer(t, test.key)
			cfg := s.config(t)
			test.change(&cfg)
			err := newClient(t, cfg).Authenticate(t.Context())
			if e := failure(t, err); e.Error() != "token: HTTP "+test.want || !s.storage.accepts("fake-refresh-token-1") {
				t.Errorf("got %v, and the token is spent: %v", err, !s.storage.accepts("fake-refresh-token-1"))
			}
		})
	}
}

// A new sign-in heals a running client, whose token this authority refuses in the
// words of the standard alone.
func TestBootstrapAgainstAnAuthority(t *testing.T) {
	s := newOAuthServer(t, nil)
	cfg := s.config(t)
	cfg.Cloud.APIURL = newAPI(t, 200, 401, 401, 200)
	cfg.BootstrapRefreshTokenFile = write(t, filepath.Join(t.TempDir(), "seed"), "fake-refresh-token-old\n")
	c := newClient(t, cfg)
	if _, err := c.UsageSummary(t.Context(), "fake-customer"); err != nil {
		t.Fatal(err)
	}
	s.storage.revoke()
	_, err := c.UsageSummary(t.Context(), "fake-customer")
	if e := failure(t, err); e.Error() != "token: HTTP 400: invalid_grant" {
		t.Errorf("got %v", err)
	}
	s.storage.grant("fake-refresh-token-seed")
	write(t, cfg.BootstrapRefreshTokenFile, "fake-refresh-token-seed\n")
	if err := c.Authenticate(t.Context()); err != nil {
		t.Error(err)
	}
	if got := read(t, cfg.RefreshTokenFile); got != "fake-refresh-token-3\n" {
		t.Errorf("The file holds %q", got)
	}
}
