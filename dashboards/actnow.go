package dashboards

import (
	"strconv"
	"strings"
)

// spendingAlert is an alert about the cost of a customer.
type spendingAlert struct {
	name   string // of the alert
	text   string // the reason in a few words
	weight int    // a power of 2: the sum of the weights identifies the reasons
	fill   string // background of the reason
}

// spendingAlerts lists the alerts about the cost of a customer, the most severe first.
// The last one is for information only.
var spendingAlerts = []spendingAlert{
	{"AzureCSPBudgetExceeded", "over budget", 8, fillBad},
	{"AzureCSPCostSpike", "cost spike", 4, fillSerious},
	{"AzureCSPForecastOverBudget", "heading over budget", 2, fillSerious},
	{"AzureCSPBudgetNearlyUsed", "nearly used", 1, fillWarning},
	{"AzureCSPNoBudget", "no budget", 16, fillNone},
}

// firing returns the customers for which an alert fires. Alertmanager does not notify
// of a budget that is nearly used once it is exceeded, so the panels do not count it.
func firing(alert string) string {
	selector := func(name string) string {
		return `max by (job, customer_id) (ALERTS{job=~"$job",alertstate="firing",alertname="` + name + `"})`
	}
	if alert == "AzureCSPBudgetNearlyUsed" {
		return "(" + selector(alert) + " unless on (job, customer_id) " + selector("AzureCSPBudgetExceeded") + ")"
	}
	return selector(alert)
}

// selectedAlerts returns the customers for which an alert fires that the variable alert
// selects.
func selectedAlerts() string {
	nearly := `"AzureCSPBudgetNearlyUsed"`
	selected := `ALERTS{job=~"$job",alertstate="firing",alertname=~"$alert",alertname`
	return "(max by (job, customer_id) (" + selected + "!=" + nearly + "}) or (max by (job, customer_id) (" + selected + "=" + nearly + "}) unless on (job, customer_id) " +
		firing("AzureCSPBudgetExceeded") + "))"
}

// ofSelectedAlerts restricts an expression by customer to the customers of
// [selectedAlerts].
func ofSelectedAlerts(expr string) string {
	return "(" + expr + ") and on (job, customer_id) " + selectedAlerts()
}

// alertVariable returns the variable that selects the alerts of the table "Act now".
func alertVariable() Variable {
	var pairs, all []string
	options := []object{{"selected": true, "text": "All", "value": "$__all"}}
	for _, a := range spendingAlerts {
		pairs = append(pairs, a.text+" : "+a.name)
		options = append(options, object{"selected": false, "text": a.text, "value": a.name})
		if a.fill != fillNone {
			all = append(all, a.name)
		}
	}
	allValue := strings.Join(all, "|")
	return Variable{
		AllValue: &allValue, Current: object{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}},
		IncludeAll: true, Label: "Alert", Multi: true, Name: "alert", Options: options, Query: strings.Join(pairs, ", "), Type: "custom",
	}
}

// alertTile returns the number of customers for which an alert fires, with a link to
// them in the table "Act now".
func alertTile(title, description, alert string, thresholds object) *Panel {
	customers := "count(" + withCostLabels(firing(alert)) + ") or 0 * count(" + perCustomer(costRule) + ")"
	url := "/d/" + overviewUID + "?${datasource:queryparam}&${__url_time_range}&${job:queryparam}&${currency:queryparam}&${customer_name:queryparam}&var-alert=" + alert
	return stat(title, description+" A click lists them below.", instantQuery(customers, title)).
		thresholds(thresholds).dataLinks([]object{{"targetBlank": false, "title": "List these customers", "url": url}})
}

// reasonColumn returns the column with the reasons why a customer needs attention.
func reasonColumn(name string) column {
	var weights []string
	for _, a := range spendingAlerts {
		weights = append(weights, strconv.Itoa(a.weight)+" * label_replace("+firing(a.name)+`, "reason", "`+a.name+`", "job", ".*")`)
	}
	reasons := ofSelectedAlerts("sum by (job, customer_id) (" + strings.Join(weights, " or ") + ")")
	none := `label_replace(0 * count by (job) (` + perCustomer(costRule) + `), "customer_name", "–", "job", ".*")`
	expr := withCostLabels(reasons)
	return column{name, expr + " or (" + none + " unless on () count(" + expr + "))", "none", []Property{
		{"mappings", reasonMappings()}, {"custom.displayMode", "color-background-solid"}, {"custom.align", "left"},
	}}
}

// reasonMappings returns the texts of all combinations of reasons.
func reasonMappings() []object {
	texts := object{"0": object{"color": fillNone, "index": 0, "text": "No customer needs attention"}}
	for sum := 1; sum < 1<<len(spendingAlerts); sum++ {
		var reasons []string
		fill := fillNone
		for _, a := range spendingAlerts {
			if sum&a.weight == 0 {
				continue
			}
			if len(reasons) == 0 {
				fill = a.fill
			}
			reasons = append(reasons, a.text)
		}
		texts[strconv.Itoa(sum)] = object{"color": fill, "index": sum, "text": strings.Join(reasons, ", ")}
	}
	return []object{{"type": "value", "options": texts}}
}

// budgetReached returns when the cost reaches the budget at the forecast rate, of the
// customers for which that is before the end of the billing period.
func budgetReached() string {
	cost, budget, forecast := perCustomer(costRule), perCustomer(budgetRule), perCustomer(forecastRule)
	left := "(max by (job, customer_id) (" + periodEndRule + `{job=~"$job"}) - time())`
	return "time() + ((" + budget + " > 0) - " + cost + " > 0) / (" + forecast + " - " + cost + ") * on (job, customer_id) group_left () " + left +
		" and " + forecast + " > " + budget
}

// actNow returns the table of the customers for which an alert about their cost fires.
// It ranks them by amount within a currency: a share of the budget ranks trivial
// amounts first, and amounts of several currencies cannot be compared.
func actNow() *Panel {
	p := table("Act now",
		"The selected customers for which an alert about their cost fires. Within a currency, "+
			"the largest overrun at the end of the billing period comes first. "+
			"\"Reached on\" is the day on which the forecast reaches the budget, if that is before the end of the period. "+
			"\"× usual day\" divides the cost of the last 24 hours by the daily mean of the week before. "+
			"The name links to the dashboard of the customer; docs/alerts.md describes what to do.",
		[][2]string{{"currency", "Currency"}, {"customer_name", "Customer"}}, []string{"customer_id", "job"},
		reasonColumn("Why"),
		amountColumn("Over by", ofSelectedAlerts(overBudget(costRule))).filled(overThresholds(fillBad)),
		amountColumn("Over at end", ofSelectedAlerts(overBudget(forecastRule))).filled(overThresholds(fillSerious)),
		dateColumn("Reached on", ofSelectedAlerts(budgetReached())),
		amountColumn("Last 24 h", ofSelectedAlerts(perCustomer(dailyCostRule))),
		factorColumn("× usual day", ofSelectedAlerts(usualDays())),
		daysColumn("Days left", ofSelectedAlerts(withCostLabels("(max by (job, customer_id) ("+periodEndRule+`{job=~"$job"}) - time()) / 86400`))),
	)
	p.overrideByName("Customer", Property{"links", customerLink(rowURL)})
	p.columnWidths(95, "Currency", "Last 24 h", "Days left").columnWidths(105, "Over by", "Over at end", "Reached on", "× usual day").columnWidths(250, "Why")
	return p.option("sortBy", []object{{"desc": false, "displayName": "Currency"}, {"desc": true, "displayName": "Over at end"}}).size(24, 10)
}
