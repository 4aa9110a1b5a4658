package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-jsonnet"
	"go.yaml.in/yaml/v3"
)

const dashboardsFolder = "../../dashboards"

// evaluateMixin returns the three fields of the mixin with changes to its _config.
func evaluateMixin(t *testing.T, config string) map[string]any {
	t.Helper()
	output, err := evaluate(&jsonnet.FileImporter{JPaths: []string{dashboardsFolder}}, config)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(output), &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

func evaluate(importer jsonnet.Importer, config string) (string, error) {
	vm := jsonnet.MakeVM()
	vm.Importer(importer)
	return vm.EvaluateAnonymousSnippet("test.jsonnet", `
		local mixin = (import 'mixin.libsonnet') + { _config+:: `+config+` };
		{ [field]: mixin[field] for field in ['grafanaDashboards', 'prometheusRules', 'prometheusAlerts'] }`)
}

// Without changes the mixin returns the files that are shipped, all of them.
func TestMixinDefaultsEqualFiles(t *testing.T) {
	dashboards := map[string]any{}
	paths, err := filepath.Glob(filepath.Join(dashboardsFolder, "grafana", "*.json"))
	if err != nil || len(paths) != 3 {
		t.Fatalf("found dashboards %v, error %v", paths, err)
	}
	for _, path := range paths {
		dashboards[filepath.Base(path)] = readFile(t, path, json.Unmarshal)
	}
	want := map[string]any{
		"grafanaDashboards": dashboards,
		"prometheusRules":   readFile(t, filepath.Join(dashboardsFolder, "rules", "azure_csp.rules.yml"), yaml.Unmarshal),
		"prometheusAlerts":  readFile(t, filepath.Join(dashboardsFolder, "rules", "azure_csp.alerts.yml"), yaml.Unmarshal),
	}
	if diff := cmp.Diff(want, evaluateMixin(t, "{}")); diff != "" {
		t.Errorf("(-files +mixin):\n%s", diff)
	}
}

func readFile(t *testing.T, path string, unmarshal func([]byte, any) error) map[string]any {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var value map[string]any
	if err := unmarshal(content, &value); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return value
}

// A threshold changes the expression of its alert and nothing else.
func TestMixinThresholds(t *testing.T) {
	for _, test := range []struct{ config, alert, before, after string }{
		{"{ budgetNearlyUsedRatio: 0.95 }", "AzureCSPBudgetNearlyUsed", "> 0.8", "> 0.95"},
		{"{ costSpikeMinimum: 1234567 }", "AzureCSPCostSpike", "> 10)", "> 1234567)"},
		{"{ upstreamQuietDays: 5 }", "AzureCSPUpstreamQuiet", "> 3 * 86400", "> 5 * 86400"},
		{"{ notRefreshingHours: 8 }", "AzureCSPNotRefreshing", "> 3 * 3600", "> 8 * 3600"},
		{"{ throttledRatio: 0.25 }", "AzureCSPThrottled", "> 0.1\n", "> 0.25\n"},
		{"{ refreshTokenAgeDays: 45 }", "AzureCSPRefreshTokenOld", "> 60 * 86400", "> 45 * 86400"},
		{"{ certificateExpiryDays: 14 }", "AzureCSPCertificateExpiring", "< 30 * 86400", "< 14 * 86400"},
	} {
		want := evaluateMixin(t, "{}")
		rule := findAlert(t, want, test.alert)
		expr, _ := rule["expr"].(string)
		if strings.Count(expr, test.before) != 1 {
			t.Fatalf("%s: want %q once in %s", test.alert, test.before, expr)
		}
		rule["expr"] = strings.Replace(expr, test.before, test.after, 1)
		if diff := cmp.Diff(want, evaluateMixin(t, test.config)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.config, diff)
		}
	}
}

// Both thresholds of an alert can change at once, each to the default of the other.
// The factor occurs twice: in the limit after days without new figures it is less by
// one, because the days of usage count as well.
func TestMixinThresholdsOfOneAlert(t *testing.T) {
	got := findAlert(t, evaluateMixin(t, "{ costSpikeMinimum: 4, costSpikeFactor: 10 }"), "AzureCSPCostSpike")["expr"]
	want := `max by (job, customer_id) (
    (customer:azure_csp_customer_total_cost:delta1d > 4)
  > on (job, customer_id, currency)
    (
        (9 + customer:azure_csp_customer_total_cost:delta1d_days)
      * on (job, customer_id) group_right ()
        max by (job, customer_id, currency) (max_over_time(customer:azure_csp_customer_total_cost:delta1d_avg7d[14d:1d]))
      and on (job, customer_id)
        max_over_time(customer:azure_csp_customer_total_cost:delta1d_days[8d:6h]) > 1.5
      or
        10 * max by (job, customer_id, currency) (customer:azure_csp_customer_total_cost:delta1d_avg7d)
    )
)
`
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// findAlert returns the rule of an alert.
func findAlert(t *testing.T, mixin map[string]any, name string) map[string]any {
	t.Helper()
	var found map[string]any
	replaceStrings(mixin["prometheusAlerts"], func(object map[string]any, key, value string) string {
		if key == "alert" && value == name {
			found = object
		}
		return value
	})
	if found == nil {
		t.Fatalf("no alert %s", name)
	}
	return found
}

// replaceStrings replaces every string in objects within value, in place.
func replaceStrings(value any, replace func(object map[string]any, key, value string) string) {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			replaceStrings(element, replace)
		}
	case map[string]any:
		for key, element := range value {
			if text, ok := element.(string); ok {
				value[key] = replace(value, key, text)
				continue
			}
			replaceStrings(element, replace)
		}
	}
}

// The selector is added to every scraped metric in a query and changes nothing
// else.
func TestMixinSelector(t *testing.T) {
	const selector = `cluster="eu",job="csp"`
	scraped := regexp.MustCompile(`(^|[^\w:])(azure_csp_\w+|process_\w+|promhttp_\w+|scrape_duration_seconds|up)(\{|[^\w:{]|$)`)
	expected := func(expr string) string {
		return scraped.ReplaceAllStringFunc(expr, func(match string) string {
			parts := scraped.FindStringSubmatch(match)
			if parts[3] == "{" {
				return parts[1] + parts[2] + "{" + selector + ","
			}
			return parts[1] + parts[2] + "{" + selector + "}" + parts[3]
		})
	}
	want := evaluateMixin(t, "{}")
	replaceStrings(want, func(_ map[string]any, key, value string) string {
		if slices.Contains([]string{"expr", "definition", "query"}, key) && value != "prometheus" {
			return expected(value)
		}
		return value
	})
	got := evaluateMixin(t, `{ selector: '`+selector+`' }`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	queries := map[string]bool{}
	replaceStrings(got, func(_ map[string]any, _, value string) string {
		queries[value] = true
		return value
	})
	for _, query := range []string{
		`max by (job, customer_id) (last_over_time(azure_csp_customer_billing_period_start_timestamp_seconds{cluster="eu",job="csp"}[10m]))`,
		`sum by (job, currency) (customer:azure_csp_customer_budget:max)`,
		`sum by (job, instance) (azure_csp_customers{cluster="eu",job="csp",status="error"}) > 0`,
		`up{cluster="eu",job="csp"} == 0 and on (job) group by (job) (max_over_time(azure_csp_up{cluster="eu",job="csp"}[1d]))`,
		`up{cluster="eu",job="csp",job=~"$job",instance=~"$instance"}`,
		`label_values(azure_csp_up{cluster="eu",job="csp"}, job)`,
	} {
		if !queries[query] {
			t.Errorf("no query %s", query)
		}
	}
}

// A default that is missing from the rule file or occurs twice, and an alert that
// does not exist, are errors that name the alert.
func TestMixinFindsDrift(t *testing.T) {
	for _, test := range []struct{ before, after, message string }{
		{"ratio) > 0.8", "ratio) > 0.85", `alert AzureCSPBudgetNearlyUsed: expected "> 0.8" once in: `},
		{"delta1d > 10)", "delta1d > 20)", `alert AzureCSPCostSpike: expected "> 10)" once in: `},
		{"> 0.1\n", "> 0.1\n          and vector(1) > 0.1\n", `alert AzureCSPThrottled: expected "> 0.1" once in: `},
		{"alert: AzureCSPThrottled", "alert: AzureCSPLimited", `no alert AzureCSPThrottled`},
	} {
		_, err := evaluate(changedAlerts{&jsonnet.FileImporter{JPaths: []string{dashboardsFolder}}, test.before, test.after}, "{}")
		if err == nil || !strings.Contains(err.Error(), test.message) {
			t.Errorf("%q in place of %q: error %v", test.after, test.before, err)
		}
	}
}

// changedAlerts imports files with a change to the file of the alerts.
type changedAlerts struct {
	files         jsonnet.Importer
	before, after string
}

func (c changedAlerts) Import(from, path string) (jsonnet.Contents, string, error) {
	contents, found, err := c.files.Import(from, path)
	if err == nil && strings.HasSuffix(path, ".alerts.yml") {
		contents = jsonnet.MakeContents(strings.Replace(contents.String(), c.before, c.after, 1))
	}
	return contents, found, err
}
