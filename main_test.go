package main

import (
	"bufio"
	"context"
	"errors"
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

// Both signals that ask a process to end are taken as a reason to end well.
func TestSignalsEndTheProgramWell(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(signal.String(), func(t *testing.T) {
			cmd := program(t.Context(), "demo", "--web.listen-address=127.0.0.1:0")
			cmd.WaitDelay = 10 * time.Second
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var url string
			for lines := bufio.NewScanner(stdout); url == "" && lines.Scan(); {
				url = regexp.MustCompile(`http://\S+/-/ready`).FindString(lines.Text())
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("After %v it ended with %v, want status 0", signal, err)
			}
		})
	}
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
