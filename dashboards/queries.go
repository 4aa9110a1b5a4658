package dashboards

import "fmt"

// The recording rules that the dashboards show.
const (
	costRule     = "customer:azure_csp_customer_total_cost:max"
	budgetRule   = "customer:azure_csp_customer_budget:max"
	usedRule     = "customer:azure_csp_customer_budget_used:ratio"
	startRule    = "customer:azure_csp_customer_billing_period_start_timestamp_seconds:max"
	endRule      = "customer:azure_csp_customer_billing_period_end_timestamp_seconds:max"
	elapsedRule  = "customer:azure_csp_customer_billing_period_elapsed:ratio"
	forecastRule = "customer:azure_csp_customer_total_cost:forecast"
	dayRule      = "customer:azure_csp_customer_total_cost:delta1d"
	weekRule     = "customer:azure_csp_customer_total_cost:delta1d_avg7d"

	costSumRule     = "currency:azure_csp_customer_total_cost:sum"
	budgetSumRule   = "currency:azure_csp_customer_budget:sum"
	forecastSumRule = "currency:azure_csp_customer_total_cost:forecast_sum"
	daySumRule      = "currency:azure_csp_customer_total_cost:delta1d_sum"

	coveredRule = "job:azure_csp_customers_covered:ratio"
)

// Metrics of the exporter that a dashboard shows as they are.
const (
	infoMetric     = "azure_csp_customer_info"
	fetchedMetric  = "azure_csp_customer_usage_fetched_timestamp_seconds"
	modifiedMetric = "azure_csp_customer_usage_last_modified_timestamp_seconds"
)

// The filters of the dashboards.
const (
	ofCurrency  = `{job=~"$job",currency=~"$currency"}`
	ofCustomers = `{job=~"$job",currency=~"$currency",customer_name=~"$customer_name"}`
	ofCustomer  = `{job=~"$job",customer_id="$customer"}`
	ofInstance  = `{job=~"$job",instance=~"$instance"}`
)

// each is a rule with a series for each of the chosen customers. The aggregation
// drops the rule's name, which would keep columns of a table apart.
func each(rule string) string {
	return "max by (job, customer_id, customer_name, currency) (" + rule + ofCustomers + ")"
}

// beside is what has no currency, with the labels of the cost, so that it joins a
// table of amounts.
func beside(expr string) string {
	return "0 * " + each(costRule) + " + on (job, customer_id) group_left () (" + expr + ")"
}

// among counts the currencies' amounts of the chosen customers.
func among(operator, expr string) string { return operator + " by (currency) (" + expr + ")" }

// one is a metric or rule with an amount of the chosen customer.
func one(name string) string { return "max by (job, currency) (" + name + ofCustomer + ")" }

// bare is the same without currency.
func bare(name string) string { return "max by (job) (" + name + ofCustomer + ")" }

// lastPeriod is the cost of the chosen customer as long after the beginning of
// the period before as now is after that of this one. A month has 28 to 31 days,
// and the beginnings of the two periods tell which of the four offsets is right.
func lastPeriod() string {
	var expr string
	for days := 31; days >= 28; days-- {
		if expr != "" {
			expr += " or "
		}
		expr += fmt.Sprintf(
			"(max by (job, currency) (%[1]s%[3]s offset %[4]dd) and on (job) max by (job) (%[2]s%[3]s) - max by (job) (%[2]s%[3]s offset %[4]dd) == %[5]d)",
			costRule, startRule, ofCustomer, days, days*24*60*60)
	}
	return expr
}

// rate is the increase a second of a counter of the chosen exporters.
func rate(counter, by string) string {
	return "sum by (" + by + ") (rate(" + counter + ofInstance + "[$__rate_interval]))"
}
