package usage

import (
	"cmp"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/output"
)

// NameOrder returns a comparison that collates names: it ignores case, and a letter
// sorts next to its accented forms. Equal names are ordered by id.
func NameOrder() func(a, b client.Customer) int {
	collator := collate.New(language.Und, collate.IgnoreCase)
	return func(a, b client.Customer) int {
		return cmp.Or(collator.CompareString(a.Name, b.Name), cmp.Compare(client.CanonicalID(a.ID), client.CanonicalID(b.ID)))
	}
}

// CustomerListing describes the columns, fields and orders of customers without usage.
func CustomerListing() output.Listing[client.Customer] {
	text := func(value func(client.Customer) string) func(client.Customer, output.Screen) string {
		return func(c client.Customer, _ output.Screen) string { return output.OrDash(value(c)) }
	}
	id := func(c client.Customer) string { return client.CanonicalID(c.ID) }
	title := func(c client.Customer) string { return c.Name }
	domain := func(c client.Customer) string { return c.Domain }
	relationship := func(c client.Customer) string { return c.Relationship }
	byName := NameOrder()
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
