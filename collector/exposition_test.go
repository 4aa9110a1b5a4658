package collector_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/collector"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache/cachetest"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/weblimit/weblimittest"
)

// Everything that a scraper may ask for.
var (
	formats = []string{
		"", "*/*", "text/html", openMetrics, "application/openmetrics-text;version=0.0.1", "text/plain;version=0.0.4", "text/plain",
		"text/plain;version=1.0.0;escaping=allow-utf-8", openMetrics + ";escaping=dots", "application/json;q=0.9",
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=compact-text",
		"application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.8",
	}
	encodings = []string{"", "identity", "gzip", "gzip;q=0", "deflate", "zstd, gzip", "*"}
)

// live has one live family besides the cache's own.
func live() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	started := prometheus.NewGauge(prometheus.GaugeOpts{Name: "zz_started_timestamp_seconds", Help: "A live family."})
	started.Set(946684800)
	registry.MustRegister(started)
	return registry
}

// asPromhttp serves the same as [collector.NewExposition], freshly gathered.
func asPromhttp(c *cache.Cache) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector.NewExporter(c))
	return promhttp.HandlerFor(prometheus.Gatherers{registry, live()}, handlerOpts)
}

func serve(t *testing.T, handler http.Handler, query, accept, encoding string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics"+query, nil)
	for name, value := range map[string]string{"Accept": accept, "Accept-Encoding": encoding} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// body returns an answer's body without its compression.
func body(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var reader io.Reader = w.Body
	if w.Header().Get("Content-Encoding") == "gzip" {
		var err error
		if reader, err = gzip.NewReader(w.Body); err != nil {
			t.Fatal(err)
		}
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sorted makes bodies comparable that have the same families in another order.
func sorted(t *testing.T, contentType, body string) []string {
	t.Helper()
	if !strings.Contains(contentType, "encoding=delimited") {
		return slices.Sorted(strings.Lines(body))
	}
	var families []string
	decoder := expfmt.NewDecoder(strings.NewReader(body), expfmt.Format(contentType))
	for {
		var family dto.MetricFamily
		err := decoder.Decode(&family)
		if errors.Is(err, io.EOF) {
			slices.Sort(families)
			return families
		}
		if err != nil {
			t.Fatal(err)
		}
		families = append(families, family.String())
	}
}

// Whatever a scraper asks for, it gets the headers and the metrics that promhttp
// would serve: first those of the customers, and the end once, at the end.
func TestExpositionAsPromhttp(t *testing.T) {
	c, _ := cachetest.NewCache(t, cachetest.EveryKind())
	cachetest.Scrape(t, c)
	rendered, reference := collector.NewExposition(c, live(), handlerOpts), asPromhttp(c)
	for _, accept := range formats {
		for _, encoding := range encodings {
			for range 2 { // What is rendered once is served twice.
				got, want := serve(t, rendered, "", accept, encoding), serve(t, reference, "", accept, encoding)
				if diff := cmp.Diff(want.Header(), got.Header()); diff != "" || got.Code != http.StatusOK {
					t.Errorf("%q, %q: status %d, headers %s", accept, encoding, got.Code, diff)
				}
				contentType, gotBody, wantBody := want.Header().Get("Content-Type"), body(t, got), body(t, want)
				if diff := cmp.Diff(sorted(t, contentType, wantBody), sorted(t, contentType, gotBody)); diff != "" {
					t.Errorf("%q, %q: %s", accept, encoding, diff)
				}
				if !strings.Contains(contentType, "openmetrics") {
					continue
				}
				if strings.Count(gotBody, "# EOF") != 1 || !strings.HasSuffix(gotBody, "\n# EOF\n") {
					t.Errorf("%q, %q: the end is not where it belongs: %q", accept, encoding, gotBody)
				}
			}
		}
	}
}

// curl and browsers read one gzip member only, so that it has to hold everything.
func TestExpositionIsOneGzipMember(t *testing.T) {
	c, _ := cachetest.NewCache(t, cachetest.EveryKind())
	cachetest.Scrape(t, c)
	exposition := collector.NewExposition(c, live(), handlerOpts)
	for _, accept := range formats {
		w := serve(t, exposition, "", accept, "gzip")
		rest := bufio.NewReader(w.Body) // As it is a byte reader, nothing is read past the member.
		reader, err := gzip.NewReader(rest)
		if err != nil {
			t.Fatal(err)
		}
		reader.Multistream(false)
		text, err := io.ReadAll(reader)
		if err != nil || !strings.Contains(string(text), "zz_started_timestamp_seconds") {
			t.Errorf("%q: %v, %d bytes that lack what is live", accept, err, len(text))
		}
		if more, err := io.ReadAll(rest); len(more) > 0 || err != nil {
			t.Errorf("%q: %d bytes follow the member, %v", accept, len(more), err)
		}
	}
}

// The customers' families have the bytes and the order that promhttp gives them.
func TestRenderedCustomersAsPromhttp(t *testing.T) {
	c, _ := cachetest.NewCache(t, cachetest.EveryKind())
	cachetest.Scrape(t, c)
	got := body(t, serve(t, collector.NewExposition(c, prometheus.NewRegistry(), handlerOpts), "", "", ""))
	var want strings.Builder
	customers := false
	for line := range strings.Lines(everyKindExposition) {
		if strings.HasPrefix(line, "# HELP ") {
			customers = strings.HasPrefix(line, "# HELP azure_csp_customer") && !strings.Contains(line, "azure_csp_customers_missing")
		}
		if customers {
			want.WriteString(line)
		}
	}
	begin, _, _ := strings.Cut(got, "# HELP azure_csp_api_")
	if diff := cmp.Diff(scrub(want.String()), scrub(begin)); diff != "" {
		t.Error(diff)
	}
}

// scrub takes the values out of the one family that tells of the real time.
func scrub(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "azure_csp_customer_usage_fetched") {
			line = line[:strings.LastIndex(line, " ")]
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "")
}

// A filter by name gets what promhttp would serve, in every encoding.
func TestExpositionByName(t *testing.T) {
	c, _ := cachetest.NewCache(t, cachetest.EveryKind())
	cachetest.Scrape(t, c)
	rendered, reference := collector.NewExposition(c, live(), handlerOpts), asPromhttp(c)
	for _, names := range [][]string{
		{"azure_csp_customer_budget"},
		{"azure_csp_up", "azure_csp_customer_info"},
		{"zz_started_timestamp_seconds"},
		{"nothing"},
		{""},
		{"azure_csp_customers", "azure_csp_customer_total_cost", "azure_csp_customer_total_cost"},
	} {
		query := "?" + url.Values{"name[]": names}.Encode()
		for _, accept := range formats {
			for _, encoding := range encodings {
				got, want := serve(t, rendered, query, accept, encoding), serve(t, reference, query, accept, encoding)
				if gotBody, wantBody := body(t, got), body(t, want); gotBody != wantBody || !cmp.Equal(got.Header(), want.Header()) {
					t.Errorf("%s, %q, %q: %v %s, want %v %s", query, accept, encoding, got.Header(), gotBody, want.Header(), wantBody)
				}
			}
		}
	}
}

// HEAD gets the headers of GET and no body, also over real HTTP.
func TestExpositionHead(t *testing.T) {
	c, _ := cachetest.NewCache(t, cachetest.EveryKind())
	cachetest.Scrape(t, c)
	var headers []http.Header
	for _, handler := range []http.Handler{collector.NewExposition(c, live(), handlerOpts), asPromhttp(c)} {
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		for _, encoding := range []string{"identity", "gzip"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Accept-Encoding", encoding)
			resp, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if rest, err := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || len(rest) > 0 || err != nil {
				t.Errorf("status %d, %d bytes, %v", resp.StatusCode, len(rest), err)
			}
			resp.Header.Del("Date")
			resp.Header.Del("Content-Length") // Two members are a little longer than one.
			headers = append(headers, resp.Header)
		}
	}
	if !cmp.Equal(headers[0], headers[2]) || !cmp.Equal(headers[1], headers[3]) {
		t.Errorf("headers %v", headers)
	}
}

// Every change of what the cache holds shows in the next scrape: new customers,
// new figures, failures, and figures that become too old without any refresh.
func TestExpositionFollowsTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(2)
		c, _ := cachetest.NewCache(t, source)
		exposition := collector.NewExposition(c, live(), handlerOpts)
		seen := func() (costs, failed, known int) {
			text := body(t, serve(t, exposition, "", "", ""))
			return strings.Count(text, "\nazure_csp_customer_total_cost{"), strings.Count(text, `} 0`+"\n"), strings.Count(text, "\nazure_csp_customer_info{")
		}
		if costs, _, known := seen(); costs != 0 || known != 0 {
			t.Errorf("before anything: %d costs, %d customers", costs, known)
		}
		cachetest.Scrape(t, c)
		if costs, _, known := seen(); costs != 2 || known != 2 {
			t.Errorf("after a refresh: %d costs, %d customers, want 2 and 2", costs, known)
		}
		time.Sleep(time.Hour)
		source.Change(func(s *cachetest.Source) {
			s.Customers = append(s.Customers[1:], cachetest.Customer(2), cachetest.Customer(3))
		})
		cachetest.Scrape(t, c)
		if costs, _, known := seen(); costs != 3 || known != 3 {
			t.Errorf("one left and two came: %d costs, %d customers, want 3 and 3", costs, known)
		}
		time.Sleep(time.Hour)
		_, before, _ := seen()
		source.FailWith(cachetest.ErrServer, "id-0002")
		cachetest.Scrape(t, c)
		if costs, after, _ := seen(); costs != 3 || after == before {
			t.Errorf("one failed: %d costs, want 3; %d zeros before and %d after", costs, before, after)
		}
		time.Sleep(23*time.Hour + time.Minute) // Nobody scrapes meanwhile.
		if costs, _, known := seen(); costs != 2 || known != 3 {
			t.Errorf("a day after its last figures: %d costs, %d customers, want 2 and 3", costs, known)
		}
		time.Sleep(time.Hour)
		if costs, _, known := seen(); costs != 0 || known != 3 {
			t.Errorf("a day after the last refresh: %d costs, %d customers, want 0 and 3", costs, known)
		}
	})
}

// What a scrape costs does not grow with the number of customers: neither the
// number of allocations nor their size. Ten thousand pointers are 80,000 bytes.
func TestWarmScrapeDoesNotGrow(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // Pools are emptied by every collection.
	for _, query := range []string{"", "?name[]=azure_csp_customer_total_cost"} {
		count, size := make([]float64, 2), make([]uint64, 2)
		for i, customers := range []int{10, 10_000} {
			c := warm(t, large(customers))
			handler := waiting(c, collector.NewExposition(c, live(), handlerOpts))
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics"+query, nil)
			r.Header.Set("Accept-Encoding", "gzip")
			once := func() { handler.ServeHTTP(&discard{header: http.Header{}}, r) }
			once()
			count[i] = testing.AllocsPerRun(50, once)
			size[i] = allocated(once)
			for range 50 { // With the race detector, pools forget at random.
				size[i] = min(size[i], allocated(once))
			}
		}
		if count[1] > count[0]+5 || size[1] > size[0]+20_000 {
			t.Errorf("%q: %v allocations and %d bytes for 10 customers, %v and %d for 10,000", query, count[0], size[0], count[1], size[1])
		}
	}
}

func allocated(run func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// discard is a scraper that keeps nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// Scrapes that come while everything changes are each whole: as many costs as
// customers who are well.
func TestScrapesDuringARefresh(t *testing.T) {
	source := large(300)
	c := cache.New(source, cache.Config{Concurrency: 4, TTL: 0, MaxAge: 24 * time.Hour})
	t.Cleanup(c.Close)
	handler := collector.NewHandler(c, collector.NewExposition(c, live(), handlerOpts), collector.HandlerConfig{MaxWait: time.Millisecond})
	var scrapers sync.WaitGroup
	for i := range 8 {
		scrapers.Go(func() {
			for range 20 {
				text := body(t, serve(t, handler, "", "text/plain", encodings[i%3]))
				costs := strings.Count(text, "\nazure_csp_customer_total_cost{")
				if want := stateCount(text, "ok"); want != costs {
					t.Errorf("%d customers are well, and %d have a cost", want, costs)
				}
			}
		})
	}
	scrapers.Wait()
}

// stateCount returns how many customers a scrape says are in a state.
func stateCount(text, state string) int {
	_, rest, found := strings.Cut(text, `azure_csp_customers{status="`+state+`"} `)
	if !found {
		return -1
	}
	number, _, _ := strings.Cut(rest, "\n")
	count, err := strconv.Atoi(number)
	if err != nil {
		return -1
	}
	return count
}

// wordy returns a source of few customers with names of 10 KB, so that a connection
// cannot buffer the metrics.
func wordy() *cachetest.Source {
	source := large(100)
	for i := range source.Customers {
		source.Customers[i].Name = strings.Repeat("x", 10_000)
	}
	return source
}

// A scraper that reads nothing holds up neither the other scrapers nor a refresh.
func TestSlowReader(t *testing.T) {
	c := warm(t, wordy())
	server := httptest.NewServer(rendered(c))
	t.Cleanup(server.Close)
	weblimittest.Stall(t, server.URL)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range 3 {
		if size, status := get(ctx, t, server.URL); size == 0 || status != http.StatusOK {
			t.Errorf("another scraper gets %d bytes with status %d", size, status)
		}
	}
	c.Refresh(ctx)
	if err := ctx.Err(); err != nil {
		t.Error(err)
	}
}

// Readers that stall hold few versions of the figures, and those compressed: the text of
// one version is more than 6 MB.
func TestReadersThatStallHoldLittle(t *testing.T) {
	const readers = 12
	c := cache.New(wordy(), cache.Config{Concurrency: 1, TTL: 0, MaxAge: 24 * time.Hour})
	t.Cleanup(c.Close)
	server := httptest.NewServer(rendered(c))
	t.Cleanup(server.Close)
	get(t.Context(), t, server.URL)
	before := inUse()
	for range readers {
		weblimittest.Stall(t, server.URL) // With a TTL of zero, each one starts a refresh and gets its figures.
	}
	if got := inUse() - before; got > 6<<20 {
		t.Errorf("%d readers that stall hold %d bytes, want 6 MiB at most", readers, got)
	}
}

// staller is a scraper that reads nothing until it is released.
type staller struct {
	discard

	release <-chan struct{}
}

func (s *staller) Write(b []byte) (int, error) {
	<-s.release
	return len(b), nil
}

// While slow readers hold four versions of the figures, other scrapes get the latest of
// these, and the figures of now as soon as one of the readers has ended.
func TestVersionsThatSlowReadersHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(1)
		c, _ := cachetest.NewCache(t, source)
		exposition := collector.NewExposition(c, live(), handlerOpts)
		first, others := make(chan struct{}), make(chan struct{})
		defer close(others)
		cost := func() string {
			for line := range strings.Lines(body(t, serve(t, exposition, "?name[]=azure_csp_customer_total_cost", "", ""))) {
				if rest, found := strings.CutPrefix(line, `azure_csp_customer_total_cost{currency="EUR",customer_id="id-0000",customer_name="Customer 0"} `); found {
					return strings.TrimSpace(rest)
				}
			}
			return "none"
		}
		var seen []string
		for i := range 6 {
			source.Change(func(s *cachetest.Source) {
				s.Usage = func(string) (client.UsageSummary, error) { return cachetest.Figures(float64(i)), nil }
			})
			cachetest.Scrape(t, c)
			release := others
			if i == 0 {
				release = first
			}
			go exposition.ServeHTTP(&staller{discard{http.Header{}}, release}, request(t.Context(), ""))
			synctest.Wait()
			seen = append(seen, cost())
			time.Sleep(time.Hour)
		}
		close(first)
		synctest.Wait()
		seen = append(seen, cost())
		if diff := cmp.Diff([]string{"0", "1", "2", "3", "3", "3", "5"}, seen); diff != "" {
			t.Error(diff)
		}
	})
}

// inUse returns the size of all objects that are reachable.
func inUse() int {
	runtime.GC()
	runtime.GC() // The first one moves what pools hold to where the second one frees it.
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc) //nolint:gosec // It is less than 2^63.
}

// Families that cannot be gathered are logged and leave the others as they are.
func TestExpositionOfABrokenRegistry(t *testing.T) {
	c, _ := cachetest.NewCache(t, cachetest.EveryKind())
	cachetest.Scrape(t, c)
	broken := prometheus.NewRegistry()
	broken.MustRegister(prometheus.CollectorFunc(func(ch chan<- prometheus.Metric) {
		ch <- prometheus.NewInvalidMetric(prometheus.NewDesc("broken", "Broken.", nil, nil), errors.New("it is broken"))
	}))
	opts := handlerOpts
	opts.ErrorHandling = promhttp.ContinueOnError
	w := serve(t, collector.NewExposition(c, broken, opts), "", "", "")
	if got := stateCount(body(t, w), "ok"); w.Code != http.StatusOK || got != 2 {
		t.Errorf("status %d, %d customers are well, want 200 and 2", w.Code, got)
	}
	opts.ErrorHandling = promhttp.HTTPErrorOnError
	w = serve(t, collector.NewExposition(c, broken, opts), "", "", "")
	if text := body(t, w); w.Code != http.StatusInternalServerError || strings.Contains(text, "azure_csp") {
		t.Errorf("status %d, %q, want 500 and no metrics", w.Code, text)
	}
}
