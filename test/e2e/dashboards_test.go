package e2e_test

import (
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"
	"github.com/azure-csp-exporter/azure_csp_exporter/test/e2e/panels"
)

// withHistory returns the folder of a Prometheus that has scraped a demo and
// evaluated the rules for 35 days.
func withHistory(t *testing.T) string {
	t.Helper()
	findPrometheus(t)
	data := filepath.Join(t.TempDir(), "data")
	history, _, _ := clitest.Backfill(t, "35d")
	record := exec.CommandContext(t.Context(), "../../dashboards/record-history", //nolint:gosec // Its arguments are the test's own.
		clitest.Write(t, history), "../../dashboards/rules/azure_csp.rules.yml", data)
	record.Env = append(os.Environ(), "PROMETHEUS_PORT="+freePort(t)) //nolint:forbidigo // The script reads its port from there.
	if output, err := record.CombinedOutput(); err != nil {
		t.Fatalf("record-history: %v\n%s", err, output)
	}
	return data
}

// freePort returns a port of the loopback interface that no program listens on.
func freePort(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// Every panel of every dashboard shows something in the demo, once it has a
// history.
func TestDashboardsShowTheDemo(t *testing.T) {
	data := withHistory(t)
	config := scrapeConfig(clitest.Start(t, "demo").URL) + fmt.Sprintf("rule_files: [%q, %q]\n",
		copied(t, t.TempDir(), "rules/azure_csp.rules.yml"), copied(t, t.TempDir(), "rules/azure_csp.alerts.yml", atOnce(t)...))
	prometheus := startPrometheusOn(t, data, config, "--query.lookback-delta=61m")
	for _, rule := range []string{"customer:azure_csp_customer_total_cost:delta1d_avg7d", "currency:azure_csp_customer_total_cost:forecast_sum"} {
		if len(prometheus.query(rule+" offset 21d")) == 0 {
			t.Errorf("%s has no value of three weeks ago", rule)
		}
	}
	prometheus.awaitQuery(`count_over_time(azure_csp_up[1m]) >= 5`) // What is a rate needs some scrapes.
	prometheus.awaitQuery(`ALERTS{alertname="AzureCSPForecastOverBudget",alertstate="firing"}`)
	values := maps.Clone(variables)
	values["customer"] = shown(t)
	queries := panels.Queries(values)
	empty := map[[2]string]bool{}
	for _, q := range queries {
		found := len(prometheus.query(q.Expr)) > 0
		if q.Kind != "stat" && !found {
			t.Errorf("%s, %q shows nothing: %s", q.Dashboard, q.Panel, q.Expr)
		}
		// A tile may have a query for each state.
		panel := [2]string{q.Dashboard, q.Panel}
		other, known := empty[panel]
		empty[panel] = !found && (other || !known)
	}
	for panel, isEmpty := range empty {
		if isEmpty {
			t.Errorf("%s, %q shows nothing", panel[0], panel[1])
		}
	}
	if len(queries) < 50 {
		t.Errorf("There are %d expressions, want 50 or more", len(queries))
	}
}

// shown returns the id of a customer who has a budget, and whose billing period
// has gone on for some days.
func shown(t *testing.T) string {
	t.Helper()
	for _, c := range simulator.Fleet(48) {
		if c.Answer == simulator.Usage && c.Budget != nil && *c.Budget > 0 && time.Since(c.Figures(time.Now()).Start) > 48*time.Hour {
			return strings.ToLower(c.ID)
		}
	}
	t.Fatal("No customer has a budget and a billing period of some days.")
	return ""
}
