package dashboards

const (
	hour = 60 * 60
	day  = 24 * hour
)

// customer shows one customer. Its time range shows this period and the last.
func customer() Dashboard {
	panels := append(customerNumbers(), customerGraphs()...)
	panels = append(panels, row("Dates and freshness", ""))
	panels = append(panels, customerDates()...)
	return newDashboard(customerUID, "CSP customer",
		"What one customer spends on Azure, beside its budget. The figures are Microsoft's estimates.", "now-35d",
		[]Variable{sourceVariable(), jobFilter(), customerChoice()}, panels...)
}

func customerNumbers() []*Panel {
	return []*Panel{
		stat("Cost", "Estimated cost of the current billing period so far.",
			now(one(costRule), "{{currency}}")).money().named().plain(colorCost).none("no figures"),
		stat("Budget", "Spending budget of a billing period.",
			now(one(budgetRule), "{{currency}}")).money().named().plain(colorBudget).none("no budget"),
		stat("Budget used", "Share of the budget that is spent.",
			now(one(usedRule), "{{currency}}")).share().judged(budgetThresholds()).none("no budget"),
		stat("Forecast", "Cost at the end of the billing period if the customer goes on as so far. In the first day there is no forecast.",
			now(one(forecastRule), "{{currency}}")).money().named().plain(colorForecast).none("no forecast yet"),
		stat("Last 24 hours", "Cost of the last 24 hours, or of the period if it is younger.",
			now(one(dayRule), "{{currency}}")).money().named().plain(colorCost).none("no history yet"),
		stat("Period elapsed", "How much of the billing period is over.",
			now(bare(elapsedRule), "elapsed")).share().none("no figures"),
	}
}

func customerGraphs() []*Panel {
	return []*Panel{
		graph("Cost, budget and forecast", "Cost of the billing period so far, its budget if there is one, and what each moment's forecast expected of the end of the period.",
			over(one(costRule), "Cost {{currency}}"),
			over(one(budgetRule), "Budget {{currency}}"),
			over(one(forecastRule), "Forecast {{currency}}")).
			money().series("A", colorCost).series("B", colorBudget, dashed()...).series("C", colorForecast, dashed()...).sized(24, 10),
		graph("Cost per day", "Cost of each whole day in UTC, and the mean of the days in the week before it.",
			over(one(dayRule), "Cost {{currency}}"),
			over(one(weekRule), "Mean of the week before {{currency}}")).
			money().none("no whole day yet").daily().series("B", colorBefore),
		graph("This period beside the last", "Cost of this billing period, and of the last at the same distance from its beginning.",
			over(one(costRule), "This period {{currency}}"),
			over("max by (job, currency) ("+lastPeriod()+")", "Last period {{currency}}")).
			money().series("A", colorCost).series("B", colorBefore, dashed()...),
	}
}

func customerDates() []*Panel {
	succeeded := []object{{"type": "value", "options": object{
		"0": object{"color": colorBad, "index": 0, "text": "failed"},
		"1": object{"color": colorFine, "index": 1, "text": "succeeded"},
	}}}
	return []*Panel{
		stat("Billing period", "Beginning of the current billing period, and the first instant after it.",
			now("1000 * "+bare(startRule), "Start"), now("1000 * "+bare(endRule), "End")).unit("dateTimeAsIso").named().none("no figures").sized(12, 4),
		stat("Changed by Microsoft", "Time since Microsoft last changed the figures, which it does about once a day.",
			now("time() - "+bare(modifiedMetric), "age")).unit("s").judged(ages(2*day, 4*day)).none("no figures"),
		stat("Known to be current", "Time since the exporter last knew the figures to be current.",
			now("time() - "+bare(fetchedMetric), "age")).unit("s").judged(ages(6*hour, day)).none("no figures"),
		stat("Last attempt", "Whether the last attempt to fetch the usage succeeded. To learn that there is none is a success.",
			now("min by (job) (azure_csp_customer_fetch_success"+ofCustomer+")", "attempt")).
			set("mappings", succeeded).judged(thresholds(colorBad, step{1, colorFine})).none("no attempt yet"),
		table("Customer", "Name, domain, id and relationship of the customer.",
			[][2]string{{"customer_name", "Name"}, {"domain", "Domain"}, {"customer_id", "Customer id"}, {"relationship", "Relationship"}, {"job", "Job"}}, []string{"Known"},
			count("Known", "max by (job, customer_id, customer_name, domain, relationship) ("+infoMetric+ofCustomer+")")).sized(12, 7),
		graph("Age of the figures", "Time since the figures were last changed by Microsoft, and since the exporter last knew them to be current.",
			over("time() - "+bare(modifiedMetric), "changed by Microsoft"),
			over("time() - "+bare(fetchedMetric), "known to be current")).
			unit("s").none("no figures").series("A", colorNeutral).series("B", colorSecond).sized(12, 7),
	}
}
