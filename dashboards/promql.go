package dashboards

import (
	"fmt"
	"strings"
)

// Recording rules that the panels query.
const (
	costRule          = "customer:azure_csp_customer_total_cost:max"
	budgetRule        = "customer:azure_csp_customer_budget:max"
	budgetUsedRule    = "customer:azure_csp_customer_budget_used:ratio"
	periodStartRule   = "customer:azure_csp_customer_billing_period_start_timestamp_seconds:max"
	periodEndRule     = "customer:azure_csp_customer_billing_period_end_timestamp_seconds:max"
	periodElapsedRule = "customer:azure_csp_customer_billing_period_elapsed:ratio"
	forecastRule      = "customer:azure_csp_customer_total_cost:forecast"
	dailyCostRule     = "customer:azure_csp_customer_total_cost:delta1d"
	dailyMeanRule     = "customer:azure_csp_customer_total_cost:delta1d_avg7d"

	costSumRule      = "currency:azure_csp_customer_total_cost:sum"
	budgetSumRule    = "currency:azure_csp_customer_budget:sum"
	forecastSumRule  = "currency:azure_csp_customer_total_cost:forecast_sum"
	dailyCostSumRule = "currency:azure_csp_customer_total_cost:delta1d_sum"

	budgetedCostSumRule     = "currency:azure_csp_customer_total_cost:budgeted_sum"
	budgetedForecastSumRule = "currency:azure_csp_customer_total_cost:budgeted_forecast_sum"
	elapsedBudgetSumRule    = "currency:azure_csp_customer_budget:elapsed_sum"

	coveredRule = "job:azure_csp_customers_covered:ratio"
)

// Metrics of the exporter that several panels query.
const (
	infoMetric         = "azure_csp_customer_info"
	fetchedMetric      = "azure_csp_customer_usage_fetched_timestamp_seconds"
	lastModifiedMetric = "azure_csp_customer_usage_last_modified_timestamp_seconds"
)

// Label selectors made of the variables of the dashboards.
const (
	currencySelector  = `{job=~"$job",currency=~"$currency"}`
	customersSelector = `{job=~"$job",currency=~"$currency",customer_name=~"$customer_name"}`
	customerSelector  = `{job=~"$job",customer_id="$customer"}`
	instanceSelector  = `{job=~"$job",instance=~"$instance"}`
)

// perCustomer returns one series of a recording rule for each selected customer.
// The aggregation drops the name of the rule: with it, the rows of a table could
// not be merged.
func perCustomer(rule string) string {
	return "max by (job, customer_id, customer_name, currency) (" + rule + customersSelector + ")"
}

// withCostLabels adds the labels of the cost, among them the currency, to an
// expression that has none, so that a table can merge it with amounts.
func withCostLabels(expr string) string {
	return "0 * " + perCustomer(costRule) + " + on (job, customer_id) group_left () (" + expr + ")"
}

// byCurrency aggregates amounts of the selected customers, each currency on its
// own.
func byCurrency(operator, expr string) string { return operator + " by (currency) (" + expr + ")" }

// customerAmount returns a metric or rule of the selected customer by currency.
func customerAmount(name string) string {
	return "max by (job, currency) (" + name + customerSelector + ")"
}

// customerValue returns a metric or rule of the selected customer that has no
// currency.
func customerValue(name string) string { return "max by (job) (" + name + customerSelector + ")" }

// previousPeriodCost returns the cost of the selected customer in the previous
// billing period, at the same time since the start of the period. A month has 28
// to 31 days; of the four offsets, the one that equals the distance between the
// starts of the two periods applies.
func previousPeriodCost() string {
	var offsets []string
	for days := 31; days >= 28; days-- {
		offsets = append(offsets, fmt.Sprintf(
			"(max by (job, currency) (%[1]s%[3]s offset %[4]dd) and on (job) max by (job) (%[2]s%[3]s) - max by (job) (%[2]s%[3]s offset %[4]dd) == %[5]d)",
			costRule, periodStartRule, customerSelector, days, days*24*60*60))
	}
	return "max by (job, currency) (" + strings.Join(offsets, " or ") + ")"
}

// sumRate returns the rate per second of a counter of the selected exporters,
// summed by labels.
func sumRate(counter, by string) string {
	return "sum by (" + by + ") (rate(" + counter + instanceSelector + "[$__rate_interval]))"
}
