package usage

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/output"
)

// budgetBar is the width in cells of the bar in the column USED.
const budgetBar = 10

// Listing describes the columns, fields and orders of customers with their usage.
func Listing() output.Listing[cache.Customer] {
	return output.Listing[cache.Customer]{
		Columns: []output.Column[cache.Customer]{
			{Head: "NAME", Cell: func(c cache.Customer, _ output.Screen) string { return output.OrDash(c.Name) }},
			{Head: "ID", Rank: 4, Cell: func(c cache.Customer, _ output.Screen) string { return client.CanonicalID(c.ID) }},
			{Head: "CURRENCY", Cell: func(c cache.Customer, _ output.Screen) string { return output.OrDash(currency(c)) }},
			{Head: "COST", Right: true, Cell: func(c cache.Customer, _ output.Screen) string { return money(cost(c)) }},
			{Head: "BUDGET", Right: true, Rank: 1, Cell: func(c cache.Customer, _ output.Screen) string { return money(budget(c)) }},
			{Head: "USED", Cell: usedCell, Style: usedStyle},
			{Head: "FORECAST", Right: true, Rank: 2, Cell: func(c cache.Customer, _ output.Screen) string { return money(forecast(c)) }, Style: forecastStyle},
			{Head: "FROM", Rank: 5, Cell: func(c cache.Customer, _ output.Screen) string { return day(periodStart(c)) }},
			{Head: "TO", Rank: 5, Cell: func(c cache.Customer, _ output.Screen) string { return day(lastDay(c)) }},
			{Head: "MODIFIED", Rank: 6, Cell: func(c cache.Customer, _ output.Screen) string { return day(modified(c)) }},
		},
		Fields: []output.Field[cache.Customer]{
			{Name: "customer_id", Value: func(c cache.Customer) any { return client.CanonicalID(c.ID) }},
			{Name: "customer_name", Value: func(c cache.Customer) any { return c.Name }},
			{Name: "status", Value: func(c cache.Customer) any { return string(c.Status) }},
			{Name: "currency", Value: func(c cache.Customer) any { return currency(c) }},
			{Name: "total_cost", Value: func(c cache.Customer) any { return cost(c) }},
			{Name: "total_cost_usd", Value: func(c cache.Customer) any { return costUSD(c) }},
			{Name: "budget", Value: func(c cache.Customer) any { return budget(c) }},
			{Name: "budget_used", Value: func(c cache.Customer) any { return budgetUsed(c) }},
			{Name: "forecast", Value: func(c cache.Customer) any { return forecast(c) }},
			{Name: "billing_period_start", Value: func(c cache.Customer) any { return periodStart(c) }},
			{Name: "billing_period_end", Value: func(c cache.Customer) any { return periodEnd(c) }},
			{Name: "last_modified", Value: func(c cache.Customer) any { return modified(c) }},
			{Name: "fetched", Value: func(c cache.Customer) any { return c.Fetched.UTC().Truncate(time.Second) }},
		},
		Orders: orders(),
	}
}

// orders returns the orders of rows. Amounts are compared within a currency
// only, and unknown figures come last.
func orders() map[string]func(a, b cache.Customer) int {
	byName := NameOrder()
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

// usedCell returns the used share of the budget, with a bar on a terminal, or the
// status of a customer without figures.
func usedCell(c cache.Customer, at output.Screen) string {
	if c.Figures == nil {
		return strings.ReplaceAll(string(c.Status), "_", " ")
	}
	used, text := c.Figures.BudgetUsed(), "-"
	if used != nil {
		text = fmt.Sprintf("%3.0f%%", *used*100)
		if at.Escapes {
			text = output.Bar(*used, budgetBar) + " " + text
		}
	}
	if c.Figures.OverBudget() {
		text += " over"
	}
	return text
}

// isOver reports whether the cost of a customer exceeds a share of its budget.
func isOver(c cache.Customer, share float64) bool {
	limit := budget(c)
	return limit != nil && *cost(c) > share**limit
}

func usedStyle(c cache.Customer) output.Style {
	if c.Figures != nil && c.Figures.OverBudget() {
		return output.Red
	}
	return output.Plain
}

// forecastStyle highlights a forecast above the budget.
func forecastStyle(c cache.Customer) output.Style {
	expected, limit := forecast(c), budget(c)
	if expected != nil && limit != nil && *expected > *limit {
		return output.Yellow
	}
	return output.Plain
}

// These return a figure of a customer, or nil or zero for a customer without figures.
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

// forecast returns the forecast as of the time the figures were fetched.
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
