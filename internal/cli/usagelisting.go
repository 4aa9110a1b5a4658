package cli

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
)

// budgetBar is the width of the bar that shows the used share of a budget.
const budgetBar = 10

func usageListing() listing[cache.Customer] {
	return listing[cache.Customer]{
		columns: []column[cache.Customer]{
			{head: "NAME", cell: func(c cache.Customer, _ screen) string { return orDash(c.Name) }},
			{head: "ID", rank: 4, cell: func(c cache.Customer, _ screen) string { return client.CanonicalID(c.ID) }},
			{head: "CURRENCY", cell: func(c cache.Customer, _ screen) string { return orDash(currency(c)) }},
			{head: "COST", right: true, cell: func(c cache.Customer, _ screen) string { return money(cost(c)) }},
			{head: "BUDGET", right: true, rank: 1, cell: func(c cache.Customer, _ screen) string { return money(budget(c)) }},
			{head: "USED", cell: usedCell, style: usedStyle},
			{head: "FORECAST", right: true, rank: 2, cell: func(c cache.Customer, _ screen) string { return money(forecast(c)) }, style: forecastStyle},
			{head: "FROM", rank: 5, cell: func(c cache.Customer, _ screen) string { return day(periodStart(c)) }},
			{head: "TO", rank: 5, cell: func(c cache.Customer, _ screen) string { return day(lastDay(c)) }},
			{head: "MODIFIED", rank: 6, cell: func(c cache.Customer, _ screen) string { return day(modified(c)) }},
		},
		fields: []field[cache.Customer]{
			{"customer_id", func(c cache.Customer) any { return client.CanonicalID(c.ID) }},
			{"customer_name", func(c cache.Customer) any { return c.Name }},
			{"status", func(c cache.Customer) any { return string(c.Status) }},
			{"currency", func(c cache.Customer) any { return currency(c) }},
			{"total_cost", func(c cache.Customer) any { return cost(c) }},
			{"total_cost_usd", func(c cache.Customer) any { return costUSD(c) }},
			{"budget", func(c cache.Customer) any { return budget(c) }},
			{"budget_used", func(c cache.Customer) any { return budgetUsed(c) }},
			{"forecast", func(c cache.Customer) any { return forecast(c) }},
			{"billing_period_start", func(c cache.Customer) any { return periodStart(c) }},
			{"billing_period_end", func(c cache.Customer) any { return periodEnd(c) }},
			{"last_modified", func(c cache.Customer) any { return modified(c) }},
			{"fetched", func(c cache.Customer) any { return c.Fetched.UTC().Truncate(time.Second) }},
		},
		orders: usageOrders(),
	}
}

// usageOrders compares amounts within a currency only, and puts those last of whom
// a figure is not known.
func usageOrders() map[string]func(a, b cache.Customer) int {
	byName := nameOrder()
	named := func(a, b cache.Customer) int { return byName(a.Customer, b.Customer) }
	byAmount := func(amount func(cache.Customer) *float64) func(a, b cache.Customer) int {
		return func(a, b cache.Customer) int {
			return cmp.Or(
				unknownLast(currency(a) == "", currency(b) == ""),
				cmp.Compare(currency(a), currency(b)),
				descending(amount(a), amount(b)),
				named(a, b))
		}
	}
	return map[string]func(a, b cache.Customer) int{
		"name":     named,
		"cost":     byAmount(cost),
		"forecast": byAmount(forecast),
		"budget-used": func(a, b cache.Customer) int {
			return cmp.Or(descending(budgetUsed(a), budgetUsed(b)), named(a, b))
		},
	}
}

func descending(a, b *float64) int {
	if a == nil || b == nil {
		return unknownLast(a == nil, b == nil)
	}
	return cmp.Compare(*b, *a)
}

func unknownLast(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// usedCell shows the used share of the budget, as a bar on a terminal, or why
// there are no figures.
func usedCell(c cache.Customer, at screen) string {
	if c.Figures == nil {
		return strings.ReplaceAll(string(c.Status), "_", " ")
	}
	used, text := c.Figures.BudgetUsed(), "-"
	if used != nil {
		text = fmt.Sprintf("%3.0f%%", *used*100)
		if at.width > 0 {
			text = bar(*used, budgetBar) + " " + text
		}
	}
	if c.Figures.OverBudget() {
		text += " over"
	}
	return text
}

func usedStyle(c cache.Customer) style {
	if c.Figures != nil && c.Figures.OverBudget() {
		return red
	}
	return plain
}

// forecastStyle marks who will pass the budget.
func forecastStyle(c cache.Customer) style {
	expected, limit := forecast(c), budget(c)
	if expected != nil && limit != nil && *expected > *limit {
		return yellow
	}
	return plain
}

// What there is of figures, nil or zero where there are none.
var (
	currency    = figure(func(f *client.UsageSummary) string { return f.Currency })
	cost        = figure(func(f *client.UsageSummary) *float64 { return &f.TotalCost })
	costUSD     = figure(func(f *client.UsageSummary) *float64 { return f.USDTotalCost })
	budget      = figure(func(f *client.UsageSummary) *float64 { return f.Budget })
	budgetUsed  = figure(func(f *client.UsageSummary) *float64 { return f.BudgetUsed() })
	modified    = figure(func(f *client.UsageSummary) time.Time { return f.LastModified })
	periodStart = figure(func(f *client.UsageSummary) time.Time { start, _ := f.Period(); return start })
	periodEnd   = figure(func(f *client.UsageSummary) time.Time { _, end := f.Period(); return end })
)

func figure[T any](of func(*client.UsageSummary) T) func(cache.Customer) T {
	return func(c cache.Customer) (none T) {
		if c.Figures == nil {
			return none
		}
		return of(c.Figures)
	}
}

// forecast is as old as the figures are.
func forecast(c cache.Customer) *float64 {
	if c.Figures == nil {
		return nil
	}
	return c.Figures.Forecast(c.Fetched)
}

// lastDay returns a moment of the last day of the billing period. The period may end
// at the partner's midnight, which is in the middle of a day in UTC.
func lastDay(c cache.Customer) time.Time {
	end := periodEnd(c)
	if end.IsZero() {
		return end
	}
	return end.AddDate(0, 0, -1)
}

func money(amount *float64) string {
	if amount == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f", *amount)
}

func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.DateOnly)
}
