package e2e_test

import (
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"

	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli"
)

// directory is the storage of an OpenID provider with one application.
type directory struct {
	*storage.Storage

	app application
}

// application is allowed what the example's kind of client is not.
type application struct {
	*storage.Client

	method oidc.AuthMethod
}

func (a application) AuthMethod() oidc.AuthMethod { return a.method }

func (application) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeDeviceCode, oidc.GrantTypeRefreshToken}
}

func (d directory) GetClientByClientID(context.Context, string) (op.Client, error) {
	return d.app, nil
}

// TokenRequestByRefreshToken names the application, which the example forgets for
// tokens of device codes.
func (d directory) TokenRequestByRefreshToken(ctx context.Context, token string) (op.RefreshTokenRequest, error) {
	request, err := d.Storage.TokenRequestByRefreshToken(ctx, token)
	return grant{request, d.app.GetID()}, err
}

type grant struct {
	op.RefreshTokenRequest

	clientID string
}

func (g grant) GetClientID() string { return g.clientID }

// foreign is an authority of which this project has not written a line, before an
// API that takes its tokens.
type foreign struct {
	*httptest.Server

	directory directory
	secret    string
}

func newForeign(t *testing.T, id, secret string) *foreign {
	t.Helper()
	f := &foreign{secret: secret}
	mux := http.NewServeMux()
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	client := storage.DeviceClient(id, secret)
	storage.RegisterClients(client)
	f.directory = directory{storage.NewStorage(storage.NewUserStore(f.URL)), application{client, oidc.AuthMethodPost}}
	if secret == "" {
		f.directory.app.method = oidc.AuthMethodNone
	}
	mux.Handle("/", f.provider(t))
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header.Get("Authorization")) < len("Bearer ")+20 {
			t.Errorf("%s came with the authorization %q", r.URL, r.Header.Get("Authorization"))
		}
		body := `{"totalCost":12.345,"currencyCode":"EUR"}`
		switch r.URL.Path {
		case "/v1/customers":
			w.Header().Set("isMfaCompliant", "true")
			body = `{"items":[{"id":"c0","companyProfile":{"companyName":"Contoso"}}]}`
		case "/v1/customers/usagerecords":
			body = `{"items":[{"resourceId":"c0","totalCost":12.345,"budget":{"amount":20}}]}`
		}
		_, _ = io.WriteString(w, body)
	})
	return f
}

func (f *foreign) provider(t *testing.T) http.Handler {
	t.Helper()
	endpoint := func(name string) *op.Endpoint { return op.NewEndpoint("fake-partner.example/oauth2/v2.0/" + name) }
	provider, err := op.NewProvider(&op.Config{
		CryptoKey:             sha256.Sum256([]byte("fake-key")),
		AuthMethodPost:        true,
		GrantTypeRefreshToken: true,
		DeviceAuthorization: op.DeviceAuthorizationConfig{
			Lifetime: 5 * time.Minute, PollInterval: time.Second, UserFormPath: "/device", UserCode: op.UserCodeBase20,
		},
	}, f.directory, op.StaticIssuer(f.URL), op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)),
		op.WithCustomTokenEndpoint(endpoint("token")), op.WithCustomDeviceAuthorizationEndpoint(endpoint("devicecode")))
	if err != nil {
		t.Fatal(err)
	}
	return op.RegisterLegacyServer(op.NewLegacyServer(provider, provider.Endpoints()), http.NotFound)
}

// login runs the command with a user who does something with the code.
func (f *foreign) login(t *testing.T, file string, user func(userCode string) error) (status int, stdout, stderr string) {
	t.Helper()
	args := []string{
		"login", "--partner.tenant-id=fake-partner.example", "--partner.client-id=" + f.directory.app.GetID(),
		"--partner.refresh-token-file=" + file, "--partner.api-url=" + f.URL, "--partner.login-url=" + f.URL,
	}
	if f.secret != "" {
		args = append(args, "--partner.client-secret-file="+clitest.Write(t, f.secret))
	}
	out, errs, done := clitest.NewOutput(), clitest.NewOutput(), make(chan int, 1)
	go func() { done <- cli.Run(t.Context(), args, out, errs) }()
	if err := user(out.Await(t, `Open `+f.URL+`/device and enter the code (\S+)\n`)[1]); err != nil {
		t.Error(err)
	}
	select {
	case status = <-done:
	case <-time.After(clitest.Patience):
		t.Error("It does not end")
	}
	return status, out.String(), errs.String()
}

// A sign-in works at an authority that knows nothing of this project, with a
// secret and without.
func TestLoginAtForeignAuthority(t *testing.T) {
	for name, secret := range map[string]string{"confidential": "fake-client-secret", "public": ""} {
		t.Run(name, func(t *testing.T) {
			f := newForeign(t, "fake-"+name, secret)
			file := clitest.Write(t, "fake-refresh-that-has-died")
			status, stdout, stderr := f.login(t, file, func(userCode string) error {
				return f.directory.CompleteDeviceAuthorization(t.Context(), userCode, "id1")
			})
			want := `ok    sign-in    the refresh token is stored in ` + file + `
ok    files      the credential files are readable, and the refresh token file is replaceable
ok    token      the refresh token was exchanged for an access token
ok    clock      this machine's clock agrees with Microsoft's
ok    mfa        the sign-in used MFA
ok    customers  Partner Center lists 1 customer
ok    role       no request was rejected for a missing role
ok    usage      "Contoso" has a cost of 12.35 EUR in the current billing period
ok    budgets    1 of 1 customers with usage have a budget
ok    throttle   0 of 5 requests were throttled
`
			if _, report, _ := strings.Cut(stdout, "Waiting for the sign-in…\n"); report != want {
				t.Errorf("It reported\n%s\nwant\n%s", report, want)
			}
			if status != 0 || stderr != "" {
				t.Errorf("The exit status is %d, stderr %q, want 0 and none", status, stderr)
			}
		})
	}
}

// What a foreign authority refuses is told as what Entra ID refuses, though it
// has no codes.
func TestForeignAuthorityRefuses(t *testing.T) {
	f := newForeign(t, "fake-refused", "")
	file := clitest.Write(t, "fake-refresh-0")
	status, stdout, _ := f.login(t, file, func(userCode string) error {
		return f.directory.DenyDeviceAuthorization(t.Context(), userCode)
	})
	const want = `FAIL  sign-in    token: HTTP 400: access_denied
                 hint: the user or the authority declined: run azure_csp_exporter login again and accept
`
	if !strings.HasSuffix(stdout, want) || status != 1 {
		t.Errorf("It ended with status %d and said\n%s", status, stdout)
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != "fake-refresh-0" {
		t.Errorf("The token file has %q, %v", content, err)
	}
}

// A wrong secret is refused before there is a code.
func TestForeignAuthorityKnowsItsApplication(t *testing.T) {
	f := newForeign(t, "fake-mistaken", "fake-client-secret")
	status, stdout, _ := clitest.Run(t, "login", "--partner.tenant-id=fake-partner.example", "--partner.client-id=fake-mistaken",
		"--partner.client-secret-file="+clitest.Write(t, "fake-wrong-secret"), "--partner.refresh-token-file="+clitest.Write(t, "fake-refresh-0"),
		"--partner.api-url="+f.URL, "--partner.login-url="+f.URL)
	const want = `FAIL  sign-in    devicecode: HTTP 400: invalid_client
                 hint: check tenant, client id, client secret or certificate, and refresh token; if they are right, run azure_csp_exporter login with the same flags and sign in as a partner user with MFA
`
	if stdout != want || status != 1 {
		t.Errorf("It ended with status %d and said\n%s\nwant\n%s", status, stdout, want)
	}
}
