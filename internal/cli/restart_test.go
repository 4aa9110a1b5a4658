package cli_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

// The cache must not take the place of a credential, or of a folder of them.
func TestCacheFileInTheWrongPlace(t *testing.T) {
	token := clitest.Write(t, simulator.RefreshToken)
	args := clitest.SimulatedFlags(t, "http://127.0.0.1:1")
	for i, arg := range args {
		if strings.HasPrefix(arg, "--partner.refresh-token-file=") {
			args[i] = "--partner.refresh-token-file=" + token
		}
	}
	for _, path := range []string{token, filepath.Dir(token)} {
		status, _, stderr := clitest.Run(t, append(args, "--cache.file="+path)...)
		if status == 0 || !strings.HasPrefix(stderr, "azure_csp_exporter: error: --cache.file: ") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: status %d, %q", path, status, stderr)
		}
	}
	if content, err := os.ReadFile(token); err != nil || string(content) != simulator.RefreshToken {
		t.Errorf("The token file is gone: %v", err)
	}
}

// A restart costs no calls and changes no series, since the file has everything
// but secrets.
func TestRestartCostsNoCalls(t *testing.T) {
	sim := simulator.New(simulator.Config{Customers: clitest.Billed(30)})
	server := httptest.NewServer(sim)
	defer server.Close()
	file := filepath.Join(t.TempDir(), "cache.json")
	args := clitest.SimulatedFlags(t, server.URL, "--cache.file="+file)

	first := clitest.Start(t, args...)
	before := first.Get("/metrics").Series("azure_csp_customer")
	first.Stop()
	calls := sim.Stats().Calls
	second := clitest.Start(t, args...)
	if got := second.Get("/-/ready").Status; got != 200 {
		t.Errorf("It is not ready at once: %d", got)
	}
	if diff := cmp.Diff(before, second.Get("/metrics").Series("azure_csp_customer")); diff != "" {
		t.Error(diff)
	}
	second.Stop()
	if diff := cmp.Diff(calls, sim.Stats().Calls); diff != "" {
		t.Errorf("The restart cost calls:\n%s", diff)
	}
	content, err := os.ReadFile(file)
	if err != nil || len(before) < 30*8 {
		t.Errorf("%d series, %v", len(before), err)
	}
	for _, secret := range []string{simulator.ClientSecret, "not-a-token"} {
		if strings.Contains(string(content), secret) {
			t.Errorf("The cache file holds %s", secret)
		}
	}
}
