package client_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Reload gets a new access token if another refresh token is in the file, as after a new
// sign-in, and else keeps the one that there is.
func TestReload(t *testing.T) {
	s := newServer(t)
	cfg := s.config()
	c := newClient(t, cfg)
	authenticate := func() {
		t.Helper()
		if err := c.Authenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	authenticate()
	c.Reload()
	authenticate()
	if err := os.WriteFile(cfg.RefreshTokenFile, []byte("fake-other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	authenticate()
	c.Reload()
	authenticate()
	if diff := cmp.Diff([]string{"fake-refresh-token-1", "fake-other"}, s.sentTokens()); diff != "" {
		t.Error(diff)
	}
}

// Reload ends the delay that a failure imposes on the next exchange.
func TestReloadAfterAFailure(t *testing.T) {
	s := newServer(t)
	s.on(tokenPath, answer(400, `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret."}`), s.issue)
	c := s.client()
	if err := c.Authenticate(t.Context()); err == nil {
		t.Fatal("a wrong secret is accepted")
	}
	if err := c.Authenticate(t.Context()); err == nil || len(s.sentTokens()) != 1 {
		t.Fatalf("%v after %d exchanges, want the error of the first one", err, len(s.sentTokens()))
	}
	c.Reload()
	if err := c.Authenticate(t.Context()); err != nil {
		t.Error(err)
	}
}
