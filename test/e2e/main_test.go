// Package e2e_test tests the exporter beside the programs that it works with:
// Prometheus, Alertmanager, an authority and a proxy of other projects. Tests that
// take long are here as well. "make e2e" installs what they need and runs them.
package e2e_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

// executable is the program, built once for the tests that start it as a process.
var executable string

// A server that was stopped leaves nothing running. Toxiproxy may leave the pipe
// of a connection that ends while a toxic is being removed, and logs by itself.
func TestMain(m *testing.M) {
	zerolog.SetGlobalLevel(zerolog.Disabled)
	folder, err := os.MkdirTemp("", "azure_csp_exporter-e2e-")
	if err != nil {
		panic(err)
	}
	executable = filepath.Join(folder, "azure_csp_exporter")
	build := exec.Command("go", "build", "-o", executable, ".")
	build.Dir = filepath.Join("..", "..")
	if output, err := build.CombinedOutput(); err != nil {
		panic("the program cannot be built: " + string(output))
	}
	status := m.Run()
	if err := goleak.Find(
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/stream.(*ChanWriter).Write"),
	); status == 0 && err != nil {
		println(err.Error())
		status = 1
	}
	_ = os.RemoveAll(folder)
	os.Exit(status)
}

// program returns the program as a process of its own.
func program(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, executable, args...)
}
