package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

const (
	fakeSecret = "fake-client-secret"
	tokenPath  = "/fake-partner.example/oauth2/v2.0/token"
	listPath   = "/v1/customers"
	// Of the two customers that the records have at first, one has a budget.
	recordsPath = "/v1/customers/usagerecords"
	// The ids of fake responses, for literal expectations.
	fakeRequest     = "11111111-1111-4111-8111-111111111111"
	fakeCorrelation = "22222222-2222-4222-8222-222222222222"
)

var guid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// partner is a Partner Center and an Entra ID written from Microsoft's
// documentation alone. It shares no code with the simulator, so that a mistake
// which client and simulator have in common shows.
type partner struct {
	*httptest.Server
	t         *testing.T
	tokenFile string

	mu        sync.Mutex
	responses map[string]http.HandlerFunc // by path
	exchanges int
}

func newPartner(t *testing.T) *partner {
	t.Helper()
	p := &partner{t: t, tokenFile: clitest.Write(t, "fake-refresh-0\n"), responses: map[string]http.HandlerFunc{}}
	p.on(tokenPath, p.exchange)
	p.on(recordsPath, respond(http.StatusOK, `{"items":[{"resourceId":"c0","totalCost":1,"budget":{"amount":2}},{"resourceId":"c1","totalCost":1}]}`))
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

// flags returns the arguments of a command for this partner.
func (p *partner) flags(command string, more ...string) []string {
	p.t.Helper()
	return append([]string{
		command, "--partner.tenant-id=fake-partner.example", "--partner.client-id=fake-client",
		"--partner.client-secret-file=" + clitest.Write(p.t, fakeSecret+"\n"), "--partner.refresh-token-file=" + p.tokenFile,
		"--partner.api-url=" + p.URL, "--partner.login-url=" + p.URL + "/",
	}, more...)
}

// on sets the response of a path.
func (p *partner) on(path string, response http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.responses[path] = response
}

func (p *partner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	serve, ok := p.responses[r.URL.Path]
	p.mu.Unlock()
	switch {
	case !ok:
		p.t.Errorf("unexpected request %s %s", r.Method, r.URL)
		w.WriteHeader(http.StatusNotFound)
	case r.URL.Path == tokenPath, r.URL.Path == devicePath:
		serve(w, r)
	default:
		p.checkHeaders(r)
		serve(w, r)
	}
}

// checkHeaders checks the headers that Microsoft requires of every request.
func (p *partner) checkHeaders(r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if got, want := r.Header.Get("Authorization"), fmt.Sprintf("Bearer fake-access-%d", p.exchanges); got != want {
		p.t.Errorf("%s has the authorization %q, want %q", r.URL, got, want)
	}
	if r.Method != http.MethodGet || r.Header.Get("Accept") != "application/json" || !strings.HasPrefix(r.UserAgent(), "azure_csp_exporter/") {
		p.t.Errorf("%s %s has the headers %v", r.Method, r.URL, r.Header)
	}
	for _, name := range []string{"MS-RequestId", "MS-CorrelationId"} {
		if !guid.MatchString(r.Header.Get(name)) {
			p.t.Errorf("%s has %s %q, which is not a GUID", r.URL, name, r.Header.Get(name))
		}
	}
}

// exchange rotates the refresh token, of which only the newest works, and writes
// its numbers as strings, as the older endpoint does.
func (p *partner) exchange(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, want := range map[string]string{
		"client_id": "fake-client", "client_secret": fakeSecret, "grant_type": "refresh_token",
		"refresh_token": fmt.Sprintf("fake-refresh-%d", p.exchanges),
		"scope":         "https://api.partnercenter.microsoft.com/.default offline_access",
	} {
		if got := r.PostFormValue(name); got != want {
			p.t.Errorf("The exchange has %s %q, want %q", name, got, want)
		}
	}
	p.exchanges++
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	fmt.Fprintf(w, `{"token_type":"Bearer","scope":"https://api.partnercenter.microsoft.com/user_impersonation",
		"expires_in":"3599","ext_expires_in":"3599","expires_on":"4102444800","not_before":"1500000000",
		"resource":"https://api.partnercenter.microsoft.com","access_token":"fake-access-%[1]d","refresh_token":"fake-refresh-%[1]d"}`, p.exchanges)
}

// respond responds as Partner Center does, with a byte order mark and ids, and
// headers given as "Name: value".
func respond(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("MS-RequestId", fakeRequest)
		w.Header().Set("MS-CorrelationId", fakeCorrelation)
		for _, header := range headers {
			name, value, _ := strings.Cut(header, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "\ufeff"+body) //nolint:gosec // Some responses repeat what was sent on purpose.
	}
}

// simulated serves a simulator, or a handler before it, and returns the arguments of a
// command for it.
func simulated(t *testing.T, handler http.Handler, command string, more ...string) []string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return append([]string{
		command, "--partner.tenant-id=" + simulator.TenantID, "--partner.client-id=" + simulator.ClientID,
		"--partner.client-secret-file=" + clitest.Write(t, simulator.ClientSecret),
		"--partner.refresh-token-file=" + clitest.Write(t, simulator.RefreshToken),
		"--partner.api-url=" + server.URL, "--partner.login-url=" + server.URL,
	}, more...)
}
