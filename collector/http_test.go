package collector_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache/cachetest"
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
func overHTTP(tb testing.TB, sim *simulator.Simulator, concurrency int, change ...func(*cache.Config)) *cache.Cache {
	tb.Helper()
	server := httptest.NewServer(sim)
	tb.Cleanup(server.Close)
	return against(tb, server.URL, nil, concurrency, change...)
}

// against returns a cache that asks a server, by a round tripper if there is one.
func against(tb testing.TB, url string, transport http.RoundTripper, concurrency int, change ...func(*cache.Config)) *cache.Cache {
	tb.Helper()
	folder := tb.TempDir()
	cfg := client.Config{
		Cloud:            client.Cloud{APIURL: url, LoginURL: url, Scope: simulator.Scope},
		TenantID:         simulator.TenantID,
		ClientID:         simulator.ClientID,
		ClientSecretFile: filepath.Join(folder, "secret"),
		RefreshTokenFile: filepath.Join(folder, "token"),
		Concurrency:      concurrency,
		Transport:        transport,
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
	settings := cache.Config{Concurrency: concurrency, TTL: time.Hour, MaxAge: 24 * time.Hour}
	for _, c := range change {
		c(&settings)
	}
	c := cache.New(partner, settings)
	tb.Cleanup(c.Close)
	return c
}

// Two scrapes at once on a cold cache, over real HTTP: one token, one list, one
// usage of each customer, and never more calls at once than allowed.
func TestColdStartOverHTTP(t *testing.T) {
	sim := simulator.New(simulator.Config{Customers: billed(200)})
	sim.SetFaults(simulator.Faults{Latency: 20 * time.Millisecond})
	c := overHTTP(t, sim, 20)
	other := make(chan struct{})
	go func() {
		defer close(other)
		c.Refresh(t.Context())
	}()
	c.Refresh(t.Context())
	<-other
	stats := sim.Stats()
	want := map[client.Endpoint]int{client.EndpointToken: 1, client.EndpointCustomers: 1, client.EndpointUsageSummary: 200}
	if diff := cmp.Diff(want, stats.Calls); diff != "" {
		t.Error(diff)
	}
	if stats.PeakInFlight > 20 {
		t.Errorf("%d calls in flight, want at most 20", stats.PeakInFlight)
	}
	if got := len(cachetest.Costs(c)); got != 200 {
		t.Errorf("%d customers have figures, want 200", got)
	}
}

// callsOf returns the calls of a scrape that finds everybody due.
func callsOf(t *testing.T, sim *simulator.Simulator, c *cache.Cache) map[client.Endpoint]int {
	t.Helper()
	before := sim.Stats().Calls
	c.Refresh(t.Context())
	calls := map[client.Endpoint]int{}
	for endpoint, n := range sim.Stats().Calls {
		if n -= before[endpoint]; n > 0 {
			calls[endpoint] = n
		}
	}
	return calls
}

// Customers that change little cost few requests: where nothing changed, that is the
// pages of the list and one request for the usage records.
func TestRefreshCostsFewRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet := billed(2000)
		now := time.Date(2000, 1, 15, 12, 0, 0, 0, time.UTC)
		sim := simulator.New(simulator.Config{Customers: fleet, Now: func() time.Time { return now }, TokenLife: 24 * time.Hour})
		c := against(t, "http://simulated.example", simulator.Transport{Handler: sim}, 64, cachetest.WithRecords)
		cold := map[client.Endpoint]int{client.EndpointToken: 1, client.EndpointCustomers: 4, client.EndpointUsageSummary: 2000}
		same := map[client.Endpoint]int{client.EndpointCustomers: 4, client.EndpointUsageRecords: 1}
		changed := map[client.Endpoint]int{client.EndpointCustomers: 4, client.EndpointUsageRecords: 1, client.EndpointUsageSummary: 100}
		if diff := cmp.Diff(cold, callsOf(t, sim, c)); diff != "" {
			t.Error("cold", diff)
		}
		time.Sleep(time.Hour)
		if diff := cmp.Diff(same, callsOf(t, sim, c)); diff != "" {
			t.Error("nothing changed", diff)
		}
		time.Sleep(time.Hour)
		for i := range 100 {
			fleet[20*i].Month += 100
		}
		sim.SetCustomers(fleet)
		if diff := cmp.Diff(changed, callsOf(t, sim, c)); diff != "" {
			t.Error("5 % changed", diff)
		}
	})
}

// A long list does not hold the first customers up: they are fetched while it
// goes on, and nobody is asked for twice.
func TestCustomersAreFetchedWhileTheListGoesOn(t *testing.T) {
	sim := simulator.New(simulator.Config{Customers: billed(1500)})
	asked := make(chan struct{})
	firstAsked := sync.OnceFunc(func() { close(asked) })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/usagesummary") {
			firstAsked()
		}
		if r.Header.Get("Ms-Continuationtoken") != "" {
			select {
			case <-asked:
			case <-time.After(10 * time.Second):
				t.Error("nobody is asked for before the list has ended")
			}
		}
		sim.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	c := against(t, server.URL, nil, 8)
	c.Refresh(t.Context())
	want := map[client.Endpoint]int{client.EndpointToken: 1, client.EndpointCustomers: 3, client.EndpointUsageSummary: 1500}
	if diff := cmp.Diff(want, sim.Stats().Calls); diff != "" {
		t.Error(diff)
	}
	if got := len(cachetest.Costs(c)); got != 1500 {
		t.Errorf("%d customers have figures, want 1500", got)
	}
}

// BenchmarkColdStart prints how many times the least possible time it takes from
// cold to complete, over real HTTP and with the token and the list in it.
func BenchmarkColdStart(b *testing.B) {
	b.Run("200x100ms/20", func(b *testing.B) { benchmarkColdStart(b, 200, 100*time.Millisecond, 20) })
	b.Run("10000x50ms/64", func(b *testing.B) { benchmarkColdStart(b, 10_000, 50*time.Millisecond, 64) })
}

func benchmarkColdStart(b *testing.B, customers int, latency time.Duration, concurrency int) {
	b.Helper()
	least := time.Duration(customers) * latency / time.Duration(concurrency)
	var took time.Duration
	var peak int
	for b.Loop() {
		sim := simulator.New(simulator.Config{Customers: billed(customers)})
		sim.SetFaults(simulator.Faults{Latency: latency})
		c := overHTTP(b, sim, concurrency)
		began := time.Now()
		c.Refresh(b.Context())
		took += time.Since(began)
		peak = max(peak, sim.Stats().PeakInFlight)
		if got := len(cachetest.Costs(c)); got != customers {
			b.Fatalf("%d customers have figures, want %d", got, customers)
		}
	}
	b.ReportMetric(float64(took)/float64(b.N)/float64(least), "times-the-least")
	b.ReportMetric(float64(peak), "calls-at-once")
}
