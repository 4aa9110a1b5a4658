package cli

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/check"
)

// checkCommand checks credentials, permissions and data.
type checkCommand struct{ partner partnerFlags }

func newCheck(to *kingpin.CmdClause) *checkCommand {
	c := &checkCommand{}
	c.partner.define(to)
	validate(to, c.partner.check)
	return c
}

func (c *checkCommand) run(ctx context.Context, env *environment) error {
	report := check.NewReport(env.stdout)
	cfg, err := c.partner.config()
	if err != nil {
		return report.FailFiles(ctx, err)
	}
	cfg.Logger = env.logger
	return check.Run(ctx, cfg, report)
}
