package cli_test

import (
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/dashboards"
)

// backfill returns the history that the demo writes, and between which full hours
// it may end.
func backfill(t *testing.T, period string) (history string, earliest, latest time.Time) {
	t.Helper()
	earliest = time.Now().UTC().Truncate(time.Hour)
	status, stdout, stderr := runFor(t, 10*patience, "demo", "--backfill="+period) // With the race detector, 35 days take long.
	if status != 0 || stderr != "" {
		t.Fatalf("The exit status is %d:\n%s", status, stderr)
	}
	return stdout, earliest, time.Now().UTC().Truncate(time.Hour)
}

// sampleLine matches a sample, with its series, value and time.
var sampleLine = regexp.MustCompile(`^(\w+\{.*\}) (\S+) (\S+)$`)

// The history has a sample for each full hour: the figures of that hour.
func TestBackfill(t *testing.T) {
	history, earliest, latest := backfill(t, "3h")
	if !strings.HasSuffix(history, "\n# EOF\n") || strings.Count(history, "# EOF") != 1 {
		t.Error("The history does not end with # EOF")
	}
	c := simulator.Fleet(48)[0]
	series := fmt.Sprintf(`azure_csp_customer_total_cost{currency="EUR",customer_id=%q,customer_name="Fabrikam Logistics",instance="127.0.0.1:10058",job="azure_csp"}`, c.ID)
	var times []time.Time
	for line := range strings.Lines(history) {
		match := sampleLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if match == nil || match[1] != series {
			continue
		}
		value, valueErr := strconv.ParseFloat(match[2], 64)
		seconds, timeErr := strconv.ParseFloat(match[3], 64)
		if valueErr != nil || timeErr != nil {
			t.Fatalf("%q: %v, %v", line, valueErr, timeErr)
		}
		at := time.Unix(int64(seconds), 0).UTC()
		times = append(times, at)
		if want := c.Figures(at).Cost; value != want {
			t.Errorf("At %s the cost is %v, want %v", at, value, want)
		}
	}
	hours := func(last time.Time) []time.Time {
		return []time.Time{last.Add(-3 * time.Hour), last.Add(-2 * time.Hour), last.Add(-time.Hour), last}
	}
	if !slices.Equal(times, hours(earliest)) && !slices.Equal(times, hours(latest)) {
		t.Errorf("The samples are of %v", times)
	}
}

// The history has the very series that Prometheus has of the demo.
func TestBackfillHasTheSeriesOfAScrape(t *testing.T) {
	demo := start(t, "demo")
	scraped, written := map[string]bool{}, map[string]bool{}
	for _, line := range demo.get("/metrics").series("azure_csp_customer") {
		scraped[line[:strings.LastIndex(line, " ")]] = true
	}
	history, _, _ := backfill(t, "1h")
	instance := regexp.MustCompile(`,instance="127.0.0.1:10058",job="azure_csp"\}`)
	for line := range strings.Lines(history) {
		if match := sampleLine.FindStringSubmatch(strings.TrimSuffix(line, "\n")); match != nil {
			written[instance.ReplaceAllString(match[1], "}")] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(scraped)), slices.Sorted(maps.Keys(written))); diff != "" {
		t.Error(diff)
	}
}

func TestBackfillRefusesPeriods(t *testing.T) {
	for period, want := range map[string]string{
		"long": `--backfill: "long" is not a duration such as 35d or 12h`,
		"1m":   "--backfill: 1m is not between 1h and 400d",
		"2y":   "--backfill: 2y is not between 1h and 400d",
	} {
		if status, _, stderr := run(t, "demo", "--backfill="+period); status != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: status %d, %q", period, status, stderr)
		}
	}
}

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
	history, _, latest := backfill(t, "35d")
	promtool(t, "tsdb", "create-blocks-from", "--max-block-duration=1080h", "openmetrics", write(t, history), data)
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
	config := scrapeConfig(start(t, "demo").url) + fmt.Sprintf("rule_files: [%q]\n", copied(t, t.TempDir(), "rules/azure_csp.rules.yml"))
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
