package dashboards

const (
	hour = 60 * 60
	day  = 24 * hour
)

// customer returns the dashboard of one customer. Its time range covers the current
// and the end of the previous billing period.
func customer() Dashboard {
	panels := append(customerStats(), customerGraphs()...)
	panels = append(panels, row("Dates and freshness", ""))
	panels = append(panels, customerDates()...)
	return newDashboard(customerUID, "CSP customer",
		"Azure cost of one customer, compared with its budget. Amounts are Microsoft's estimates.", "now-35d",
		[]Variable{datasourceVariable(), jobVariable(), customerVariable()}, panels...)
}

// customerStats returns the current values of the customer.
func customerStats() []*Panel {
	return []*Panel{
		stat("Cost", "Estimated cost of the current billing period so far.",
			instantQuery(customerAmount(costRule), "{{currency}}")).money().textMode(valueAndName).fixedColor(colorCost).noValue("no data"),
		stat("Budget", "Spending budget for one billing period.",
			instantQuery(customerAmount(budgetRule), "{{currency}}")).money().textMode(valueAndName).fixedColor(colorBudget).noValue("no budget"),
		stat("Budget used", "Share of the budget that has been used.",
			instantQuery(customerAmount(budgetUsedRule), "{{currency}}")).percent().thresholds(budgetThresholds()).noValue("no budget"),
		stat("Forecast", "Estimated cost at the end of the billing period if cost continues at the average rate of this period. There is no forecast on the first day.",
			instantQuery(customerAmount(forecastRule), "{{currency}}")).money().textMode(valueAndName).fixedColor(colorForecast).noValue("no forecast"),
		stat("Last 24 hours", "Cost of the last 24 hours, or since the start of the billing period if that is later.",
			instantQuery(customerAmount(dailyCostRule), "{{currency}}")).money().textMode(valueAndName).fixedColor(colorCost).noValue("no history"),
		stat("Period elapsed", "Elapsed share of the billing period.",
			instantQuery(customerValue(periodElapsedRule), "elapsed")).percent(),
	}
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
			money().noValue("less than one day of data").dailyBars().overrideByQuery("B", colorPrevious),
		timeSeries("Current and previous period", "Cost of the current billing period, and of the previous one at the same time since its start.",
			rangeQuery(customerAmount(costRule), "Current period {{currency}}"),
			rangeQuery(previousPeriodCost(), "Previous period {{currency}}")).
			money().overrideByQuery("A", colorCost).overrideByQuery("B", colorPrevious, dashedLine()...),
	}
}

// customerDates returns the billing period, the age of the data and the identity
// of the customer.
func customerDates() []*Panel {
	return []*Panel{
		stat("Billing period", "Start and end of the current billing period. The end is exclusive.",
			instantQuery("1000 * "+customerValue(periodStartRule), "Start"), instantQuery("1000 * "+customerValue(periodEndRule), "End")).unit("dateTimeAsIso").textMode(valueAndName).size(12, 4),
		stat("Last changed by Microsoft", "Time since Microsoft last changed the usage data. It does so about once a day.",
			instantQuery("time() - "+customerValue(lastModifiedMetric), "age")).unit("s").thresholds(ageThresholds(2*day, 4*day)),
		stat("Last confirmed", "Time since the exporter last fetched or revalidated the usage data.",
			instantQuery("time() - "+customerValue(fetchedMetric), "age")).unit("s").thresholds(ageThresholds(6*hour, day)),
		stat("Last attempt", "Whether the last attempt to fetch the usage succeeded. A customer without usage counts as a success.",
			instantQuery("min by (job) (azure_csp_customer_fetch_success"+customerSelector+")", "attempt")).
			valueMappings(successMappings("failed", "succeeded")).thresholds(successThresholds()).noValue("not fetched yet"),
		table("Customer", "Name, domain, id and relationship to the partner.",
			[][2]string{{"customer_name", "Name"}, {"domain", "Domain"}, {"customer_id", "Customer id"}, {"relationship", "Relationship"}, {"job", "Job"}}, []string{"Known"},
			countColumn("Known", "max by (job, customer_id, customer_name, domain, relationship) ("+infoMetric+customerSelector+")")).size(12, 7),
		timeSeries("Age of the data", "Time since Microsoft last changed the usage data, and since the exporter last fetched or revalidated it.",
			rangeQuery("time() - "+customerValue(lastModifiedMetric), "last changed by Microsoft"),
			rangeQuery("time() - "+customerValue(fetchedMetric), "last confirmed")).
			unit("s").overrideByQuery("A", colorNeutral).overrideByQuery("B", colorSecond).size(12, 7),
	}
}
