package client_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

const (
	tokenPath     = "/fake-tenant/oauth2/v2.0/token"
	customersPath = "/v1/customers"
	recordsPath   = "/v1/customers/usagerecords"
	summaryPath   = "/v1/customers/" + customerID + "/usagesummary"

	customerID = "44908a11-641b-4c53-b7fc-0f2bfca8a581"
	requestID  = "11111111-1111-4111-8111-111111111111"
	traceID    = "22222222-2222-4222-8222-222222222222"
)

// call is a request as it arrived, with its form read.
type call struct {
	Method string
	URI    string // the path and query as sent
	Header http.Header
	Form   url.Values
}

// server stands for both Entra ID and Partner Center. It answers by script, and
// issues rotating tokens where the script does not say otherwise.
type server struct {
	*httptest.Server
	t *testing.T

	mu     sync.Mutex
	seen   map[string][]call
	script map[string][]http.HandlerFunc
	issued int

	memory bool // whether clients call it without a connection
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, seen: map[string][]call{}, script: map[string][]http.HandlerFunc{}}
	s.on(tokenPath, s.issue)
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// bubble runs a test in a bubble of synctest, with a server that clients call in
// memory.
func bubble(t *testing.T, test func(s *server)) {
	t.Helper()
	s := newServer(t)
	s.memory = true
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		test(s)
	})
}

// on scripts the answers of a path in their order. The last one repeats.
func (s *server) on(path string, answers ...http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script[path] = answers
}

// calls returns what has arrived at a path.
func (s *server) calls(path string) []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[path]
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.t.Errorf("The form of %s cannot be read: %v", r.RequestURI, err)
	}
	s.mu.Lock()
	path := r.URL.Path
	s.seen[path] = append(s.seen[path], call{r.Method, r.RequestURI, r.Header, r.PostForm})
	answers := s.script[path]
	if len(answers) > 1 {
		s.script[path] = answers[1:]
	}
	s.mu.Unlock()
	if len(answers) == 0 {
		s.t.Errorf("%s was called, which the script does not have", r.RequestURI)
		return
	}
	answers[0](w, r)
}

// issue answers as the token endpoint does: exchange n gives the access token n
// and the refresh token n+1, since a client begins with refresh token 1.
func (s *server) issue(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.issued++
	n := s.issued
	s.mu.Unlock()
	tokenAnswer(fmt.Sprintf("fake-access-token-%d", n), fmt.Sprintf("fake-refresh-token-%d", n+1))(w, r)
}

func (s *server) config() client.Config {
	cfg := newConfig(s.t, s.URL)
	if s.memory {
		cfg.Transport = simulator.Transport{Handler: s}
	}
	return cfg
}

// newConfig has files of its own for the client's credentials.
func newConfig(t *testing.T, address string) client.Config {
	t.Helper()
	dir := t.TempDir()
	return client.Config{
		Cloud:            client.Cloud{APIURL: address, LoginURL: address, Scope: "https://fake.example/.default offline_access"},
		TenantID:         "fake-tenant",
		ClientID:         "fake-client-id",
		ClientSecretFile: write(t, filepath.Join(dir, "secret"), "fake-client-secret-1\n"),
		RefreshTokenFile: write(t, filepath.Join(dir, "token"), "fake-refresh-token-1\n"),
		UserAgent:        "fake-agent/1.0",
	}
}

// client is one of the server's own configuration.
func (s *server) client() *client.Client { return newClient(s.t, s.config()) }

func newClient(t *testing.T, cfg client.Config) *client.Client {
	t.Helper()
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// answer is a whole answer, given headers as "Name: value".
func answer(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for _, header := range headers {
			name, value, _ := strings.Cut(header, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		// A client that stops reading is one of the cases.
		_, _ = io.WriteString(w, body)
	}
}

func tokenAnswer(access, refresh string) http.HandlerFunc {
	return answer(200, fmt.Sprintf(`{"token_type":"Bearer","expires_in":3599,"access_token":%q,"refresh_token":%q}`, access, refresh))
}

// drop closes the connection without an answer.
func drop(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// cutOff promises more of a body than it sends.
func cutOff(w http.ResponseWriter, r *http.Request) {
	answer(200, `{"totalCost":1`, "Content-Length: 1000")(w, r)
	// Without the flush nothing of it would leave.
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func fixture(t *testing.T, name string) string {
	t.Helper()
	return read(t, filepath.Join("testdata", name))
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// write returns the file's name.
func write(t *testing.T, file, content string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// failure is the client's own error, which every failure of a call has to be.
func failure(t *testing.T, err error) *client.Error {
	t.Helper()
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		t.Fatalf("got %T %v, want a *client.Error", err, err)
	}
	return e
}
