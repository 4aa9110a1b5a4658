package dashboards

const (
	hour = 60 * 60
	day  = 24 * hour
)

// customer returns the dashboard of one customer. Its time range covers the current
// and the end of the previous billing period.
func customer() Dashboard {
	panels := append([]*Panel{status()}, customerAmounts()...)
	panels = append(panels, customerPeriod()...)
	panels = append(panels, customerGraphs()...)
	panels = append(panels, row("Dates and freshness"))
	panels = append(panels, customerDates()...)
	panels = append(panels, collapsedRow("Previous billing period (needs 62 days of history)", "", customerPeriods()))
	return newDashboard(customerUID, "CSP customer",
		"Azure cost of one customer, compared with its budget. Amounts are Microsoft's estimates.", "now-35d",
		[]Variable{datasourceVariable(), jobVariable(), customerVariable()}, panels...)
}

// customerAmounts returns the current amounts of the customer.
func customerAmounts() []*Panel {
	return []*Panel{
		stat("Cost", "Estimated cost of the current billing period so far.",
			instantQuery(customerAmount(costRule), "{{currency}}")).money().named().size(6, 4),
		stat("Budget", "Spending budget for one billing period.",
			instantQuery(customerBudget(), "{{currency}}")).money().named().
			otherwise(customerBudget(), "no budget").size(6, 4),
		customerForecast().size(6, 4),
		stat("Last 24 hours", "Cost of the last 24 hours, or since the start of the billing period if that is later.",
			instantQuery(customerAmount(dailyCostRule), "{{currency}}")).money().named().
			otherwise(customerAmount(dailyCostRule), "no history yet").size(6, 4),
	}
}

// customerPeriod returns the used share of the budget and the billing period.
func customerPeriod() []*Panel {
	return []*Panel{
		customerBudgetUsed().size(6, 4),
		customerBudgetReached().size(6, 4),
		stat("Period elapsed", "Elapsed share of the billing period.",
			instantQuery(customerValue(periodElapsedRule), "elapsed")).percent().size(6, 4),
		stat("Period ends", "End of the current billing period. This day belongs to the next period.",
			instantQuery("1000 * "+customerValue(periodEndRule), "end")).unit(dateUnit).size(6, 4),
	}
}

// customerBudget returns the budget of the customer. A budget of 0 is none.
func customerBudget() string { return "(" + customerAmount(budgetRule) + " > 0)" }

// forecastOverBudget filters series of the customer by currency: it keeps those whose
// forecast exceeds the budget.
func forecastOverBudget() string {
	return "(" + customerAmount(forecastRule) + " > " + customerBudget() + ")"
}

// customerBudgetUsed returns the used share of the budget, coloured by what it means
// at this time in the billing period: 63 % is too much after a quarter of it. A
// threshold cannot depend on another value, so each state has a query, of which one
// has a result.
func customerBudgetUsed() *Panel {
	used := customerAmount(budgetUsedRule)
	return stat("Budget used", "Share of the budget that has been used, and whether cost is on the way to exceed the budget by the end of the billing period.",
		instantQuery(used+" > 1", "over budget"),
		instantQuery("("+used+" <= 1) and "+forecastOverBudget(), "heading over budget"),
		instantQuery("("+used+" > 0.8 <= 1) unless "+forecastOverBudget(), "nearly used"),
		instantQuery("("+used+" <= 0.8) unless "+forecastOverBudget(), "on plan")).
		percent().named().
		overrideByQuery("A", fillBad).overrideByQuery("B", fillSerious).overrideByQuery("C", fillWarning).
		otherwise(used, "no budget")
}

// customerBudgetReached returns the day on which the cost reaches the budget at the
// forecast rate.
func customerBudgetReached() *Panel {
	cost, forecast := customerAmount(costRule), customerAmount(forecastRule)
	reached := "time() + (" + customerBudget() + " - " + cost + " > 0) / (" + forecast + " - " + cost + ") * on (job) group_left () (" + customerValue(periodEndRule) + " - time())"
	return stat("Budget reached", "Day on which the cost reaches the budget at the forecast rate, if that is before the end of the billing period.",
		instantQuery("1000 * ("+reached+") and "+forecastOverBudget(), "{{currency}}")).
		unit(dateUnit).named().overrideByQuery("A", fillSerious).
		textQuery("0 * ("+cost+" >= "+customerBudget()+")", fillBad, "already").
		textQuery("0 * ("+forecast+" <= "+customerBudget()+" and "+cost+" < "+customerBudget()+")", fillNone, "not this period").
		otherwise(customerBudget(), "no budget")
}

// customerForecast returns the forecast, coloured by how it compares with the budget.
func customerForecast() *Panel {
	forecast := customerAmount(forecastRule)
	budget := customerBudget()
	return stat("Forecast", "Estimated cost at the end of the billing period if cost continues at the average rate of this period, "+
		"and whether it exceeds the budget. There is no forecast on the first day.",
		instantQuery(forecastOverBudget(), "{{currency}}, over budget"),
		instantQuery(forecast+" <= "+budget, "{{currency}}, within budget"),
		instantQuery(forecast+" unless "+budget, "{{currency}}, no budget")).
		money().named().
		overrideByQuery("A", fillSerious).
		otherwise(forecast, "none yet")
}

// customerGraphs returns the cost over time.
func customerGraphs() []*Panel {
	return []*Panel{
		timeSeries("Cost, budget and forecast", "Cost of the billing period so far, the budget if one is set, and the forecast for the end of the period as it was at each point in time.",
			rangeQuery(customerAmount(costRule), "Cost {{currency}}"),
			rangeQuery(customerAmount(budgetRule), "Budget {{currency}}"),
			rangeQuery(customerAmount(forecastRule), "Forecast {{currency}}")).
			money().overrideByQuery("A", colorCost).overrideByQuery("B", colorBudget, dashedLine()...).overrideByQuery("C", colorForecast, dashedLine()...).size(24, 10),
		timeSeries("Cost per day", "Cost of each day in UTC, and the daily mean of the week before that day.",
			rangeQuery(customerAmount(dailyCostRule), "Cost {{currency}}"),
			rangeQuery(customerAmount(dailyMeanRule), "Daily mean, week before {{currency}}")).
			money().dailyBars().overrideByQuery("B", colorPrevious).size(24, 9),
	}
}

// customerPeriods returns the comparison of two billing periods. At the end of a period,
// the start of the one before is 62 days ago, and by default Prometheus keeps 15 days.
func customerPeriods() *Panel {
	return timeSeries("Current and previous period", "Cost of the current billing period, and of the previous one at the same time since its start. "+
		"Prometheus has to keep 62 days for the whole comparison (--storage.tsdb.retention.time); by default it keeps 15.",
		rangeQuery(customerAmount(costRule), "Current period {{currency}}"),
		rangeQuery(previousPeriodCost(), "Previous period {{currency}}")).
		money().overrideByQuery("A", colorCost).overrideByQuery("B", colorPrevious, dashedLine()...).size(24, 9)
}

// customerDates returns the age of the data and the identity
// of the customer.
func customerDates() []*Panel {
	return []*Panel{
		stat("Period began", "Start of the current billing period.",
			instantQuery("1000 * "+customerValue(periodStartRule), "start")).unit(dateUnit).size(6, 4),
		stat("Last changed by Microsoft", "Time since Microsoft last changed the usage data. It does so about once a day.",
			instantQuery("time() - "+customerValue(lastModifiedMetric), "age")).unit("s").thresholds(ageThresholds(2*day, 4*day)).size(6, 4),
		stat("Last confirmed", "Time since the exporter last fetched or revalidated the usage data.",
			instantQuery("time() - "+customerValue(fetchedMetric), "age")).unit("s").thresholds(ageThresholds(6*hour, day)).size(6, 4),
		stat("Last attempt", "Whether the last attempt to fetch the usage succeeded. A customer without usage counts as a success.",
			instantQuery("min by (job) (azure_csp_customer_fetch_success"+customerSelector+")", "attempt")).
			valueMappings(successMappings("failed", "succeeded")).thresholds(successThresholds()).size(6, 4),
		table("Customer", "Name, domain, id and relationship to the partner.",
			[][2]string{{"customer_name", "Name"}, {"domain", "Domain"}, {"customer_id", "Customer id"}, {"relationship", "Relationship"}, {"job", "Job"}}, []string{"Known"},
			countColumn("Known", "max by (job, customer_id, customer_name, domain, relationship) ("+infoMetric+customerSelector+")")).size(24, 4),
		timeSeries("Age of the data", "Time since Microsoft last changed the usage data, and since the exporter last fetched or revalidated it.",
			rangeQuery("time() - "+customerValue(lastModifiedMetric), "last changed by Microsoft"),
			rangeQuery("time() - "+customerValue(fetchedMetric), "last confirmed")).
			unit("s").overrideByQuery("A", colorNeutral).overrideByQuery("B", colorSecond).size(24, 7),
	}
}
