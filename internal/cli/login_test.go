package cli_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
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

// expectSignIn makes a partner respond to a device code flow with the fields of
// Microsoft's documentation, and to polls with these responses, of which the last one
// repeats.
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
	tokenError("authorization_pending", 70016, "Authorization is pending.")(w, r)
}

func signedIn(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"token_type":"Bearer","expires_in":3599,"access_token":"fake-access-unused","refresh_token":"fake-refresh-0"}`)
}

// with returns arguments with other values of flags. An empty value removes the flag.
func with(args []string, changes ...string) []string {
	for change := range slices.Chunk(changes, 2) {
		args = slices.DeleteFunc(args, func(arg string) bool { return strings.HasPrefix(arg, change[0]+"=") })
		if change[1] != "" {
			args = append(args, change[0]+"="+change[1])
		}
	}
	return args
}

// fresh makes the token file of a partner one that does not exist yet.
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

// login prints where to sign in, stores the token in a new file, and checks it.
func TestLogin(t *testing.T) {
	t.Parallel() // A poll takes a second, as in every test of this file.
	p := newPartner(t)
	p.fresh()
	p.expectSignIn(pending, signedIn)
	p.on(listPath, listOf("Contoso"))
	p.on("/v1/customers/c0/usagesummary", respond(200, `{"totalCost":12.345,"currencyCode":"EUR"}`))
	checkSilence(t, checkTranscript(t, p.flags("login", "--log.level=debug")...))
	checkFile(t, p.tokenFile, "fake-refresh-1\n") // The check has rotated it.
}

func checkSilence(t *testing.T, printed string) {
	t.Helper()
	for _, secret := range []string{fakeSecret, "fake-refresh", "fake-access", "fake-device-code"} {
		if strings.Contains(printed, secret) {
			t.Errorf("%s is printed:\n%s", secret, printed)
		}
	}
}

// A public client has no secret to send, and a file that exists is replaced.
func TestLoginOfPublicClient(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Config{PublicClient: true})
	sim.SetSignIn(simulator.SignIn{Interval: time.Second})
	file := clitest.Write(t, "not-a-token-that-has-died")
	checkTranscript(t, with(simulated(t, sim, "login"), "--partner.client-secret-file", "", "--partner.refresh-token-file", file)...)
	checkFile(t, file, "not-a-token-simulated-refresh-2\n")
}

// A sign-in without MFA fails the check.
func TestLoginWithoutMFA(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(3)})
	sim.SetSignIn(simulator.SignIn{Interval: time.Second})
	sim.SetFaults(simulator.Faults{WithoutMFA: true})
	file := clitest.Write(t, "not-a-token-that-has-died")
	checkTranscript(t, with(simulated(t, sim, "login"), "--partner.refresh-token-file", file)...)
	checkFile(t, file, "not-a-token-simulated-refresh-2\n")
}

// A sign-in that fails prints the cause and a hint, and does not change the file.
func TestLoginFails(t *testing.T) {
	tests := map[string]http.HandlerFunc{
		"declined":           respond(http.StatusBadRequest, `{"error":"authorization_declined","error_description":"The user declined."}`),
		"expired":            tokenError("expired_token", 70019, "The code expired."),
		"consent":            tokenError("invalid_grant", 65001, "There is no consent."),
		"Conditional Access": tokenError("access_denied", 530036, "A policy blocks the flow."),
		"no secret":          tokenError("invalid_client", 7000218, "A secret or an assertion is needed."),
		"no refresh token":   respond(http.StatusOK, `{"token_type":"Bearer","expires_in":3599,"access_token":"fake-access-unused"}`),
	}
	for name, poll := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPartner(t)
			p.expectSignIn(poll)
			checkSilence(t, checkTranscript(t, p.flags("login")...))
			checkFile(t, p.tokenFile, "fake-refresh-0\n")
		})
	}
}

// With a wrong tenant there is no code to show.
func TestLoginToWrongTenant(t *testing.T) {
	sim := simulator.New(simulator.Config{})
	status, stdout, _ := clitest.Run(t, with(simulated(t, sim, "login"), "--partner.tenant-id", "another.example")...)
	step, remedy, _ := strings.Cut(stdout, "\n")
	if !strings.HasPrefix(step, "FAIL  sign-in    devicecode: HTTP 400: code AADSTS90002: invalid_request (request ") ||
		remedy != "                 hint: the authority does not know the tenant: check tenant and cloud\n" || status != 1 {
		t.Errorf("Exit status %d, output %s", status, stdout)
	}
}

// A folder that cannot hold the token is an error before the sign-in.
func TestLoginChecksFolderFirst(t *testing.T) {
	p := newPartner(t) // It accepts no request for a code.
	p.tokenFile = filepath.Join(t.TempDir(), "none", "refresh-token")
	status, stdout, stderr := clitest.Run(t, p.flags("login")...)
	if want := fmt.Sprintf("azure_csp_exporter: error: --partner.refresh-token-file: the refresh token cannot be stored: the folder %s must be writable: ", filepath.Dir(p.tokenFile)); status != 1 || stdout != "" || !strings.HasPrefix(stderr, want) {
		t.Errorf("Exit status %d, output %q and %q", status, stdout, stderr)
	}
	p.tokenFile = t.TempDir()
	status, stdout, stderr = clitest.Run(t, p.flags("login")...)
	if want := fmt.Sprintf("azure_csp_exporter: error: --partner.refresh-token-file: the refresh token cannot be stored: %s is not a regular file\n", p.tokenFile); status != 1 || stdout != "" || stderr != want {
		t.Errorf("Exit status %d, output %q and %q, want %q", status, stdout, stderr, want)
	}
}

// Ctrl-C ends the wait at once and changes nothing.
func TestLoginIsInterrupted(t *testing.T) {
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
			t.Errorf("Exit status %d, standard error %q, want 130 and %q", got, stderr, want)
		}
	case <-time.After(clitest.Patience):
		t.Error("The command does not end")
	}
	if diff := cmp.Diff(fakePrompt, stdout.String()); diff != "" {
		t.Error(diff)
	}
	checkFile(t, p.tokenFile, "fake-refresh-0\n")
}
