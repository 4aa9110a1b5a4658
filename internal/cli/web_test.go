package cli_test

import (
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/weblimit/weblimittest"
)

// serveFleet runs the exporter on a simulator with a few customers.
func serveFleet(t *testing.T, more ...string) *clitest.Program {
	t.Helper()
	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(12)})
	return clitest.Start(t, simulated(t, sim, "serve", more...)...)
}

// What is served, and what is not.
func TestPages(t *testing.T) {
	plain := serveFleet(t)
	open := serveFleet(t, "--web.enable-pprof", "--web.telemetry-path=/custom/metrics", "--web.disable-exporter-metrics")
	plain.Get("/metrics") // From here on it is ready.
	tests := []struct {
		program      *clitest.Program
		method, path string
		status       int
		body         string // a part of it
	}{
		{plain, "GET", "/", 200, `<a href="/metrics">Metrics</a>`},
		{plain, "GET", "/", 200, `<a href="/-/healthy">Healthy</a>`},
		{plain, "GET", "/", 200, `<a href="/-/ready">Ready</a>`},
		{plain, "GET", "/metrics", 200, "azure_csp_up 1\n"},
		{plain, "HEAD", "/metrics", 200, ""},
		{plain, "POST", "/metrics", 405, "Method Not Allowed"},
		{plain, "GET", "/-/healthy", 200, "healthy\n"},
		{plain, "GET", "/-/ready", 200, "ready\n"},
		{plain, "POST", "/-/ready", 405, "Method Not Allowed"},
		{plain, "GET", "/debug/pprof/", 404, "not found"},
		{plain, "GET", "/debug/pprof/cmdline", 404, "not found"},
		{plain, "GET", "/unknown", 404, "not found"},
		{plain, "GET", "/metrics/", 404, "not found"},
		{open, "GET", "/", 200, `<a href="/custom/metrics">Metrics</a>`},
		{open, "GET", "/", 200, `debug/pprof`},
		{open, "GET", "/custom/metrics", 200, "azure_csp_up 1\n"},
		{open, "GET", "/metrics", 404, "not found"},
		{open, "GET", "/debug/pprof/", 200, "goroutine"},
		{open, "GET", "/debug/pprof/goroutine?debug=1", 200, "goroutine profile"},
		{open, "GET", "/debug/pprof/symbol", 200, "num_symbols"},
	}
	for _, test := range tests {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			got := test.program.Send(test.method, test.path)
			if got.Status != test.status || !strings.Contains(got.Body, test.body) {
				t.Errorf("It answered %d, want %d, and with %q:\n%s", got.Status, test.status, test.body, got.Body)
			}
		})
	}
}

// The exporter's own metrics can be left out, and nothing else goes with them.
func TestExporterMetrics(t *testing.T) {
	tests := map[string]struct {
		flags []string
		want  []string
	}{
		"by default": {nil, []string{"azure_csp_up", "azure_csp_exporter_build_info", "go_goroutines", "process_open_fds", "promhttp_metric_handler_requests_total"}},
		"left out":   {[]string{"--web.disable-exporter-metrics"}, []string{"azure_csp_up", "azure_csp_exporter_build_info"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			metrics := serveFleet(t, test.flags...).Get("/metrics")
			var got []string
			for _, metric := range []string{"azure_csp_up", "azure_csp_exporter_build_info", "go_goroutines", "process_open_fds", "promhttp_metric_handler_requests_total"} {
				if strings.Contains(metrics.Body, "# TYPE "+metric+" ") {
					got = append(got, metric)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			others := len(metrics.Series("go_")) + len(metrics.Series("process_")) + len(metrics.Series("promhttp_"))
			if len(test.flags) > 0 && others != 0 {
				t.Errorf("%d series of the exporter's own are left:\n%s", others, metrics.Body)
			}
		})
	}
}

// The names and help texts follow Prometheus' conventions.
func TestMetricsPassLint(t *testing.T) {
	metrics := serveFleet(t).Get("/metrics")
	problems, err := promlint.New(strings.NewReader(metrics.Body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}

// Prometheus says what it reads, and gets it.
func TestContentNegotiation(t *testing.T) {
	exporter := serveFleet(t)
	tests := map[string]struct {
		accept, contentType string
		holds               string
	}{
		"text":        {"text/plain", "text/plain; version=0.0.4", "\nazure_csp_up 1\n"},
		"open":        {"application/openmetrics-text;version=1.0.0", "application/openmetrics-text; version=1.0.0", "\n# EOF\n"},
		"protobuf":    {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited", "\x0a\x0cazure_csp_up\x12"},
		"browser":     {"text/html,*/*;q=0.8", "text/plain; version=0.0.4", "\nazure_csp_up 1\n"},
		"no headers":  {"", "text/plain; version=0.0.4", "\nazure_csp_up 1\n"},
		"not offered": {"image/png", "text/plain; version=0.0.4", "\nazure_csp_up 1\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := exporter.Send("GET", "/metrics", "Accept: "+test.accept)
			if contentType := got.Header.Get("Content-Type"); !strings.HasPrefix(contentType, test.contentType) {
				t.Errorf("The content type is %q, want %q", contentType, test.contentType)
			}
			if !strings.Contains(got.Body, test.holds) {
				t.Errorf("The body does not hold %q", test.holds)
			}
		})
	}
}

// A large exposition is worth compressing for who can read it.
func TestCompression(t *testing.T) {
	got := serveFleet(t).Send("GET", "/metrics", "Accept-Encoding: gzip")
	if encoding := got.Header.Get("Content-Encoding"); encoding != "gzip" {
		t.Fatalf("The encoding is %q, want gzip", encoding)
	}
	reader, err := gzip.NewReader(strings.NewReader(got.Body))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(body), "\nazure_csp_up 1\n") {
		t.Errorf("It decompresses to %q", body)
	}
}

// Readiness comes with the first whole refresh, and an API that goes down later
// takes neither it nor the figures away.
func TestReadiness(t *testing.T) {
	t.Parallel()
	sim, gate := simulator.New(simulator.Config{Customers: simulator.Fleet(12)}), make(chan struct{})
	exporter := clitest.Start(t, simulated(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-gate
		sim.ServeHTTP(w, r)
	}), "serve", "--cache.ttl=0s", "--api.timeout=1s")...)
	if got := exporter.Get("/-/ready"); got.Status != 503 || got.Body != "not ready: some customers have not been fetched yet\n" {
		t.Errorf("It said %d %q before it had asked, want 503", got.Status, got.Body)
	}
	if got := exporter.Get("/-/healthy"); got.Status != 200 {
		t.Errorf("It said that it is unhealthy, %d", got.Status)
	}
	close(gate)
	before := exporter.Get("/metrics")
	if got := exporter.Get("/-/ready"); got.Status != 200 {
		t.Errorf("It said %d %q after it had asked, want 200", got.Status, got.Body)
	}
	sim.SetFaults(simulator.Faults{Dropped: 1})
	after := exporter.Get("/metrics")
	if got := exporter.Get("/-/ready"); got.Status != 200 {
		t.Errorf("It said %d %q after the API went down, want 200", got.Status, got.Body)
	}
	if diff := cmp.Diff([]string{"azure_csp_up 0"}, after.Series("azure_csp_up ")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(before.Series("azure_csp_customer_budget{"), after.Series("azure_csp_customer_budget{")); diff != "" {
		t.Error(diff)
	}
}

// While a refresh hangs, a scrape that finds no place to wait gets what the cache
// holds, and one that waits gets the new figures in the end.
func TestMaxRequests(t *testing.T) {
	asked, gate := make(chan struct{}, 100), make(chan struct{})
	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(2)})
	exporter := clitest.Start(t, simulated(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-gate
		sim.ServeHTTP(w, r)
	}), "serve", "--web.max-requests=1")...)
	<-asked
	answers := make(chan clitest.Response, 2)
	for range 2 {
		go func() { answers <- exporter.Send("GET", "/metrics", "X-Prometheus-Scrape-Timeout-Seconds: 60") }()
	}
	if first := <-answers; first.Status != 200 || first.Value("azure_csp_up") != 0 {
		t.Errorf("The first response is %d, want 200 without figures:\n%s", first.Status, first.Body)
	}
	close(gate)
	if second := <-answers; second.Status != 200 || second.Value("azure_csp_up") != 1 {
		t.Errorf("The response to the scrape that waited is %d, want 200 with figures:\n%s", second.Status, second.Body)
	}
}

// hangUp closes the connection of a scrape, with the loss of what is on its way.
func hangUp(t *testing.T, conn *net.TCPConn) {
	t.Helper()
	if err := errors.Join(conn.SetLinger(0), conn.Close()); err != nil {
		t.Fatal(err)
	}
}

// checkHungUp waits for the one line about a client that hung up, and fails the test if
// there is another one, or anything at a higher level.
func checkHungUp(t *testing.T, exporter *clitest.Program) {
	t.Helper()
	exporter.Stderr.Await(t, `level=debug msg="a client hung up or read too slowly" err="?[^\n]+\n`)
	exporter.Stop()
	log := exporter.Stderr.String()
	if got := strings.Count(log, "hung up"); got != 1 || strings.Contains(log, "level=error") {
		t.Errorf("The log has %d lines about a client that hung up, want 1 and no error:\n%s", got, log)
	}
}

// wordy returns a simulator whose customers are few and have names of 20 KB, so that a
// connection cannot buffer the metrics.
func wordy() *simulator.Simulator {
	customers := clitest.Billed(60)
	for i := range customers {
		customers[i].Name = strings.Repeat("x", 20_000)
	}
	return simulator.New(simulator.Config{Customers: customers})
}

// A client that hangs up in the middle of a response is worth one line at debug.
func TestClientHangsUp(t *testing.T) {
	exporter := clitest.Start(t, simulated(t, wordy(), "serve", "--log.level=debug")...)
	hangUp(t, weblimittest.Stall(t, exporter.URL))
	checkHungUp(t, exporter)
}

// So is one that hangs up while it waits for a refresh.
func TestClientHangsUpWhileItWaits(t *testing.T) {
	asked := make(chan struct{}, 100)
	exporter := clitest.Start(t, simulated(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // Before that, the context does not end with the connection.
		asked <- struct{}{}
		<-r.Context().Done()
	}), "serve", "--log.level=debug")...)
	<-asked
	hangUp(t, weblimittest.Dial(t, exporter.URL))
	checkHungUp(t, exporter)
}

// Passwords are checked on every page.
func TestBasicAuth(t *testing.T) {
	config := clitest.Write(t, "basic_auth_users:\n  fake: $2a$04$tZvozOqp.KmpghbiF0drDuLvlZ.KAk8DgwnOvyaslXTWZwR6X9eUy\n")
	exporter := serveFleet(t, "--web.config.file="+config)
	for path, headers := range map[string][2]int{"/metrics": {401, 200}, "/": {401, 200}, "/-/healthy": {401, 200}} {
		without := exporter.Get(path).Status
		with := exporter.Send("GET", path, "Authorization: Basic ZmFrZTpub3QtYS1wYXNzd29yZA==").Status
		if got := [2]int{without, with}; got != headers {
			t.Errorf("%s answers %v without and with the password, want %v", path, got, headers)
		}
	}
}

// A limit of requests in the configuration file holds for everybody together.
func TestRateLimit(t *testing.T) {
	config := clitest.Write(t, "rate_limit:\n  interval: 1h\n  burst: 2\n")
	exporter := serveFleet(t, "--web.config.file="+config)
	var got []int
	for range 4 {
		got = append(got, exporter.Get("/-/healthy").Status)
	}
	if diff := cmp.Diff([]int{200, 200, 429, 429}, got); diff != "" {
		t.Error(diff)
	}
}

// A request may be large by mistake or by malice, and need not be read.
func TestLargeRequests(t *testing.T) {
	t.Parallel()
	exporter := serveFleet(t)
	if got := exporter.Send("GET", "/metrics", "X-Fake: "+strings.Repeat("x", 128<<10)).Status; got != 431 {
		t.Errorf("A header of 128 KiB is answered with %d, want 431", got)
	}
	if got := exporter.Get("/" + strings.Repeat("x", 128<<10)).Status; got != 431 {
		t.Errorf("A path of 128 KiB is answered with %d, want 431", got)
	}
}

// With a certificate, there is no answer over plain HTTP.
func TestTLS(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "exporter.example"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	config := clitest.Write(t, fmt.Sprintf("tls_server_config:\n  cert_file: %s\n  key_file: %s\n", clitest.Write(t, string(certificate)), clitest.Write(t, string(key))))
	exporter := serveFleet(t, "--web.config.file="+config)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	got := clitest.Send(t, transport, "GET", strings.Replace(exporter.URL, "http:", "https:", 1)+"/metrics")
	if got.Status != 200 || !strings.Contains(got.Body, "\nazure_csp_up 1\n") {
		t.Errorf("It answered %d over TLS:\n%s", got.Status, got.Body)
	}
	if got := exporter.Get("/metrics"); got.Status != 400 {
		t.Errorf("It answered %d over plain HTTP, want 400", got.Status)
	}
	// What the server has to say belongs into the log, in the log's format.
	exporter.Stop()
	if log := exporter.Stderr.String(); !strings.Contains(log, "client sent an HTTP request to an HTTPS server") {
		t.Errorf("The log does not tell of the failed handshake:\n%s", log)
	}
}
