// Command azure_csp_exporter exposes what the Azure CSP customers of a Microsoft
// partner spend as Prometheus metrics.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/common/version"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli"
)

// release is the version that is being worked on. A release build states its own
// with the linker.
//
//go:embed VERSION
var release string

// shutdownTimeout bounds the time from a signal to the end of the process, whatever
// hangs, as a file system may.
const shutdownTimeout = 20 * time.Second

func main() {
	if version.Version == "" {
		version.Version = strings.TrimSpace(release) + "-devel"
	}
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	var interrupted atomic.Bool
	go func() {
		interrupted.Store(<-signals == os.Interrupt)
		signal.Stop(signals) // The next signal ends the process at once.
		cancel()
		time.Sleep(shutdownTimeout)
		fmt.Fprintf(os.Stderr, "azure_csp_exporter: error: not stopped within %v: exiting\n", shutdownTimeout)
		os.Exit(statusAfter(&interrupted, 1))
	}()
	os.Exit(statusAfter(&interrupted, cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)))
}

// statusAfter returns the exit status: 130 if Ctrl-C ended the process, as shells have
// it, else that of the command.
func statusAfter(interrupted *atomic.Bool, status int) int {
	if interrupted.Load() {
		return 130
	}
	return status
}
