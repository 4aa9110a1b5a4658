package cli_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

// sampleLine matches a sample, with its series, value and time.
var sampleLine = regexp.MustCompile(`^(\w+\{.*\}) (\S+) (\S+)$`)

// The history has a sample for each full hour: the figures of that hour.
func TestBackfill(t *testing.T) {
	history, earliest, latest := clitest.Backfill(t, "3h")
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
	t.Parallel()
	demo := clitest.Start(t, "demo")
	scraped, written := map[string]bool{}, map[string]bool{}
	for _, line := range demo.Get("/metrics").Series("azure_csp_customer") {
		if series := line[:strings.LastIndex(line, " ")]; series != "azure_csp_customers_missing" { // It is about the exporter.
			scraped[series] = true
		}
	}
	history, _, _ := clitest.Backfill(t, "1h")
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
		if status, _, stderr := clitest.Run(t, "demo", "--backfill="+period); status != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: status %d, %q", period, status, stderr)
		}
	}
}
