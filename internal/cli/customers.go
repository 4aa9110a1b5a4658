package cli

import (
	"cmp"
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
	rows := newWriter(env, &cmd.output, customerListing())
	failed := &failures{w: env.stderr}
	listed, selected := 0, 0
	for page, err := range c.CustomerPages(ctx) {
		if err != nil && ctx.Err() == nil {
			failed.add("", err)
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
	if failed.count == 0 && ctx.Err() == nil {
		cmd.output.noteEmpty(env, listed, selected)
	}
	if err := failed.result(); ctx.Err() == nil {
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

func customerListing() output.Listing[client.Customer] {
	text := func(value func(client.Customer) string) func(client.Customer, output.Screen) string {
		return func(c client.Customer, _ output.Screen) string { return output.OrDash(value(c)) }
	}
	id := func(c client.Customer) string { return client.CanonicalID(c.ID) }
	title := func(c client.Customer) string { return c.Name }
	domain := func(c client.Customer) string { return c.Domain }
	relationship := func(c client.Customer) string { return c.Relationship }
	byName := usage.NameOrder()
	return output.Listing[client.Customer]{
		Columns: []output.Column[client.Customer]{
			{Head: "NAME", Cell: text(title)},
			{Head: "ID", Cell: text(id)},
			{Head: "DOMAIN", Cell: text(domain), Rank: 1},
			{Head: "RELATIONSHIP", Cell: text(relationship), Rank: 2},
		},
		Fields: []output.Field[client.Customer]{
			{Name: "customer_id", Value: func(c client.Customer) any { return id(c) }},
			{Name: "customer_name", Value: func(c client.Customer) any { return title(c) }},
			{Name: "domain", Value: func(c client.Customer) any { return domain(c) }},
			{Name: "relationship", Value: func(c client.Customer) any { return relationship(c) }},
		},
		Orders: map[string]func(a, b client.Customer) int{
			"name":   byName,
			"domain": func(a, b client.Customer) int { return cmp.Or(cmp.Compare(a.Domain, b.Domain), byName(a, b)) },
		},
	}
}
