package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

const (
	faultyFleet = 30
	// perFault is how many scrapes each fault lasts, a second apart.
	perFault = 4
)

// elsewhere are the faults that this test cannot judge, each with the reason.
var elsewhere = map[string]string{
	"month-start":   "it changes the figures, so that they are not those of the time; dashboards/rules/tests has it",
	"empty-list":    "a second list that agrees is believed, a TTL of a second later; internal/cache tests it in simulated time",
	"half-the-list": "as empty-list",
}

// TestFailureNeverEmptiesTheGraph plays each fault of the simulator by its name, and
// compares every cost of every scrape with what the simulator has billed. A customer
// that once had a cost keeps it.
func TestFailureNeverEmptiesTheGraph(t *testing.T) {
	for _, name := range simulator.FaultNames() {
		if elsewhere[name] != "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			playFault(t, name)
		})
	}
}

func playFault(t *testing.T, name string) {
	t.Helper()
	customers := clitest.Billed(faultyFleet)
	sim := simulator.New(simulator.Config{Customers: customers, TokenLife: 2 * time.Second})
	server := httptest.NewServer(sim)
	defer server.Close()
	args := clitest.SimulatedFlags(t, server.URL, "--api.timeout=2s", "--cache.ttl=1s", "--api.concurrency=8")
	p := clitest.Start(t, args...)
	check := newSoakCheck(customers)
	scrapeOnce := func() clitest.Response {
		began := time.Now()
		a := p.Send(http.MethodGet, "/metrics", "X-Prometheus-Scrape-Timeout-Seconds: 5")
		check.judge(t, a, time.Since(began))
		return a
	}
	pause := time.NewTicker(time.Second)
	defer pause.Stop()
	for range scrapesAtMost {
		if scrapeOnce(); len(check.seen) == faultyFleet {
			break
		}
		<-pause.C
	}
	if len(check.seen) != faultyFleet {
		t.Fatalf("%d customers were seen before the fault, want %d", len(check.seen), faultyFleet)
	}
	if err := sim.SetFault(name, true); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for range perFault {
		<-pause.C
		compared += len(costSeries.FindAllString(scrapeOnce().Body, -1))
	}
	if compared != perFault*faultyFleet {
		t.Errorf("%d costs were compared during the fault, want %d", compared, perFault*faultyFleet)
	}
	if log := p.Stderr.String(); strings.Contains(log, simulator.ClientSecret) || strings.Contains(log, "not-a-token-simulated") {
		t.Errorf("The log has a secret:\n%s", log)
	}
}
