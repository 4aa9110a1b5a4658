package cli_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"
)

// The health check of the container depends on the exit status.
func TestHealthcheck(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /-/healthy", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("GET /elsewhere", http.RedirectHandler("/-/healthy", http.StatusFound))
	server := httptest.NewServer(mux)
	defer server.Close()
	gone := httptest.NewServer(mux)
	gone.Close()
	for name, test := range map[string]struct {
		url    string
		status int
		stderr string
	}{
		"alive":       {server.URL + "/-/healthy", 0, ""},
		"not found":   {server.URL + "/-/other", 1, "azure_csp_exporter: error: " + server.URL + "/-/other responds with 404 Not Found\n"},
		"redirect":    {server.URL + "/elsewhere", 1, "azure_csp_exporter: error: " + server.URL + "/elsewhere responds with 302 Found\n"},
		"no listener": {gone.URL + "/-/healthy", 1, "azure_csp_exporter: error: dial tcp " + strings.TrimPrefix(gone.URL, "http://") + ": connect: connection refused\n"},
		"not a URL":   {"http://127.0.0.1:port", 1, "azure_csp_exporter: error: parse \"http://127.0.0.1:port\": invalid port \":port\" after host\n"},
	} {
		t.Run(name, func(t *testing.T) { checkRun(t, []string{"healthcheck", test.url}, test.status, "", test.stderr) })
	}
}

// The command is for containers, and no part of the help.
func TestHealthcheckIsHidden(t *testing.T) {
	if _, help, _ := clitest.Run(t, "--help"); strings.Contains(help, "healthcheck") {
		t.Errorf("the help lists it:\n%s", help)
	}
}
