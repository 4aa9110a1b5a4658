package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/backfill"
)

// demoLatency is close to the latency of the real API.
const demoLatency = 80 * time.Millisecond

// demoCommand runs the exporter on the simulator.
type demoCommand struct {
	exporter  exporterFlags
	customers int
	faults    []string
	backfill  time.Duration
}

func newDemo(to *kingpin.CmdClause) *demoCommand {
	d := &demoCommand{}
	define(to, "demo.customers", "Number of customers of the simulated partner. The first 48 are of every kind.", &d.customers, positive).Default("48")
	define(to, "demo.faults", "Faults of the simulated Partner Center, separated by commas, such as random-429,role-lost.", &d.faults, faultNames).
		HintOptions(simulator.FaultNames()...)
	d.exporter.define(to, defaults{listenAddress: "127.0.0.1:10058", ttl: "30s"})
	define(to, "backfill", "Print the history of this period, such as 35d, as OpenMetrics for \"promtool tsdb create-blocks-from openmetrics\", and exit.", &d.backfill, backfill.ParsePeriod)
	validate(to, d.check, d.exporter.check)
	return d
}

// faultNames parses names of the simulator's faults, separated by commas.
func faultNames(text string) ([]string, error) {
	names := strings.Split(text, ",")
	for _, fault := range names {
		if simulator.FaultEffect(fault) == "" {
			return nil, fmt.Errorf("%q is not a fault; the faults are %s", fault, strings.Join(simulator.FaultNames(), ", "))
		}
	}
	return names, nil
}

// check rejects combinations of flags.
func (d *demoCommand) check() error {
	if d.backfill > 0 && len(d.faults) > 0 {
		return errors.New("--backfill and --demo.faults cannot be combined")
	}
	return nil
}

func (d *demoCommand) run(ctx context.Context, env *environment) (err error) {
	if d.backfill > 0 {
		return backfill.Write(ctx, env.stdout, simulator.Fleet(d.customers), (*d.exporter.web.WebListenAddresses)[0], time.Now(), d.backfill)
	}
	folder, err := os.MkdirTemp("", name+"-demo-")
	if err != nil {
		return fmt.Errorf("create a directory for the simulated credentials: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	address, stop, err := d.simulate(ctx)
	if err != nil {
		return fmt.Errorf("start the simulated Partner Center: %w", err)
	}
	defer stop()
	p := practice{folder, address}
	if err := p.write(); err != nil {
		return err
	}
	return d.exporter.serve(ctx, env, p.config(), func(at net.Addr) { d.welcome(env, at, p) })
}

func (d *demoCommand) welcome(env *environment, at net.Addr, p practice) {
	fmt.Fprintf(env.stdout, `This is a demo: a simulated partner with %d customers, over real HTTP and OAuth2.

  http://%[2]v%-10[3]s the metrics of every customer
  http://%[2]v%-10[4]s a landing page with all endpoints
  http://%[2]v%-10[5]s whether every customer has been fetched

`, d.customers, at, d.exporter.telemetryPath, "/", "/-/ready")
	d.describeFaults(env.stdout)
	p.describe(env.stdout)
	fmt.Fprintln(env.stdout, "Press Ctrl-C to stop.")
}

// describeFaults prints what the faults that are on do.
func (d *demoCommand) describeFaults(w io.Writer) {
	if len(d.faults) == 0 {
		return
	}
	fmt.Fprintf(w, "Its faults:\n\n")
	for _, fault := range d.faults {
		fmt.Fprintf(w, "  %s: %s\n", fault, simulator.FaultEffect(fault))
	}
	fmt.Fprintln(w)
}

// simulate serves a simulated Partner Center on a free loopback port.
func (d *demoCommand) simulate(ctx context.Context) (address string, stop func(), err error) {
	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(d.customers)})
	sim.SetFaults(simulator.Faults{Latency: demoLatency})
	sim.SetSignIn(simulator.SignIn{Interval: time.Second}) // The user signs in at once.
	for _, fault := range d.faults {
		if err := sim.SetFault(fault, true); err != nil {
			return "", nil, err
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
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

// practice holds the simulated credentials, for the demo itself and for the other
// commands in another terminal.
type practice struct{ folder, address string }

func (p practice) file(name string) string { return filepath.Join(p.folder, name) }

// flags returns the flags with which the other commands reach the simulated partner.
// They have a refresh token file of their own, since each command rotates the token.
func (p practice) flags() []string {
	return []string{
		"--partner.tenant-id=" + simulator.TenantID,
		"--partner.client-id=" + simulator.ClientID,
		"--partner.client-secret-file=" + p.file("client-secret"),
		"--partner.refresh-token-file=" + p.file("practice-refresh-token"),
		"--partner.api-url=" + p.address,
		"--partner.login-url=" + p.address,
	}
}

// config returns the configuration of the demo's own client.
func (p practice) config() client.Config {
	return client.Config{
		Cloud:            client.Cloud{Name: "demo", APIURL: p.address, LoginURL: p.address, Scope: simulator.Scope},
		TenantID:         simulator.TenantID,
		ClientID:         simulator.ClientID,
		ClientSecretFile: p.file("client-secret"),
		RefreshTokenFile: p.file("refresh-token"),
		UserAgent:        userAgent(),
	}
}

// write writes the files that the flags name, and one with the flags.
func (p practice) write() error {
	var errs []error
	for file, content := range map[string]string{
		"client-secret":          simulator.ClientSecret,
		"refresh-token":          simulator.RefreshToken,
		"practice-refresh-token": simulator.RefreshToken,
		"flags":                  strings.Join(p.flags(), "\n") + "\n",
	} {
		errs = append(errs, os.WriteFile(p.file(file), []byte(content), 0o600))
	}
	return errors.Join(errs...)
}

func (p practice) describe(w io.Writer) {
	fmt.Fprintf(w, "Other commands work with the same partner, from another terminal:\n\n")
	for _, command := range []string{"login", "check", "customers", "usage"} {
		fmt.Fprintf(w, "  %s %-9s @%s\n", name, command, p.file("flags"))
	}
	fmt.Fprintf(w, "\nTheir flags in this file, until the demo ends:\n\n")
	for _, flag := range p.flags() {
		fmt.Fprintf(w, "  %s\n", flag)
	}
	fmt.Fprintln(w)
}
