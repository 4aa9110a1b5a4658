package main

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"regexp"
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
