package e2e_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

const proxiedFleet = 50

// scrapesAtMost bounds how often a test scrapes until it sees what has to come.
const scrapesAtMost = 40

// networkFaults are what happens to the connections between exporter and Partner Center.
// Those that break calls have to show in the metrics, as one of the reasons.
var networkFaults = map[string]struct {
	toxic   string
	reasons []string
}{
	"latency":           {`{"type":"latency","attributes":{"latency":60,"jitter":40}}`, nil},
	"narrow":            {`{"type":"bandwidth","attributes":{"rate":20}}`, nil},
	"slow to close":     {`{"type":"slow_close","attributes":{"delay":200}}`, nil},
	"in small pieces":   {`{"type":"slicer","attributes":{"average_size":64,"size_variation":32,"delay":100}}`, nil},
	"reset":             {`{"type":"reset_peer","attributes":{"timeout":0}}`, []string{"network"}},
	"reset after while": {`{"type":"reset_peer","attributes":{"timeout":50}}`, []string{"network"}},
	"half open":         {`{"type":"timeout","attributes":{"timeout":0}}`, []string{"timeout"}},
	"closed unanswered": {`{"type":"timeout","attributes":{"timeout":100}}`, []string{"network", "timeout"}},
	"too slow":          {`{"type":"latency","attributes":{"latency":3000}}`, []string{"timeout"}},
	"hardly any width":  {`{"type":"bandwidth","attributes":{"rate":0}}`, []string{"timeout"}},
	"cut off":           {`{"type":"limit_data","attributes":{"bytes":300}}`, []string{"network", "timeout"}},
}

// TestFaultsThroughAProxy puts a proxy between the exporter and Partner Center,
// and lets it do what networks do.
func TestFaultsThroughAProxy(t *testing.T) {
	for name, fault := range networkFaults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProxied(t)
			p.scrapeUntil("everybody is seen", func(clitest.Response) bool { return len(p.check.seen) == proxiedFleet })
			if _, err := p.proxy.Toxics.AddToxicJson(strings.NewReader(fault.toxic)); err != nil {
				t.Fatal(err)
			}
			p.suffer(fault.reasons)
			p.proxy.Toxics.ResetToxics(t.Context())
			p.recover()
			began := time.Now()
			p.exporter.Stop()
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("It took %s to end.", took)
			}
		})
	}
}

// A proxy that is down refuses connections, as a firewall may.
func TestProxyGoesDown(t *testing.T) {
	p := newProxied(t)
	p.scrapeUntil("everybody is seen", func(clitest.Response) bool { return len(p.check.seen) == proxiedFleet })
	p.proxy.Stop()
	p.suffer([]string{"network"})
	if err := p.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	p.recover()
}

// proxied is an exporter behind a proxy, with a check of every scrape.
type proxied struct {
	t        *testing.T
	proxy    *toxiproxy.Proxy
	exporter *clitest.Program
	check    *soakCheck
}

func newProxied(t *testing.T) *proxied {
	t.Helper()
	customers := clitest.Billed(proxiedFleet)
	server := httptest.NewServer(simulator.New(simulator.Config{Customers: customers}))
	t.Cleanup(server.Close)
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(api, "partner-center", "127.0.0.1:0", strings.TrimPrefix(server.URL, "http://"))
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		proxy.Toxics.ResetToxics(context.Background())
		proxy.Stop()
	})
	args := clitest.SimulatedFlags(t, "http://"+proxy.Listen, "--cache.ttl=1s", "--api.timeout=1s", "--api.concurrency=8")
	return &proxied{t: t, proxy: proxy, exporter: clitest.Start(t, args...), check: newSoakCheck(customers)}
}

func (p *proxied) scrape() clitest.Response {
	p.t.Helper()
	began := time.Now()
	a := p.exporter.Send("GET", "/metrics", fmt.Sprintf("X-Prometheus-Scrape-Timeout-Seconds: %g", soakDeadline.Seconds()))
	p.check.judge(p.t, a, time.Since(began))
	return a
}

// scrapeUntil waits by scraping, which takes as long as a refresh.
func (p *proxied) scrapeUntil(what string, done func(clitest.Response) bool) {
	p.t.Helper()
	pause := time.NewTicker(100 * time.Millisecond)
	defer pause.Stop()
	for range scrapesAtMost {
		if done(p.scrape()) {
			return
		}
		<-pause.C
	}
	p.t.Fatalf("It never came that %s:\n%s", what, p.exporter.Stderr)
}

// suffer scrapes while the fault lasts. A fault that breaks calls has to show.
func (p *proxied) suffer(reasons []string) {
	p.t.Helper()
	if reasons == nil {
		for range 5 {
			p.scrape()
		}
		return
	}
	p.scrapeUntil("the metrics tell of the fault", func(a clitest.Response) bool {
		told := false
		for _, reason := range reasons {
			told = told || a.Value(`azure_csp_errors_total{reason="`+reason+`"}`) > 0
		}
		return told && (a.Value("azure_csp_up") == 0 || a.Value(`azure_csp_customers{status="error"}`) > 0)
	})
}

// recover scrapes until all is as it was before, with figures of after the fault.
func (p *proxied) recover() {
	p.t.Helper()
	over := float64(time.Now().Unix())
	p.scrapeUntil("everybody is fetched again", func(a clitest.Response) bool {
		fresh := 0
		for _, line := range a.Series("azure_csp_customer_usage_fetched_timestamp_seconds{") {
			if clitest.ValueOf(line) >= over {
				fresh++
			}
		}
		return fresh == proxiedFleet && a.Value("azure_csp_up") == 1 && a.Value(`azure_csp_customers{status="ok"}`) == proxiedFleet
	})
}
