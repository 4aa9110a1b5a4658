package e2e_test

import (
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

// The tests of this file have a real Prometheus read what the exporter serves.

// TestPrometheusGivesUp has Prometheus give up on scrapes, since the exporter responds at
// the scrape's timeout and not before it: the exporter's log has no line about it, but
// at debug.
func TestPrometheusGivesUp(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // Before that, the context does not end with the connection.
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	exporter := clitest.Start(t, clitest.SimulatedFlags(t, server.URL, "--web.timeout-offset=0s", "--log.level=debug")...)
	p := startPrometheus(t, scrapeConfig(exporter.URL))
	p.awaitQuery(`count_over_time(up[1m]) >= 2 and up == 0`)
	p.stop()
	exporter.Stop()
	log := exporter.Stderr.String()
	if !strings.Contains(log, `level=debug msg="a client hung up or read too slowly"`) {
		t.Errorf("Prometheus did not give up:\n%s", log)
	}
	for line := range strings.Lines(log) {
		if strings.Contains(line, "scrape") && !strings.Contains(line, "level=debug") {
			t.Errorf("The log has a line above debug: %s", line)
		}
	}
}

// TestShardsBehindPrometheus runs four shards behind one Prometheus, as the README
// proposes: in its storage, every customer is there once, with the right cost.
func TestShardsBehindPrometheus(t *testing.T) {
	customers := clitest.Billed(200)
	check := newSoakCheck(customers)
	server := httptest.NewServer(simulator.New(simulator.Config{Customers: customers}))
	t.Cleanup(server.Close)
	var urls []string
	for shard := range 4 {
		args := clitest.SimulatedFlags(t, server.URL, fmt.Sprintf("--shard=%d", shard), "--total-shards=4")
		urls = append(urls, clitest.Start(t, args...).URL)
	}
	p := startPrometheus(t, scrapeConfig(urls...))
	// A shard that has not listed the customers yet has nobody, not even as pending.
	p.awaitQuery(`count(up == 1) == 4 and count(azure_csp_customers{status="ok"} > 0) == 4 and sum(azure_csp_customers{status="pending"}) == 0`)

	if got := p.value("count(azure_csp_customer_info)"); got != 200 {
		t.Errorf("There are %g series of customers, want 200", got)
	}
	if got := p.value("max(count by (customer_id) (azure_csp_customer_info))"); got != 1 {
		t.Errorf("A customer is on %g shards, want 1", got)
	}
	if diff := cmp.Diff(namesOf(customers), ingestedNames(p)); diff != "" {
		t.Errorf("The simulator (-) and Prometheus (+) have other customers:\n%s", diff)
	}
	sizes := map[string]float64{}
	for _, s := range p.query("count by (shard) (azure_csp_customer_info)") {
		sizes[s.labels["shard"]] = s.value
	}
	if diff := cmp.Diff(map[string]float64{"0": 41, "1": 49, "2": 53, "3": 57}, sizes); diff != "" {
		t.Errorf("The shards have other sizes: %s", diff)
	}
	checkIngestedCosts(p, check)
	checkHealth(p, 4)
}

// hostileNames are such that a mistake in the escaping or the parsing of any
// format shows.
var hostileNames = []string{
	`Commas, and, {braces="of"} 1 2`,
	`"Quoted"`,
	`\"`,
	"One\nTwo\n\n",
	"\n# EOF\n",
	"\n# TYPE azure_csp_up counter\nazure_csp_up 0\n",
	`C:\new\table`,
	`Ends in a backslash \`,
	" \tspaces\u00a0and\u2028separators ",
	"Carriage\r\nreturn",
	"Nul \x00 and \x01\x7f\u0085",
	"\u202eright to left\ufeff",
	"株式会社ひまわり",
	"شركة النخيل",
	"תפוז טכנולוגיות",
	"हिमालय ट्रेडर्स",
	"Ελληνικά Νησιά ΑΕ",
	"Северный Ветер",
	"e\u0301 is not é",
	"👩🏽‍🚀🇩🇪🚲",
	"\U0010fffd\ufffd",
}

// formats are those that Prometheus can ask for. It says itself that it wants
// OpenMetrics, or protobuf for the sake of native histograms. That it wants the
// older text only is what the proxy says in its place.
var formats = map[string]struct {
	flags       []string
	accept      string
	contentType string
	exchanges   string // how many exchanges of tokens a histogram has counted
}{
	"OpenMetrics": {
		contentType: "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
		exchanges:   `azure_csp_api_request_duration_seconds_count{endpoint="token"}`,
	},
	"protobuf": {
		flags:       []string{"--enable-feature=native-histograms"},
		contentType: "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=underscores",
		exchanges:   `histogram_count(azure_csp_api_request_duration_seconds{endpoint="token"})`,
	},
	"text": {
		accept:      "text/plain;version=0.0.4",
		contentType: "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
		exchanges:   `azure_csp_api_request_duration_seconds_count{endpoint="token"}`,
	},
}

// TestPrometheusIngestsEachFormat has Prometheus scrape in each format, compressed,
// and looks for everything in its storage.
func TestPrometheusIngestsEachFormat(t *testing.T) {
	for name, format := range formats {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			customers := clitest.Billed(len(hostileNames))
			for i := range customers {
				customers[i].Name = hostileNames[i]
			}
			check := newSoakCheck(customers)
			server := httptest.NewServer(simulator.New(simulator.Config{Customers: customers}))
			t.Cleanup(server.Close)
			exporter := clitest.Start(t, clitest.SimulatedFlags(t, server.URL)...)
			proxy := newScrapeProxy(t, exporter.URL, format.accept)
			p := startPrometheus(t, scrapeConfig(proxy.URL), format.flags...)
			p.awaitQuery(fmt.Sprintf(`up == 1 and on () azure_csp_customers{status="ok"} == %d`, len(customers)))

			if diff := cmp.Diff(namesOf(customers), ingestedNames(p)); diff != "" {
				t.Errorf("The simulator (-) and Prometheus (+) have other customers:\n%s", diff)
			}
			checkIngestedCosts(p, check)
			want := float64(len(exporter.Get("/metrics").Series("azure_csp_customer_")))
			if got := p.value(`count({__name__=~"azure_csp_customer_.+"})`); got != want {
				t.Errorf("Prometheus has %g series of customers, want %g", got, want)
			}
			if got := p.value(format.exchanges); got != 1 {
				t.Errorf("%s is %g, want 1", format.exchanges, got)
			}
			checkHealth(p, 1)
			if diff := cmp.Diff([]string{format.contentType + ", gzip"}, proxy.kinds()); diff != "" {
				t.Errorf("Another kind of answer was served:\n%s", diff)
			}
		})
	}
}

// scrapeProxy stands between Prometheus and an exporter.
type scrapeProxy struct {
	*httptest.Server
	mu     sync.Mutex
	served map[string]bool
}

// newScrapeProxy passes answers on as they are, still compressed, and keeps what
// kinds there were. If accept is not empty, the exporter gets to read that instead
// of what Prometheus accepts.
func newScrapeProxy(t *testing.T, exporter, accept string) *scrapeProxy {
	t.Helper()
	to, err := url.Parse(exporter)
	if err != nil {
		t.Fatal(err)
	}
	p := &scrapeProxy{served: map[string]bool{}}
	p.Server = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			if accept != "" {
				r.Out.Header.Set("Accept", accept)
			}
		},
		ModifyResponse: p.keep,
		Transport:      &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		ErrorLog:       log.New(t.Output(), "", 0),
	})
	t.Cleanup(p.Close)
	return p
}

func (p *scrapeProxy) keep(resp *http.Response) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.served[resp.Header.Get("Content-Type")+", "+resp.Header.Get("Content-Encoding")] = true
	return nil
}

// kinds are the types of content that were served, each with its encoding.
func (p *scrapeProxy) kinds() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.served))
}

// namesOf returns the customers' names by the ids that the exporter gives them.
func namesOf(customers []simulator.Customer) map[string][]string {
	names := map[string][]string{}
	for _, c := range customers {
		names[strings.ToLower(c.ID)] = []string{c.Name}
	}
	return names
}

// ingestedNames returns the names that each customer has in Prometheus, of which
// a second one would be a second series.
func ingestedNames(p *prometheusServer) map[string][]string {
	p.t.Helper()
	names := map[string][]string{}
	for _, s := range p.query("azure_csp_customer_info") {
		id := s.labels["customer_id"]
		names[id] = append(names[id], s.labels["customer_name"])
	}
	return names
}

// checkIngestedCosts checks that Prometheus has one cost of each customer, which
// the customer has had since the check began.
func checkIngestedCosts(p *prometheusServer, check *soakCheck) {
	p.t.Helper()
	costs := p.query("azure_csp_customer_total_cost")
	if len(costs) != len(check.customers) {
		p.t.Errorf("Prometheus has %d costs, want %d", len(costs), len(check.customers))
	}
	for _, s := range costs {
		id, text := s.labels["customer_id"], strconv.FormatFloat(s.value, 'g', -1, 64)
		if !check.plausible(id, text) {
			p.t.Errorf("Customer %s costs %s, which it never did", id, text)
		}
	}
	if len(check.seen) != len(check.customers) {
		p.t.Errorf("%d customers have their cost, want %d", len(check.seen), len(check.customers))
	}
}

// checkHealth checks that Prometheus has nothing against what it scrapes, and
// drops nothing of it.
func checkHealth(p *prometheusServer, targets int) {
	p.t.Helper()
	want := slices.Repeat([]target{{Health: "up"}}, targets)
	if diff := cmp.Diff(want, p.targets()); diff != "" {
		p.t.Errorf("The targets are in another state:\n%s", diff)
	}
	whole := p.query("scrape_samples_scraped > 0 and scrape_samples_scraped == scrape_samples_post_metric_relabeling")
	if len(whole) != targets {
		p.t.Errorf("%d of %d scrapes are ingested as a whole", len(whole), targets)
	}
	if lines := p.complaints(); len(lines) > 0 {
		p.t.Errorf("The log of Prometheus complains:\n%s", strings.Join(lines, "\n"))
	}
}
