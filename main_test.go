package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain makes the test binary the program itself when it is started with a
// mark before the program's arguments, so that signals and exit statuses are
// those of a real process.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "as-the-program" {
		os.Args = append(os.Args[:1], os.Args[2:]...)
		main()
	}
	os.Exit(m.Run())
}

// program is the program as a process of its own.
func program(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, os.Args[0], append([]string{"as-the-program"}, args...)...) //nolint:gosec // It is this very binary.
}

// startDemo starts a demo, and returns its address and what it logs. The log is whole
// when the demo has ended.
func startDemo(t *testing.T, cmd *exec.Cmd) (url string, stderr *strings.Builder) {
	t.Helper()
	stderr = &strings.Builder{}
	cmd.Stderr = stderr
	return startProgram(t, cmd), stderr
}

// startProgram starts a demo, and returns its address.
func startProgram(t *testing.T, cmd *exec.Cmd) (url string) {
	t.Helper()
	cmd.WaitDelay = 10 * time.Second
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(stdout); url == "" && lines.Scan(); {
		url = strings.TrimSuffix(regexp.MustCompile(`http://\S+/-/ready`).FindString(lines.Text()), "/-/ready")
	}
	return url
}

// get returns the status and the text of a page.
func get(ctx context.Context, t *testing.T, url string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// end sends a signal to a program, and fails the test unless it ends with status 0.
func end(t *testing.T, cmd *exec.Cmd, signal os.Signal) {
	t.Helper()
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	want := map[os.Signal]int{syscall.SIGTERM: 0, os.Interrupt: 130}[signal]
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != want {
		t.Errorf("After %v it ended with %v, want status %d", signal, err, want)
	}
}

// Both signals end the program in order, with the status that shells have for each.
func TestSignalsEndTheProgramWell(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(signal.String(), func(t *testing.T) {
			cmd := program(t.Context(), "demo", "--web.listen-address=127.0.0.1:0")
			url, _ := startDemo(t, cmd)
			get(t.Context(), t, url+"/-/ready")
			end(t, cmd, signal)
		})
	}
}

// With 256 files that it may open, and 400 connections that send no request, the
// program still responds that it is healthy.
func TestHalfOpenConnections(t *testing.T) {
	demo := program(t.Context(), "demo", "--web.listen-address=127.0.0.1:0")
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{"-c", `ulimit -n 256 && exec "$@"`, "sh"}, demo.Args...)...) //nolint:gosec // The same binary.
	url, stderr := startDemo(t, cmd)
	for range 400 {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // Half-open connections end after 10 s.
	defer cancel()
	if got, _ := get(ctx, t, url+"/-/healthy"); got != http.StatusOK {
		t.Errorf("It responded with %d, want 200", got)
	}
	end(t, cmd, syscall.SIGTERM)
	if log := stderr.String(); strings.Contains(log, "too many open files") || strings.Count(log, "too many connections") != 1 {
		t.Errorf("It logged:\n%s", log)
	}
}

// holdResponse starts a response that takes a minute, and waits until it is in progress.
func holdResponse(t *testing.T, url string) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, "GET /debug/pprof/profile?seconds=60 HTTP/1.1\r\nHost: slow\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if _, stacks := get(t.Context(), t, url+"/debug/pprof/goroutine?debug=2"); strings.Contains(stacks, "pprof.Profile(") {
			return
		}
	}
	t.Fatal("the response does not begin")
}

// A second signal ends the program at once, while the first waits for a response.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		cmd := program(t.Context(), "demo", "--web.listen-address=127.0.0.1:0", "--web.enable-pprof")
		url, _ := startDemo(t, cmd)
		holdResponse(t, url)
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		began := time.Now()
		err := repeat(cmd, signal, ended)
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.Success() || time.Since(began) > 4*time.Second {
			t.Errorf("After %v it ended after %v with %v, want at once by the signal", signal, time.Since(began), err)
		}
	}
}

// repeat sends a signal every 100 ms until the program ends.
func repeat(cmd *exec.Cmd, signal os.Signal, ended <-chan error) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		_ = cmd.Process.Signal(signal) // It may have ended.
		select {
		case err := <-ended:
			return err
		case <-tick.C:
		}
	}
}

// A response in progress that does not end is cut off, and the program ends well.
func TestStopWithAResponseInProgress(t *testing.T) {
	t.Parallel()
	cmd := program(t.Context(), "demo", "--web.listen-address=127.0.0.1:0", "--web.enable-pprof")
	url, stderr := startDemo(t, cmd)
	holdResponse(t, url)
	end(t, cmd, syscall.SIGTERM)
	if log := stderr.String(); !strings.Contains(log, `msg="closing connections whose responses are not read to their end"`) {
		t.Errorf("It logged:\n%s", log)
	}
}

// SIGHUP does not end the program, nor does a log that has lost its reader.
func TestHangup(t *testing.T) {
	cmd := program(t.Context(), "demo", "--web.listen-address=127.0.0.1:0")
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = writer
	url := startProgram(t, cmd)
	if err := errors.Join(writer.Close(), cmd.Process.Signal(syscall.SIGHUP)); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(reader); ; {
		if !lines.Scan() {
			t.Fatal("SIGHUP is not logged")
		}
		if strings.Contains(lines.Text(), `msg="reading the files again and refreshing"`) {
			break
		}
	}
	if err := errors.Join(reader.Close(), cmd.Process.Signal(syscall.SIGHUP)); err != nil {
		t.Fatal(err)
	}
	for range 20 { // It logs meanwhile.
		if got, _ := get(t.Context(), t, url+"/metrics"); got != http.StatusOK {
			t.Errorf("It responded with %d, want 200", got)
		}
	}
	end(t, cmd, syscall.SIGTERM)
}

// What is asked for wrongly ends the process with a status of its own.
func TestExitStatus(t *testing.T) {
	err := program(t.Context(), "--bogus").Run()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 2 {
		t.Errorf("It ended with %v, want status 2", err)
	}
}

// The man page has a title in one line, every command and the examples.
func TestManPage(t *testing.T) {
	page, err := program(t.Context(), "--help-man").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(page), "\n")
	if !regexp.MustCompile(`^\.TH azure_csp_exporter 1 "" "azure_csp_exporter [^ "]+" "User Commands"$`).MatchString(lines[0]) {
		t.Errorf("The title is %q", lines[0])
	}
	for _, part := range []string{`\fBserve `, `\fBdemo [<flags>]`, `\fB--cache.ttl=1h\fR`, `.SH "EXAMPLES"`, "azure_csp_exporter demo \\e\n    \\-\\-backfill=35d\n"} {
		if !strings.Contains(string(page), part) {
			t.Errorf("The man page lacks %q", part)
		}
	}
}

// A shell completes commands by their beginning, flags, and values of flags.
func TestCompletion(t *testing.T) {
	for _, test := range []struct{ typed, want string }{
		{"", "check"},
		{"che", "check"},
		{"demo --back", "--backfill"},
		{"serve --cache", "--cache.ttl"},
		{"usage --sort ", "budget-used"},
		{"customers --sort d", "domain"},
		{"usage --output ", "csv"},
		{"check --log.level ", "warn"},
		{"--log.format ", "json"},
		{"login --partner.cloud ", "usgov"},
		{"usage --sort = ", "forecast"}, // as bash splits --sort=
		{"usage --sort =", "forecast"},
		{"usage --name = x --sort = f", "forecast"},
	} {
		words := append([]string{"--completion-bash"}, strings.Split(test.typed, " ")...)
		offered, err := program(t.Context(), words...).Output()
		if err != nil || !slices.Contains(strings.Split(string(offered), "\n"), test.want) {
			t.Errorf("%q is completed with %q, %v, want %s among them", test.typed, offered, err, test.want)
		}
	}
	script, err := program(t.Context(), "--completion-script-zsh").Output()
	if err != nil || !strings.Contains(string(script), "--completion-bash") {
		t.Errorf("The script for zsh is %q, %v", script, err)
	}
}

// The script for bash completes the value after an equals sign.
func TestCompletionInBash(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip(err)
	}
	script, err := program(t.Context(), "--completion-script-bash").Output()
	if err != nil {
		t.Fatal(err)
	}
	wrapper := filepath.Join(t.TempDir(), "azure_csp_exporter")
	if err := os.WriteFile(wrapper, []byte("#!/bin/sh\nexec "+os.Args[0]+" as-the-program \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for words, want := range map[string]string{
		"usage --sort =":              "name cost budget-used forecast",
		"usage --sort = b":            "budget-used",
		"usage --output csv --sort f": "forecast",
		"check --partner.cloud = us":  "usgov",
	} {
		typed := wrapper + " " + words
		cmd := exec.CommandContext(t.Context(), bash, "-c", string(script)+ //nolint:gosec // The script is the program's.
			"\nCOMP_WORDS=("+typed+"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _azure_csp_exporter_bash_autocomplete; echo ${COMPREPLY[@]}")
		offered, err := cmd.CombinedOutput()
		if err != nil || strings.TrimSpace(string(offered)) != want {
			t.Errorf("%q is completed with %q, %v, want %q", words, offered, err, want)
		}
	}
}
