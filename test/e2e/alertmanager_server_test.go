package e2e_test

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"
)

// alertmanagerServer is a real Alertmanager at work, as a process of its own.
type alertmanagerServer struct {
	url string
	log *clitest.Output
}

// startAlertmanager runs Alertmanager on a free port, and without peers, until the
// test ends.
func startAlertmanager(t *testing.T, config string) *alertmanagerServer {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), findAlertmanager(t), //nolint:gosec // It is the Alertmanager that the machine has.
		"--config.file="+config, "--storage.path="+filepath.Join(t.TempDir(), "data"),
		"--web.listen-address=127.0.0.1:0", "--cluster.listen-address=")
	a := &alertmanagerServer{log: clitest.NewOutput()}
	cmd.Stdout, cmd.Stderr = a.log, a.log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = clitest.Patience
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Wait(); !errors.Is(err, context.Canceled) {
			t.Errorf("Alertmanager ended with %v:\n%s", err, a.log)
		}
	})
	a.url = "http://" + a.log.Await(t, `msg="Listening on".* address=(127\.0\.0\.1:\d+)`)[1]
	return a
}

// findAlertmanager fails the test where there is none. Debian and the project
// name the program differently.
func findAlertmanager(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"prometheus-alertmanager", "alertmanager"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if testing.Short() {
		t.Skip("There is no alertmanager in PATH.")
	}
	t.Fatal(`There is no alertmanager in PATH: install Debian's package "prometheus-alertmanager", or leave this test out with -short.`)
	return ""
}
