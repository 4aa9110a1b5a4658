package cli

import (
	"context"
	"io"
	"iter"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/collector"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
)

// The tests of this file compare the README with the program, both ways.

// documentedMetric is a metric as the README's table or a scrape has it.
type documentedMetric struct {
	Type   string
	Labels []string
}

// foreignFlags are flags of other programs, or hidden ones, that the README speaks
// of.
var foreignFlags = []string{"no-healthcheck", "help-man", "completion-script-bash", "completion-script-zsh"}

// commandNames are the commands that the README's table of flags speaks of.
var commandNames = []string{"serve", "demo", "check", "login", "customers", "usage"}

var quoted = regexp.MustCompile("`([^`]*)`")

func TestDocsFlags(t *testing.T) {
	for command, want := range readmeFlags(t) {
		if diff := cmp.Diff(want, programFlags(command)); diff != "" {
			t.Errorf("flags of %s: README (-) and program (+) differ:\n%s", command, diff)
		}
	}
}

func TestDocsFlagsInText(t *testing.T) {
	known := slices.Clone(foreignFlags)
	for _, command := range commandNames {
		for flag, value := range programFlags(command) {
			known = append(known, flag)
			if value == "true" {
				known = append(known, "no-"+flag) // Only so can it be turned off.
			}
		}
	}
	for _, match := range regexp.MustCompile(`(?:^|[^\w-])--([a-zA-Z][\w.-]*\w)`).FindAllStringSubmatch(readme(t), -1) {
		if !slices.Contains(known, match[1]) {
			t.Errorf("the README speaks of --%s, which is no flag", match[1])
		}
	}
}

func TestDocsMetrics(t *testing.T) {
	want := map[string]documentedMetric{}
	for _, row := range table(t, "metric") {
		labels := words(row[2])
		slices.Sort(labels)
		want[unquote(t, row[0])] = documentedMetric{Type: row[1], Labels: labels}
	}
	if diff := cmp.Diff(want, scrapedMetrics(t)); diff != "" {
		t.Errorf("metrics: README (-) and scrape (+) differ:\n%s", diff)
	}
}

// TestDocsMetricsAreAllScraped guards the other tests: a metric that the scrape
// happens to lack would not be missed in the README.
func TestDocsMetricsAreAllScraped(t *testing.T) {
	scraped := scrapedMetrics(t)
	for _, c := range []prometheus.Collector{
		collector.NewExporter(nil), collector.NewClientMetrics(), versioncollector.NewCollector(name),
	} {
		for _, described := range describedNames(t, c) {
			if _, ok := scraped[described]; !ok {
				t.Errorf("%s is described, but the scrape lacks it", described)
			}
		}
	}
}

func TestDocsMetricsInText(t *testing.T) {
	scraped := scrapedMetrics(t)
	rules, err := os.ReadFile("../../dashboards/rules/azure_csp.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range regexp.MustCompile(`(?:\w+:)?\bazure_csp_\w+(?::\w+)?`).FindAllString(readme(t), -1) {
		_, ok := scraped[word]
		if strings.Contains(word, ":") {
			ok = strings.Contains(string(rules), "record: "+word+"\n")
		}
		if !ok && word != name {
			t.Errorf("the README speaks of %s, which is neither a metric nor recorded", word)
		}
	}
}

func TestDocsClosedSets(t *testing.T) {
	var clouds, statuses, reasons []string
	for _, cloud := range client.Clouds() {
		clouds = append(clouds, strings.Join([]string{cloud.Name, cloud.APIURL, cloud.LoginURL}, " "))
	}
	for _, status := range cache.Statuses() {
		statuses = append(statuses, string(status))
	}
	for _, reason := range client.Reasons() {
		reasons = append(reasons, string(reason))
	}
	var documented []string
	for _, row := range table(t, "cloud") {
		documented = append(documented, strings.Join(words(strings.Join(row, " ")), " "))
	}
	for what, sets := range map[string][2][]string{
		"clouds":   {documented, clouds},
		"statuses": {firstColumn(t, "status"), statuses},
		"reasons":  {firstColumn(t, "reason"), reasons},
	} {
		if diff := cmp.Diff(sets[0], sets[1]); diff != "" {
			t.Errorf("%s: README (-) and program (+) differ:\n%s", what, diff)
		}
	}
	for _, endpoint := range client.Endpoints() {
		if !strings.Contains(readme(t), "`"+string(endpoint)+"`") {
			t.Errorf("the README lacks the endpoint %s", endpoint)
		}
	}
}

// TestDocsVersion keeps the newest entry of the changelog and the version that a
// build gets together.
func TestDocsVersion(t *testing.T) {
	newest := regexp.MustCompile(`(?m)^## (\S+) / (?:unreleased|\d{4}-\d\d-\d\d)$`).FindStringSubmatch(file(t, "CHANGELOG.md"))
	if newest == nil {
		t.Fatal("CHANGELOG.md has no section of the form ## 1.2.3 / 2026-01-31")
	}
	if version := strings.TrimSpace(file(t, "VERSION")); version != newest[1] {
		t.Errorf("VERSION says %s, and the changelog begins with %s", version, newest[1])
	}
}

// readmeFlags returns the defaults of each command's flags by the README's table.
func readmeFlags(t *testing.T) map[string]map[string]string {
	t.Helper()
	commands := map[string]map[string]string{}
	for _, command := range commandNames {
		commands[command] = map[string]string{}
	}
	for _, row := range table(t, "flag") {
		flag := strings.TrimPrefix(unquote(t, row[0]), "--")
		of := strings.Split(row[1], ", ")
		if row[1] == "all" {
			of = commandNames
		}
		for _, command := range of {
			if commands[command] == nil {
				t.Fatalf("the README's table has --%s for %q, which is no command", flag, command)
			}
			commands[command][flag] = documentedDefault(row[2], command)
		}
	}
	return commands
}

// documentedDefault reads cells such as "required", "off", "", "`1h`" and "`1h`,
// demo `30s`". Words without quotes describe what is no default to the program.
func documentedDefault(cell, command string) string {
	if cell == "required" || cell == "off" {
		return cell
	}
	shared, demo, differs := strings.Cut(cell, ", demo ")
	if differs && command == "demo" {
		shared = demo
	}
	return strings.Join(words(shared), " ")
}

// programFlags returns the defaults of a command's flags, those of the whole
// program among them.
func programFlags(command string) map[string]string {
	app, _, _ := newApplication(io.Discard, io.Discard)
	// Parsing alone adds the flags of kingpin itself.
	app.Terminate(func(int) {})
	_, _ = app.Parse([]string{"--version"})
	flags := map[string]string{}
	add := func(models []*kingpin.FlagModel) {
		for _, flag := range models {
			if !flag.Hidden {
				flags[flag.Name] = programDefault(flag)
			}
		}
	}
	add(app.Model().Flags)
	for _, c := range app.Model().Commands {
		if c.Name == command {
			add(c.Flags)
		}
	}
	if runtime.GOOS != "linux" && slices.Contains([]string{"serve", "demo"}, command) {
		flags["web.systemd-socket"] = "off"
	}
	return flags
}

func programDefault(flag *kingpin.FlagModel) string {
	switch {
	case flag.Required:
		return "required"
	case flag.IsBoolFlag() && len(flag.Default) == 0:
		return "off"
	}
	return strings.Join(flag.Default, " ")
}

// everything is a source whose one customer has all that there is to expose.
type everything struct{}

func (everything) CustomerPages(context.Context) iter.Seq2[[]client.Customer, error] {
	return func(yield func([]client.Customer, error) bool) {
		yield([]client.Customer{{ID: "1", Name: "n", Domain: "d", Relationship: "r"}}, nil)
	}
}

func (everything) UsageSummary(context.Context, string) (client.UsageSummary, error) {
	amount, now := 1.0, time.Now()
	usage := client.Usage{TotalCost: amount, USDTotalCost: &amount, Budget: &amount, Currency: "EUR", LastModified: now}
	return client.UsageSummary{Usage: usage, BillingStart: now, BillingEnd: now}, nil
}

func (everything) UsageRecords(context.Context) ([]client.UsageRecord, error) { return nil, nil }

func (everything) ConcurrencyLimit() int { return 8 }

func (everything) RefreshTokenIssued() time.Time { return time.Now() }

func (everything) CertificateExpiry() time.Time { return time.Now() }

// scrapedMetrics returns what the program's own handler serves.
func scrapedMetrics(t *testing.T) map[string]documentedMetric {
	t.Helper()
	cache := cache.New(everything{}, cache.Config{TTL: time.Hour, MaxAge: time.Hour})
	defer cache.Close()
	api := collector.NewClientMetrics()
	api.Trace(client.EndpointToken)(200)
	flags := &exporterFlags{telemetryPath: "/metrics", bare: true}
	handler, err := flags.handler(cache, api, &environment{stdout: io.Discard, logger: log.NewNopLogger()})
	if err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(recorder.Body)
	if err != nil {
		t.Fatal(err)
	}
	metrics := map[string]documentedMetric{}
	for metric, family := range families {
		var labels []string
		for _, pair := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, pair.GetName())
		}
		slices.Sort(labels)
		metrics[metric] = documentedMetric{Type: strings.ToLower(family.GetType().String()), Labels: labels}
	}
	return metrics
}

func describedNames(t *testing.T, c prometheus.Collector) []string {
	t.Helper()
	ch := make(chan *prometheus.Desc, 100)
	c.Describe(ch)
	close(ch)
	var names []string
	for described := range ch {
		match := regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(described.String())
		if match == nil {
			t.Fatalf("no name in %s", described)
		}
		names = append(names, match[1])
	}
	return names
}

func readme(t *testing.T) string {
	t.Helper()
	return file(t, "README.md")
}

// file reads a file beside go.mod.
func file(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile("../../" + path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// table returns the rows of the README's table whose first column has that head.
func table(t *testing.T, head string) [][]string {
	t.Helper()
	_, rest, found := strings.Cut(readme(t), "\n| "+head+" |")
	if !found {
		t.Fatalf("the README has no table that begins with %q", head)
	}
	body, _, _ := strings.Cut(rest, "\n\n")
	var rows [][]string
	for _, line := range strings.Split(body, "\n")[2:] {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	return rows
}

func firstColumn(t *testing.T, head string) []string {
	t.Helper()
	var column []string
	for _, row := range table(t, head) {
		column = append(column, unquote(t, row[0]))
	}
	return column
}

// words returns what stands in backquotes.
func words(cell string) []string {
	var quotations []string
	for _, match := range quoted.FindAllStringSubmatch(cell, -1) {
		quotations = append(quotations, match[1])
	}
	return quotations
}

func unquote(t *testing.T, cell string) string {
	t.Helper()
	all := words(cell)
	if len(all) != 1 || cell != "`"+all[0]+"`" {
		t.Fatalf("%q is not one word in backquotes", cell)
	}
	return all[0]
}
