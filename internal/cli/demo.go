package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/backfill"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/demo"
)

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
	partner, err := demo.Start(ctx, d.customers, d.faults)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, partner.Close()) }()
	cfg := partner.Config()
	cfg.UserAgent = userAgent()
	return d.exporter.serve(ctx, env, cfg, func(at net.Addr) { d.welcome(env, at, partner) })
}

func (d *demoCommand) welcome(env *environment, at net.Addr, partner *demo.Partner) {
	fmt.Fprintf(env.stdout, `This is a demo: a simulated partner with %d customers, over real HTTP and OAuth2.

  http://%[2]v%-10[3]s the metrics of every customer
  http://%[2]v%-10[4]s a landing page with all endpoints
  http://%[2]v%-10[5]s whether every customer has been fetched

`, d.customers, at, d.exporter.telemetryPath, "/", "/-/ready")
	partner.Describe(env.stdout)
	fmt.Fprintln(env.stdout, "Press Ctrl-C to stop.")
}
