package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// denied makes a client drop its access token and exchange the refresh token.
var denied = answer(401, `{"code":"400","description":"Access denied."}`)

// sentTokens returns the refresh token of each exchange.
func (s *server) sentTokens() []string {
	var tokens []string
	for _, call := range s.calls(tokenPath) {
		tokens = append(tokens, call.Form.Get("refresh_token"))
	}
	return tokens
}

func TestTokenRequest(t *testing.T) {
	s := newServer(t)
	want := url.Values{
		"grant_type":    {"refresh_token"},
		"client_id":     {"fake-client-id"},
		"client_secret": {"fake-client-secret-1"},
		"refresh_token": {"fake-refresh-token-1"},
		"scope":         {"https://fake.example/.default offline_access"},
	}
	cfg := s.config()
	for range 2 {
		if err := newClient(t, cfg).Authenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
		calls := s.calls(tokenPath)
		last := calls[len(calls)-1]
		if diff := cmp.Diff(want, last.Form); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if last.Method != http.MethodPost || last.Header.Get("Authorization") != "" {
			t.Errorf("got a %s with the authorization %q", last.Method, last.Header.Get("Authorization"))
		}
		// A public client has no secret, and must not send an empty one.
		cfg.ClientSecretFile = ""
		delete(want, "client_secret")
		want.Set("refresh_token", "fake-refresh-token-2")
	}
}

// The tenant is one segment of the path, whatever it is.
func TestTokenRequestEscapesTheTenant(t *testing.T) {
	s := newServer(t)
	s.on("/login/a/b/oauth2/v2.0/token", s.issue)
	cfg := s.config()
	cfg.TenantID = "a/b"
	cfg.Cloud.LoginURL += "/login/"
	if err := newClient(t, cfg).Authenticate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.calls("/login/a/b/oauth2/v2.0/token")[0].URI; got != "/login/a%2Fb/oauth2/v2.0/token" {
		t.Errorf("got %s", got)
	}
}

// A crash after the exchange must not lose the refresh token, so it is in the
// file before anything is done with the access token.
func TestRotatedTokenIsStoredBeforeUse(t *testing.T) {
	s := newServer(t)
	cfg := s.config()
	s.on(summaryPath, func(w http.ResponseWriter, r *http.Request) {
		if got := read(t, cfg.RefreshTokenFile); got != "fake-refresh-token-2\n" {
			t.Errorf("The API is called while the file holds %q", got)
		}
		answer(200, `{"totalCost":1}`)(w, r)
	})
	if err := os.Chmod(cfg.RefreshTokenFile, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := newClient(t, cfg).UsageSummary(t.Context(), customerID); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(cfg.RefreshTokenFile)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("got %v and %v, want the mode 0600", info.Mode(), err)
	}
	files, err := os.ReadDir(filepath.Dir(cfg.RefreshTokenFile))
	if err != nil || len(files) != 2 {
		t.Errorf("got %v and %v, want only the secret and the token", files, err)
	}
}

// A process that was killed while it stored a token leaves one in a temporary file.
func TestTemporaryFilesAreSwept(t *testing.T) {
	cfg := newServer(t).config()
	folder := filepath.Dir(cfg.RefreshTokenFile)
	write(t, filepath.Join(folder, "."+filepath.Base(cfg.RefreshTokenFile)+".123.tmp"), "fake-refresh-token-9")
	newClient(t, cfg)
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 2 {
		t.Errorf("got %v and %v, want only the secret and the token", files, err)
	}
}

// Each exchange sends the token that the one before returned, and an answer
// without one (the published sample, whose numbers are strings) keeps the old.
func TestRefreshTokenRotates(t *testing.T) {
	bubble(t, func(s *server) {
		t := s.t
		s.on(tokenPath, s.issue, answer(200, fixture(t, "token_v1_refresh.json")), tokenAnswer("fake-access-token-3", "fake-refresh-token-3"))
		s.on(summaryPath, denied, denied, answer(200, `{"totalCost":1}`), denied, answer(200, `{"totalCost":1}`))
		cfg := s.config()
		c := newClient(t, cfg)
		if _, err := c.UsageSummary(t.Context(), customerID); !client.IsAuth(err) {
			t.Errorf("got %v", err)
		}
		if got := read(t, cfg.RefreshTokenFile); got != "fake-refresh-token-2\n" {
			t.Errorf("The file holds %q after an answer without a refresh token", got)
		}
		for range 2 {
			time.Sleep(time.Minute) // in the bubble: a renewal in vain delays the next
			if _, err := c.UsageSummary(t.Context(), customerID); err != nil {
				t.Error(err)
			}
		}
		want := []string{"fake-refresh-token-1", "fake-refresh-token-2", "fake-refresh-token-2"}
		if diff := cmp.Diff(want, s.sentTokens()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got := s.calls(summaryPath)[2].Header.Get("Authorization"); got != "Bearer AccessTokenValue" {
			t.Errorf("got %q", got)
		}
		if got := read(t, cfg.RefreshTokenFile); got != "fake-refresh-token-3\n" {
			t.Errorf("The file holds %q", got)
		}
	})
}

// Files may change under a running client: secrets are renewed, and somebody
// may sign in again.
func TestFilesAreReadAnew(t *testing.T) {
	bubble(t, func(s *server) {
		t := s.t
		s.on(summaryPath, denied)
		cfg := s.config()
		c := newClient(t, cfg)
		if err := c.Authenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
		write(t, cfg.ClientSecretFile, "  fake-client-secret-2\r\n")
		write(t, cfg.RefreshTokenFile, "fake-refresh-token-new\n")
		if _, err := c.UsageSummary(t.Context(), customerID); !client.IsAuth(err) {
			t.Errorf("got %v", err)
		}
		calls := s.calls(tokenPath)
		if len(calls) != 2 || calls[1].Form.Get("client_secret") != "fake-client-secret-2" || calls[1].Form.Get("refresh_token") != "fake-refresh-token-new" {
			t.Errorf("got the exchanges %v", calls)
		}

		// A token file that is gone is no reason to give up the token in memory,
		// but nothing is known of a secret that cannot be read.
		time.Sleep(time.Minute) // in the bubble: a renewal in vain delays the next
		remove(t, cfg.RefreshTokenFile)
		s.on(summaryPath, denied, answer(200, `{"totalCost":1}`), denied)
		if _, err := c.UsageSummary(t.Context(), customerID); err != nil {
			t.Error(err)
		}
		if got := read(t, cfg.RefreshTokenFile); got != "fake-refresh-token-4\n" {
			t.Errorf("The file holds %q", got)
		}
		remove(t, cfg.ClientSecretFile)
		_, err := c.UsageSummary(t.Context(), customerID)
		if e := failure(t, err); e.Endpoint != client.EndpointToken || e.Reason != client.ReasonAuth || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	})
}

func remove(t *testing.T, file string) {
	t.Helper()
	if err := os.RemoveAll(file); err != nil {
		t.Fatal(err)
	}
}

// A refused token is renewed once. A lasting refusal has to come out, since
// each further try rotates the refresh token for nothing.
func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	ok := answer(200, `{"totalCost":1}`)
	for name, test := range map[string]struct {
		answers          []http.HandlerFunc
		reason           client.Reason
		calls, exchanges int
	}{
		"refused once":         {[]http.HandlerFunc{denied, ok}, "", 2, 2},
		"refused without body": {[]http.HandlerFunc{answer(401, ""), ok}, "", 2, 2},
		"refused for good":     {[]http.HandlerFunc{denied}, client.ReasonAuth, 2, 2},
		"dropped, refused":     {[]http.HandlerFunc{drop, denied, ok}, "", 3, 2},
		"refused, dropped":     {[]http.HandlerFunc{denied, drop, ok}, "", 3, 2},
		"without MFA":          {[]http.HandlerFunc{answer(401, `{"code":"900421"}`), ok}, client.ReasonMFA, 1, 1},
		"without MFA, number":  {[]http.HandlerFunc{answer(401, `{"code":900421}`), ok}, client.ReasonMFA, 1, 1},
		"retired audience":     {[]http.HandlerFunc{answer(401, `{"code":"900420"}`), ok}, client.ReasonAuth, 1, 1},
		"forbidden":            {[]http.HandlerFunc{answer(403, `{"code":"2032"}`), ok}, client.ReasonPermission, 1, 1},
		"throttled":            {[]http.HandlerFunc{answer(429, ""), ok}, "", 2, 1},
		"server error":         {[]http.HandlerFunc{answer(500, ""), ok}, "", 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.on(summaryPath, test.answers...)
			cfg := s.config()
			cfg.Transport = &http.Transport{DisableKeepAlives: true}
			_, err := newClient(t, cfg).UsageSummary(t.Context(), customerID)
			if (err == nil) != (test.reason == "") || err != nil && client.ReasonOf(err) != test.reason {
				t.Errorf("got %v, want %s", err, test.reason)
			}
			calls := s.calls(summaryPath)
			if len(calls) != test.calls || len(s.calls(tokenPath)) != test.exchanges {
				t.Errorf("got %d calls and %d exchanges, want %d and %d", len(calls), len(s.calls(tokenPath)), test.calls, test.exchanges)
			}
			if test.exchanges == 2 && calls[len(calls)-1].Header.Get("Authorization") != "Bearer fake-access-token-2" {
				t.Errorf("The last call has the token %q", calls[len(calls)-1].Header.Get("Authorization"))
			}
		})
	}
}

// Exchanges must not race, because each one rotates the refresh token.
func TestManyCallersShareOneExchange(t *testing.T) {
	s := newServer(t)
	s.on(customersPath, page(""))
	c := s.client()
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := c.Customers(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := len(s.calls(tokenPath)); n != 1 {
		t.Errorf("got %d exchanges, want 1", n)
	}
}

// One token that is refused for many callers at once is renewed once.
func TestManyCallersRenewOnce(t *testing.T) {
	s := newServer(t)
	s.on(summaryPath, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer fake-access-token-1" {
			denied(w, r)
			return
		}
		answer(200, `{"totalCost":1}`)(w, r)
	})
	c := s.client()
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := c.UsageSummary(t.Context(), customerID); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := len(s.calls(tokenPath)); n != 2 {
		t.Errorf("got %d exchanges, want 2", n)
	}
}

// Entra ID has rotated the token by the time that the caller leaves.
func TestExchangeOutlivesItsCaller(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.on(tokenPath, func(w http.ResponseWriter, r *http.Request) {
		cancel()
		s.issue(w, r)
	})
	cfg := s.config()
	c := newClient(t, cfg)
	// The cancelled caller may get either; the next one finds the new token.
	_ = c.Authenticate(ctx)
	if err := c.Authenticate(t.Context()); err != nil {
		t.Error(err)
	}
	if got := read(t, cfg.RefreshTokenFile); got != "fake-refresh-token-2\n" {
		t.Errorf("The file holds %q", got)
	}
	if n := len(s.calls(tokenPath)); n != 1 {
		t.Errorf("got %d exchanges, want 1", n)
	}
}

// Graphs are better served by a token in memory than by an exporter that stops,
// and what the disk misses is made up for when it can be written again.
func TestTokenThatCannotBeStored(t *testing.T) {
	s := newServer(t)
	ok := answer(200, `{"totalCost":1}`)
	s.on(summaryPath, ok, denied, ok)
	cfg := s.config()
	folder := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	cfg.RefreshTokenFile = write(t, filepath.Join(folder, "token"), "fake-refresh-token-1")
	var lines bytes.Buffer
	cfg.Logger = log.NewLogfmtLogger(&lines)
	c := newClient(t, cfg)
	issued := c.RefreshTokenIssued()

	// A file in the folder's place cannot be written into even by root.
	remove(t, folder)
	write(t, folder, "")
	for range 2 {
		if _, err := c.UsageSummary(t.Context(), customerID); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff([]string{"fake-refresh-token-1", "fake-refresh-token-2"}, s.sentTokens()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := strings.Count(lines.String(), "level=warn "); n != 2 || strings.Contains(lines.String(), "fake-refresh") {
		t.Errorf("got the log %q, want a warning for each exchange", lines.String())
	}
	if got := c.RefreshTokenIssued(); !got.Equal(issued) {
		t.Errorf("The stored token is of %v, want %v", got, issued)
	}

	remove(t, folder)
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	s.on(summaryPath, denied, ok)
	if _, err := c.UsageSummary(t.Context(), customerID); err != nil {
		t.Error(err)
	}
	if got := read(t, cfg.RefreshTokenFile); got != "fake-refresh-token-4\n" {
		t.Errorf("The file holds %q", got)
	}
}

// A token that could not be stored is not exchanged, because the old one is spent
// by then. Root may write to any folder, so that the folders are none.
func TestTokenIsNotSpentWhereItCannotBeStored(t *testing.T) {
	s := newServer(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "target"), "fake-refresh-token-1\n")
	symlink(t, os.DevNull, filepath.Join(dir, "device"))
	for name, test := range map[string]struct{ file, want string }{
		"a folder":               {dir, "refresh token file: read " + dir + ": is a directory"},
		"a device":               {filepath.Join(dir, "device"), "refresh token file: " + filepath.Join(dir, "device") + " is empty"},
		"a folder that is none":  {filepath.Join(dir, "target", "token"), "refresh token file: stat " + filepath.Join(dir, "target", "token") + ": not a directory"},
		"a file system to read":  {"/proc/self/comm", "refresh token file: the rotated token cannot be stored: the folder /proc/self must be writable: "},
		"another, for its owner": {"/sys/kernel/mm/transparent_hugepage/use_zero_page", "refresh token file: the rotated token cannot be stored: the folder /sys/kernel/mm/transparent_hugepage must be writable: "},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := os.Stat(test.file); errors.Is(err, fs.ErrNotExist) {
				t.Skip("This machine lacks it.")
			}
			cfg := s.config()
			cfg.RefreshTokenFile = test.file
			c, err := client.New(cfg)
			if err == nil {
				c.Close()
				t.Fatal("It is not refused.")
			}
			if !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if e, ok := errors.AsType[*client.ConfigError](err); !ok || e.Field != "RefreshTokenFile" {
				t.Errorf("got %T, want a *client.ConfigError of the refresh token file", err)
			}
			if n := len(s.calls(tokenPath)); n != 0 {
				t.Errorf("got %d exchanges, want none", n)
			}
		})
	}
}

func symlink(t *testing.T, target, link string) {
	t.Helper()
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
}

func TestRefreshTokenIssued(t *testing.T) {
	s := newServer(t)
	s.on(tokenPath, s.issue, answer(200, fixture(t, "token_v1_refresh.json")))
	s.on(summaryPath, denied)
	cfg := s.config()
	written := time.Date(2020, 4, 21, 22, 9, 53, 0, time.UTC)
	if err := os.Chtimes(cfg.RefreshTokenFile, written, written); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, cfg)
	if got := c.RefreshTokenIssued(); !got.Equal(written) {
		t.Errorf("got %v before an exchange, want %v", got, written)
	}
	before := time.Now()
	if err := c.Authenticate(t.Context()); err != nil {
		t.Fatal(err)
	}
	rotated := c.RefreshTokenIssued()
	if rotated.Before(before) || rotated.After(time.Now()) {
		t.Errorf("got %v after an exchange at %v", rotated, before)
	}
	// The second exchange returns no refresh token, so that the age stays.
	if _, err := c.UsageSummary(t.Context(), customerID); !client.IsAuth(err) {
		t.Errorf("got %v", err)
	}
	if got := c.RefreshTokenIssued(); !got.Equal(rotated) {
		t.Errorf("got %v after an answer without a refresh token, want %v", got, rotated)
	}
}

// A secret that every user of the machine can read is worth a warning, and no
// reason not to start.
func TestPublicSecretsGetAWarning(t *testing.T) {
	s := newServer(t)
	for name, test := range map[string]struct {
		mode os.FileMode
		want int
	}{
		"private":         {0o600, 0},
		"of a group":      {0o640, 0},
		"of everybody":    {0o644, 2},
		"of all to write": {0o602, 2},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := s.config()
			var lines bytes.Buffer
			cfg.Logger = log.NewLogfmtLogger(&lines)
			for _, file := range []string{cfg.ClientSecretFile, cfg.RefreshTokenFile} {
				if err := os.Chmod(file, test.mode); err != nil {
					t.Fatal(err)
				}
			}
			newClient(t, cfg)
			if got := strings.Count(lines.String(), "can be read by every user, or written"); got != test.want {
				t.Errorf("got %d warnings, want %d:\n%s", got, test.want, &lines)
			}
		})
	}
}

// An authority that wants to be left alone is, and those who waited for one
// exchange share its failure.
func TestRefusedExchangeIsShared(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
		header string
		delay  time.Duration // in which there is no further exchange
	}{
		"dead token":     {400, `{"error":"invalid_grant","error_description":"AADSTS700082: x"}`, "X-Fake: 1", 4500 * time.Millisecond},
		"a page":         {403, `<html>`, "X-Fake: 1", 4500 * time.Millisecond},
		"throttled":      {429, "", "X-Fake: 1", 4500 * time.Millisecond},
		"for 30 seconds": {429, "", "Retry-After: 30", 30 * time.Second},
		"for an hour":    {429, "", "Retry-After: 3600", 15 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				exchanges := 0
				c := withTransport(t, func(*http.Request) *http.Response {
					exchanges++
					time.Sleep(time.Second) // in the bubble: everybody queues meanwhile
					return respond(test.status, test.body, test.header)
				})
				var group sync.WaitGroup
				for range 20 {
					group.Go(func() {
						if c.Authenticate(t.Context()) == nil {
							t.Error("The exchange succeeded.")
						}
					})
				}
				group.Wait()
				if exchanges != 1 {
					t.Errorf("got %d exchanges for 20 callers, want 1", exchanges)
				}
				time.Sleep(test.delay - time.Millisecond)
				if c.Authenticate(t.Context()) == nil || exchanges != 1 {
					t.Errorf("got %d exchanges within %v, want none", exchanges-1, test.delay)
				}
				time.Sleep(time.Second)
				if c.Authenticate(t.Context()) == nil || exchanges != 2 {
					t.Errorf("got %d exchanges after %v, want 1", exchanges-1, test.delay)
				}
			})
		})
	}
}

// Exchanges that keep failing become rarer, whatever the cause and however many calls
// need one, as docs/operations.md promises. A success makes the next failure the first.
func TestExchangesThatFailBecomeRarer(t *testing.T) {
	for name, refusal := range map[string]http.HandlerFunc{
		"a page": answer(200, "<html>"), "throttled": answer(429, ""), "server": answer(503, ""), "dropped": drop, "revoked": revoked,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(s *server) {
				t := s.t
				s.on(tokenPath, refusal)
				c := newClient(t, s.config())
				began := time.Now()
				for range 5500 {
					_ = c.Authenticate(t.Context())
					time.Sleep(100 * time.Millisecond)
				}
				// 0, 5, 15, 35, 75, 155, 315 seconds, each delay less up to a tenth.
				if n := len(s.calls(tokenPath)); n != 7 {
					t.Errorf("got %d exchanges in %v, want 7", n, time.Since(began))
				}
				time.Sleep(15 * time.Minute)
				s.on(tokenPath, tokenAnswer("fake-access-token-1", "fake-refresh-token-2"), refusal)
				if err := c.Authenticate(t.Context()); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Hour)
				_ = c.Authenticate(t.Context())
				time.Sleep(5 * time.Second)
				_ = c.Authenticate(t.Context())
				if n := len(s.calls(tokenPath)); n != 10 {
					t.Errorf("got %d exchanges, want 2 within 5 seconds after a success", n-8)
				}
			})
		})
	}
}

// A new sign-in takes effect at once, whatever the delay.
func TestNewTokenEndsTheDelay(t *testing.T) {
	bubble(t, func(s *server) {
		t := s.t
		s.on(tokenPath, s.accepting(revoked, "fake-refresh-token-new", "fake-refresh-token-seed"))
		cfg := s.config()
		cfg.BootstrapRefreshTokenFile = filepath.Join(t.TempDir(), "seed")
		c := newClient(t, cfg)
		for range 3 {
			if err := c.Authenticate(t.Context()); !client.IsAuth(err) {
				t.Errorf("got %v", err)
			}
		}
		write(t, cfg.RefreshTokenFile, "fake-refresh-token-new")
		if err := c.Authenticate(t.Context()); err != nil {
			t.Error(err)
		}
		s.wantSent("fake-refresh-token-1", "fake-refresh-token-new")
	})
}

// One rejection with the code that Entra ID returns by mistake is no reason to wait
// for a TTL.
func TestOneRejectionByMistake(t *testing.T) {
	blip := answer(400, `{"error":"invalid_grant","error_description":"AADSTS70000: fake words"}`)
	for name, test := range map[string]struct {
		script []http.HandlerFunc
		ok     bool
	}{
		"once":  {[]http.HandlerFunc{blip, tokenAnswer("fake-access-token-1", "fake-refresh-token-2")}, true},
		"twice": {[]http.HandlerFunc{blip, blip, tokenAnswer("fake-access-token-1", "fake-refresh-token-2")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(s *server) {
				t := s.t
				s.on(tokenPath, test.script...)
				began := time.Now()
				err := newClient(t, s.config()).Authenticate(t.Context())
				if (err == nil) != test.ok || time.Since(began) != 3*time.Second || len(s.calls(tokenPath)) != 2 {
					t.Errorf("got %v after %v and %d exchanges, want 2 in 3 s", err, time.Since(began), len(s.calls(tokenPath)))
				}
			})
		})
	}
}

// Customers for whom Partner Center rejects each token do not have a good token
// replaced for each.
func TestRejectionsOfSomeCustomersKeepTheToken(t *testing.T) {
	bubble(t, func(s *server) {
		t := s.t
		const customers = 40
		for i := range customers {
			response := answer(200, `{"totalCost":1}`)
			if i%2 == 0 {
				response = denied
			}
			s.on(fmt.Sprintf("/v1/customers/c%d/usagesummary", i), response)
		}
		c := newClient(t, s.config())
		for i := range customers {
			_, err := c.UsageSummary(t.Context(), fmt.Sprint("c", i))
			if (err != nil) != (i%2 == 0) || err != nil && !client.IsAuth(err) {
				t.Errorf("c%d: got %v", i, err)
			}
		}
		if n := len(s.calls(tokenPath)); n != 2 {
			t.Errorf("got %d exchanges, want the first and one renewal", n)
		}
	})
}

// A token that is revoked at once after a renewal is renewed again.
func TestRevokedTokensAreRenewed(t *testing.T) {
	bubble(t, func(s *server) {
		t := s.t
		ok := answer(200, `{"totalCost":1}`)
		s.on(summaryPath, denied, ok, denied, ok, denied, ok)
		c := newClient(t, s.config())
		for range 3 {
			if _, err := c.UsageSummary(t.Context(), customerID); err != nil {
				t.Error(err)
			}
		}
		if n := len(s.calls(tokenPath)); n != 4 {
			t.Errorf("got %d exchanges, want 4", n)
		}
	})
}

// Servers that state no type of content send tokens all the same.
func TestTokenAsPlainText(t *testing.T) {
	s := newServer(t)
	s.on(tokenPath, answer(200, `{"access_token":"fake-access-token","refresh_token":"fake-refresh-token-2","expires_in":"3599"}`, "Content-Type: text/plain; charset=utf-8"))
	if err := s.client().Authenticate(t.Context()); err != nil {
		t.Error(err)
	}
}

// What Entra ID calls temporary is tried again soon.
func TestTemporaryTokenError(t *testing.T) {
	s := newServer(t)
	s.on(tokenPath, answer(400, `{"error":"temporarily_unavailable","error_description":"AADSTS90033: x"}`))
	if err := s.client().Authenticate(t.Context()); !client.IsTemporary(err) {
		t.Errorf("got %v, want a temporary error", err)
	}
}
