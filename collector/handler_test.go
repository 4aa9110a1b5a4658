package collector_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/collector"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache/cachetest"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/weblimit"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/weblimit/weblimittest"
)

// answer is what the handler lets answer in these tests.
var answer = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })

func request(ctx context.Context, timeout string) *http.Request {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil)
	if timeout != "" {
		r.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", timeout)
	}
	return r
}

// A scrape never waits longer than Prometheus does, and a header that makes no
// sense is never stricter than none, which means ten seconds.
func TestHowLongAScrapeWaits(t *testing.T) {
	tests := map[string]struct {
		header string
		cfg    collector.HandlerConfig
		want   time.Duration
	}{
		"the header":              {"3", collector.HandlerConfig{}, 3 * time.Second},
		"a fraction":              {"0.25", collector.HandlerConfig{}, 250 * time.Millisecond},
		"less the offset":         {"1", collector.HandlerConfig{TimeoutOffset: 500 * time.Millisecond}, 500 * time.Millisecond},
		"an offset that is more":  {"0.3", collector.HandlerConfig{TimeoutOffset: 500 * time.Millisecond}, 0},
		"at most":                 {"30", collector.HandlerConfig{MaxWait: 2 * time.Second}, 2 * time.Second},
		"at most more":            {"1", collector.HandlerConfig{MaxWait: 2 * time.Second}, time.Second},
		"no header":               {"", collector.HandlerConfig{TimeoutOffset: 500 * time.Millisecond}, 9500 * time.Millisecond},
		"no number":               {"soon", collector.HandlerConfig{}, 10 * time.Second},
		"not a number":            {"NaN", collector.HandlerConfig{}, 10 * time.Second},
		"zero":                    {"0", collector.HandlerConfig{}, 10 * time.Second},
		"negative":                {"-1", collector.HandlerConfig{}, 10 * time.Second},
		"out of range":            {"1e999", collector.HandlerConfig{}, 10 * time.Second},
		"out of all proportion":   {"1e300", collector.HandlerConfig{}, 5 * time.Minute},
		"an infinity":             {"+Inf", collector.HandlerConfig{}, 5 * time.Minute},
		"at most, without header": {"", collector.HandlerConfig{MaxWait: time.Minute}, 10 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := cachetest.New(1)
				source.Delay = time.Hour
				c, _ := cachetest.NewCache(t, source)
				began := time.Now()
				collector.NewHandler(c, answer, test.cfg).ServeHTTP(httptest.NewRecorder(), request(t.Context(), test.header))
				if took := time.Since(began); took != test.want {
					t.Errorf("waited %s, want %s", took, test.want)
				}
			})
		})
	}
}

// With calls of 3 s, a scrape of 1 s answers in time, and the figures are there
// for a later one.
func TestFiguresArriveLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(8)
		source.Delay = 3 * time.Second
		c, _ := cachetest.NewCache(t, source)
		handler := collector.NewHandler(c, answer, collector.HandlerConfig{TimeoutOffset: 500 * time.Millisecond})
		var seen []int
		for range 11 {
			began := time.Now()
			handler.ServeHTTP(httptest.NewRecorder(), request(t.Context(), "1"))
			if took := time.Since(began); took > time.Second {
				t.Fatalf("a scrape took %s", took)
			}
			seen = append(seen, len(cachetest.Costs(c)))
			time.Sleep(time.Second - time.Since(began))
		}
		if last := seen[len(seen)-1]; seen[0] != 0 || seen[6] != 4 || last != 8 {
			t.Errorf("customers seen second by second: %v, want 4 after 6 s and 8 after 9 s", seen)
		}
		if lists, asked := source.TakeCalls(); lists != 1 || len(asked) != 8 {
			t.Errorf("%d lists and %d usages for eleven scrapes, want 1 and 8", lists, len(asked))
		}
	})
}

// A scraper that leaves ends its own wait, and not the refresh.
func TestScraperLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(4)
		source.Delay = time.Second
		c, _ := cachetest.NewCache(t, source)
		ctx, leave := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer leave()
		collector.NewHandler(c, answer, collector.HandlerConfig{}).ServeHTTP(httptest.NewRecorder(), request(ctx, "10"))
		time.Sleep(2 * time.Second)
		if got := len(cachetest.Costs(c)); got != 4 {
			t.Errorf("%d customers have figures, want 4", got)
		}
	})
}

// slowly returns a handler whose responses take a while.
func slowly(d time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(d)
		w.WriteHeader(http.StatusOK)
	})
}

// scrape is how one of several scrapes ended.
type scrape struct {
	Status int
	Took   time.Duration
}

// scrapeAtOnce starts scrapes with these timeouts, in this order, and returns how
// they end.
func scrapeAtOnce(t *testing.T, handler http.Handler, timeouts ...string) []scrape {
	t.Helper()
	ended := make([]scrape, len(timeouts))
	var scrapes sync.WaitGroup
	began := time.Now()
	for i, timeout := range timeouts {
		scrapes.Go(func() {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, request(t.Context(), timeout))
			ended[i] = scrape{w.Code, time.Since(began)}
		})
		synctest.Wait()
	}
	scrapes.Wait()
	return ended
}

// A scrape beyond the limit waits for its turn until its deadline, and then gets 503.
func TestTooManyScrapes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := cachetest.NewCache(t, cachetest.New(1))
		cachetest.Scrape(t, c)
		handler := collector.NewHandler(c, slowly(4*time.Second), collector.HandlerConfig{MaxRequests: 2})
		got := scrapeAtOnce(t, handler, "10", "10", "10", "1")
		want := []scrape{{200, 4 * time.Second}, {200, 4 * time.Second}, {200, 8 * time.Second}, {503, time.Second}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if later := scrapeAtOnce(t, handler, "10"); later[0].Status != http.StatusOK {
			t.Errorf("a later scrape got %d", later[0].Status)
		}
	})
}

// Scrapes that wait for a refresh that hangs block no other one: what is beyond the
// places to wait gets at once what the cache holds.
func TestManyScrapesWaitForARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(1)
		source.Delay = time.Hour
		c, _ := cachetest.NewCache(t, source)
		handler := collector.NewHandler(c, slowly(time.Second), collector.HandlerConfig{MaxRequests: 2})
		got := scrapeAtOnce(t, handler, "600", "600", "10", "10")
		want := []scrape{{200, 301 * time.Second}, {200, 301 * time.Second}, {200, time.Second}, {200, time.Second}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if got := c.Stats().Lookups; got != 0 {
			t.Errorf("%d lookups of a cache without customers", got)
		}
	})
}

// Readers that stall hold their slots only until the limit of writes: a scrape that
// waits meanwhile gets its response.
func TestScrapeBesideReadersThatStall(t *testing.T) {
	c := warm(t, wordy())
	handler := collector.NewHandler(c, collector.NewExposition(c, liveRegistry(), handlerOpts), collector.HandlerConfig{MaxRequests: 3})
	server := httptest.NewServer(weblimit.Writes(handler, weblimit.WriteTimes{Stalled: 500 * time.Millisecond, Whole: time.Minute}))
	t.Cleanup(server.Close)
	for range 3 {
		weblimittest.Stall(t, server.URL)
	}
	began := time.Now()
	if size, status := get(t.Context(), t, server.URL); size == 0 || status != http.StatusOK {
		t.Errorf("the scrape got %d bytes with status %d, want all with 200", size, status)
	}
	if took := time.Since(began); took < 100*time.Millisecond {
		t.Errorf("the scrape took %v: the readers do not hold the slots", took)
	}
}

func FuzzScrapeTimeout(f *testing.F) {
	for _, seed := range []string{"", "10", "0.5", "-1", "NaN", "1e400", "0x1p-3", "1_0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		source := cachetest.New(0)
		c, _ := cachetest.NewCache(t, source)
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
		r.Header["X-Prometheus-Scrape-Timeout-Seconds"] = []string{header}
		collector.NewHandler(c, answer, collector.HandlerConfig{}).ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Errorf("%q: status %d", header, w.Code)
		}
	})
}
