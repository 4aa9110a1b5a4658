package cli

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/output"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/usage"
)

// customersCommand lists the customers.
type customersCommand struct {
	partner partnerFlags
	output  outputFlags
}

func newCustomers(to *kingpin.CmdClause) *customersCommand {
	c := &customersCommand{}
	c.partner.define(to)
	c.output.define(to, "name", "domain")
	validate(to, c.partner.check)
	return c
}

func (cmd *customersCommand) run(ctx context.Context, env *environment) error {
	c, err := cmd.partner.connect(env, 1)
	if err != nil {
		return err
	}
	defer c.Close()
	rows := output.NewWriter(env.stdout, cmd.output.format, cmd.output.sort, usage.CustomerListing())
	failed := usage.NewFailures(env.stderr, name, false)
	listed, selected := 0, 0
	for page, err := range c.CustomerPages(ctx) {
		if err != nil && ctx.Err() == nil {
			failed.Add("", err)
		}
		added, err := cmd.add(page, rows)
		if err != nil {
			return err
		}
		listed, selected = listed+len(page), selected+added
	}
	if err := rows.Close(); err != nil {
		return err
	}
	if failed.Count() == 0 && ctx.Err() == nil {
		cmd.output.noteEmpty(env, listed, selected)
	}
	if err := failed.Result(); ctx.Err() == nil {
		return err
	}
	return errInterrupted
}

// add prints the selected customers of a page, and returns their number.
func (cmd *customersCommand) add(page []client.Customer, rows output.Writer[client.Customer]) (added int, err error) {
	for _, customer := range page {
		if !cmd.output.selects(customer) {
			continue
		}
		if err := rows.Add(customer); err != nil {
			return added, err
		}
		added++
	}
	return added, nil
}
