package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli"
)

// The demo needs no flags: within seconds every billed customer has its cost, the
// addresses that it prints can be opened, and it leaves no files.
func TestDemo(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	began := time.Now()
	demo := clitest.Start(t, "demo")
	metrics := demo.Get("/metrics")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("The first scrape was complete after %v, want 5 s at most", took)
	}
	want := []string{
		`azure_csp_customers{status="error"} 0`,
		`azure_csp_customers{status="no_access"} 2`,
		`azure_csp_customers{status="no_usage"} 4`,
		`azure_csp_customers{status="not_found"} 1`,
		`azure_csp_customers{status="ok"} 41`,
		`azure_csp_customers{status="pending"} 0`,
	}
	if diff := cmp.Diff(want, metrics.Series("azure_csp_customers{")); diff != "" {
		t.Error(diff)
	}
	if got := len(metrics.Series("azure_csp_customer_total_cost{")); got != 41 {
		t.Errorf("%d customers have a cost, want every one of the 41 with usage", got)
	}
	welcome := demo.Stdout.Await(t, `(?s)^.*Press Ctrl-C to stop\.\n$`)[0]
	if diff := cmp.Diff(strings.ReplaceAll(`This is a demo: a simulated partner with 48 customers, over real HTTP and OAuth2.

  URL/metrics   the metrics of every customer
  URL/          a landing page with all endpoints
  URL/-/ready   whether every customer has been fetched

Other commands work with the same partner, from another terminal:

  azure_csp_exporter login     @FOLDER/flags
  azure_csp_exporter check     @FOLDER/flags
  azure_csp_exporter customers @FOLDER/flags
  azure_csp_exporter usage     @FOLDER/flags

Their flags in this file, until the demo ends:

  --partner.tenant-id=simulated-partner.example
  --partner.client-id=00000000-0000-4000-8000-000000000001
  --partner.client-secret-file=FOLDER/client-secret
  --partner.refresh-token-file=FOLDER/practice-refresh-token
  --partner.api-url=http://ADDRESS
  --partner.login-url=http://ADDRESS

Press Ctrl-C to stop.
`, "URL", demo.URL), stillDemo(welcome)); diff != "" {
		t.Error(diff)
	}
	for _, url := range regexp.MustCompile(`  http://\S+`).FindAllString(welcome, -1) {
		url = strings.TrimSpace(url)
		if got := clitest.Send(t, &http.Transport{}, "GET", url); got.Status != 200 {
			t.Errorf("%s has status %d, want 200", url, got.Status)
		}
	}
	demo.Stop()
	left, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 0 {
		t.Errorf("The demo left %v", left)
	}
}

// stillDemo replaces what differs between demos in the text about other commands.
func stillDemo(welcome string) string {
	welcome = regexp.MustCompile(`/\S*/azure_csp_exporter-demo-\d+`).ReplaceAllString(welcome, "FOLDER")
	return regexp.MustCompile(`-url=http://127\.0\.0\.1:\d+`).ReplaceAllString(welcome, "-url=http://ADDRESS")
}

// The other commands work on the demo with the flags that it prints.
func TestPractise(t *testing.T) {
	t.Parallel()
	demo := clitest.Start(t, "demo", "--demo.customers=8")
	flags := demo.Stdout.Await(t, `check +(@\S+)`)[1]
	for command, want := range map[string]string{
		"login":     "ok    sign-in    the refresh token is stored in ",
		"check":     "ok    customers  Partner Center lists 8 customers\n",
		"customers": "Fabrikam Logistics       00000001-5c1e-4000-8000-8e424e03a5ac  customer1.onmicrosoft.com  reseller\n",
		"usage":     "Fabrikam Logistics       00000001-5c1e-4000-8000-8e424e03a5ac  EUR ",
	} {
		if status, stdout, stderr := clitest.Run(t, command, flags); status != 0 || !strings.Contains(stdout, want) {
			t.Errorf("%s: exit status %d, want 0 and %q:\n%s%s", command, status, want, stdout, stderr)
		}
	}
	if got := demo.Get("/metrics").Value("azure_csp_up"); got != 1 {
		t.Errorf("The demo itself is not up afterwards: %v", got)
	}
}

// A demo with faults has them, and prints what they do.
func TestDemoFaults(t *testing.T) {
	demo := clitest.Start(t, "demo", "--demo.customers=6", "--demo.faults=role-lost,numeric-refresh-token")
	demo.Stdout.Await(t, `(?s)\nIts faults:\n\n  role-lost: usage summaries and records are refused with 403 and the code 900150\n  numeric-refresh-token: .*Ctrl-C`)
	if got := demo.Get("/metrics").Value(`azure_csp_customers{status="no_access"}`); got != 6 {
		t.Errorf("%v customers are denied, want 6", got)
	}
	for want, args := range map[string][]string{
		`--demo.faults: "none" is not a fault; the faults are another-customers-body, `: {"--demo.faults=role-lost,none"},
		`--demo.faults: "" is not a fault`:                                              {"--demo.faults="},
		"--backfill and --demo.faults cannot be combined":                               {"--demo.faults=role-lost", "--backfill=1h"},
		`--demo.customers: "0" is not a positive integer`:                               {"--demo.customers=0"},
	} {
		if status, _, stderr := clitest.Run(t, append([]string{"demo"}, args...)...); status != 2 || !strings.HasPrefix(stderr, "azure_csp_exporter: error: "+want) {
			t.Errorf("%v: exit status %d, %q, want 2 and %q", args, status, stderr, want)
		}
	}
}

// A demo whose port is taken exits at once, and leaves no files.
func TestDemoOnATakenPort(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	address := strings.TrimPrefix(clitest.Start(t, "demo").URL, "http://")
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Fatalf("A demo that runs has %v and %v, want one folder", left, err)
	}
	status, stdout, stderr := clitest.Run(t, "demo", "--web.listen-address="+address, "--log.level=error")
	if status != 1 || stdout != "" || !strings.HasPrefix(stderr, "azure_csp_exporter: error: --web.listen-address: ") {
		t.Errorf("Exit status %d, output %q and %q, want 1 and the flag", status, stdout, stderr)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("There are %v and %v afterwards, want the folder of the one that runs", left, err)
	}
}

// The demo fails without a temporary folder for its credentials.
func TestDemoWithoutTemporaryFolder(t *testing.T) {
	t.Setenv("TMPDIR", "/proc/self/missing")
	status, _, stderr := clitest.Run(t, "demo")
	if status != 1 || !strings.HasPrefix(stderr, "azure_csp_exporter: error: create a directory for the simulated credentials: ") {
		t.Errorf("Exit status %d, standard error %q", status, stderr)
	}
}

// SIGTERM while Partner Center does not respond: the waiting scrape gets the figures that
// there are, and the program stops at once with status 0.
func TestStopWhileARefreshHangs(t *testing.T) {
	sim, requested := simulator.New(simulator.Config{Customers: simulator.Fleet(3)}), make(chan struct{}, 100)
	exporter := clitest.Start(t, simulated(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/usagesummary") {
			requested <- struct{}{}
			<-r.Context().Done()
			return
		}
		sim.ServeHTTP(w, r)
	}), "serve")...)
	<-requested
	scrape := make(chan clitest.Response, 1)
	go func() { scrape <- exporter.Send("GET", "/metrics", "X-Prometheus-Scrape-Timeout-Seconds: 60") }()
	// The scrape waits when a lookup of the three customers has been counted that
	// is not one of these scrapes', which have no time to wait.
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for own, lookups := 1, 0; lookups <= (own-1)*3 && own < 1000; own++ {
		metrics := exporter.Send("GET", "/metrics", "X-Prometheus-Scrape-Timeout-Seconds: 0.001")
		for _, line := range metrics.Series("azure_csp_cache_lookups_total ") {
			_, _ = fmt.Sscanf(line, "azure_csp_cache_lookups_total %d", &lookups)
		}
		<-tick.C
	}
	began := time.Now()
	exporter.Stop()
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("It took %v to end, want 3 s at most", took)
	}
	got := <-scrape
	if got.Status != 200 || !strings.Contains(got.Body, `azure_csp_customers{status="pending"} 3`) {
		t.Errorf("The waiting scrape got status %d:\n%s", got.Status, got.Body)
	}
	if !strings.Contains(exporter.Stderr.String(), "msg=stopped") {
		t.Errorf("The log has no line about the stop:\n%s", exporter.Stderr)
	}
}

// SIGTERM while the token endpoint does not respond stops the program as fast: it does
// not wait for the end of an exchange that may never come.
func TestStopWhileTheTokenEndpointHangs(t *testing.T) {
	p, requested, release := newPartner(t), make(chan struct{}, 100), make(chan struct{})
	p.on(tokenPath, func(http.ResponseWriter, *http.Request) {
		requested <- struct{}{}
		<-release
	})
	exporter := clitest.Start(t, p.flags("serve")...)
	<-requested
	// The endpoint responds in the end, so that a failing test does not last.
	free := sync.OnceFunc(func() { close(release) })
	defer time.AfterFunc(4*time.Second, free).Stop()
	defer free()
	began := time.Now()
	exporter.Stop()
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("It took %v to end, want 3 s at most", took)
	}
}

// SIGTERM before the start is no failure.
func TestStopBeforeTheStart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	stdout, stderr := clitest.NewOutput(), clitest.NewOutput()
	if got := cli.Run(ctx, []string{"demo", "--web.listen-address=127.0.0.1:0"}, stdout, stderr); got != 0 {
		t.Errorf("The exit status is %d, want 0:\n%s", got, stderr)
	}
}

// Ctrl-C ends every command that has not finished with status 130, and blames
// nothing else.
func TestInterruptedCommandsExitWith130(t *testing.T) {
	for _, command := range []string{"check", "customers", "usage"} {
		for name, path := range map[string]string{"the token": tokenPath, "the list": listPath} {
			t.Run(command+" during "+name, func(t *testing.T) {
				t.Parallel()
				p, hang := newPartner(t), make(chan struct{})
				t.Cleanup(func() { close(hang) })
				ctx, interrupt := context.WithCancel(t.Context())
				p.on(path, func(http.ResponseWriter, *http.Request) {
					interrupt()
					<-hang
				})
				checkInterrupted(ctx, t, p.flags(command)...)
			})
		}
	}
	t.Run("demo --backfill", func(t *testing.T) {
		t.Parallel()
		ctx, interrupt := context.WithCancel(t.Context())
		interrupt()
		checkInterrupted(ctx, t, "demo", "--backfill=400d")
	})
}

func checkInterrupted(ctx context.Context, t *testing.T, args ...string) {
	t.Helper()
	var stdout, stderr strings.Builder
	status := cli.Run(ctx, args, &stdout, &stderr)
	if want := "azure_csp_exporter: error: interrupted\n"; status != 130 || stderr.String() != want {
		t.Errorf("%s: exit status %d, want 130; standard error %q, want %q", args[0], status, &stderr, want)
	}
}

// --version and --help exit with status 0.
func TestVersionAndHelp(t *testing.T) {
	tests := map[string]struct {
		args  []string
		holds string
	}{
		"version":           {[]string{"--version"}, "azure_csp_exporter, version "},
		"version, short":    {[]string{"-V"}, "azure_csp_exporter, version "},
		"help":              {[]string{"--help"}, "serve* --partner.tenant-id"},
		"help, short":       {[]string{"-h"}, "--partner.refresh-token-file"},
		"help of a command": {[]string{"demo", "--help"}, "Serve the metrics of a simulated partner, without credentials."},
		"help as a command": {[]string{"help", "check"}, "Check credentials, MFA"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := clitest.Run(t, test.args...)
			if status != 0 || stderr != "" || !strings.Contains(stdout, test.holds) {
				t.Errorf("Exit status %d, output %q and %q, want 0 and %q", status, stdout, stderr, test.holds)
			}
		})
	}
}

// Each format is valid, and each level suppresses the levels below it.
func TestLog(t *testing.T) {
	logs := func(t *testing.T, flags ...string) string {
		t.Helper()
		exporter := serveFleet(t, flags...)
		exporter.Get("/metrics")
		exporter.Stop()
		return exporter.Stderr.String()
	}
	t.Run("logfmt", func(t *testing.T) {
		for line := range strings.Lines(logs(t, "--log.format=logfmt")) {
			if !regexp.MustCompile(`^ts=\S+Z level=(info|warn) (caller=\S+ time=\S+ )?msg=.*\n$`).MatchString(line) {
				t.Errorf("The log holds %q", line)
			}
		}
	})
	t.Run("json", func(t *testing.T) {
		for line := range strings.Lines(logs(t, "--log.format=json")) {
			var fields struct {
				TS    string `json:"ts"`
				Level string `json:"level"`
				Msg   string `json:"msg"`
			}
			if err := json.Unmarshal([]byte(line), &fields); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			if fields.TS == "" || fields.Level == "" || fields.Msg == "" {
				t.Errorf("The log holds %s", line)
			}
		}
	})
	t.Run("level", func(t *testing.T) {
		status, _, stderr := clitest.Run(t, "demo", "--web.listen-address=127.0.0.1:bogus", "--log.level=warn")
		if status != 1 || strings.Contains(stderr, "level=info") {
			t.Errorf("It ended with status %d and logged %q", status, stderr)
		}
	})
}
