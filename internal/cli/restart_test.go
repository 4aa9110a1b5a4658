package cli_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

// The cache must not take the place of a credential, of a folder of them, of the web
// configuration or of a file of another program, now or when these are created.
func TestCacheFileInTheWrongPlace(t *testing.T) {
	folder := t.TempDir()
	file := func(name string) string { return filepath.Join(folder, name) }
	contents := map[string]string{"token": simulator.RefreshToken, "bootstrap": simulator.RefreshToken, "web.yml": "{}", "notes": "mine"}
	for name, content := range contents {
		if err := os.WriteFile(file(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("none", file("link")); err != nil {
		t.Fatal(err)
	}
	args := slices.DeleteFunc(clitest.SimulatedFlags(t, "http://127.0.0.1:1"), func(arg string) bool {
		return strings.HasPrefix(arg, "--partner.refresh-token-file=")
	})
	tests := []struct {
		token, cache, web, want string
	}{
		{"token", "token", "", "token is a credential file; choose another file"},
		{"token", "bootstrap", "", "bootstrap is a credential file; choose another file"},
		{"none", "none", "", "none is a credential file; choose another file"},
		{"none", "../" + filepath.Base(folder) + "/none", "", "none is a credential file; choose another file"},
		{"none", "link", "", "link is a credential file; choose another file"},
		{"link", "none", "", "none is a credential file; choose another file"},
		{"token", "web.yml", "web.yml", "web.yml is the file of --web.config.file; choose another file"},
		{"token", "notes", "", "notes is not a cache file: choose another file, or remove it"},
		{"token", ".", "", " is not a regular file"},
	}
	for _, test := range tests {
		flags := slices.Concat(args, []string{
			"--partner.refresh-token-file=" + file(test.token), "--partner.bootstrap-refresh-token-file=" + file("bootstrap"),
			"--cache.file=" + folder + "/" + test.cache,
		})
		if test.web != "" {
			flags = append(flags, "--web.config.file="+file(test.web))
		}
		status, _, stderr := clitest.Run(t, flags...)
		if status != 1 || !strings.HasPrefix(stderr, "azure_csp_exporter: error: --cache.file: "+folder) || !strings.HasSuffix(stderr, test.want+"\n") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%+v: status %d, %q", test, status, stderr)
		}
	}
	for name, want := range contents {
		if content, err := os.ReadFile(file(name)); err != nil || string(content) != want {
			t.Errorf("%s holds %q, %v", name, content, err)
		}
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
