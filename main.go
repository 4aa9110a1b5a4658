// Command azure_csp_exporter exposes what the Azure CSP customers of a Microsoft
// partner spend as Prometheus metrics.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}
