package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/backfill"
)

// The simulated partner has customers of every kind. Its latency is close to that
// of the real API.
const (
	demoCustomers = 48
	demoLatency   = 80 * time.Millisecond
)

// demoCommand runs the exporter on the simulator.
type demoCommand struct {
	exporter exporterFlags
	backfill time.Duration
}

func newDemo(to *kingpin.CmdClause) *demoCommand {
	d := &demoCommand{}
	d.exporter.define(to, defaults{listenAddress: "127.0.0.1:10058", ttl: "30s"})
	define(to, "backfill", "Print the history of this period, such as 35d, as OpenMetrics for \"promtool tsdb create-blocks-from openmetrics\", and exit.", &d.backfill, backfill.ParsePeriod)
	validate(to, d.exporter.check)
	return d
}

func (d *demoCommand) run(ctx context.Context, env *environment) (err error) {
	if d.backfill > 0 {
		return backfill.Write(ctx, env.stdout, simulator.Fleet(demoCustomers), (*d.exporter.web.WebListenAddresses)[0], time.Now(), d.backfill)
	}
	folder, err := os.MkdirTemp("", name+"-demo-")
	if err != nil {
		return fmt.Errorf("create a directory for the simulated credentials: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	address, stop, err := simulate(ctx)
	if err != nil {
		return fmt.Errorf("start the simulated Partner Center: %w", err)
	}
	defer stop()
	cfg, err := demoConfig(folder, address)
	if err != nil {
		return err
	}
	return d.exporter.serve(ctx, env, cfg, func(at net.Addr) { d.welcome(env, at) })
}

func (d *demoCommand) welcome(env *environment, at net.Addr) {
	fmt.Fprintf(env.stdout, `This is a demo: a simulated partner with %d customers, over real HTTP and OAuth2.

  http://%[2]v%-10[3]s the metrics of every customer
  http://%[2]v%-10[4]s a landing page with all endpoints
  http://%[2]v%-10[5]s whether every customer has been fetched

Press Ctrl-C to stop.
`, demoCustomers, at, d.exporter.telemetryPath, "/", "/-/ready")
}

// simulate serves a simulated Partner Center on a free loopback port.
func simulate(ctx context.Context) (address string, stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(demoCustomers)})
	sim.SetFaults(simulator.Faults{Latency: demoLatency})
	server := &http.Server{Handler: sim, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // Close makes it return an error.
	}()
	return "http://" + listener.Addr().String(), func() {
		_ = server.Close()
		<-done
	}, nil
}

// demoConfig writes the simulated credentials to files, and returns a configuration
// that uses them.
func demoConfig(folder, address string) (client.Config, error) {
	cfg := client.Config{
		Cloud:            client.Cloud{Name: "demo", APIURL: address, LoginURL: address, Scope: simulator.Scope},
		TenantID:         simulator.TenantID,
		ClientID:         simulator.ClientID,
		ClientSecretFile: filepath.Join(folder, "client-secret"),
		RefreshTokenFile: filepath.Join(folder, "refresh-token"),
		UserAgent:        userAgent(),
	}
	return cfg, errors.Join(
		os.WriteFile(cfg.ClientSecretFile, []byte(simulator.ClientSecret), 0o600),
		os.WriteFile(cfg.RefreshTokenFile, []byte(simulator.RefreshToken), 0o600),
	)
}
