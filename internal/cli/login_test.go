package cli_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli"
)

const (
	devicePath  = "/fake-partner.example/oauth2/v2.0/devicecode"
	deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"
	fakePrompt  = `Open https://fake.example/device and enter the code FAKE-CODE
Sign in there as the partner user, with MFA. The code expires in 15 min; press Ctrl-C to cancel.
Waiting for the sign-in…
`
	simulatedPrompt = `Open https://login.simulated.example/devicelogin and enter the code SIMULATED
Sign in there as the partner user, with MFA. The code expires in 15 min; press Ctrl-C to cancel.
Waiting for the sign-in…
`
)

// expectSignIn makes a partner answer a device code flow, as the fields of
// Microsoft's documentation have it: first with these answers to polls, of which
// the last repeats, and then with its own tokens if there are none.
func (p *partner) expectSignIn(polls ...http.HandlerFunc) {
	p.on(devicePath, func(w http.ResponseWriter, r *http.Request) {
		checkForm(p.t, r, map[string]string{
			"client_id": "fake-client", "client_secret": fakeSecret, "scope": "https://api.partnercenter.microsoft.com/.default offline_access",
		})
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = io.WriteString(w, `{"user_code":"FAKE-CODE","device_code":"fake-device-code","verification_uri":"https://fake.example/device",
			"expires_in":900,"interval":1,"message":"To sign in, use a web browser."}`)
	})
	var polled atomic.Int32
	p.on(tokenPath, func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("grant_type") != deviceGrant {
			p.exchange(w, r)
			return
		}
		checkForm(p.t, r, map[string]string{"client_id": "fake-client", "client_secret": fakeSecret, "device_code": "fake-device-code"})
		polls[min(int(polled.Add(1)), len(polls))-1](w, r)
	})
}

func checkForm(t *testing.T, r *http.Request, fields map[string]string) {
	t.Helper()
	for name, want := range fields {
		if got := r.PostFormValue(name); got != want {
			t.Errorf("%s came with %s %q, want %q", r.URL, name, got, want)
		}
	}
}

func pending(w http.ResponseWriter, r *http.Request) {
	refuses("authorization_pending", 70016, "Authorization is pending.")(w, r)
}

func signedIn(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"token_type":"Bearer","expires_in":3599,"access_token":"fake-access-unused","refresh_token":"fake-refresh-0"}`)
}

// with gives flags other values, of which an empty one takes the flag out.
func with(args []string, changes ...string) []string {
	for change := range slices.Chunk(changes, 2) {
		args = slices.DeleteFunc(args, func(arg string) bool { return strings.HasPrefix(arg, change[0]+"=") })
		if change[1] != "" {
			args = append(args, change[0]+"="+change[1])
		}
	}
	return args
}

// fresh makes a partner's token file one that does not exist yet.
func (p *partner) fresh() {
	p.t.Helper()
	p.tokenFile = filepath.Join(p.t.TempDir(), "refresh-token")
}

func checkFile(t *testing.T, file, want string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil || string(content) != want {
		t.Errorf("The token file has %q, %v, want %q", content, err, want)
	}
	if info, err := os.Stat(file); err == nil && info.Mode() != 0o600 {
		t.Errorf("The token file has the mode %v, want 0600", info.Mode())
	}
}

// The user is told where to sign in, the token gets into a new file, and what it
// is worth is said at once.
func TestLogin(t *testing.T) {
	t.Parallel() // A poll takes a second, as in every test of this file.
	p := newPartner(t)
	p.fresh()
	p.expectSignIn(pending, signedIn)
	p.on(listPath, lists("Contoso"))
	p.on("/v1/customers/c0/usagesummary", says(200, `{"totalCost":12.345,"currencyCode":"EUR"}`))
	status, stdout, stderr := clitest.Run(t, p.flags("login", "--log.level=debug")...)
	want := fakePrompt + `ok    sign-in    the refresh token is stored in ` + p.tokenFile + `
ok    files      the credential files are readable, and the refresh token file is replaceable
ok    token      the refresh token was exchanged for an access token
ok    clock      this machine's clock agrees with Microsoft's
ok    mfa        the sign-in used MFA
ok    customers  Partner Center lists 1 customers
ok    role       no request was rejected for a missing role
ok    usage      "Contoso" has a cost of 12.35 EUR in the current billing period
note  budgets    1 of 2 customers with usage have a budget
ok    throttle   0 of 5 requests were throttled
`
	if diff := cmp.Diff(want, stdout); diff != "" {
		t.Error(diff)
	}
	checkExit(t, status, regexp.MustCompile(`(?m)^.*level=debug msg=request .*\n`).ReplaceAllString(stderr, ""), false)
	checkFile(t, p.tokenFile, "fake-refresh-1\n") // The check has rotated it.
	checkSilence(t, stdout+stderr)
}

func checkSilence(t *testing.T, said string) {
	t.Helper()
	for _, secret := range []string{fakeSecret, "fake-refresh", "fake-access", "fake-device-code"} {
		if strings.Contains(said, secret) {
			t.Errorf("%s is printed:\n%s", secret, said)
		}
	}
}

// A public client has no secret to send, and a file that exists is replaced.
func TestLoginOfPublicClient(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Config{PublicClient: true})
	sim.SetSignIn(simulator.SignIn{Interval: time.Second})
	file := clitest.Write(t, "not-a-token-that-has-died")
	status, stdout, stderr := clitest.Run(t, with(simulated(t, sim, "login"), "--partner.client-secret-file", "", "--partner.refresh-token-file", file)...)
	want := simulatedPrompt + `ok    sign-in    the refresh token is stored in ` + file + `
ok    files      the credential files are readable, and the refresh token file is replaceable
ok    token      the refresh token was exchanged for an access token
ok    clock      this machine's clock agrees with Microsoft's
ok    mfa        the sign-in used MFA
note  customers  Partner Center lists no customers; is this the partner's tenant, and not a customer's?
skip  role       there are no customers
skip  usage      there are no customers
ok    budgets    0 of 0 customers with usage have a budget
ok    throttle   0 of 4 requests were throttled
`
	if diff := cmp.Diff(want, stdout); diff != "" {
		t.Error(diff)
	}
	checkExit(t, status, stderr, false)
	checkFile(t, file, "not-a-token-simulated-refresh-2\n")
}

// A sign-in without MFA is worth nothing, and is said to be so.
func TestLoginWithoutMFA(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(3)})
	sim.SetSignIn(simulator.SignIn{Interval: time.Second})
	sim.SetFaults(simulator.Faults{WithoutMFA: true})
	file := clitest.Write(t, "not-a-token-that-has-died")
	status, stdout, stderr := clitest.Run(t, with(simulated(t, sim, "login"), "--partner.refresh-token-file", file)...)
	want := simulatedPrompt + `ok    sign-in    the refresh token is stored in ` + file + `
ok    files      the credential files are readable, and the refresh token file is replaceable
ok    token      the refresh token was exchanged for an access token
ok    clock      this machine's clock agrees with Microsoft's
FAIL  mfa        customers: the sign-in did not use MFA
                 hint: sign in again as a partner user with MFA and replace the refresh token file
skip  customers  skipped because of the failure above
skip  role       skipped because of the failure above
skip  usage      skipped because of the failure above
skip  budgets    skipped because of the failure above
skip  throttle   skipped because of the failure above
`
	if diff := cmp.Diff(want, stdout); diff != "" {
		t.Error(diff)
	}
	checkExit(t, status, stderr, true)
	checkFile(t, file, "not-a-token-simulated-refresh-2\n")
}

// A sign-in that fails says why and what to do, and leaves the file alone.
func TestLoginFails(t *testing.T) {
	const ids = "(request 11111111-1111-4111-8111-111111111111, correlation 22222222-2222-4222-8222-222222222222)"
	tests := []struct {
		name string
		poll http.HandlerFunc
		want string
	}{
		{
			"declined", says(http.StatusBadRequest, `{"error":"authorization_declined","error_description":"The user declined."}`),
			`FAIL  sign-in    token: HTTP 400: authorization_declined
                 hint: the user declined: sign in again and accept
`,
		},
		{
			"expired", refuses("expired_token", 70019, "The code expired."),
			`FAIL  sign-in    token: HTTP 400: code AADSTS70019: expired_token ` + ids + `
                 hint: the code expired before the user signed in: start the sign-in again, and enter the new code before it expires
`,
		},
		{
			"consent", refuses("invalid_grant", 65001, "There is no consent."),
			`FAIL  sign-in    token: HTTP 400: code AADSTS65001: invalid_grant ` + ids + `
                 hint: let an administrator consent to the application's permission on Microsoft Partner Center
`,
		},
		{
			"Conditional Access", refuses("access_denied", 530036, "A policy blocks the flow."),
			`FAIL  sign-in    token: HTTP 400: code AADSTS530036: access_denied ` + ids + `
                 hint: Conditional Access blocks sign-ins by device code: exempt the user from the policy on authentication flows
`,
		},
		{
			"no secret", refuses("invalid_client", 7000218, "A secret or an assertion is needed."),
			`FAIL  sign-in    token: HTTP 400: code AADSTS7000218: invalid_client ` + ids + `
                 hint: the application has to prove who it is: give the program its client secret, or choose to allow public client flows in the app registration
`,
		},
		{
			"no refresh token", says(http.StatusOK, `{"token_type":"Bearer","expires_in":3599,"access_token":"fake-access-unused"}`),
			`FAIL  sign-in    token: HTTP 200: the response has no refresh token
                 hint: let the application have offline_access: let an administrator consent to the application's permission on Microsoft Partner Center, then sign in again
`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPartner(t)
			p.expectSignIn(test.poll)
			status, stdout, stderr := clitest.Run(t, p.flags("login")...)
			if diff := cmp.Diff(fakePrompt+test.want, stdout); diff != "" {
				t.Error(diff)
			}
			if want := "azure_csp_exporter: error: sign-in failed; the refresh token file is unchanged\n"; status != 1 || stderr != want {
				t.Errorf("It ended with status %d and said %q, want 1 and %q", status, stderr, want)
			}
			checkFile(t, p.tokenFile, "fake-refresh-0\n")
			checkSilence(t, stdout+stderr)
		})
	}
}

// Where the tenant is wrong, there is no code to show.
func TestLoginToWrongTenant(t *testing.T) {
	sim := simulator.New(simulator.Config{})
	status, stdout, _ := clitest.Run(t, with(simulated(t, sim, "login"), "--partner.tenant-id", "another.example")...)
	step, remedy, _ := strings.Cut(stdout, "\n")
	if !strings.HasPrefix(step, "FAIL  sign-in    devicecode: HTTP 400: code AADSTS90002: invalid_request (request ") ||
		remedy != "                 hint: the authority does not know the tenant: check tenant and cloud\n" || status != 1 {
		t.Errorf("It ended with status %d and said %s", status, stdout)
	}
}

// A folder that cannot hold the token is found before anybody is asked to sign
// in.
func TestLoginLooksForFolderFirst(t *testing.T) {
	p := newPartner(t) // It answers no request for a code.
	p.tokenFile = filepath.Join(t.TempDir(), "none", "refresh-token")
	status, stdout, stderr := clitest.Run(t, p.flags("login")...)
	if want := fmt.Sprintf("azure_csp_exporter: error: --partner.refresh-token-file: the refresh token cannot be stored: the folder %s must be writable: ", filepath.Dir(p.tokenFile)); status != 1 || stdout != "" || !strings.HasPrefix(stderr, want) {
		t.Errorf("It ended with status %d and said %q and %q", status, stdout, stderr)
	}
	p.tokenFile = t.TempDir()
	status, stdout, stderr = clitest.Run(t, p.flags("login")...)
	if want := fmt.Sprintf("azure_csp_exporter: error: --partner.refresh-token-file: the refresh token cannot be stored: %s is not a regular file\n", p.tokenFile); status != 1 || stdout != "" || stderr != want {
		t.Errorf("It ended with status %d and said %q and %q, want %q", status, stdout, stderr, want)
	}
}

// Ctrl-C ends the wait at once and changes nothing.
func TestLoginGivesUp(t *testing.T) {
	p := newPartner(t)
	p.expectSignIn(pending)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stdout, stderr, status := clitest.NewOutput(), clitest.NewOutput(), make(chan int, 1)
	go func() { status <- cli.Run(ctx, p.flags("login"), stdout, stderr) }()
	stdout.Await(t, "Waiting")
	cancel()
	select {
	case got := <-status:
		if want := "azure_csp_exporter: error: sign-in interrupted; the refresh token file is unchanged\n"; got != 130 || stderr.String() != want {
			t.Errorf("It ended with status %d and said %q, want 130 and %q", got, stderr, want)
		}
	case <-time.After(clitest.Patience):
		t.Error("It does not end")
	}
	if diff := cmp.Diff(fakePrompt, stdout.String()); diff != "" {
		t.Error(diff)
	}
	checkFile(t, p.tokenFile, "fake-refresh-0\n")
}
