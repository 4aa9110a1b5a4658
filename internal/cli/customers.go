package cli

import (
	"cmp"
	"context"

	"github.com/alecthomas/kingpin/v2"
	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
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
	return c
}

func (c *customersCommand) run(ctx context.Context, env *environment) error {
	partner, err := c.partner.connect(env, 1)
	if err != nil {
		return err
	}
	defer partner.Close()
	rows := newRowWriter(env, &c.output, customerListing())
	failed := &failures{w: env.stderr}
	for page, err := range partner.CustomerPages(ctx) {
		if ctx.Err() != nil {
			return errInterrupted
		}
		if err != nil {
			failed.add("", err)
		}
		if err := c.add(page, rows); err != nil {
			return err
		}
	}
	if err := rows.end(); err != nil {
		return err
	}
	return failed.result()
}

func (c *customersCommand) add(page []client.Customer, rows rowWriter[client.Customer]) error {
	for _, customer := range page {
		if !c.output.selects(customer.Name) {
			continue
		}
		if err := rows.add(customer); err != nil {
			return err
		}
	}
	return nil
}

func customerListing() listing[client.Customer] {
	text := func(value func(client.Customer) string) func(client.Customer, screen) string {
		return func(c client.Customer, _ screen) string { return orDash(value(c)) }
	}
	id := func(c client.Customer) string { return client.CanonicalID(c.ID) }
	title := func(c client.Customer) string { return c.Name }
	domain := func(c client.Customer) string { return c.Domain }
	relationship := func(c client.Customer) string { return c.Relationship }
	byName := nameOrder()
	return listing[client.Customer]{
		columns: []column[client.Customer]{
			{head: "NAME", cell: text(title)},
			{head: "ID", cell: text(id)},
			{head: "DOMAIN", cell: text(domain), rank: 1},
			{head: "RELATIONSHIP", cell: text(relationship), rank: 2},
		},
		fields: []field[client.Customer]{
			{"customer_id", func(c client.Customer) any { return id(c) }},
			{"customer_name", func(c client.Customer) any { return title(c) }},
			{"domain", func(c client.Customer) any { return domain(c) }},
			{"relationship", func(c client.Customer) any { return relationship(c) }},
		},
		orders: map[string]func(a, b client.Customer) int{
			"name":   byName,
			"domain": func(a, b client.Customer) int { return cmp.Or(cmp.Compare(a.Domain, b.Domain), byName(a, b)) },
		},
	}
}

// nameOrder returns the order of a telephone book, in which a letter stands beside
// its accented forms. Customers of one name are in the order of their ids.
func nameOrder() func(a, b client.Customer) int {
	book := collate.New(language.Und, collate.IgnoreCase)
	return func(a, b client.Customer) int {
		return cmp.Or(book.CompareString(a.Name, b.Name), cmp.Compare(client.CanonicalID(a.ID), client.CanonicalID(b.ID)))
	}
}

// orDash marks what is not known.
func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
