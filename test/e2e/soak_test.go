package e2e_test

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

// soakFor is short where tests have to be quick; "make soak" says three minutes.
var soakFor = flag.Duration("soak", 15*time.Second, "how long the soak test runs")

// soakDeadline is the scrape timeout that the scrapers state.
const soakDeadline = 5 * time.Second

var costSeries = regexp.MustCompile(`(?m)^azure_csp_customer_total_cost\{.*customer_id="([^"]+)".*\} (\S+)$`)

// TestSoak lets one call in five fail, kills the token every ten seconds and has
// two scrapers look on: none of that may show in a scrape but as a success gauge.
func TestSoak(t *testing.T) {
	customers := clitest.Billed(1000)
	sim := simulator.New(simulator.Config{Customers: customers})
	sim.SetFaults(simulator.Faults{
		Latency: 2 * time.Millisecond,
		Failing: 0.04, Unavailable: 0.04, Dropped: 0.04, Truncated: 0.04,
		Slow: 0.04, SlowFor: 300 * time.Millisecond,
	})
	server := httptest.NewServer(sim)
	defer server.Close()
	p := clitest.Start(t, clitest.SimulatedFlags(t, server.URL, "--api.concurrency=32", "--cache.ttl=2s")...)
	check := newSoakCheck(customers)
	end := time.After(*soakFor)
	revoke := time.NewTicker(10 * time.Second)
	defer revoke.Stop()
	var scrapers sync.WaitGroup
	over := make(chan struct{})
	for range 2 {
		scrapers.Go(func() { check.scrapeUntil(t, p, over) })
	}
	for done := false; !done; {
		select {
		case <-revoke.C:
			sim.RevokeAccessTokens()
		case <-end:
			close(over)
			done = true
		}
	}
	scrapers.Wait()
	check.report(t)
}

// soakCheck knows which values are right, and whom it has seen.
type soakCheck struct {
	customers map[string]simulator.Customer
	began     time.Time

	mu      sync.Mutex
	scrapes int
	slowest time.Duration
	seen    map[string]bool
	heaps   []uint64
}

func newSoakCheck(customers []simulator.Customer) *soakCheck {
	c := &soakCheck{customers: map[string]simulator.Customer{}, began: time.Now(), seen: map[string]bool{}}
	for _, customer := range customers {
		c.customers[strings.ToLower(customer.ID)] = customer
	}
	return c
}

func (c *soakCheck) scrapeUntil(t *testing.T, p *clitest.Program, over <-chan struct{}) {
	t.Helper()
	for {
		select {
		case <-over:
			return
		default:
		}
		began := time.Now()
		a := p.Send(http.MethodGet, "/metrics", fmt.Sprintf("X-Prometheus-Scrape-Timeout-Seconds: %g", soakDeadline.Seconds()))
		c.judge(t, a, time.Since(began))
	}
}

// judge checks one scrape against what the scrapes that ended before it saw.
func (c *soakCheck) judge(t *testing.T, a clitest.Response, took time.Duration) {
	t.Helper()
	if a.Status != http.StatusOK || took > 2*soakDeadline {
		t.Errorf("A scrape answered %d after %s.", a.Status, took)
	}
	costs := map[string]string{}
	for _, match := range costSeries.FindAllStringSubmatch(a.Body, -1) {
		costs[match[1]] = match[2]
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.scrapes++
	c.slowest = max(c.slowest, took)
	for id := range c.seen {
		if costs[id] == "" {
			t.Errorf("Customer %s has lost its series.", id)
		}
	}
	for id, text := range costs {
		if !c.plausible(id, text) {
			t.Errorf("Customer %s costs %s, which it never did.", id, text)
		}
	}
	if c.scrapes%20 == 0 {
		c.measureHeap()
	}
}

// plausible says whether a customer has cost that much at any time of the soak.
func (c *soakCheck) plausible(id, text string) bool {
	customer, known := c.customers[id]
	value, err := strconv.ParseFloat(text, 64)
	if !known || err != nil {
		return false
	}
	for at := c.began; at.Before(time.Now().Add(time.Minute)); at = at.Add(time.Minute) {
		if customer.Figures(at).Cost == value {
			c.seen[id] = true
			return true
		}
	}
	return false
}

func (c *soakCheck) measureHeap() {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	c.heaps = append(c.heaps, stats.HeapAlloc)
}

// report checks what only the whole soak shows: everybody was seen, and what is
// in use at its end is no more than at its half, but for the noise of two
// scrapers who were in the middle of something.
func (c *soakCheck) report(t *testing.T) {
	t.Helper()
	t.Logf("%d scrapes, the slowest %s, %d customers, heaps %d", c.scrapes, c.slowest, len(c.seen), c.heaps)
	if len(c.seen) != len(c.customers) {
		t.Errorf("%d customers were seen, want %d.", len(c.seen), len(c.customers))
	}
	if n := len(c.heaps); n >= 2 && c.heaps[n-1] > c.heaps[n/2]+c.heaps[n/2]/2+16<<20 {
		t.Errorf("The heap grew from %d to %d bytes.", c.heaps[n/2], c.heaps[n-1])
	}
}
