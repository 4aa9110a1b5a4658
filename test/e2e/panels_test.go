package e2e_test

import (
	"maps"
	"os/exec"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"
	"github.com/azure-csp-exporter/azure_csp_exporter/test/e2e/panels"
)

// series is a series with its samples, one a minute, in the notation of promtool.
type series struct {
	Series string `yaml:"series"`
	Values string `yaml:"values"`
}

// promSample is a sample of a result.
type promSample struct {
	Labels string  `yaml:"labels"`
	Value  float64 `yaml:"value"`
}

// exprTest is an expression and its result at a time.
type exprTest struct {
	Expr    string       `yaml:"expr"`
	Time    string       `yaml:"eval_time"`
	Samples []promSample `yaml:"exp_samples"`
}

// unitTest is a test that promtool runs.
type unitTest struct {
	Name        string     `yaml:"name"`
	Interval    string     `yaml:"interval"`
	InputSeries []series   `yaml:"input_series"`
	ExprTests   []exprTest `yaml:"promql_expr_test"`
}

// runUnitTests runs the tests with promtool.
func runUnitTests(t *testing.T, tests []unitTest) {
	t.Helper()
	findPrometheus(t)
	content, err := yaml.Marshal(map[string]any{"tests": tests})
	if err != nil {
		t.Fatal(err)
	}
	file := clitest.Write(t, string(content))
	if output, err := exec.CommandContext(t.Context(), "promtool", "test", "rules", file).CombinedOutput(); err != nil { //nolint:gosec // Its arguments are the test's own.
		t.Errorf("promtool: %v\n%s", err, output)
	}
}

// variables are the values of the dashboards' variables: all, and the customer 1.
var variables = map[string]string{
	"job": ".*", "instance": ".*", "currency": ".*", "customer_name": ".*", "customer": "1",
	"alert": "AzureCSPBudgetExceeded|AzureCSPCostSpike|AzureCSPForecastOverBudget|AzureCSPBudgetNearlyUsed",
}

// expectPanel returns the tests of the queries of a panel: those whose legends are in
// want have that result, and the others have none.
func expectPanel(t *testing.T, dashboard, panel, at string, want map[string][]promSample) []exprTest {
	t.Helper()
	var tests []exprTest
	missing := len(want)
	for _, q := range panels.Queries(variables) {
		if q.Dashboard != dashboard || q.Panel != panel {
			continue
		}
		if _, ok := want[q.Legend]; ok {
			missing--
		}
		tests = append(tests, exprTest{q.Expr, at, want[q.Legend]})
	}
	if len(tests) == 0 || missing > 0 {
		t.Fatalf("%s, %s: found %d queries, and %d of the legends are missing", dashboard, panel, len(tests), missing)
	}
	return tests
}

// customerSeries returns series of the recording rules of a customer. A rule without a
// value has none.
func customerSeries(id, currency string, values map[string]string) []series {
	var all []series
	for rule, value := range values {
		labels := `{job="j",customer_id="` + id + `",customer_name="Customer ` + id + `",currency="` + currency + `"}`
		if value != "" {
			all = append(all, series{"customer:azure_csp_customer_" + rule + labels, value})
		}
	}
	return all
}

// The used share of a budget and the forecast have a colour by what they mean at this
// time in the billing period: one query of each panel has a result, in each state.
func TestStateOfTheBudget(t *testing.T) {
	const euro = `{currency="EUR",job="j"}`
	var tests []unitTest
	for _, test := range []struct {
		name, used, forecast, budget string
		state                        string
		share                        float64
		compared                     string
		amount                       float64
	}{
		{"over budget", "1.2", "150", "100", "over budget", 1.2, "{{currency}}, over budget", 150},
		{"63 % used after a quarter", "0.63", "242", "100", "heading over budget", 0.63, "{{currency}}, over budget", 242},
		{"90 % used too early", "0.9", "130", "100", "heading over budget", 0.9, "{{currency}}, over budget", 130},
		{"90 % used near the end", "0.9", "92", "100", "nearly used", 0.9, "{{currency}}, within budget", 92},
		{"on plan", "0.5", "90", "100", "on plan", 0.5, "{{currency}}, within budget", 90},
		{"first day", "0.5", "", "100", "on plan", 0.5, "", 0},
		{"no budget", "", "90", "", "", 0, "{{currency}}, no budget", 90},
		{"budget of 0", "", "90", "0", "", 0, "{{currency}}, no budget", 90},
	} {
		used, forecast := map[string][]promSample{}, map[string][]promSample{}
		if test.state != "" {
			used[test.state] = []promSample{{euro, test.share}}
		}
		if test.compared != "" {
			forecast[test.compared] = []promSample{{euro, test.amount}}
		}
		tests = append(tests, unitTest{
			Name: test.name, Interval: "1m",
			InputSeries: customerSeries("1", "EUR", map[string]string{
				"budget_used:ratio": test.used, "total_cost:forecast": test.forecast, "budget:max": test.budget,
			}),
			ExprTests: append(expectPanel(t, "azure-csp-customer", "Budget used", "0", used),
				expectPanel(t, "azure-csp-customer", "Forecast", "0", forecast)...),
		})
	}
	runUnitTests(t, tests)
}

// A customer reaches its budget on a day, has reached it, does not reach it, or has none.
func TestBudgetReached(t *testing.T) {
	end := series{`customer:azure_csp_customer_billing_period_end_timestamp_seconds:max{job="j",customer_id="1"}`, "2678400x30000"}
	var queries []string
	for _, q := range panels.Queries(variables) {
		if q.Panel == "Budget reached" {
			queries = append(queries, q.Expr)
		}
	}
	if len(queries) != 4 {
		t.Fatalf("found %d queries, want 4", len(queries))
	}
	const euro = `{currency="EUR",job="j"}`
	var tests []unitTest
	for _, test := range []struct {
		name, cost, budget, forecast string
		query                        int
		value                        float64
	}{
		{"on day 25", "40", "100", "124", 0, 1000 * 25 * 86400},
		{"already", "130", "100", "150", 1, 0},
		{"already, at the amount", "100", "100", "150", 1, 0},
		{"not this period", "40", "200", "124", 2, 0},
		{"no budget", "40", "", "124", 3, 0},
		{"budget of 0", "40", "0", "124", 3, 0},
	} {
		unit := unitTest{Name: test.name, Interval: "1m", InputSeries: []series{end}}
		for rule, value := range map[string]string{"total_cost:max": test.cost, "budget:max": test.budget, "total_cost:forecast": test.forecast} {
			if value != "" {
				unit.InputSeries = append(unit.InputSeries, customerSeries("1", "EUR", map[string]string{rule: value + "x30000"})...)
			}
		}
		for i, expr := range queries {
			want := exprTest{Expr: expr, Time: "10d"}
			if i == test.query {
				want.Samples = []promSample{{euro, test.value}}
			}
			unit.ExprTests = append(unit.ExprTests, want)
		}
		tests = append(tests, unit)
	}
	runUnitTests(t, tests)
}

// The status line distinguishes an exporter that is not scraped, one that does not
// reach Partner Center, and recording rules that are not loaded.
func TestStatus(t *testing.T) {
	up := func(value string) series { return series{`azure_csp_up{job="j",instance="a:1"}`, value} }
	cost := series{`azure_csp_customer_total_cost{job="j",instance="a:1",customer_id="1",customer_name="C",currency="EUR"}`, "5"}
	rule := series{`customer:azure_csp_customer_total_cost:max{job="j",customer_id="1",customer_name="C",currency="EUR"}`, "5"}
	state := func(value float64) map[string][]promSample {
		return map[string][]promSample{"status": {{"{}", value}}}
	}
	var tests []unitTest
	for _, dashboard := range []string{"azure-csp-overview", "azure-csp-customer", "azure-csp-exporter"} {
		for _, test := range []struct {
			name  string
			input []series
			want  map[string][]promSample
		}{
			{"not scraped", []series{{"unrelated", "1"}}, nil},
			{"not scraped any more", []series{rule}, nil},
			{"well", []series{up("1"), cost, rule}, state(1)},
			{"no customers", []series{up("1")}, state(1)},
			{"failing", []series{up("0"), cost, rule}, state(0)},
			{"no rules", []series{up("1"), cost}, state(2)},
		} {
			tests = append(tests, unitTest{
				Name: test.name, Interval: "1m", InputSeries: test.input, ExprTests: expectPanel(t, dashboard, "Status", "0", test.want),
			})
		}
	}
	runUnitTests(t, tests)
}

// column returns the query of a column of a table, with variables replaced.
func column(t *testing.T, panel string, index int, alert string) string {
	t.Helper()
	values := maps.Clone(variables)
	values["alert"] = alert
	for _, q := range panels.Queries(values) {
		if q.Panel != panel {
			continue
		}
		if index == 0 {
			return q.Expr
		}
		index--
	}
	t.Fatalf("%s: no such column", panel)
	return ""
}

// firing returns the series of an alert that fires for a customer.
func firing(alert, customer string) series {
	return series{`ALERTS{alertname="` + alert + `",alertstate="firing",job="j",customer_id="` + customer + `",severity="s"}`, "1"}
}

// The table "Act now" has the customers for which an alert fires, whatever the budgets
// are, with the sum of the reasons and the day on which the budget is reached.
func TestActNow(t *testing.T) {
	// The period of 31 days ends at 2678400. A customer at 40 of 100 at day 10 with a
	// forecast of 124 reaches 100 in 15 days: 60 of 84 in 21 days.
	input := slices.Concat(
		customerSeries("1", "EUR", map[string]string{"total_cost:max": "40x30000", "budget:max": "100x30000", "total_cost:forecast": "124x30000"}),
		customerSeries("2", "EUR", map[string]string{"total_cost:max": "130x30000", "budget:max": "100x30000", "total_cost:forecast": "150x30000"}),
		customerSeries("3", "JPY", map[string]string{"total_cost:max": "90x30000", "budget:max": "100x30000", "total_cost:forecast": "95x30000"}),
		customerSeries("4", "JPY", map[string]string{"total_cost:max": "500x30000"}),
	)
	for _, id := range []string{"1", "2", "3", "4"} {
		input = append(input, series{`customer:azure_csp_customer_billing_period_end_timestamp_seconds:max{job="j",customer_id="` + id + `"}`, "2678400x30000"})
	}
	alerts := slices.Clone(input)
	for _, a := range [][2]string{
		{"AzureCSPForecastOverBudget", "1"},
		{"AzureCSPBudgetExceeded", "2"},
		{"AzureCSPBudgetNearlyUsed", "2"},
		{"AzureCSPCostSpike", "2"},
		{"AzureCSPBudgetNearlyUsed", "3"},
		{"AzureCSPNoBudget", "4"},
	} {
		alerts = append(alerts, firing(a[0], a[1]))
	}
	for i := len(input); i < len(alerts); i++ {
		alerts[i].Values = "1x30000"
	}
	labels := func(id, currency string) string {
		return `{currency="` + currency + `",customer_id="` + id + `",customer_name="Customer ` + id + `",job="j"}`
	}
	all, one, two := variables["alert"], labels("1", "EUR"), labels("2", "EUR")
	three, four := labels("3", "JPY"), labels("4", "JPY")
	expect := func(expr string, samples ...promSample) exprTest { return exprTest{expr, "10d", samples} }
	runUnitTests(t, []unitTest{
		{"alerts", "1m", alerts, []exprTest{
			expect(column(t, "Act now", 0, all), promSample{one, 2}, promSample{two, 12}, promSample{three, 1}),
			expect(column(t, "Act now", 0, "AzureCSPBudgetNearlyUsed"), promSample{three, 1}),
			expect(column(t, "Act now", 0, "AzureCSPCostSpike"), promSample{two, 12}),
			expect(column(t, "Act now", 0, "AzureCSPNoBudget"), promSample{four, 16}),
			expect(column(t, "Act now", 1, all), promSample{two, 30}),
			expect(column(t, "Act now", 2, all), promSample{one, 24}, promSample{two, 50}),
			expect(column(t, "Act now", 3, all), promSample{one, 1000 * 25 * 86400}),
			expect(column(t, "Act now", 6, all), promSample{one, 21}, promSample{two, 21}, promSample{three, 21}),
			expect(column(t, "Over budget", 0, all), promSample{"{}", 1}),
			expect(column(t, "Cost spike", 0, all), promSample{"{}", 1}),
			expect(column(t, "Heading over", 0, all), promSample{"{}", 1}),
			expect(column(t, "Nearly used", 0, all), promSample{"{}", 1}),
			expect(column(t, "No budget", 0, all), promSample{"{}", 1}),
		}},
		{"no alerts", "1m", input, []exprTest{
			expect(column(t, "Act now", 0, all), promSample{`{customer_name="–",job="j"}`, 0}),
			expect(column(t, "Act now", 1, all)),
			expect(column(t, "Over budget", 0, all), promSample{"{}", 0}),
		}},
		{"no data", "1m", []series{{"unrelated", "1"}}, []exprTest{
			expect(column(t, "Act now", 0, all)), expect(column(t, "Over budget", 0, all)),
		}},
	})
}
