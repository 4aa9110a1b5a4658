// Package clitest runs the program in the process of a test and reads what it serves
// and prints.
package clitest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli"
)

// Patience is how long a test waits for an event, on any machine.
const Patience = 20 * time.Second

// Output keeps what a program prints, and lets a test wait for a part of it.
type Output struct {
	mu    sync.Mutex
	text  strings.Builder
	grown chan struct{} // closed at the next write
}

// NewOutput returns an empty output.
func NewOutput() *Output { return &Output{grown: make(chan struct{})} }

// Write implements [io.Writer].
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.grown)
	o.grown = make(chan struct{})
	return o.text.Write(p)
}

// String returns the text so far.
func (o *Output) String() string {
	text, _ := o.Read()
	return text
}

// Read returns the text so far and a channel that is closed with the next write.
func (o *Output) Read() (text string, grown <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String(), o.grown
}

// Await waits until the output matches, and returns the match's groups.
func (o *Output) Await(t *testing.T, pattern string) []string {
	t.Helper()
	re, timeout := regexp.MustCompile(pattern), time.After(Patience)
	for {
		text, grown := o.Read()
		if match := re.FindStringSubmatch(text); match != nil {
			return match
		}
		select {
		case <-grown:
		case <-timeout:
			t.Fatalf("The output never matched %s:\n%s", pattern, text)
		}
	}
}

// Program is a running exporter.
type Program struct {
	t              *testing.T
	URL            string
	Stdout, Stderr *Output
	// Stop stops it as SIGTERM does, and checks the exit status.
	Stop func()
}

// Start runs the program on a free port until the test ends or stops it.
func Start(t *testing.T, args ...string) *Program {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &Program{t: t, Stdout: NewOutput(), Stderr: NewOutput()}
	status := make(chan int, 1)
	go func() { status <- cli.Run(ctx, append(args, "--web.listen-address=127.0.0.1:0"), p.Stdout, p.Stderr) }()
	p.Stop = sync.OnceFunc(func() {
		cancel()
		select {
		case got := <-status:
			if got != 0 {
				t.Errorf("The exit status is %d, want 0:\n%s", got, p.Stderr)
			}
		case <-time.After(Patience):
			t.Errorf("The program does not end:\n%s", p.Stderr)
		}
	})
	t.Cleanup(p.Stop)
	p.URL = "http://" + p.Stderr.Await(t, `(?:Listening on" address=|"address":")([\d.]+:\d+)`)[1]
	return p
}

// Response is the response to a request.
type Response struct {
	Status int
	Header http.Header
	Body   string
}

// Send sends a request with headers given as "Name: value". It may be called by
// any goroutine.
func (p *Program) Send(method, path string, headers ...string) Response {
	p.t.Helper()
	return Send(p.t, &http.Transport{}, method, p.URL+path, headers...)
}

// Get sends a GET request.
func (p *Program) Get(path string) Response {
	p.t.Helper()
	return p.Send(http.MethodGet, path)
}

// Send sends a request. It keeps no connection and does not decompress the response.
// Without a response it fails the test.
func Send(t *testing.T, transport *http.Transport, method, url string, headers ...string) Response {
	t.Helper()
	transport.DisableKeepAlives, transport.DisableCompression = true, true
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Error(err)
		return Response{}
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Set(name, value)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Error(err)
		return Response{}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return Response{resp.StatusCode, resp.Header, string(body)}
}

// Series returns the lines of an exposition with a prefix.
func (r Response) Series(prefix string) []string {
	var lines []string
	for line := range strings.Lines(r.Body) {
		if strings.HasPrefix(line, prefix) {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

// Run runs a program that ends by itself.
func Run(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	return RunFor(t, Patience, args...)
}

// RunFor runs a program that ends by itself within a time.
func RunFor(t *testing.T, longest time.Duration, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	status = cli.Run(ctx, args, &out, &errs)
	if ctx.Err() != nil {
		t.Errorf("%v did not end by itself", args)
	}
	return status, out.String(), errs.String()
}

// Write returns the name of a new file in a folder of the test's own.
func Write(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Value returns the value of the one series, or -1 if there is none.
func (r Response) Value(series string) float64 {
	for _, line := range r.Series(series + " ") {
		return ValueOf(line)
	}
	return -1
}

// ValueOf returns the value of a line of an exposition, or -1 if it has none.
func ValueOf(line string) float64 {
	var value float64
	if _, err := fmt.Sscan(line[strings.LastIndex(line, " ")+1:], &value); err != nil {
		return -1
	}
	return value
}

// SimulatedFlags returns the flags of an exporter of a simulator.
func SimulatedFlags(t *testing.T, url string, more ...string) []string {
	t.Helper()
	return append([]string{
		"serve", "--partner.tenant-id=" + simulator.TenantID, "--partner.client-id=" + simulator.ClientID,
		"--partner.client-secret-file=" + Write(t, simulator.ClientSecret),
		"--partner.refresh-token-file=" + Write(t, simulator.RefreshToken),
		"--partner.api-url=" + url, "--partner.login-url=" + url,
	}, more...)
}

// Billed returns n customers that all have figures.
func Billed(n int) []simulator.Customer {
	customers := simulator.Fleet(n)
	for i := range customers {
		customers[i].Answer = simulator.Usage
	}
	return customers
}

// Backfill returns the history that the demo writes, and the full hours between
// which it may end.
func Backfill(t *testing.T, period string) (history string, earliest, latest time.Time) {
	t.Helper()
	earliest = time.Now().UTC().Truncate(time.Hour)
	status, stdout, stderr := RunFor(t, 10*Patience, "demo", "--backfill="+period) // With the race detector, 35 days take long.
	if status != 0 || stderr != "" {
		t.Fatalf("The exit status is %d:\n%s", status, stderr)
	}
	return stdout, earliest, time.Now().UTC().Truncate(time.Hour)
}
