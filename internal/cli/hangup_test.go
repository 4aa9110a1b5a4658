package cli_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/weblimit/weblimittest"
)

// fileOf returns the value of a flag that names a file.
func fileOf(t *testing.T, args []string, flag string) string {
	t.Helper()
	for _, arg := range args {
		if file, found := strings.CutPrefix(arg, flag+"="); found {
			return file
		}
	}
	t.Fatalf("%s is not among %v", flag, args)
	return ""
}

// hangup sends SIGHUP to the exporters of this process.
func hangup(t *testing.T) {
	t.Helper()
	process, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// awaitValue scrapes until a series has a value.
func awaitValue(t *testing.T, exporter *clitest.Program, series string, want float64) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < clitest.Patience; <-tick.C {
		if exporter.Get("/metrics").Value(series) == want {
			return
		}
	}
	t.Fatalf("%s is not %v:\n%s", series, want, exporter.Stderr)
}

// A new refresh token counts at once after SIGHUP, and not after a TTL, which a rejected
// one imposes.
func TestHangupReadsTheTokenAgain(t *testing.T) {
	args := simulated(t, simulator.New(simulator.Config{Customers: simulator.Fleet(12)}), "serve")
	token := fileOf(t, args, "--partner.refresh-token-file")
	if err := os.WriteFile(token, []byte("fake-revoked\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	exporter := clitest.Start(t, args...)
	if got := exporter.Get("/metrics").Value("azure_csp_up"); got != 0 {
		t.Fatalf("azure_csp_up is %v with a revoked token, want 0", got)
	}
	if err := os.WriteFile(token, []byte(simulator.RefreshToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	hangup(t)
	exporter.Stderr.Await(t, `level=info msg="reading the files again and refreshing"`)
	awaitValue(t, exporter, "azure_csp_up", 1)
}

// SIGHUP lists the customers and fetches the failed ones again, whatever the TTL, and
// reports a file that cannot be used.
func TestHangupRefreshes(t *testing.T) {
	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(12)})
	args := simulated(t, sim, "serve")
	exporter := clitest.Start(t, args...)
	exporter.Get("/metrics")
	sim.SetCustomers(simulator.Fleet(14))
	if got := len(exporter.Get("/metrics").Series("azure_csp_customer_info{")); got != 12 {
		t.Fatalf("there are %d customers before SIGHUP, want 12", got)
	}
	if err := os.Remove(fileOf(t, args, "--partner.client-secret-file")); err != nil {
		t.Fatal(err)
	}
	hangup(t)
	exporter.Stderr.Await(t, `level=error msg="a file cannot be used" err="--partner.client-secret-file: `)
	for began := time.Now(); len(exporter.Get("/metrics").Series("azure_csp_customer_info{")) != 14; {
		if time.Since(began) > clitest.Patience {
			t.Fatalf("SIGHUP does not list the customers:\n%s", exporter.Stderr)
		}
	}
}

// SIGTERM cuts off a reader that stalls, and is a success all the same.
func TestStopWithAReaderThatStalls(t *testing.T) {
	exporter := clitest.Start(t, simulated(t, wordy(), "serve")...)
	weblimittest.Stall(t, exporter.URL)
	exporter.Stop()
	if log := exporter.Stderr.String(); !strings.Contains(log, `msg="closing connections whose responses are not read to their end"`) {
		t.Errorf("The log is\n%s", log)
	}
}
