package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

const (
	devicePath = "/fake-tenant/oauth2/v2.0/devicecode"
	codeAnswer = `{"device_code":"fake-device-code","user_code":"FAKE-CODE","verification_uri":"https://fake.example/device","expires_in":60,"interval":3}`
)

// pending is what a poll gets before the user has signed in.
var pending = answer(400, `{"error":"authorization_pending","error_description":"AADSTS70016: x"}`)

// hang gives no answer until the client leaves.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// authority hands out a code and answers polls by script, of which the last
// answer repeats.
type authority struct {
	t     *testing.T
	code  http.HandlerFunc
	polls []http.HandlerFunc

	began time.Time
	at    []time.Duration // of the polls
	forms []url.Values    // of all requests
}

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		a.t.Errorf("The form of %s cannot be read: %v", r.URL, err)
	}
	a.forms = append(a.forms, r.PostForm)
	switch r.URL.Path {
	case devicePath:
		a.began = time.Now()
		a.code(w, r)
	case tokenPath:
		a.at = append(a.at, time.Since(a.began))
		a.polls[min(len(a.at), len(a.polls))-1](w, r)
	default:
		a.t.Errorf("%s was called", r.URL)
	}
}

func newAuthority(t *testing.T, polls ...http.HandlerFunc) *authority {
	t.Helper()
	return &authority{t: t, code: answer(200, codeAnswer), polls: polls}
}

// config is that of an application with a secret and no refresh token.
func (a *authority) config() client.Config {
	cfg := newConfig(a.t, "https://login.fake.example")
	cfg.Transport = simulator.Transport{Handler: a}
	if err := os.Remove(cfg.RefreshTokenFile); err != nil {
		a.t.Fatal(err)
	}
	return cfg
}

func ignore(client.DeviceCode) {}

// The user sees the code, and the refresh token gets into a new file that only
// its owner may read.
func TestSignIn(t *testing.T) {
	for name, secret := range map[string]string{"confidential": "fake-client-secret-1", "public": ""} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAuthority(t, pending, tokenAnswer("fake-access-token-1", "fake-refresh-token-2"))
				cfg := a.config()
				if secret == "" {
					cfg.ClientSecretFile = ""
				}
				traced := map[client.Endpoint][]int{}
				cfg.Trace = func(endpoint client.Endpoint) func(int) {
					return func(status int) { traced[endpoint] = append(traced[endpoint], status) }
				}
				var shown []client.DeviceCode
				if err := client.SignIn(t.Context(), cfg, func(code client.DeviceCode) { shown = append(shown, code) }); err != nil {
					t.Fatal(err)
				}
				code := []client.DeviceCode{{UserCode: "FAKE-CODE", VerificationURL: "https://fake.example/device", Expires: a.began.Add(time.Minute)}}
				if diff := cmp.Diff(code, shown); diff != "" {
					t.Errorf("shown (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(map[client.Endpoint][]int{"devicecode": {200}, "token": {400, 200}}, traced); diff != "" {
					t.Errorf("traced (-want +got):\n%s", diff)
				}
				checkForms(t, a.forms, secret)
				info, err := os.Stat(cfg.RefreshTokenFile)
				if err != nil || info.Mode() != 0o600 || read(t, cfg.RefreshTokenFile) != "fake-refresh-token-2\n" {
					t.Errorf("The file is %v, %v", info, err)
				}
			})
		})
	}
}

func checkForms(t *testing.T, got []url.Values, secret string) {
	t.Helper()
	begin := url.Values{"client_id": {"fake-client-id"}, "scope": {"https://fake.example/.default offline_access"}}
	poll := url.Values{
		"client_id": {"fake-client-id"}, "scope": {"https://fake.example/.default offline_access"},
		"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {"fake-device-code"},
	}
	if secret != "" {
		begin.Set("client_secret", secret)
		poll.Set("client_secret", secret)
	}
	if diff := cmp.Diff([]url.Values{begin, poll, poll}, got); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

// A cloud of the caller's own need not speak of refresh tokens.
func TestSignInAsksForRefreshToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuthority(t, tokenAnswer("fake-access-token-1", "fake-refresh-token-2"))
		cfg := a.config()
		cfg.Cloud.Scope = "https://fake.example/.default"
		if err := client.SignIn(t.Context(), cfg, ignore); err != nil {
			t.Fatal(err)
		}
		if got := a.forms[0].Get("scope"); got != "https://fake.example/.default offline_access" {
			t.Errorf("asked for the scope %q", got)
		}
	})
}

// Polls keep to the interval of the authority, become rarer when it asks for
// that or does not answer, and go on after failures that may pass.
func TestSignInPolls(t *testing.T) {
	const s = time.Second
	done := tokenAnswer("fake-access-token-1", "fake-refresh-token-2")
	slowDown := answer(400, `{"error":"slow_down"}`)
	for name, test := range map[string]struct {
		code  string
		polls []http.HandlerFunc
		want  []time.Duration
	}{
		"interval":            {codeAnswer, []http.HandlerFunc{pending, pending, done}, []time.Duration{3 * s, 6 * s, 9 * s}},
		"no interval":         {strings.Replace(codeAnswer, `,"interval":3`, "", 1), []http.HandlerFunc{pending, done}, []time.Duration{5 * s, 10 * s}},
		"an interval below 0": {strings.Replace(codeAnswer, `:3`, ":-3", 1), []http.HandlerFunc{pending, done}, []time.Duration{5 * s, 10 * s}},
		"no end":              {strings.Replace(codeAnswer, `"expires_in":60,`, "", 1), []http.HandlerFunc{pending, done}, []time.Duration{3 * s, 6 * s}},
		"slow down":           {codeAnswer, []http.HandlerFunc{slowDown, pending, slowDown, done}, []time.Duration{3 * s, 11 * s, 19 * s, 32 * s}},
		"connection dropped":  {codeAnswer, []http.HandlerFunc{drop, pending, done}, []time.Duration{3 * s, 11 * s, 19 * s}},
		"server error":        {codeAnswer, []http.HandlerFunc{answer(500, "x"), done}, []time.Duration{3 * s, 11 * s}},
		"gateway":             {codeAnswer, []http.HandlerFunc{answer(503, "<html>"), done}, []time.Duration{3 * s, 11 * s}},
		"throttled":           {codeAnswer, []http.HandlerFunc{answer(429, ""), done}, []time.Duration{3 * s, 11 * s}},
		"out of order":        {codeAnswer, []http.HandlerFunc{answer(400, `{"error":"temporarily_unavailable"}`), done}, []time.Duration{3 * s, 11 * s}},
		// It takes until 23 s for the client to give up on the answer.
		"no answer": {codeAnswer, []http.HandlerFunc{hang, done}, []time.Duration{3 * s, 31 * s}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAuthority(t, test.polls...)
				a.code = answer(200, test.code)
				if err := client.SignIn(t.Context(), a.config(), ignore); err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(test.want, a.at); diff != "" {
					t.Errorf("polls (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Every way in which a sign-in fails has a text and a remedy, and leaves the file
// as it was.
func TestSignInFails(t *testing.T) {
	const newCode = "run azure_csp_exporter login again, and enter the new code before it expires"
	grant := func(name, description string) http.HandlerFunc {
		return answer(400, fmt.Sprintf(`{"error":%q,"error_description":%q,"trace_id":%q}`, name, description, traceID))
	}
	for name, test := range map[string]struct {
		poll   http.HandlerFunc
		text   string
		reason client.Reason
		remedy string
	}{
		"declined": {
			grant("authorization_declined", "The user declined."),
			"token: HTTP 400: authorization_declined (request 22222222-2222-4222-8222-222222222222, correlation unknown)",
			"auth", "the user declined: run azure_csp_exporter login again and accept",
		},
		"denied":           {answer(400, `{"error":"access_denied"}`), "token: HTTP 400: access_denied", "auth", "the user or the authority declined: run azure_csp_exporter login again and accept"},
		"consent declined": {grant("access_denied", "AADSTS65004: x"), "token: HTTP 400: code AADSTS65004: access_denied (request 22222222-2222-4222-8222-222222222222, correlation unknown)", "permission", "the user declined to consent: run azure_csp_exporter login again and accept, or let an administrator consent to the application's permission on Microsoft Partner Center"},
		"expired":          {answer(400, `{"error":"expired_token"}`), "token: HTTP 400: expired_token", "auth", "the code expired before the user signed in: " + newCode},
		"expired at v1":    {answer(400, `{"error":"code_expired","error_description":"AADSTS70019: x"}`), "token: HTTP 400: code AADSTS70019: code_expired", "auth", "the code expired before the user signed in: " + newCode},
		"unknown code":     {answer(400, `{"error":"bad_verification_code"}`), "token: HTTP 400: bad_verification_code", "auth", "the authority does not know the code: " + newCode},
		"nobody":           {pending, "token: the code expired before the user signed in", "auth", newCode},
		"nothing answers":  {drop, `token: Post "https://login.fake.example/fake-tenant/oauth2/v2.0/token": connection dropped`, "network", "check DNS, firewall and proxy between this machine and Microsoft"},
		"server fails":     {answer(502, ""), "token: HTTP 502: the token endpoint refused", "server", "wait for Microsoft; if it lasts, give their support the request and correlation ids"},
		"no secret":        {answer(401, `{"error":"invalid_client","error_description":"AADSTS7000218: x"}`), "token: HTTP 401: code AADSTS7000218: invalid_client", "auth", "the application has to prove who it is: give the program its client secret, or choose to allow public client flows in the app registration"},
		"no refresh token": {answer(200, `{"access_token":"fake-access-token-1"}`), "token: HTTP 200: the response has no refresh token", "permission", "let the application have offline_access: let an administrator consent to the application's permission on Microsoft Partner Center, then run azure_csp_exporter login with the same flags"},
		"no token":         {answer(200, `{}`), "token: HTTP 200: the response is not a token", "decode", "check that no proxy responds in Microsoft's place; otherwise report it as a bug"},
		"redirect":         {answer(302, "", "Location: /elsewhere"), "token: HTTP 302: not a response of Entra ID: the body is empty", "decode", "check that no proxy responds in Microsoft's place; otherwise report it as a bug"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAuthority(t, test.poll)
				// No poll falls on the end of the code.
				a.code = answer(200, strings.Replace(codeAnswer, ":60", ":70", 1))
				cfg := a.config()
				write(t, cfg.RefreshTokenFile, "fake-refresh-token-1\n")
				e := failure(t, client.SignIn(t.Context(), cfg, ignore))
				if diff := cmp.Diff([]string{test.text, string(test.reason), test.remedy}, []string{e.Error(), string(e.Reason), e.Hint()}); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if got := read(t, cfg.RefreshTokenFile); got != "fake-refresh-token-1\n" {
					t.Errorf("The file holds %q", got)
				}
			})
		})
	}
}

// Without a code there is nothing to show and nothing to wait for.
func TestSignInWithoutCode(t *testing.T) {
	const unusable = "the response is not a device code"
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   client.Error
	}{
		"tenant":         {answer(400, `{"error":"invalid_request","error_description":"AADSTS90002: x"}`), client.Error{StatusCode: 400, Code: "AADSTS90002", Description: "invalid_request", Reason: "auth"}},
		"application":    {answer(400, `{"error":"unauthorized_client","error_description":"AADSTS700016: x"}`), client.Error{StatusCode: 400, Code: "AADSTS700016", Description: "unauthorized_client", Reason: "auth"}},
		"server":         {answer(503, "<html>"), client.Error{StatusCode: 503, Description: "the token endpoint refused", Reason: "server"}},
		"dropped":        {drop, client.Error{Reason: "network"}},
		"hanging":        {hang, client.Error{Reason: "timeout"}},
		"null":           {answer(200, "null"), client.Error{StatusCode: 200, Reason: "decode"}},
		"HTML":           {answer(200, "<html>"), client.Error{StatusCode: 200, Reason: "decode"}},
		"empty":          {answer(200, ""), client.Error{StatusCode: 200, Reason: "decode"}},
		"no device code": {answer(200, `{"user_code":"FAKE-CODE","verification_uri":"https://fake.example/device"}`), client.Error{StatusCode: 200, Reason: "decode"}},
		"no user code":   {answer(200, `{"device_code":"fake-device-code","verification_uri":"https://fake.example/device"}`), client.Error{StatusCode: 200, Reason: "decode"}},
		"no page":        {answer(200, strings.Replace(codeAnswer, "https:", "file:", 1)), client.Error{StatusCode: 200, Reason: "decode"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAuthority(t)
				a.code = test.answer
				err := client.SignIn(t.Context(), a.config(), func(code client.DeviceCode) { t.Errorf("%v was shown", code) })
				test.want.Endpoint = "devicecode"
				e := failure(t, err)
				if diff := cmp.Diff(&test.want, e, cmpopts.IgnoreFields(client.Error{}, "Err")); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if e.Reason == client.ReasonDecode && e.Err.Error() != unusable {
					t.Errorf("got %v", e.Err)
				}
			})
		})
	}
}

// A user code cannot take over a terminal.
func TestSignInShowsPrintable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuthority(t, tokenAnswer("fake-access-token-1", "fake-refresh-token-2"))
		a.code = answer(200, strings.Replace(codeAnswer, "FAKE-CODE", `FAKE\u001b[2J\nCODE`, 1))
		err := client.SignIn(t.Context(), a.config(), func(code client.DeviceCode) {
			if code.UserCode != "FAKE[2J CODE" {
				t.Errorf("%q was shown", code.UserCode)
			}
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// An authority would only state that the request is wrong.
func TestSignInRefusesEmptyFields(t *testing.T) {
	cfg := newServer(t).config()
	cfg.TenantID = ""
	err := client.SignIn(t.Context(), cfg, func(client.DeviceCode) { t.Error("the user is prompted") })
	if want := "TenantID: it is empty: set the partner's Entra tenant, a GUID or a domain"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Whoever gives up need not wait for an interval or an answer.
func TestSignInEndsWithContext(t *testing.T) {
	for name, poll := range map[string]http.HandlerFunc{"between polls": pending, "during a poll": hang} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, began := newAuthority(t, poll), time.Now()
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(4*time.Second, cancel)
				err := client.SignIn(ctx, a.config(), ignore)
				if !errors.Is(err, context.Canceled) || time.Since(began) != 4*time.Second {
					t.Errorf("It ended with %v after %v", err, time.Since(began))
				}
			})
		})
	}
}

// A request for a code ends with the context too.
func TestSignInEndsBeforeCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, began := newAuthority(t), time.Now()
		a.code = hang
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		err := client.SignIn(ctx, a.config(), ignore)
		if !errors.Is(err, context.Canceled) || time.Since(began) != time.Second {
			t.Errorf("It ended with %v after %v", err, time.Since(began))
		}
	})
}

// What is wrong with an address or a file is found before anybody is asked.
func TestSignInLooksFirst(t *testing.T) {
	folder := t.TempDir()
	for want, change := range map[string]func(*client.Config){
		"login address: ":      func(cfg *client.Config) { cfg.Cloud.LoginURL = "login.fake.example" },
		"client secret file: ": func(cfg *client.Config) { cfg.ClientSecretFile = filepath.Join(folder, "none") },
		"refresh token file: ": func(cfg *client.Config) { cfg.RefreshTokenFile = filepath.Join(folder, "none", "token") },
		"refresh token file: the refresh token cannot be stored: " + folder + " is not a regular file": func(cfg *client.Config) { cfg.RefreshTokenFile = folder },
	} {
		a := newAuthority(t)
		cfg := a.config()
		change(&cfg)
		err := client.SignIn(t.Context(), cfg, ignore)
		if err == nil || !strings.HasPrefix(err.Error(), want) || len(a.forms) != 0 {
			t.Errorf("It failed with %v after %d requests, want %s", err, len(a.forms), want)
		}
	}
}

// A token that cannot be stored in the end is a failure.
func TestSignInCannotStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuthority(t, tokenAnswer("fake-access-token-1", "fake-refresh-token-2"))
		cfg := a.config()
		err := client.SignIn(t.Context(), cfg, func(client.DeviceCode) {
			if err := os.Mkdir(cfg.RefreshTokenFile, 0o700); err != nil {
				t.Error(err)
			}
		})
		if err == nil || !strings.HasPrefix(err.Error(), "the sign-in succeeded, but the refresh token cannot be stored: ") {
			t.Errorf("got %v", err)
		}
	})
}

// A hostile answer to a poll gets nothing secret into an error. All are tried at
// once, since an interval is at least a second.
func TestSignInSecretsStayOutOfErrors(t *testing.T) {
	var group sync.WaitGroup
	for name, answers := range hostile {
		s := newServer(t)
		s.on(devicePath, answer(200, `{"device_code":"fake/device+code=1","user_code":"FAKE","verification_uri":"https://fake.example/","interval":1,"expires_in":2}`))
		s.on(tokenPath, func(w http.ResponseWriter, r *http.Request) {
			r.PostForm.Set("refresh_token", r.PostForm.Get("device_code")) // which hostile answers repeat
			answers(w, r)
		})
		cfg := s.config()
		write(t, cfg.ClientSecretFile, "fake~client/secret+1=")
		group.Go(func() {
			err := client.SignIn(t.Context(), cfg, ignore)
			said := strings.Join(texts(err), "\n")
			for _, secret := range []string{"fake~client/secret+1=", "fake/device+code=1"} {
				if strings.Contains(said, secret) || strings.Contains(said, url.QueryEscape(secret)) {
					t.Errorf("%s: an error or its cause says %s", name, said)
				}
			}
			if err == nil {
				t.Errorf("%s: the sign-in succeeded", name)
			}
		})
	}
	group.Wait()
}

// A poll that the end of the code cuts off is no failure of the network.
func TestSignInExpiresDuringPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuthority(t, pending, hang)
		a.code = answer(200, strings.Replace(codeAnswer, ":60", ":10", 1))
		e := failure(t, client.SignIn(t.Context(), a.config(), ignore))
		if want := "token: the code expired before the user signed in"; e.Error() != want || time.Since(a.began) != 10*time.Second {
			t.Errorf("got %q after %v, want %q after 10 s", e, time.Since(a.began), want)
		}
	})
}

// A code whose end the authority does not tell ends all the same.
func TestSignInWithoutExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuthority(t, tokenAnswer("fake-access-token-1", "fake-refresh-token-2"))
		a.code = answer(200, strings.Replace(codeAnswer, `"expires_in":60,`, "", 1))
		err := client.SignIn(t.Context(), a.config(), func(code client.DeviceCode) {
			if got := code.Expires.Sub(a.began); got != 15*time.Minute {
				t.Errorf("The code expires after %v, want 15 minutes", got)
			}
		})
		if err != nil {
			t.Error(err)
		}
	})
}
