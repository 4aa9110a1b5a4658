package client_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

var (
	revoked = answer(400, `{"error":"invalid_grant","error_description":"AADSTS50173: fake words"}`)
	seeded  = time.Date(2020, 4, 21, 22, 9, 53, 0, time.UTC)
)

// accepting issues tokens for those refresh tokens, and refuses all others.
func (s *server) accepting(refuse http.HandlerFunc, tokens ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(tokens, r.PostForm.Get("refresh_token")) {
			s.issue(w, r)
			return
		}
		refuse(w, r)
	}
}

// withSeed has a seed as Kubernetes mounts it: a link that leads through another,
// which is replaced as a whole.
func withSeed(t *testing.T, cfg *client.Config, token string) {
	t.Helper()
	dir := t.TempDir()
	cfg.BootstrapRefreshTokenFile = filepath.Join(dir, "seed")
	symlink(t, filepath.Join("..data", "seed"), cfg.BootstrapRefreshTokenFile)
	replaceSeed(t, *cfg, token)
}

func replaceSeed(t *testing.T, cfg client.Config, token string) {
	t.Helper()
	dir := filepath.Dir(cfg.BootstrapRefreshTokenFile)
	folder := filepath.Join(dir, ".."+token)
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	file := write(t, filepath.Join(folder, "seed"), token+"\n")
	if err := os.Chtimes(file, seeded, seeded); err != nil {
		t.Fatal(err)
	}
	symlink(t, filepath.Base(folder), filepath.Join(dir, "..next"))
	if err := os.Rename(filepath.Join(dir, "..next"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
}

// wantSent compares the refresh tokens that were sent, those of one exchange in
// one step after another.
func (s *server) wantSent(tokens ...string) {
	s.t.Helper()
	if diff := cmp.Diff(tokens, s.sentTokens()); diff != "" {
		s.t.Errorf("sent (-want +got):\n%s", diff)
	}
}

// Where nothing is stored yet, the seed is exchanged, and what comes of it is
// stored. The seed stays as it is.
func TestSeedBegins(t *testing.T) {
	s := newServer(t)
	s.on(summaryPath, denied)
	cfg := s.config()
	remove(t, cfg.RefreshTokenFile)
	withSeed(t, &cfg, "fake-refresh-token-seed")
	c := newClient(t, cfg)
	if got := c.RefreshTokenIssued(); !got.Equal(seeded) {
		t.Errorf("got %v before an exchange, want the seed's %v", got, seeded)
	}
	if _, err := c.UsageSummary(t.Context(), customerID); !client.IsAuth(err) {
		t.Errorf("got %v", err)
	}
	s.wantSent("fake-refresh-token-seed", "fake-refresh-token-2")
	if got := read(t, cfg.RefreshTokenFile); got != "fake-refresh-token-3\n" {
		t.Errorf("The file holds %q", got)
	}
	info, err := os.Stat(cfg.BootstrapRefreshTokenFile)
	if err != nil || !info.ModTime().Equal(seeded) || read(t, cfg.BootstrapRefreshTokenFile) != "fake-refresh-token-seed\n" {
		t.Errorf("The seed is %v, %v", info, err)
	}
	if got := c.RefreshTokenIssued(); time.Since(got) > time.Minute {
		t.Errorf("got %v after an exchange, want the time of storing", got)
	}
}

// An authority that does not rotate leaves the seed as the token to be stored.
func TestSeedIsStoredWithoutRotation(t *testing.T) {
	s := newServer(t)
	s.on(tokenPath, answer(200, fixture(t, "token_v1_refresh.json")))
	cfg := s.config()
	remove(t, cfg.RefreshTokenFile)
	withSeed(t, &cfg, "fake-refresh-token-seed")
	if err := newClient(t, cfg).Authenticate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := read(t, cfg.RefreshTokenFile); got != "fake-refresh-token-seed\n" {
		t.Errorf("The file holds %q", got)
	}
}

// The stored token is better than the seed as long as it is accepted.
func TestSeedWaits(t *testing.T) {
	s := newServer(t)
	cfg := s.config()
	withSeed(t, &cfg, "fake-refresh-token-seed")
	if err := newClient(t, cfg).Authenticate(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.wantSent("fake-refresh-token-1")
}

// The seed takes the place of a refresh token that is dead, and of nothing else
// that another token would not heal.
func TestSeedTakesADeadTokensPlace(t *testing.T) {
	grant := func(code string) http.HandlerFunc {
		return answer(400, fmt.Sprintf(`{"error":"invalid_grant","error_description":"AADSTS70002: Error. %s: fake words"}`, code))
	}
	for name, test := range map[string]struct {
		refusal http.HandlerFunc
		heals   bool
	}{
		"idle":                   {grant("AADSTS700082"), true},
		"revoked":                {grant("AADSTS50173"), true},
		"not valid":              {grant("AADSTS70000"), true},
		"expired":                {grant("AADSTS70008"), true},
		"sign-in frequency":      {grant("AADSTS70043"), true},
		"single page":            {grant("AADSTS700084"), true},
		"new password":           {grant("AADSTS50132"), true},
		"expired password":       {grant("AADSTS50133"), true},
		"another client's":       {grant("AADSTS700007"), true},
		"cut off":                {grant("AADSTS9002313"), true},
		"without a code":         {answer(400, `{"error":"invalid_grant"}`), true},
		"MFA":                    {grant("AADSTS50076"), false},
		"MFA expired":            {grant("AADSTS50078"), false},
		"policy":                 {grant("AADSTS53003"), false},
		"consent":                {grant("AADSTS65001"), false},
		"account disabled":       {grant("AADSTS50057"), false},
		"temporary, as a grant":  {grant("AADSTS90033"), false},
		"wrong secret":           {answer(401, `{"error":"invalid_client","error_description":"AADSTS7000215: fake words"}`), false},
		"server":                 {answer(500, `{"error":"invalid_grant"}`), false},
		"temporary":              {answer(400, `{"error":"temporarily_unavailable"}`), false},
		"throttled":              {answer(429, ""), false},
		"no connection":          {drop, false},
		"a page":                 {answer(403, "<html>"), false},
		"no token in the answer": {answer(200, "{}"), false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.on(tokenPath, s.accepting(test.refusal, "fake-refresh-token-seed"))
			cfg := s.config()
			cfg.Transport = &http.Transport{DisableKeepAlives: true}
			withSeed(t, &cfg, "fake-refresh-token-seed")
			err := newClient(t, cfg).Authenticate(t.Context())
			if !test.heals {
				if err == nil {
					t.Error("It is healed.")
				}
				s.wantSent("fake-refresh-token-1")
				return
			}
			if got := read(t, cfg.RefreshTokenFile); err != nil || got != "fake-refresh-token-2\n" {
				t.Errorf("got %v, and the file holds %q", err, got)
			}
			want := []string{"fake-refresh-token-1", "fake-refresh-token-seed"}
			if name == "not valid" { // It may be a blip, so that the stored token is tried once more.
				want = slices.Insert(want, 0, "fake-refresh-token-1")
			}
			s.wantSent(want...)
		})
	}
}

// A seed that is refused is left alone until it is another one.
func TestRefusedSeedIsTriedOnce(t *testing.T) {
	bubble(t, func(s *server) {
		t := s.t
		s.on(tokenPath, s.accepting(revoked, "fake-refresh-token-new"))
		cfg := s.config()
		withSeed(t, &cfg, "fake-refresh-token-seed")
		var lines bytes.Buffer
		cfg.Logger = log.NewLogfmtLogger(&lines)
		c := newClient(t, cfg)
		written := c.RefreshTokenIssued()
		for range 3 {
			if err := c.Authenticate(t.Context()); failure(t, err).Code != "AADSTS50173" {
				t.Errorf("got %v", err)
			}
			time.Sleep(time.Hour) // in the bubble: a failure delays the next exchange
		}
		s.wantSent("fake-refresh-token-1", "fake-refresh-token-seed", "fake-refresh-token-1", "fake-refresh-token-1")
		if n := strings.Count(lines.String(), "trying the bootstrap refresh token"); n != 1 || strings.Contains(lines.String(), "fake-refresh") {
			t.Errorf("got the log %q, want one warning without a token", lines.String())
		}
		if got := read(t, cfg.RefreshTokenFile); got != "fake-refresh-token-1\n" || !c.RefreshTokenIssued().Equal(written) {
			t.Errorf("The file holds %q of %v, want the token of %v", got, c.RefreshTokenIssued(), written)
		}
		replaceSeed(t, cfg, "fake-refresh-token-new")
		if err := c.Authenticate(t.Context()); err != nil {
			t.Error(err)
		}
		if got := read(t, cfg.RefreshTokenFile); got != "fake-refresh-token-2\n" {
			t.Errorf("The file holds %q", got)
		}
	})
}

// The same holds where there is no other token.
func TestRefusedSeedAlone(t *testing.T) {
	bubble(t, func(s *server) {
		t := s.t
		s.on(tokenPath, s.accepting(revoked, "fake-refresh-token-new"))
		cfg := s.config()
		remove(t, cfg.RefreshTokenFile)
		withSeed(t, &cfg, "fake-refresh-token-seed")
		c := newClient(t, cfg)
		for range 3 {
			if err := c.Authenticate(t.Context()); failure(t, err).Code != "AADSTS50173" {
				t.Errorf("got %v", err)
			}
			time.Sleep(time.Hour) // in the bubble: a failure delays the next exchange
		}
		s.wantSent("fake-refresh-token-seed")
		remove(t, filepath.Join(filepath.Dir(cfg.BootstrapRefreshTokenFile), "..data"))
		err := c.Authenticate(t.Context())
		if e := failure(t, err); !client.IsAuth(err) || !strings.Contains(e.Error(), "bootstrap refresh token file: ") {
			t.Errorf("got %v without the seed", err)
		}
		replaceSeed(t, cfg, "fake-refresh-token-new")
		if err := c.Authenticate(t.Context()); err != nil {
			t.Error(err)
		}
		s.wantSent("fake-refresh-token-seed", "fake-refresh-token-new")
	})
}

// What is stored is not tried again because it stands in the seed as well.
func TestSeedThatIsStored(t *testing.T) {
	s := newServer(t)
	s.on(tokenPath, revoked)
	cfg := s.config()
	withSeed(t, &cfg, "fake-refresh-token-1")
	if err := newClient(t, cfg).Authenticate(t.Context()); !client.IsAuth(err) {
		t.Errorf("got %v", err)
	}
	s.wantSent("fake-refresh-token-1")
}

// A seed that got no answer has not been refused.
func TestSeedWithoutAnswer(t *testing.T) {
	bubble(t, func(s *server) {
		t := s.t
		s.on(tokenPath, revoked, drop, revoked, s.issue)
		cfg := s.config()
		withSeed(t, &cfg, "fake-refresh-token-seed")
		c := newClient(t, cfg)
		if err := c.Authenticate(t.Context()); !client.IsTemporary(err) {
			t.Errorf("got %v, want a failure that may pass", err)
		}
		time.Sleep(time.Hour) // in the bubble: a failure delays the next exchange
		if err := c.Authenticate(t.Context()); err != nil {
			t.Error(err)
		}
		s.wantSent("fake-refresh-token-1", "fake-refresh-token-seed", "fake-refresh-token-1", "fake-refresh-token-seed")
	})
}

// What came of the seed goes on in memory where it cannot be stored.
func TestSeedThatCannotBeStored(t *testing.T) {
	s := newServer(t)
	s.on(summaryPath, denied, answer(200, `{"totalCost":1}`))
	cfg := s.config()
	folder := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	cfg.RefreshTokenFile = filepath.Join(folder, "token")
	withSeed(t, &cfg, "fake-refresh-token-seed")
	c := newClient(t, cfg)
	remove(t, folder)
	if _, err := c.UsageSummary(t.Context(), customerID); err != nil {
		t.Error(err)
	}
	s.wantSent("fake-refresh-token-seed", "fake-refresh-token-2")
	if got := c.RefreshTokenIssued(); !got.Equal(seeded) {
		t.Errorf("got %v, want the seed's %v", got, seeded)
	}
}

// A seed that is not there yet is worth a warning only.
func TestSeedThatIsMissing(t *testing.T) {
	s := newServer(t)
	s.on(tokenPath, revoked)
	cfg := s.config()
	cfg.BootstrapRefreshTokenFile = filepath.Join(t.TempDir(), "seed")
	var lines bytes.Buffer
	cfg.Logger = log.NewLogfmtLogger(&lines)
	c := newClient(t, cfg)
	if got := lines.String(); strings.Count(got, "level=warn") != 1 || !strings.Contains(got, cfg.BootstrapRefreshTokenFile) {
		t.Errorf("got the log %q, want a warning of the seed", got)
	}
	if err := c.Authenticate(t.Context()); failure(t, err).Code != "AADSTS50173" {
		t.Errorf("got %v", err)
	}
}

// The refresh token file is replaced, so that it must be none of the others.
func TestNewRefusesOverlap(t *testing.T) {
	for field, change := range map[string]func(*client.Config){
		"bootstrap refresh token file": func(cfg *client.Config) { cfg.BootstrapRefreshTokenFile = cfg.RefreshTokenFile },
		"client secret file":           func(cfg *client.Config) { cfg.ClientSecretFile = cfg.RefreshTokenFile },
	} {
		s := newServer(t)
		cfg := s.config()
		change(&cfg)
		_, err := client.New(cfg)
		want := field + ": " + cfg.RefreshTokenFile + " is the refresh token file too, which gets replaced: use a file for each"
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
