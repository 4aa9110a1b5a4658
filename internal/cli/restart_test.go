package cli_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

// A restart costs no calls and changes no series, since the file has everything
// but secrets.
func TestRestartCostsNoCalls(t *testing.T) {
	sim := simulator.New(simulator.Config{Customers: billed(30)})
	server := httptest.NewServer(sim)
	defer server.Close()
	file := filepath.Join(t.TempDir(), "cache.json")
	args := simulatedFlags(t, server.URL, "--cache.file="+file)

	first := start(t, args...)
	before := first.get("/metrics").series("azure_csp_customer")
	first.stop()
	calls := sim.Stats().Calls
	second := start(t, args...)
	if got := second.get("/-/ready").status; got != 200 {
		t.Errorf("It is not ready at once: %d", got)
	}
	if diff := cmp.Diff(before, second.get("/metrics").series("azure_csp_customer")); diff != "" {
		t.Error(diff)
	}
	second.stop()
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
