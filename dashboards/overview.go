package dashboards

// The links lead to one customer, with the range and the data source kept.
const (
	customerURL = "/d/" + customerUID + "?${datasource:queryparam}&${__url_time_range}"
	rowURL      = customerURL + "&var-job=${__data.fields.job:percentencode}&var-customer=${__data.fields.customer_id:percentencode}"
	barURL      = customerURL + "&var-job=${__field.labels.job:percentencode}&var-customer=${__field.labels.customer_id:percentencode}"
)

func link(url string) []object {
	return []object{{"targetBlank": false, "title": "Show this customer", "url": url}}
}

// overview shows all customers. Its filter has names, and so another name than
// the variable of the customer's dashboard, which has ids.
func overview() Dashboard {
	panels := overviewCounts()
	panels = append(panels, row("Currencies", ""), currencyTable(), row("Budgets", ""))
	panels = append(panels, overviewShares()...)
	panels = append(panels, row("Customers", ""), customerTable(), row("$currency", "currency"))
	panels = append(panels, overviewCurrency()...)
	return newDashboard(overviewUID, "CSP overview",
		"What the customers spend on Azure, beside their budgets. The figures are Microsoft's estimates.", "now-30d",
		[]Variable{
			sourceVariable(), jobFilter(),
			filter("currency", "Currency", `label_values(azure_csp_customer_total_cost{job=~"$job"}, currency)`),
			filter("customer_name", "Customer", `label_values(azure_csp_customer_info{job=~"$job"}, customer_name)`),
		}, panels...)
}

// overviewCounts are counts of customers. Comparisons with bool keep a count of
// nothing apart from no data.
func overviewCounts() []*Panel {
	some := func(color string) object { return thresholds(colorFine, step{1, color}) }
	return []*Panel{
		stat("Customers with cost", "Customers of which Microsoft states a cost in the current billing period.",
			now("count("+each(costRule)+")", "customers")).none("no figures"),
		stat("Over budget", "Customers that have already spent more than their budget.",
			now("sum("+each(usedRule)+" > bool 1)", "over budget")).judged(some(colorBad)).none("no budgets"),
		stat("Over 80 % of budget", "Customers that have spent more than 80 % of their budget, but not all of it.",
			now("sum(("+each(usedRule)+" > bool 0.8) - ("+each(usedRule)+" > bool 1))", "over 80 %")).judged(some(colorWarning)).none("no budgets"),
		stat("Forecast over budget", "Customers that will spend more than their budget if they go on as they did so far in the period.",
			now("sum("+each(forecastRule)+" > bool "+each(budgetRule)+")", "forecast over budget")).judged(some(colorLikely)).none("no forecasts"),
		stat("Without budget", "Customers with cost that have no budget, and so cannot exceed it.",
			now("count("+each(costRule)+" unless "+each(budgetRule)+") or 0 * count("+each(costRule)+")", "without budget")).none("no figures"),
		stat("Customers covered", "Share of the customers known that have figures. Customers without Azure usage have none. The filters of currency and customer do not apply.",
			now("min("+coveredRule+`{job=~"$job"})`, "covered")).share(),
	}
}

// currencyTable compares costs with budgets only of those customers that have
// one: the cost of the others would look like a budget used up.
func currencyTable() *Panel {
	budgeted := "(" + each(budgetRule) + " > 0)"
	return table("Spend and budget by currency",
		"Sums of the chosen customers, never across currencies. The share compares budgets with the cost of only those customers that have one.",
		[][2]string{{"currency", "Currency"}}, nil,
		count("Customers", among("count", each(costRule))),
		amount("Cost", colorCost, among("sum", each(costRule))),
		amount("Budget", colorBudget, among("sum", each(budgetRule))),
		gauge("Budget used", among("sum", each(costRule)+" and "+budgeted)+" / "+among("sum", budgeted), budgetThresholds()),
		amount("Forecast", colorForecast, among("sum", each(forecastRule))),
		amount("Last 24 hours", colorCost, among("sum", each(dayRule))),
	).sized(24, 8)
}

func overviewShares() []*Panel {
	return []*Panel{
		bars("Top customers by share of budget", "The ten customers that have used most of their budget.",
			now("sort_desc(topk(10, "+each(usedRule)+"))", "{{customer_name}}")).
			share().judged(budgetThresholds()).none("no budgets").set("min", 0).set("links", link(barURL)),
		bars("Top customers by forecast share of budget", "The ten customers whose forecast cost at the end of the period is the greatest part of their budget.",
			now("sort_desc(topk(10, "+forecastShare()+"))", "{{customer_name}}")).
			share().judged(forecastThresholds()).none("no forecasts").set("min", 0).set("links", link(barURL)),
	}
}

func forecastShare() string { return each(forecastRule) + " / (" + each(budgetRule) + " > 0)" }

func customerTable() *Panel {
	p := table("All customers",
		"The chosen customers with cost, each in its own currency. A name leads to the customer's dashboard. Empty cells mean no budget, or too little history.",
		[][2]string{{"customer_name", "Customer"}, {"currency", "Currency"}}, []string{"customer_id", "job"},
		amount("Cost", colorCost, each(costRule)),
		amount("Budget", colorBudget, each(budgetRule)),
		gauge("Budget used", each(usedRule), budgetThresholds()),
		amount("Forecast", colorForecast, each(forecastRule)),
		gauge("Forecast share", forecastShare(), forecastThresholds()),
		amount("Last 24 hours", colorCost, each(dayRule)),
		amount("Daily mean before", colorBefore, each(weekRule)),
		gauge("Period elapsed", beside("max by (job, customer_id) ("+elapsedRule+`{job=~"$job"})`), thresholds(colorNeutral)),
		column{"Changed", beside("1000 * max by (job, customer_id) (" + modifiedMetric + `{job=~"$job"})`), "dateTimeFromNow", nil},
	)
	p.override("byName", "Customer", Property{"links", link(rowURL)}, Property{"custom.width", 260})
	return p.option("sortBy", []object{{"desc": true, "displayName": "Budget used"}}).sized(24, 14)
}

// overviewCurrency are the panels of one currency. Only there can amounts share
// an axis.
func overviewCurrency() []*Panel {
	return []*Panel{
		graph("Cost, budget and forecast in $currency, all customers",
			"Sums of all customers with that currency; the filter by customer does not apply. The budget is that of the customers that have one.",
			over(among("sum", costSumRule+ofCurrency), "Cost {{currency}}"),
			over(among("sum", budgetSumRule+ofCurrency), "Budget {{currency}}"),
			over(among("sum", forecastSumRule+ofCurrency), "Forecast {{currency}}")).
			money().series("A", colorCost).series("B", colorBudget, dashed()...).series("C", colorForecast, dashed()...),
		graph("Cost per day in $currency, all customers",
			"Sums of all customers with that currency, for each whole day in UTC; the filter by customer does not apply.",
			over(among("sum", daySumRule+ofCurrency), "Cost {{currency}}")).
			money().none("no whole day yet").daily(),
		bars("Top customers by spend in $currency", "The ten customers with the highest cost in the current billing period.",
			now("sort_desc(topk by (currency) (10, "+each(costRule)+"))", "{{customer_name}} {{currency}}")).
			money().plain(colorCost).set("links", link(barURL)),
		bars("Top customers by forecast in $currency", "The ten customers with the highest forecast cost at the end of the current billing period.",
			now("sort_desc(topk by (currency) (10, "+each(forecastRule)+"))", "{{customer_name}} {{currency}}")).
			money().none("no forecasts").plain(colorForecast).set("links", link(barURL)),
	}
}

func count(name, expr string) column {
	return column{name, expr, "none", []Property{{"decimals", 0}}}
}

func amount(name, color, expr string) column {
	return column{name, expr, "none", []Property{{"decimals", 2}, {"color", fixed(color)}, {"custom.displayMode", "color-text"}}}
}

// gauge is a bar from nothing to all.
func gauge(name, expr string, by object) column {
	return column{name, expr, "percentunit", []Property{
		{"decimals", 1},
		{"min", 0},
		{"max", 1},
		{"thresholds", by},
		{"color", object{"mode": "thresholds"}},
		{"custom.displayMode", "basic"},
	}}
}
