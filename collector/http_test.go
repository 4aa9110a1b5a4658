package collector_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/collector"
)

// billed returns n customers who all have figures.
func billed(n int) []simulator.Customer {
	customers := simulator.Fleet(n)
	for i := range customers {
		customers[i].Answer = simulator.Usage
	}
	return customers
}

// overHTTP returns a cache that asks a simulator over loopback.
func overHTTP(tb testing.TB, sim *simulator.Simulator, concurrency int) *collector.Cache {
	tb.Helper()
	server := httptest.NewServer(sim)
	tb.Cleanup(server.Close)
	folder := tb.TempDir()
	cfg := client.Config{
		Cloud:            client.Cloud{APIURL: server.URL, LoginURL: server.URL, Scope: simulator.Scope},
		TenantID:         simulator.TenantID,
		ClientID:         simulator.ClientID,
		ClientSecretFile: filepath.Join(folder, "secret"),
		RefreshTokenFile: filepath.Join(folder, "token"),
		Concurrency:      concurrency,
	}
	for file, content := range map[string]string{cfg.ClientSecretFile: simulator.ClientSecret, cfg.RefreshTokenFile: simulator.RefreshToken} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	partner, err := client.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(partner.Close)
	cache := collector.NewCache(partner, collector.Config{Concurrency: concurrency, TTL: time.Hour, MaxAge: 24 * time.Hour})
	tb.Cleanup(cache.Close)
	return cache
}

// Two scrapes at once on a cold cache, over real HTTP: one token, one list, one
// usage of each customer, and never more calls at once than allowed.
func TestColdStartOverHTTP(t *testing.T) {
	sim := simulator.New(simulator.Config{Customers: billed(200)})
	sim.SetFaults(simulator.Faults{Latency: 20 * time.Millisecond})
	cache := overHTTP(t, sim, 20)
	other := make(chan struct{})
	go func() {
		defer close(other)
		cache.Scrape(t.Context())
	}()
	cache.Scrape(t.Context())
	<-other
	stats := sim.Stats()
	want := map[client.Endpoint]int{client.EndpointToken: 1, client.EndpointCustomers: 1, client.EndpointUsageSummary: 200}
	if diff := cmp.Diff(want, stats.Calls); diff != "" {
		t.Error(diff)
	}
	if stats.PeakInFlight != 20 {
		t.Errorf("%d calls in flight, want 20", stats.PeakInFlight)
	}
	if got := len(costs(cache)); got != 200 {
		t.Errorf("%d customers have figures, want 200", got)
	}
}

// BenchmarkColdStart prints how many times the least possible time it takes from
// cold to complete: 200 customers, 100 ms a call, 20 at a time, which is 1 s.
func BenchmarkColdStart(b *testing.B) {
	const customers, latency, concurrency = 200, 100 * time.Millisecond, 20
	least := customers * latency / concurrency
	var took time.Duration
	var peak int
	for b.Loop() {
		sim := simulator.New(simulator.Config{Customers: billed(customers)})
		sim.SetFaults(simulator.Faults{Latency: latency})
		cache := overHTTP(b, sim, concurrency)
		began := time.Now()
		cache.Scrape(b.Context())
		took += time.Since(began)
		peak = max(peak, sim.Stats().PeakInFlight)
		if got := len(costs(cache)); got != customers {
			b.Fatalf("%d customers have figures, want %d", got, customers)
		}
	}
	b.ReportMetric(float64(took)/float64(b.N)/float64(least), "x-least")
	b.ReportMetric(float64(peak), "peak-calls")
}
