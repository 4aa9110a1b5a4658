package dashboards

// URLs of the dashboard of one customer, which keep the time range and the data
// source: in general, and from a row of a table.
const (
	customerURL = "/d/" + customerUID + "?${datasource:queryparam}&${__url_time_range}"
	rowURL      = customerURL + "&var-job=${__data.fields.job:percentencode}&var-customer=${__data.fields.customer_id:percentencode}"
)

// customerLink returns a data link to the dashboard of one customer.
func customerLink(url string) []object {
	return []object{{"targetBlank": false, "title": "Open the dashboard of this customer", "url": url}}
}

// overview returns the dashboard of all customers. Its variable customer_name has
// names as values; the variable customer of the other dashboard has ids. They
// differ in name, because links between dashboards pass variables on.
func overview() Dashboard {
	panels := append([]*Panel{status()}, overviewCounts()...)
	panels = append(panels, actNow(), row("Currencies"), currencyTable())
	panels = append(panels, row("Customers"), customerTable(), collapsedRow("$currency", "currency", overviewAmounts()...))
	return newDashboard(overviewUID, "CSP overview",
		"Azure cost of all customers, compared with their budgets. Amounts are Microsoft's estimates.", "now-30d",
		[]Variable{
			datasourceVariable(), jobVariable(),
			multiValueVariable("currency", "Currency", `label_values(azure_csp_customer_total_cost{job=~"$job"}, currency)`),
			alertVariable(),
			multiValueVariable("customer_name", "Customer", `label_values(azure_csp_customer_info{job=~"$job"}, customer_name)`),
		}, panels...)
}

// overviewCounts returns the panels that count customers, by the alerts that fire.
// They show 0 where no alert fires, which differs from having no data.
func overviewCounts() []*Panel {
	anyCustomer := func(fill string) object { return absoluteThresholds(fillNone, threshold{1, fill}) }
	tiles := []*Panel{
		stat("Customers with cost", "Customers with a cost in the current billing period.",
			instantQuery("count("+perCustomer(costRule)+")", "customers")),
		alertTile("Over budget", "Customers for which AzureCSPBudgetExceeded fires: their cost exceeds their budget.", "AzureCSPBudgetExceeded", anyCustomer(fillBad)),
		alertTile("Cost spike", "Customers for which AzureCSPCostSpike fires: the last 24 hours cost several times a usual day.", "AzureCSPCostSpike", anyCustomer(fillSerious)),
		alertTile("Heading over",
			"Customers for which AzureCSPForecastOverBudget fires: their forecast exceeds their budget, and has done so for six hours.", "AzureCSPForecastOverBudget", anyCustomer(fillSerious)),
		alertTile("Nearly used", "Customers for which AzureCSPBudgetNearlyUsed fires, and AzureCSPBudgetExceeded does not: "+
			"they have used more than 80 % of their budget.", "AzureCSPBudgetNearlyUsed", anyCustomer(fillWarning)),
		alertTile("No budget", "Customers for which AzureCSPNoBudget fires: they have had cost and no budget for a day.", "AzureCSPNoBudget", absoluteThresholds(fillNone)),
		stat("Customers covered", "Share of all known customers that have cost data. Customers without Azure usage have none. The variables Currency and Customer do not apply.",
			instantQuery("min("+coveredRule+`{job=~"$job"})`, "covered")).percent().decimals(0),
	}
	for i, tile := range tiles {
		tile.size(3, 3)
		if i == 0 || i == len(tiles)-1 || i == 1 {
			tile.size(4, 3)
		}
	}
	return tiles
}

// currencyTable returns the table of totals by currency. Cost and budgets of the
// customers that have a budget stand apart from the totals of all customers: the
// cost of all customers cannot be compared with the budgets of some.
func currencyTable() *Panel {
	budget := "(" + perCustomer(budgetRule) + " > 0)"
	cost := byCurrency("sum", perCustomer(costRule)+" and "+budget)
	elapsed := byCurrency("sum", budget+" * on (job, customer_id) group_left () max by (job, customer_id) ("+periodElapsedRule+`{job=~"$job"})`)
	return table("Spend and budget by currency",
		"Totals of the selected customers, one row for each currency. "+
			"The columns from \"With budget\" on include only the customers that have a budget. "+
			"\"Used to date\" compares their cost with their budgets for the elapsed part of each billing period: above 100 %, "+
			"they spend faster than planned.",
		[][2]string{{"currency", "Currency"}}, nil,
		countColumn("Customers", byCurrency("count", perCustomer(costRule))),
		amountColumn("Cost", byCurrency("sum", perCustomer(costRule))),
		amountColumn("Forecast", byCurrency("sum", perCustomer(forecastRule))),
		amountColumn("Last 24 hours", byCurrency("sum", perCustomer(dailyCostRule))),
		countColumn("With budget", byCurrency("count", perCustomer(costRule)+" and "+budget)),
		amountColumn("Their cost", cost),
		amountColumn("Their budgets", byCurrency("sum", budget)),
		percentColumn("Budget used", cost+" / "+byCurrency("sum", budget)).filled(budgetThresholds()),
		percentColumn("Used to date", cost+" / "+elapsed).filled(forecastThresholds()),
	).size(24, 11)
}

// overBudget returns the amount by which a recording rule exceeds the budget, of the
// customers where it does.
func overBudget(rule string) string {
	return perCustomer(rule) + " - (" + perCustomer(budgetRule) + " > 0) > 0"
}

// customerTable returns the table of the selected customers. Within a currency, the
// largest forecast comes first: customers without a budget rank like the others.
func customerTable() *Panel {
	p := table("All customers",
		"The selected customers with cost. Within a currency, the largest forecast comes first. "+
			"\"Over by\" and \"Over at end\" are the amounts over the budget now and, by forecast, at the end of the billing period. "+
			"\"× usual day\" divides the cost of the last 24 hours by the daily mean of the week before, "+
			"from 10 units of the currency on. A dash means that there is no overrun, no budget, or not enough history. "+
			"The name links to the dashboard of the customer.",
		[][2]string{{"customer_name", "Customer"}, {"currency", "Currency"}}, []string{"customer_id", "job"},
		amountColumn("Over by", overBudget(costRule)).filled(overThresholds(fillBad)),
		amountColumn("Over at end", overBudget(forecastRule)).filled(overThresholds(fillSerious)),
		amountColumn("Cost", perCustomer(costRule)),
		amountColumn("Budget", perCustomer(budgetRule)),
		percentColumn("Budget used", perCustomer(budgetUsedRule)).filled(budgetThresholds()),
		amountColumn("Forecast", perCustomer(forecastRule)),
		amountColumn("Last 24 h", perCustomer(dailyCostRule)),
		factorColumn("× usual day", usualDays()),
		dateColumn("Period ends", withCostLabels("max by (job, customer_id) ("+periodEndRule+`{job=~"$job"})`)),
	)
	p.overrideByName("Customer", Property{"links", customerLink(rowURL)})
	p.columnWidths(95, "Currency", "Last 24 h").columnWidths(105, "Over by", "Over at end", "Cost", "Budget", "Budget used", "Forecast", "× usual day", "Period ends")
	return p.option("sortBy", []object{{"desc": false, "displayName": "Currency"}, {"desc": true, "displayName": "Forecast"}}).size(24, 14)
}

// usualDays returns the cost of the last 24 hours as a multiple of the daily mean of
// the week before. Like the alert, it leaves trivial amounts out.
func usualDays() string {
	return "(" + perCustomer(dailyCostRule) + " > 10) / (" + perCustomer(dailyMeanRule) + " > 0)"
}

// overviewAmounts returns the panels of one currency, which are repeated for each
// currency: amounts of several currencies must not share an axis.
func overviewAmounts() []*Panel {
	return []*Panel{
		timeSeries("Cost against budget in $currency, customers with a budget",
			"Totals of the customers that have a budget in this currency. "+
				"\"Budget to date\" is the budget for the elapsed part of each customer's billing period: above this line, "+
				"customers spend faster than planned. The variable Customer does not apply.",
			rangeQuery(byCurrency("sum", budgetedCostSumRule+currencySelector), "Cost {{currency}}"),
			rangeQuery(byCurrency("sum", budgetSumRule+currencySelector), "Budget {{currency}}"),
			rangeQuery(byCurrency("sum", budgetedForecastSumRule+currencySelector), "Forecast {{currency}}"),
			rangeQuery(byCurrency("sum", elapsedBudgetSumRule+currencySelector), "Budget to date {{currency}}")).
			money().overrideByQuery("A", colorCost).overrideByQuery("B", colorBudget, dashedLine()...).
			overrideByQuery("C", colorForecast, dashedLine()...).overrideByQuery("D", colorPrevious, dashedLine()...),
		timeSeries("Cost and forecast in $currency, all customers",
			"Totals of all customers billed in this currency, with and without a budget. The variable Customer does not apply.",
			rangeQuery(byCurrency("sum", costSumRule+currencySelector), "Cost {{currency}}"),
			rangeQuery(byCurrency("sum", forecastSumRule+currencySelector), "Forecast {{currency}}")).
			money().overrideByQuery("A", colorCost).overrideByQuery("B", colorForecast, dashedLine()...),
		timeSeries("Cost per day in $currency, all customers",
			"Cost of each day in UTC, of all customers billed in this currency. The variable Customer does not apply.",
			rangeQuery(byCurrency("sum", dailyCostSumRule+currencySelector), "Cost {{currency}}")).
			money().dailyBars(),
		topCustomers(),
	}
}

// topCustomers returns the table of the customers with the highest cost in a currency.
func topCustomers() *Panel {
	p := table("Top customers by spend in $currency", "The ten customers with the highest cost in the current billing period. The name links to the dashboard of the customer.",
		[][2]string{{"customer_name", "Customer"}}, []string{"currency", "customer_id", "job"},
		barColumn("Cost", colorCost, "topk by (currency) (10, "+perCustomer(costRule)+")"))
	p.overrideByName("Customer", Property{"links", customerLink(rowURL)}, Property{"custom.width", 260})
	return p.option("sortBy", []object{{"desc": true, "displayName": "Cost"}}).size(12, 9)
}
