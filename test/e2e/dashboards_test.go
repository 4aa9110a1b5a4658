package e2e_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/dashboards"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"
)

// promtool runs Prometheus' tool.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	if output, err := exec.CommandContext(t.Context(), "promtool", args...).CombinedOutput(); err != nil { //nolint:gosec // Its arguments are the test's own.
		t.Fatalf("promtool %q: %v\n%s", args, err, output)
	}
}

// withHistory returns the folder of a Prometheus that has scraped a demo and
// evaluated the rules for 35 days. Some rules need what others have recorded. A
// rule is evaluated at some minute of each hour, so that the ten minutes which the
// rules bridge are too few for a history by the hour.
func withHistory(t *testing.T) string {
	t.Helper()
	findPrometheus(t)
	data := filepath.Join(t.TempDir(), "data")
	rules := copied(t, t.TempDir(), "rules/azure_csp.rules.yml", "[10m]", "[70m]")
	history, _, latest := clitest.Backfill(t, "35d")
	promtool(t, "tsdb", "create-blocks-from", "--max-block-duration=1080h", "openmetrics", clitest.Write(t, history), data)
	for range 3 {
		prometheus := startPrometheusOn(t, data, "", "--query.lookback-delta=61m")
		promtool(t, "tsdb", "create-blocks-from", "--max-block-duration=1080h", "rules", "--url="+prometheus.url, "--output-dir="+data, "--eval-interval=1h",
			"--start="+latest.Add(-35*24*time.Hour).Format(time.RFC3339), "--end="+latest.Format(time.RFC3339), rules)
		prometheus.stop()
	}
	return data
}

// Every panel of every dashboard shows something in the demo, once it has a
// history.
func TestDashboardsShowTheDemo(t *testing.T) {
	data := withHistory(t)
	config := scrapeConfig(clitest.Start(t, "demo").URL) + fmt.Sprintf("rule_files: [%q]\n", copied(t, t.TempDir(), "rules/azure_csp.rules.yml"))
	prometheus := startPrometheusOn(t, data, config, "--query.lookback-delta=61m")
	prometheus.awaitQuery(`count_over_time(azure_csp_up[1m]) >= 5`) // What is a rate needs some scrapes.
	variables := map[string]string{"job": "azure_csp", "instance": ".*", "currency": ".*", "customer_name": ".*", "customer": shown(t)}
	expressions := dashboards.Expressions(variables)
	for _, e := range expressions {
		if len(prometheus.query(e.Expr)) == 0 {
			t.Errorf("%s, %q shows nothing: %s", e.Dashboard, e.Panel, e.Expr)
		}
	}
	if len(expressions) < 50 {
		t.Errorf("There are %d expressions, want 50 or more", len(expressions))
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
