package e2e_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"
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
	address, pid := serveCustomers(b, customers)
	b.ReportMetric(resident(b, pid, "VmRSS"), "MB-resident")
	b.ReportMetric(resident(b, pid, "VmHWM"), "MB-at-most")
	for range 5 {
		for _, accept := range []string{openMetrics, protobuf, text} {
			fetch(b, address+"/metrics", accept, "gzip")
			fetch(b, address+"/metrics", accept, "identity")
		}
	}
	b.ReportMetric(resident(b, pid, "VmRSS"), "MB-in-every-format")
}

// BenchmarkMemoryByName prints how many times its idle memory the program has at most
// while it serves 40 scrapes at once that each want some families of 10,000 customers,
// in every format.
func BenchmarkMemoryByName(b *testing.B) {
	for b.Loop() {
		address, pid := serveCustomers(b, 10_000)
		idle := resident(b, pid, "VmRSS")
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0o600); err != nil {
			b.Fatal(err) // It resets the highest figure.
		}
		began := time.Now()
		scrapeByName(b, address, 40)
		b.ReportMetric(time.Since(began).Seconds(), "s-for-40")
		peak := resident(b, pid, "VmHWM")
		b.ReportMetric(idle, "MB-idle")
		b.ReportMetric(peak, "MB-at-most")
		b.ReportMetric(peak/idle, "times-the-idle-memory")
	}
}

// BenchmarkMemorySlowReaders prints how many times its idle memory the program has with
// 36 readers that stall, each of which began with figures of its own.
func BenchmarkMemorySlowReaders(b *testing.B) {
	for b.Loop() {
		address, pid := serveCustomers(b, 10_000, "--cache.ttl=1s")
		idle := resident(b, pid, "VmRSS")
		for range 36 {
			conn, err := (&net.Dialer{}).DialContext(b.Context(), "tcp", strings.TrimPrefix(address, "http://"))
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: slow\r\n\r\n"); err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(conn, make([]byte, 16)); err != nil {
				b.Fatal(err)
			}
			fetch(b, address+"/metrics", openMetrics, "gzip")
		}
		slow := resident(b, pid, "VmRSS")
		b.ReportMetric(idle, "MB-idle")
		b.ReportMetric(slow, "MB-with-36-readers")
		b.ReportMetric(slow/idle, "times-the-idle-memory")
	}
}

// scrapeByName sends so many scrapes at once.
func scrapeByName(b *testing.B, address string, n int) {
	b.Helper()
	names := []string{"total_cost", "budget", "info", "billing_period_end_timestamp_seconds", "fetch_success"}
	accepts := []string{openMetrics, protobuf, text}
	var scrapes sync.WaitGroup
	for i := range n {
		scrapes.Go(func() {
			query := url.Values{"name[]": {"azure_csp_customer_" + names[i%len(names)], "azure_csp_customers"}}
			if status := fetch(b, address+"/metrics?"+query.Encode(), accepts[i%len(accepts)], []string{"gzip", "identity"}[i%2]); status != http.StatusOK {
				b.Errorf("Status %d", status)
			}
		})
	}
	scrapes.Wait()
}

// serveCustomers starts the program with customers who all have figures, until the
// benchmark ends, and scrapes it for a while as Prometheus does.
func serveCustomers(b *testing.B, customers int, flags ...string) (address string, pid int) {
	b.Helper()
	sim := simulator.New(simulator.Config{Customers: clitest.Billed(customers), PublicClient: true})
	args := flagsFor(b, sim, filepath.Join(b.TempDir(), "token"))
	cmd := program(b.Context(), slices.Concat(args, []string{"--api.concurrency=64"}, flags)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
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
	return address, cmd.Process.Pid
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
