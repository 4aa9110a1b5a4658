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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() {
		stop() // The next signal ends the process at once.
		time.AfterFunc(shutdownTimeout, abandon)
	})
	status := cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// abandon ends the process without waiting for what hangs.
func abandon() {
	fmt.Fprintf(os.Stderr, "azure_csp_exporter: error: not stopped within %v: exiting\n", shutdownTimeout)
	os.Exit(1)
}
