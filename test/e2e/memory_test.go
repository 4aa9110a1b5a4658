package e2e_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

// Prometheus asks for the first of these; the others are what it and its kin can
// be told to ask for.
const (
	openMetrics = "application/openmetrics-text;version=1.0.0"
	protobuf    = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
	text        = "text/plain;version=0.0.4"
)

// BenchmarkMemory prints the resident memory of the program when it has fetched
// all customers and was scraped for a while, in one format and then in all.
func BenchmarkMemory(b *testing.B) {
	for _, customers := range []int{1_000, 10_000, 50_000} {
		b.Run(strconv.Itoa(customers), func(b *testing.B) {
			for b.Loop() {
				measureMemory(b, customers)
			}
		})
	}
}

func measureMemory(b *testing.B, customers int) {
	b.Helper()
	fleet := simulator.Fleet(customers)
	for i := range fleet {
		fleet[i].Answer = simulator.Usage
	}
	sim := simulator.New(simulator.Config{Customers: fleet, PublicClient: true})
	args := flagsFor(b, sim, filepath.Join(b.TempDir(), "token"))
	cmd := program(b.Context(), append(args, "--api.concurrency=64")...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	var address string
	for lines := bufio.NewScanner(stderr); address == "" && lines.Scan(); {
		if match := listening.FindStringSubmatch(lines.Text()); match != nil {
			address = "http://" + match[1]
		}
	}
	for began := time.Now(); fetch(b, address+"/-/ready", "", "") != http.StatusOK; {
		if time.Since(began) > 5*time.Minute {
			b.Fatal("The program does not get ready")
		}
		fetch(b, address+"/metrics", openMetrics, "gzip") // It returns when the refresh has ended.
	}
	for range 20 {
		fetch(b, address+"/metrics", openMetrics, "gzip")
	}
	b.ReportMetric(resident(b, cmd.Process.Pid, "VmRSS"), "MB-resident")
	b.ReportMetric(resident(b, cmd.Process.Pid, "VmHWM"), "MB-at-most")
	for range 5 {
		for _, accept := range []string{openMetrics, protobuf, text} {
			fetch(b, address+"/metrics", accept, "gzip")
			fetch(b, address+"/metrics", accept, "identity")
		}
	}
	b.ReportMetric(resident(b, cmd.Process.Pid, "VmRSS"), "MB-in-every-format")
}

// fetch reads an answer to its end and returns the status.
func fetch(tb testing.TB, url, accept, encoding string) int {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, url, nil)
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("Accept-Encoding", encoding)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		tb.Fatal(err)
	}
	return resp.StatusCode
}

// resident returns a figure of a process's memory in megabytes.
func resident(tb testing.TB, pid int, field string) float64 {
	tb.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		tb.Fatal(err)
	}
	match := regexp.MustCompile(field + `:\s+(\d+) kB`).FindSubmatch(status)
	if match == nil {
		tb.Fatalf("There is no %s", field)
	}
	kilobytes, err := strconv.ParseFloat(string(match[1]), 64)
	if err != nil {
		tb.Fatal(err)
	}
	return kilobytes * 1024 / 1e6
}
