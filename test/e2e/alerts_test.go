package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

// message is what Alertmanager sends to a webhook.
type message struct {
	path     string
	Status   string            `json:"status"`
	Group    map[string]string `json:"groupLabels"`
	Alerts   []alert           `json:"alerts"`
	received time.Time
}

type alert struct {
	Status      string            `json:"status"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// webhook is a receiver of messages.
type webhook struct {
	*httptest.Server

	mu       sync.Mutex
	messages []message
	arrived  chan struct{} // closed with the next message
}

func newWebhook(t *testing.T) *webhook {
	t.Helper()
	w := &webhook{arrived: make(chan struct{})}
	w.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		m := message{path: r.URL.Path, received: time.Now()}
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Errorf("Alertmanager sends what cannot be read: %v", err)
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.messages = append(w.messages, m)
		close(w.arrived)
		w.arrived = make(chan struct{})
	}))
	t.Cleanup(w.Close)
	return w
}

// firing returns the newest alert of a name for each customer, and what will be
// closed when there is more.
func (w *webhook) firing(name string) (byCustomer map[string]alert, more <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	byCustomer = map[string]alert{}
	for _, m := range w.messages {
		for _, a := range m.Alerts {
			if a.Labels["alertname"] == name && a.Status == "firing" {
				byCustomer[a.Labels["customer_id"]] = a
			}
		}
	}
	return byCustomer, w.arrived
}

// copied returns the path of a file of the dashboards in a folder, with changes
// that make it fit for a test.
func copied(t *testing.T, folder, file string, changes ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "dashboards", file))
	if err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(folder, filepath.Base(file))
	if err := os.WriteFile(target, []byte(strings.NewReplacer(changes...).Replace(string(content))), 0o600); err != nil {
		t.Fatal(err)
	}
	return target
}

// atOnce are the changes of the alerts that make them fire without delay.
func atOnce(t *testing.T) []string {
	t.Helper()
	content, err := os.ReadFile("../../dashboards/rules/azure_csp.alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	var changes []string
	for _, delay := range regexp.MustCompile(`(?m)^ +for: \S+$`).FindAllString(string(content), -1) {
		changes = append(changes, delay, "")
	}
	return changes
}

// watched starts a demo, a Prometheus with the rules and the alerts, and an
// Alertmanager with the example of a configuration, which sends to the webhook.
func watched(t *testing.T, hook *webhook) (*prometheusServer, *alertmanagerServer) {
	t.Helper()
	folder := t.TempDir()
	copied(t, folder, "alertmanager/azure_csp.tmpl")
	alertmanager := startAlertmanager(t, copied(t, folder, "alertmanager/alertmanager.yml",
		"http://127.0.0.1:9095", hook.URL, "group_wait: 30s", "group_wait: 1s"))
	config := scrapeConfig(clitest.Start(t, "demo").URL) + fmt.Sprintf("rule_files: [%q, %q]\nalerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}\n",
		copied(t, folder, "rules/azure_csp.rules.yml"), copied(t, folder, "rules/azure_csp.alerts.yml", atOnce(t)...),
		strings.TrimPrefix(alertmanager.url, "http://"))
	return startPrometheus(t, config), alertmanager
}

// overBudget returns the customers of the demo that are over their budget.
func overBudget(now time.Time) map[string]simulator.Customer {
	over := map[string]simulator.Customer{}
	for _, c := range simulator.Fleet(48) {
		if c.Answer == simulator.Usage && c.Budget != nil && *c.Budget > 0 && c.Figures(now).Cost > *c.Budget {
			over[strings.ToLower(c.ID)] = c
		}
	}
	return over
}

// Every customer of the demo who is over its budget, and nobody else, is told to
// whoever is on call, with its name, amounts and currency.
func TestAlertsReachTheReceiver(t *testing.T) {
	hook := newWebhook(t)
	prometheus, alertmanager := watched(t, hook)
	began, timeout := time.Now(), time.After(2*clitest.Patience)
	for {
		told, more := hook.firing("AzureCSPBudgetExceeded")
		if len(told) >= len(overBudget(began)) && len(told) > 0 {
			break
		}
		select {
		case <-more:
		case <-timeout:
			t.Fatalf("Of %d customers over their budget, %d were told of. Prometheus says\n%s\nand Alertmanager\n%s",
				len(overBudget(began)), len(told), prometheus.log, alertmanager.log)
		}
	}
	told, _ := hook.firing("AzureCSPBudgetExceeded")
	for id, a := range told {
		checkExceeded(t, id, a, began)
	}
	hook.checkRoutes(t)
	if complaints := prometheus.complaints(); len(complaints) > 0 {
		t.Errorf("Prometheus complains: %q", complaints)
	}
}

// checkExceeded compares an alert with what the simulator has said of the customer
// since the test began: its figures move every minute.
func checkExceeded(t *testing.T, id string, a alert, began time.Time) {
	t.Helper()
	c, over := overBudget(time.Now())[id]
	if !over {
		t.Errorf("%v is told of, and not over its budget", a.Labels)
		return
	}
	currency := c.Currency
	if currency == "" {
		currency = map[string]string{"de-DE": "EUR", "en-US": "USD", "en-GB": "GBP", "sv-SE": "SEK", "ja-JP": "JPY", "de-CH": "CHF", "pl-PL": "PLN", "pt-BR": "BRL"}[c.Locale]
	}
	want := map[string]string{
		"alertname": "AzureCSPBudgetExceeded", "severity": "critical", "job": "azure_csp",
		"customer_id": id,
	}
	if diff := cmp.Diff(want, a.Labels); diff != "" {
		t.Error(diff)
	}
	for at := began.Add(-time.Minute); at.Before(time.Now().Add(time.Minute)); at = at.Add(time.Minute) {
		if a.Annotations["description"] == fmt.Sprintf("%s has spent %.2f %s, and its budget for the current billing period is %.2f %s.",
			c.Name, c.Figures(at).Cost, currency, *c.Budget, currency) {
			return
		}
	}
	t.Errorf("The description is %q, the cost is %v", a.Annotations["description"], c.Figures(time.Now()).Cost)
}

// checkRoutes checks that severities go where they belong, one message for each
// customer, and that who is over its budget is not told to have nearly used it.
func (w *webhook) checkRoutes(t *testing.T) {
	t.Helper()
	exceeded, _ := w.firing("AzureCSPBudgetExceeded")
	nearly, _ := w.firing("AzureCSPBudgetNearlyUsed")
	for id := range nearly {
		if _, both := exceeded[id]; both {
			t.Errorf("%v is told to be over its budget, and to have nearly used it", nearly[id].Labels)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	paths := map[string]string{"critical": "/on-call", "warning": "/billing", "info": "/list"}
	for _, m := range w.messages {
		for _, a := range m.Alerts {
			if m.path != paths[a.Labels["severity"]] || m.Group["customer_id"] != a.Labels["customer_id"] {
				t.Errorf("%v goes to %s in the group %v", a.Labels, m.path, m.Group)
			}
		}
	}
}

// The example of a message names the customer, and what to do.
func TestMessageTemplate(t *testing.T) {
	amtool, err := exec.LookPath("amtool")
	switch {
	case err != nil && testing.Short():
		t.Skip("There is no amtool in PATH.")
	case err != nil:
		t.Fatal(`There is no amtool in PATH: install Debian's package "prometheus-alertmanager", or leave this test out with -short.`)
	}
	data := clitest.Write(t, `{"status": "firing", "groupLabels": {"customer_id": "c1"}, "commonAnnotations": {"customer": "Bäckerei \"Müller\" & Söhne"}, "commonLabels": {"severity": "critical"}, "alerts": [
		{"status": "firing", "labels": {"severity": "critical"}, "startsAt": "2026-03-01T12:30:00Z", "generatorURL": "http://prometheus.example/graph",
			"annotations": {"summary": "It is over its budget", "description": "It has spent 2.00 EUR.", "runbook": "docs/alerts.md#over"}},
		{"status": "resolved", "labels": {"severity": "critical"}, "startsAt": "2026-03-01T12:30:00Z", "endsAt": "2026-03-02T12:30:00Z",
			"annotations": {"summary": "It rises fast", "description": "It has spent 1.00 EUR.", "runbook": "docs/alerts.md#fast"}}]}`)
	got, err := exec.CommandContext(t.Context(), amtool, "template", "render", "--template.glob=../../dashboards/alertmanager/*.tmpl", //nolint:gosec // It is the amtool that the machine has.
		"--template.data="+data, `--template.text={{ template "azure_csp.title" . }}{{ "\n\n" }}{{ template "azure_csp.text" . }}`).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := `[CRITICAL] Bäckerei "Müller" & Söhne: It is over its budget

It has spent 2.00 EUR.
  since 2026-03-01 12:30 UTC, severity critical
  what to do: docs/alerts.md#over
  figures: http://prometheus.example/graph

Over since 2026-03-02 12:30 UTC: It rises fast

`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}
