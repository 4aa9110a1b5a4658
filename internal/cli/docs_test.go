package cli

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http/httptest"
	"os"
	"path/filepath"
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
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/golden"
)

// The tests of this file compare the documentation with the program, both ways.

// documentedMetric is a metric as docs/metrics.md or a scrape has it.
type documentedMetric struct {
	Type   string
	Labels []string
}

// commandNames are the commands in the order of the table of flags.
var commandNames = []string{"serve", "demo", "check", "login", "customers", "usage"}

// foreignFlags are flags of other programs, and hidden flags, that the pages name.
var foreignFlags = strings.Fields(`
	help-long help-man completion-script-bash completion-script-zsh
	no-healthcheck
	tenant allow-no-subscriptions id query cert show-resource-name
	system home-dir shell now from-file dry-run
`)

var quoted = regexp.MustCompile("`([^`]*)`")

// TestDocsFlags compares the table of docs/flags.md with the flags of the program.
// With -update it writes the table.
func TestDocsFlags(t *testing.T) {
	const path, begin, end = "docs/flags.md", "<!-- generated: flags -->\n", "<!-- end -->\n"
	page := file(t, path)
	before, rest, _ := strings.Cut(page, begin)
	old, after, found := strings.Cut(rest, end)
	if !found {
		t.Fatalf("%s has no lines %q and %q", path, begin, end)
	}
	table := flagTable()
	if golden.Update() {
		if err := os.WriteFile("../../"+path, []byte(before+begin+table+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(old, "\n"), strings.Split(table, "\n")); diff != "" {
		t.Errorf("%s (-) and the program (+) differ; go test ./internal/cli -run Docs -update rewrites it:\n%s", path, diff)
	}
}

// TestDocsFlagsInText fails for a flag on a page that no program has.
func TestDocsFlagsInText(t *testing.T) {
	known := slices.Clone(foreignFlags)
	for _, command := range commandNames {
		for _, f := range programFlags(command) {
			known = append(known, f.name)
			if f.value == "true" {
				known = append(known, "no-"+f.name) // Only so can it be turned off.
			}
		}
	}
	for path, page := range pages(t) {
		for _, match := range regexp.MustCompile(`(?:^|[^\w-])--([a-zA-Z][\w.-]*\w)`).FindAllStringSubmatch(page, -1) {
			if !slices.Contains(known, match[1]) {
				t.Errorf("%s has --%s, which is not a flag", path, match[1])
			}
		}
	}
}

// metricsPage has the metrics and the closed sets of their labels.
const metricsPage = "docs/metrics.md"

func TestDocsMetrics(t *testing.T) {
	want := map[string]documentedMetric{}
	for _, row := range table(t, metricsPage, "metric") {
		if len(row) != 5 || row[3] == "" || row[4] == "" {
			t.Errorf("%s has no cardinality or no meaning", row[0])
			continue
		}
		labels := words(row[2])
		slices.Sort(labels)
		want[unquote(t, row[0])] = documentedMetric{Type: row[1], Labels: labels}
	}
	if diff := cmp.Diff(want, scrapedMetrics(t)); diff != "" {
		t.Errorf("metrics: %s (-) and scrape (+) differ:\n%s", metricsPage, diff)
	}
}

// TestDocsMetricsAreAllScraped guards the other tests: a metric that the scrape
// happens to lack would not be missed on the page.
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

// TestDocsMetricsInText fails for a metric on a page that is neither scraped nor
// recorded.
func TestDocsMetricsInText(t *testing.T) {
	scraped, rules := scrapedMetrics(t), file(t, "dashboards/rules/azure_csp.rules.yml")
	for path, page := range pages(t) {
		for _, word := range regexp.MustCompile(`(?:\w+:)?\bazure_csp_\w+(?::\w+)?`).FindAllString(page, -1) {
			_, ok := scraped[word]
			if strings.Contains(word, ":") {
				ok = strings.Contains(rules, "record: "+word+"\n")
			}
			if !ok && word != name {
				t.Errorf("%s has %s, which is neither a metric nor recorded", path, word)
			}
		}
	}
}

// TestDocsQueries fails for a sum of amounts across currencies.
func TestDocsQueries(t *testing.T) {
	sum := regexp.MustCompile(`sum[^\n]*azure_csp_customer_(?:total_cost|budget)\b`)
	queries := regexp.MustCompile("(?ms)^```promql\n(.*?)^```").FindAllString(file(t, "docs/queries.md"), -1)
	if len(queries) == 0 {
		t.Fatal("docs/queries.md has no queries")
	}
	for _, query := range queries {
		if sum.MatchString(query) && !strings.Contains(query, "sum by (currency)") {
			t.Errorf("the query adds up currencies:\n%s", query)
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
	for _, row := range table(t, "docs/setup.md", "cloud") {
		documented = append(documented, strings.Join(words(strings.Join(row, " ")), " "))
	}
	for what, sets := range map[string][2][]string{
		"clouds":   {documented, clouds},
		"statuses": {firstColumn(t, metricsPage, "status"), statuses},
		"reasons":  {firstColumn(t, metricsPage, "reason"), reasons},
	} {
		if diff := cmp.Diff(sets[0], sets[1]); diff != "" {
			t.Errorf("%s: documentation (-) and program (+) differ:\n%s", what, diff)
		}
	}
	for _, endpoint := range client.Endpoints() {
		if !strings.Contains(file(t, metricsPage), "`"+string(endpoint)+"`") {
			t.Errorf("%s lacks the endpoint %s", metricsPage, endpoint)
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
		t.Errorf("VERSION is %s, but the changelog begins with %s", version, newest[1])
	}
}

// TestDocsReadme keeps the README to what a first look needs: it is short, leads
// to every page, has each of two commands in a block of its own, and does not
// claim that the module can be fetched.
func TestDocsReadme(t *testing.T) {
	readme := file(t, "README.md")
	if lines := strings.Count(readme, "\n"); lines > 200 {
		t.Errorf("the README has %d lines, at most 200 are allowed", lines)
	}
	for _, command := range []string{"go run . demo", "go test ./..."} {
		if n := strings.Count(readme, "\n```sh\n"+command+"\n```\n"); n != 1 {
			t.Errorf("the README has %d blocks with only %q, want 1", n, command)
		}
	}
	for path := range pages(t) {
		if path != "README.md" && !strings.HasPrefix(path, "docs/decisions/0") && !strings.Contains(readme, "]("+path) {
			t.Errorf("the README has no link to %s", path)
		}
	}
	for path, page := range pages(t) {
		if match := regexp.MustCompile(`(?:go (?:install|get)|go run) github\.com/azure-csp-exporter\S*`).FindString(page); match != "" {
			t.Errorf("%s has %q, but the module cannot be fetched", path, match)
		}
	}
}

// TestDocsDecisions keeps the index of the decisions complete.
func TestDocsDecisions(t *testing.T) {
	index := file(t, "docs/decisions/README.md")
	for path := range pages(t) {
		if number, ok := strings.CutPrefix(path, "docs/decisions/0"); ok && !strings.Contains(index, "](0"+number+")") {
			t.Errorf("the index has no link to %s", path)
		}
	}
}

// TestDocsLinks fails for a link to a file or a heading that does not exist.
func TestDocsLinks(t *testing.T) {
	links := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for path, page := range pages(t) {
		for _, match := range links.FindAllStringSubmatch(page, -1) {
			target, anchor, _ := strings.Cut(match[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "../../actions/") {
				continue
			}
			linked := path
			if target != "" {
				linked = filepath.ToSlash(filepath.Join(filepath.Dir(path), target))
			}
			if _, err := os.Stat("../../" + linked); err != nil {
				t.Errorf("%s: the link %s leads nowhere", path, match[1])
			} else if anchor != "" && !slices.Contains(anchors(file(t, linked)), anchor) {
				t.Errorf("%s: the link %s leads to no heading", path, match[1])
			}
		}
	}
}

// anchors returns the names under which GitHub links the headings of a page.
func anchors(page string) []string {
	var names []string
	for _, match := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		name := regexp.MustCompile(`[^\w -]`).ReplaceAllString(strings.ToLower(match[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

// programFlag is a flag of a command, as the table of flags has it.
type programFlag struct{ name, short, value, help string }

// flagTable returns the table of the flags of all commands: a row for each flag,
// or several where it differs between commands. Those of the whole program come
// last.
func flagTable() string {
	var rows []programFlag
	commands := map[programFlag][]string{}
	for _, command := range commandNames {
		for _, f := range programFlags(command) {
			if commands[f] == nil {
				rows = append(rows, f)
			}
			commands[f] = append(commands[f], command)
		}
	}
	original := slices.Clone(rows)
	first := func(f programFlag) int {
		if len(commands[f]) == len(commandNames) {
			return len(rows)
		}
		return slices.IndexFunc(original, func(other programFlag) bool { return other.name == f.name })
	}
	slices.SortStableFunc(rows, func(a, b programFlag) int { return first(a) - first(b) })
	plain := strings.NewReplacer("|", `\|`, "*", `\*`)
	var b strings.Builder
	b.WriteString("| flag | commands | default | meaning |\n|---|---|---|---|\n")
	for _, f := range rows {
		of := strings.Join(commands[f], ", ")
		if len(commands[f]) == len(commandNames) {
			of = "all"
		}
		fmt.Fprintf(&b, "| %s | %s |%s | %s |\n", f.spelling(), of, f.cell(), plain.Replace(f.help))
	}
	return b.String()
}

func (f programFlag) spelling() string {
	if f.short == "" {
		return "`--" + f.name + "`"
	}
	return "`-" + f.short + "`, `--" + f.name + "`"
}

func (f programFlag) cell() string {
	switch f.value {
	case "":
		return ""
	case "required", "off":
		return " " + f.value
	}
	return " `" + f.value + "`"
}

// programFlags returns a command's flags, and then those of the whole program.
func programFlags(command string) []programFlag {
	app, _, _ := newApplication(io.Discard, io.Discard)
	// Parsing alone adds the flags of kingpin itself.
	app.Terminate(func(int) {})
	_, _ = app.Parse([]string{"--version"})
	var flags []programFlag
	add := func(models []*kingpin.FlagModel) {
		for _, f := range models {
			if f.Hidden {
				continue
			}
			short := ""
			if f.Short != 0 {
				short = string(f.Short)
			}
			flags = append(flags, programFlag{f.Name, short, programDefault(f), f.Help})
			if f.Name == "web.config.file" && runtime.GOOS != "linux" {
				// The exporter toolkit defines this flag on Linux only, before the other.
				socket := programFlag{"web.systemd-socket", "", "off", "Use systemd socket activation listeners instead of port listeners (Linux only)."}
				flags = slices.Insert(flags, len(flags)-1, socket)
			}
		}
	}
	for _, c := range app.Model().Commands {
		if c.Name == command {
			add(c.Flags)
		}
	}
	add(app.Model().Flags)
	return flags
}

func programDefault(f *kingpin.FlagModel) string {
	switch {
	case f.Required:
		return "required"
	case f.IsBoolFlag() && len(f.Default) == 0:
		return "off"
	}
	return strings.Join(f.Default, " ")
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

// pages returns the pages of the documentation by their path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/decisions/*.md"} {
		paths, err := filepath.Glob("../../" + pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("there are no pages %s: %v", pattern, err)
		}
		for _, path := range paths {
			path = strings.TrimPrefix(filepath.ToSlash(path), "../../")
			all[path] = file(t, path)
		}
	}
	return all
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

// table returns the rows of a page's table whose first column has that head.
func table(t *testing.T, path, head string) [][]string {
	t.Helper()
	_, rest, found := strings.Cut(file(t, path), "\n| "+head+" |")
	if !found {
		t.Fatalf("%s has no table that begins with %q", path, head)
	}
	body, _, _ := strings.Cut(strings.TrimSuffix(rest, "\n"), "\n\n")
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

func firstColumn(t *testing.T, path, head string) []string {
	t.Helper()
	var column []string
	for _, row := range table(t, path, head) {
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
