package usage

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/output"
)

// total is what customers have spent in one currency. Amounts of several currencies
// are never added up.
type total struct {
	currency  string
	cost      float64
	customers int
}

// totals adds up the costs of customers by currency.
type totals struct{ byCurrency map[string]total }

// add adds a customer. One without figures counts for nothing.
func (t *totals) add(c cache.Customer) {
	if c.Figures == nil {
		return
	}
	if t.byCurrency == nil {
		t.byCurrency = map[string]total{}
	}
	known := t.byCurrency[currency(c)]
	t.byCurrency[currency(c)] = total{currency(c), known.cost + c.Figures.TotalCost, known.customers + 1}
}

// customers returns the number of customers with figures.
func (t *totals) customers() int {
	customers := 0
	for _, total := range t.byCurrency {
		customers += total.customers
	}
	return customers
}

// sorted returns the totals in the order of the currencies.
func (t *totals) sorted() []total {
	return slices.SortedFunc(maps.Values(t.byCurrency), func(a, b total) int { return cmp.Compare(a.currency, b.currency) })
}

// totalListing describes the columns of totals.
func totalListing() output.Listing[total] {
	return output.Listing[total]{Columns: []output.Column[total]{
		{Head: "TOTAL", Cell: func(t total, _ output.Screen) string { return output.OrDash(t.currency) }},
		{Head: "COST", Right: true, Cell: func(t total, _ output.Screen) string { return money(&t.cost) }},
		{Head: "CUSTOMERS", Right: true, Cell: func(t total, _ output.Screen) string { return strconv.Itoa(t.customers) }},
	}}
}
