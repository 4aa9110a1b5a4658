package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"
)

// prometheusServer is a real Prometheus at work, as a process of its own.
type prometheusServer struct {
	t   *testing.T
	url string
	log *clitest.Output
	// stop ends it before the test does.
	stop func()
}

// sample is a series of a query's result.
type sample struct {
	labels map[string]string
	value  float64
}

// target is what Prometheus says of something that it scrapes.
type target struct{ Health, LastError string }

// startPrometheus runs Prometheus on a free port until the test ends. It scrapes
// nothing in its first five seconds, since its discovery of targets takes them.
func startPrometheus(t *testing.T, config string, flags ...string) *prometheusServer {
	t.Helper()
	return startPrometheusOn(t, filepath.Join(t.TempDir(), "data"), config, flags...)
}

// startPrometheusOn runs Prometheus on the blocks of a folder.
func startPrometheusOn(t *testing.T, folder, config string, flags ...string) *prometheusServer {
	t.Helper()
	args := append([]string{
		"--config.file=" + clitest.Write(t, config), "--storage.tsdb.path=" + folder,
		"--storage.tsdb.retention.time=100d", "--web.listen-address=127.0.0.1:0",
	}, flags...)
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, findPrometheus(t), args...) //nolint:gosec // It is the Prometheus that the machine has.
	p := &prometheusServer{t: t, log: clitest.NewOutput()}
	cmd.Stdout, cmd.Stderr = p.log, p.log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = clitest.Patience
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.stop = sync.OnceFunc(func() {
		cancel()
		if err := cmd.Wait(); !errors.Is(err, context.Canceled) {
			t.Errorf("Prometheus ended with %v:\n%s", err, p.log)
		}
	})
	t.Cleanup(p.stop)
	p.url = "http://" + p.log.Await(t, `msg="Listening on".* address=(127\.0\.0\.1:\d+)`)[1]
	p.log.Await(t, "Server is ready to receive web requests")
	return p
}

// findPrometheus fails the test where there is none, so that nobody takes a test
// that was left out for one that passed.
func findPrometheus(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("prometheus")
	switch {
	case err != nil && testing.Short():
		t.Skip("There is no prometheus in PATH.")
	case err != nil:
		t.Fatal(`There is no prometheus in PATH: install Debian's package "prometheus", or leave this test out with -short.`)
	}
	return path
}

// scrapeConfig scrapes each program every second. Its position among them is the
// label "shard". Other sections of a configuration can be appended.
func scrapeConfig(urls ...string) string {
	var config strings.Builder
	config.WriteString(`global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
scrape_configs:
  - job_name: azure_csp
    static_configs:
`)
	for i, address := range urls {
		fmt.Fprintf(&config, "      - {targets: [%q], labels: {shard: \"%d\"}}\n", strings.TrimPrefix(address, "http://"), i)
	}
	return config.String()
}

// get asks the HTTP API, and reads the data of its answer.
func (p *prometheusServer) get(path string, data any) {
	p.t.Helper()
	a := clitest.Send(p.t, &http.Transport{}, http.MethodGet, p.url+path)
	reply := struct {
		Status string `json:"status"`
		Data   any    `json:"data"`
	}{Data: data}
	if err := json.Unmarshal([]byte(a.Body), &reply); err != nil || reply.Status != "success" {
		p.t.Fatalf("%s is answered with %d, %v: %s", path, a.Status, err, a.Body)
	}
}

// query returns the instant vector that an expression is now.
func (p *prometheusServer) query(expr string) []sample {
	p.t.Helper()
	var data struct {
		Result []struct {
			Metric map[string]string `json:"metric"`
			Value  [2]any            `json:"value"` // the time, and the value as text
		} `json:"result"`
	}
	p.get("/api/v1/query?query="+url.QueryEscape(expr), &data)
	var samples []sample
	for _, result := range data.Result {
		text, _ := result.Value[1].(string)
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			p.t.Fatalf("%s has a series %v that is no number: %v", expr, result.Metric, err)
		}
		samples = append(samples, sample{result.Metric, value})
	}
	return samples
}

// awaitQuery queries until the result has a series. As a comparison filters, it
// waits for "a == 1" to become true.
func (p *prometheusServer) awaitQuery(expr string) {
	p.t.Helper()
	pause, timeout := time.NewTicker(100*time.Millisecond), time.After(clitest.Patience)
	defer pause.Stop()
	for {
		if len(p.query(expr)) > 0 {
			return
		}
		select {
		case <-pause.C:
		case <-timeout:
			p.t.Fatalf("Prometheus never had a result of %s. Its targets are %+v, its log is\n%s", expr, p.targets(), p.log)
		}
	}
}

// value returns that of the one series that an expression is now.
func (p *prometheusServer) value(expr string) float64 {
	p.t.Helper()
	samples := p.query(expr)
	if len(samples) != 1 {
		p.t.Fatalf("%s has %d series, want 1", expr, len(samples))
	}
	return samples[0].value
}

// targets returns everything that is scraped.
func (p *prometheusServer) targets() []target {
	p.t.Helper()
	var data struct {
		ActiveTargets []target `json:"activeTargets"`
	}
	p.get("/api/v1/targets?state=active", &data)
	return data.ActiveTargets
}

var complaint = regexp.MustCompile(`(?im)^.*\blevel=(?:warn|error)\b.*$`)

// complaints are the lines of the log that say that something is wrong.
func (p *prometheusServer) complaints() []string {
	return complaint.FindAllString(p.log.String(), -1)
}
