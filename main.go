// Command azure_csp_exporter exposes what the Azure CSP customers of a Microsoft
// partner spend as Prometheus metrics.
package main

import (
	"context"
	_ "embed"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/prometheus/common/version"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli"
)

// release is the version that is being worked on. A release build states its own
// with the linker.
//
//go:embed VERSION
var release string

func main() {
	if version.Version == "" {
		version.Version = strings.TrimSpace(release) + "-devel"
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}
