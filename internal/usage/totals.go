package usage

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/output"
)

// Total is what customers have spent in one currency. Amounts of several currencies
// are never added up.
type Total struct {
	Currency  string
	Cost      float64
	Customers int
}

// Totals adds up the costs of customers by currency.
type Totals struct{ totals map[string]Total }

// Add adds a customer. One without figures counts for nothing.
func (t *Totals) Add(c cache.Customer) {
	if c.Figures == nil {
		return
	}
	if t.totals == nil {
		t.totals = map[string]Total{}
	}
	total := t.totals[currency(c)]
	t.totals[currency(c)] = Total{currency(c), total.Cost + c.Figures.TotalCost, total.Customers + 1}
}

// Customers returns the number of customers with figures.
func (t *Totals) Customers() int {
	customers := 0
	for _, total := range t.totals {
		customers += total.Customers
	}
	return customers
}

// Sorted returns the totals in the order of the currencies.
func (t *Totals) Sorted() []Total {
	return slices.SortedFunc(maps.Values(t.totals), func(a, b Total) int { return cmp.Compare(a.Currency, b.Currency) })
}

// TotalListing describes the columns of totals.
func TotalListing() output.Listing[Total] {
	return output.Listing[Total]{Columns: []output.Column[Total]{
		{Head: "TOTAL", Cell: func(t Total, _ output.Screen) string { return output.OrDash(t.Currency) }},
		{Head: "COST", Right: true, Cell: func(t Total, _ output.Screen) string { return money(&t.Cost) }},
		{Head: "CUSTOMERS", Right: true, Cell: func(t Total, _ output.Screen) string { return strconv.Itoa(t.Customers) }},
	}}
}
