package collector_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/collector"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache/cachetest"
)

// openMetrics is what Prometheus asks for first.
const openMetrics = "application/openmetrics-text;version=1.0.0"

// large returns a source of n customers who all have figures: eight or nine
// series each.
func large(n int) *cachetest.Source {
	now := time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)
	source := cachetest.New(0)
	summaries := make(map[string]client.UsageSummary, n)
	for _, c := range billed(n) {
		f := c.Figures(now)
		summary := client.UsageSummary{
			Usage:        client.Usage{TotalCost: f.Cost, Budget: c.Budget, Currency: "EUR", LastModified: f.Modified},
			BillingStart: f.Start, BillingEnd: now.AddDate(100, 0, 0),
		}
		if c.Plan == simulator.AzurePlan {
			summary.USDTotalCost = &f.USD
		}
		summaries[c.ID] = summary
		source.Customers = append(source.Customers, client.Customer{ID: c.ID, Name: c.Name, Domain: c.Domain, Relationship: "reseller"})
	}
	source.Usage = func(id string) (client.UsageSummary, error) { return summaries[id], nil }
	return source
}

// warm returns a cache that knows all customers of a source.
func warm(tb testing.TB, source *cachetest.Source) *cache.Cache {
	tb.Helper()
	c := cache.New(source, cache.Config{Concurrency: 1, TTL: time.Hour, MaxAge: 24 * time.Hour})
	tb.Cleanup(c.Close)
	c.Refresh(tb.Context())
	return c
}

// liveRegistry has what the exporter tells of itself.
func liveRegistry() *prometheus.Registry {
	live := prometheus.NewRegistry()
	live.MustRegister(collector.NewClientMetrics(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewGoCollector(
		collectors.WithGoCollectorMemStatsMetricsDisabled(),
		collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsMemory),
	))
	return live
}

// plain is promhttp over the same collectors.
func plain(c *cache.Cache) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector.NewExporter(c))
	return waiting(c, promhttp.HandlerFor(prometheus.Gatherers{registry, liveRegistry()}, handlerOpts))
}

var handlerOpts = promhttp.HandlerOpts{EnableOpenMetrics: true}

// rendered is the exporter's own handler.
func rendered(c *cache.Cache) http.Handler {
	return waiting(c, collector.NewExposition(c, liveRegistry(), handlerOpts))
}

func waiting(c *cache.Cache, metrics http.Handler) http.Handler {
	return collector.NewHandler(c, metrics, collector.HandlerConfig{TimeoutOffset: time.Second / 2, MaxRequests: 40})
}

// static writes the customers' families from memory, and then appends the live
// ones: what a handler that knows everything beforehand cannot do without.
func static(c *cache.Cache, customers []byte) http.Handler {
	live := prometheus.NewRegistry()
	live.MustRegister(collector.NewStatsCollector(c))
	appended := promhttp.HandlerFor(prometheus.Gatherers{live, liveRegistry()}, handlerOpts)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", openMetrics)
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(customers)
		appended.ServeHTTP(w, r)
	})
}

// scraper scrapes a handler over loopback as Prometheus does, and returns how
// long it took until the body was read, which it leaves compressed.
func scraper(b *testing.B, handler http.Handler) func() time.Duration {
	b.Helper()
	server := httptest.NewServer(handler)
	b.Cleanup(server.Close)
	return func() time.Duration {
		began := time.Now()
		if size, status := get(b.Context(), b, server.URL); status != http.StatusOK || size == 0 {
			b.Fatalf("%d bytes with status %d", size, status)
		}
		return time.Since(began)
	}
}

func get(ctx context.Context, tb testing.TB, url string) (size int64, status int) {
	tb.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Accept", openMetrics)
	req.Header.Set("Accept-Encoding", "gzip") // Go's transport leaves the body as it is then.
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	size, err = io.Copy(io.Discard, resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return size, resp.StatusCode
}

func median(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(times[len(times)/2])
}

// customersOnly returns a gzip member with what an answer says of the customers.
func customersOnly(tb testing.TB, handler http.Handler) []byte {
	tb.Helper()
	w := httptest.NewRecorder()
	r := request(tb.Context(), "")
	r.Header.Set("Accept", openMetrics)
	handler.ServeHTTP(w, r)
	customers, _, found := strings.Cut(w.Body.String(), "# HELP azure_csp_api_")
	if !found {
		tb.Fatal("there is nothing live")
	}
	var member bytes.Buffer
	compressor := gzip.NewWriter(&member)
	if _, err := io.WriteString(compressor, customers); err != nil {
		tb.Fatal(err)
	}
	if err := compressor.Close(); err != nil {
		tb.Fatal(err)
	}
	return member.Bytes()
}

// BenchmarkScrape compares scrapes of 10,000 customers over loopback, gzip and
// OpenMetrics, in one run: one that finds everything rendered with plain promhttp
// and with the limit, the first one after a change with plain promhttp, and eight
// first ones at once with one alone.
func BenchmarkScrape(b *testing.B) {
	c := warm(b, large(10_000))
	handler := rendered(c)
	viaPromhttp := scraper(b, plain(c))
	viaRendered := scraper(b, handler)
	viaStatic := scraper(b, static(c, customersOnly(b, handler)))
	for b.Loop() {
		var promhttpTimes, firstTimes, eightTimes, renderedTimes, staticTimes []time.Duration
		for range 9 {
			promhttpTimes = append(promhttpTimes, viaPromhttp())
			// A new handler has rendered nothing, as after a change.
			firstTimes = append(firstTimes, scraper(b, rendered(c))())
			eightTimes = append(eightTimes, atOnce(8, scraper(b, rendered(c))))
			for range 30 {
				renderedTimes = append(renderedTimes, viaRendered())
				staticTimes = append(staticTimes, viaStatic())
			}
		}
		plain, first, warm, limit := median(promhttpTimes), median(firstTimes), median(renderedTimes), median(staticTimes)
		b.ReportMetric(plain/warm, "times-faster-than-promhttp")
		b.ReportMetric(warm/limit, "times-the-static-handler")
		b.ReportMetric(first/plain, "times-promhttp-after-a-change")
		b.ReportMetric(median(eightTimes)/first, "times-one-for-8-after-a-change")
		b.ReportMetric(plain/1e6, "ms-promhttp")
		b.ReportMetric(first/1e6, "ms-after-a-change")
		b.ReportMetric(warm/1e6, "ms-warm")
		b.ReportMetric(limit/1e6, "ms-static")
	}
}

// atOnce returns how long so many scrapes take together.
func atOnce(n int, scrape func() time.Duration) time.Duration {
	began := time.Now()
	var scrapes sync.WaitGroup
	for range n {
		scrapes.Go(func() { scrape() })
	}
	scrapes.Wait()
	return time.Since(began)
}
