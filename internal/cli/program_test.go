package cli_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli"
)

// patience is how long a test waits for what has to come, on any machine.
const patience = 20 * time.Second

// output keeps what a program prints, and lets a test wait for a part of it.
type output struct {
	mu    sync.Mutex
	text  strings.Builder
	grown chan struct{} // closed at the next write
}

func newOutput() *output { return &output{grown: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.grown)
	o.grown = make(chan struct{})
	return o.text.Write(p)
}

func (o *output) String() string {
	text, _ := o.read()
	return text
}

func (o *output) read() (text string, grown <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String(), o.grown
}

// await waits until the output matches, and returns the match's groups.
func (o *output) await(t *testing.T, pattern string) []string {
	t.Helper()
	re, timeout := regexp.MustCompile(pattern), time.After(patience)
	for {
		text, grown := o.read()
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

// program is an exporter at work.
type program struct {
	t              *testing.T
	url            string
	stdout, stderr *output
	// stop ends it as SIGTERM does, and checks that it took that for a success.
	stop func()
}

// start runs the program on a free port until the test ends or stops it.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &program{t: t, stdout: newOutput(), stderr: newOutput()}
	status := make(chan int, 1)
	go func() { status <- cli.Run(ctx, append(args, "--web.listen-address=127.0.0.1:0"), p.stdout, p.stderr) }()
	p.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case got := <-status:
			if got != 0 {
				t.Errorf("The exit status is %d, want 0:\n%s", got, p.stderr)
			}
		case <-time.After(patience):
			t.Errorf("The program does not end:\n%s", p.stderr)
		}
	})
	t.Cleanup(p.stop)
	p.url = "http://" + p.stderr.await(t, `(?:Listening on" address=|"address":")([\d.]+:\d+)`)[1]
	return p
}

// answer is what a program said to a request.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request with headers given as "Name: value". It may be called by
// any goroutine.
func (p *program) ask(method, path string, headers ...string) answer {
	p.t.Helper()
	return send(p.t, &http.Transport{}, method, p.url+path, headers...)
}

func (p *program) get(path string) answer {
	p.t.Helper()
	return p.ask(http.MethodGet, path)
}

// send keeps no connection and undoes no compression. Without an answer it fails
// the test.
func send(t *testing.T, transport *http.Transport, method, url string, headers ...string) answer {
	t.Helper()
	transport.DisableKeepAlives, transport.DisableCompression = true, true
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Error(err)
		return answer{}
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Set(name, value)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Error(err)
		return answer{}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// series returns the lines of an exposition that begin so.
func (a answer) series(prefix string) []string {
	var lines []string
	for line := range strings.Lines(a.body) {
		if strings.HasPrefix(line, prefix) {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

// run runs a program that ends by itself.
func run(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	return runFor(t, patience, args...)
}

func runFor(t *testing.T, longest time.Duration, args ...string) (status int, stdout, stderr string) {
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

// write returns the name of a new file in a folder of the test's own.
func write(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
