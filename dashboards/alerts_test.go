package dashboards_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// alertRule is an alert of a rule file.
type alertRule struct {
	Alert       string            `yaml:"alert"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// readYAML decodes a file.
func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// alerts returns all alerts of the rule file.
func alerts(t *testing.T) []alertRule {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []alertRule `yaml:"rules"`
		} `yaml:"groups"`
	}
	readYAML(t, "rules/azure_csp.alerts.yml", &file)
	var rules []alertRule
	for _, group := range file.Groups {
		rules = append(rules, group.Rules...)
	}
	if len(rules) < 14 {
		t.Fatalf("found %d alerts, want 14 or more", len(rules))
	}
	return rules
}

// Every alert has a severity, a summary, a description and a link to its section of
// the runbook, which starts with the same severity.
func TestAlertsAreDocumented(t *testing.T) {
	runbook, err := os.ReadFile("../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range alerts(t) {
		if severity := a.Labels["severity"]; !slices.Contains([]string{"critical", "warning", "info"}, severity) {
			t.Errorf("%s: severity = %q", a.Alert, severity)
		}
		if a.Annotations["summary"] == "" || !strings.HasSuffix(strings.TrimSpace(a.Annotations["description"]), ".") {
			t.Errorf("%s: no summary, or the description is not a sentence", a.Alert)
		}
		if want := "docs/alerts.md#" + strings.ToLower(a.Alert); a.Annotations["runbook"] != want {
			t.Errorf("%s: runbook = %q, want %q", a.Alert, a.Annotations["runbook"], want)
		}
		if section := "\n### " + a.Alert + "\n\n**" + a.Labels["severity"] + ".** "; !strings.Contains(string(runbook), section) {
			t.Errorf("docs/alerts.md: no section starts with %q", section)
		}
	}
}

// Descriptions of alerts about cost contain the customer's name, the amounts and their
// currency. Name and currency are not labels: a change of them would end the alert.
func TestSpendingAlertsNameTheCustomer(t *testing.T) {
	for _, a := range alerts(t) {
		if !regexp.MustCompile(`Budget|Forecast|Cost`).MatchString(a.Alert) {
			continue
		}
		for _, part := range []string{`label "customer_name"`, `label "currency"`, `printf "%.2f"`} {
			if !strings.Contains(a.Annotations["description"], part) {
				t.Errorf("%s: the description does not contain %s", a.Alert, part)
			}
		}
	}
}

// Every alert has a rule test in which it fires and one in which it does not.
// promtool runs these tests.
func TestEveryAlertIsTested(t *testing.T) {
	files, err := filepath.Glob("rules/tests/*_test.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, file := range files {
		var content struct {
			Tests []struct {
				Alerts []struct {
					Name     string `yaml:"alertname"`
					Expected []any  `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			} `yaml:"tests"`
		}
		readYAML(t, file, &content)
		for _, test := range content.Tests {
			for _, a := range test.Alerts {
				fires[a.Name] = fires[a.Name] || len(a.Expected) > 0
				silent[a.Name] = silent[a.Name] || len(a.Expected) == 0
			}
		}
	}
	for _, a := range alerts(t) {
		if !fires[a.Alert] || !silent[a.Alert] {
			t.Errorf("%s: has a test in which it fires: %t, has one in which it does not: %t", a.Alert, fires[a.Alert], silent[a.Alert])
		}
	}
}
