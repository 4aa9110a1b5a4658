package usage

import (
	"cmp"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// NameOrder returns a comparison that collates names: it ignores case, and a letter
// sorts next to its accented forms. Equal names are ordered by id.
func NameOrder() func(a, b client.Customer) int {
	collator := collate.New(language.Und, collate.IgnoreCase)
	return func(a, b client.Customer) int {
		return cmp.Or(collator.CompareString(a.Name, b.Name), cmp.Compare(client.CanonicalID(a.ID), client.CanonicalID(b.ID)))
	}
}
