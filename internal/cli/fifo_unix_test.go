//go:build unix

package cli_test

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"
)

// replaceByFIFO puts in the place of a file a pipe that no process writes to until the
// test ends.
func replaceByFIFO(t *testing.T, file string) {
	t.Helper()
	if err := errors.Join(os.Remove(file), syscall.Mkfifo(file, 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // It ends the reads that wait.
		if writer, err := os.OpenFile(file, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			_ = writer.Close()
		}
	})
}

// A secret file that hangs is an error of the start that names the flag and the file.
func TestSecretFileThatHangs(t *testing.T) {
	args := simulated(t, simulator.New(simulator.Config{}), "serve")
	file := fileOf(t, args, "--partner.client-secret-file")
	replaceByFIFO(t, file)
	status, _, stderr := clitest.Run(t, args...)
	if want := "azure_csp_exporter: error: --partner.client-secret-file: " + file + " cannot be read within 3s: "; status != 1 || !strings.HasPrefix(stderr, want) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("The exit status is %d:\n%s\nwant 1 and one line that begins with\n%s", status, stderr, want)
	}
}

// SIGTERM ends an exporter whose token file hangs.
func TestStopWhileTheTokenFileHangs(t *testing.T) {
	args := simulated(t, simulator.New(simulator.Config{Customers: simulator.Fleet(12)}), "serve")
	exporter := clitest.Start(t, args...)
	exporter.Get("/metrics")
	replaceByFIFO(t, fileOf(t, args, "--partner.refresh-token-file"))
	hangup(t)
	exporter.Stderr.Await(t, "reading the files again")
	began := time.Now()
	exporter.Stop()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("It took %v to end, want 10 s at most", took)
	}
}
