package promql_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/azure-csp-exporter/azure_csp_exporter/collector"
	"github.com/azure-csp-exporter/azure_csp_exporter/dashboards"
	"github.com/azure-csp-exporter/azure_csp_exporter/test/e2e/panels"
)

// The tests of this file check that every expression uses only existing metrics and
// labels: those of the exporter, of Prometheus and of the recording rules.

// labelSet is the set of labels that a metric or an expression may have.
type labelSet map[string]bool

func newLabelSet(names ...string) labelSet {
	set := labelSet{}
	for _, name := range names {
		set[name] = true
	}
	return set
}

// schema maps metrics to their labels.
type schema map[string]labelSet

// foreign lists the metrics of Prometheus and of its client library, with their
// labels except job and instance.
var foreign = map[string][]string{
	"ALERTS":                                 {"alertname", "alertstate", "severity", "customer_id"},
	"up":                                     {},
	"scrape_duration_seconds":                {},
	"process_resident_memory_bytes":          {},
	"promhttp_metric_handler_requests_total": {"code"},
}

// recorded lists the recording rules with the labels that the dashboards rely on.
var recorded = map[string][]string{
	"customer:azure_csp_customer_total_cost:max":                             {"job", "customer_id", "customer_name", "currency"},
	"customer:azure_csp_customer_budget:max":                                 {"job", "customer_id", "customer_name", "currency"},
	"customer:azure_csp_customer_budget_used:ratio":                          {"job", "customer_id", "customer_name", "currency"},
	"customer:azure_csp_customer_billing_period_start_timestamp_seconds:max": {"job", "customer_id"},
	"customer:azure_csp_customer_billing_period_end_timestamp_seconds:max":   {"job", "customer_id"},
	"customer:azure_csp_customer_billing_period_elapsed:ratio":               {"job", "customer_id"},
	"customer:azure_csp_customer_total_cost:forecast":                        {"job", "customer_id", "customer_name", "currency"},
	"customer:azure_csp_customer_total_cost:delta1d":                         {"job", "customer_id", "customer_name", "currency"},
	"customer:azure_csp_customer_total_cost:delta1d_avg7d":                   {"job", "customer_id", "customer_name", "currency"},
	"customer:azure_csp_customer_usage_last_modified_timestamp_seconds:max":  {"job", "customer_id"},
	"customer:azure_csp_customer_total_cost:delta1d_days":                    {"job", "customer_id"},
	"currency:azure_csp_customer_total_cost:sum":                             {"job", "currency"},
	"currency:azure_csp_customer_budget:sum":                                 {"job", "currency"},
	"currency:azure_csp_customer_total_cost:forecast_sum":                    {"job", "currency"},
	"currency:azure_csp_customer_total_cost:delta1d_sum":                     {"job", "currency"},
	"currency:azure_csp_customer_total_cost:budgeted_sum":                    {"job", "currency"},
	"currency:azure_csp_customer_total_cost:budgeted_forecast_sum":           {"job", "currency"},
	"currency:azure_csp_customer_budget:elapsed_sum":                         {"job", "currency"},
	"job:azure_csp_customers_covered:ratio":                                  {"job"},
}

// rule is a rule of a rule file.
type rule struct {
	Record, Alert, Expr string
	Labels              map[string]string
}

func TestDashboardExpressions(t *testing.T) {
	known := everything(t)
	values := map[string]string{"job": ".*", "instance": ".*", "currency": ".*", "alert": ".*", "customer_name": ".*", "customer": "1"}
	queries := panels.Queries(values)
	if len(queries) < 50 {
		t.Fatalf("found %d expressions, want 50 or more", len(queries))
	}
	for _, q := range queries {
		if _, err := known.check(q.Expr); err != nil {
			t.Errorf("%s, %s: %v\n%s", q.Dashboard, q.Panel, err, q.Expr)
		}
	}
}

// Legends refer only to labels of their expression.
func TestLegendLabels(t *testing.T) {
	known := everything(t)
	for _, q := range panels.Queries(map[string]string{"customer": "1"}) {
		have, err := known.check(q.Expr)
		if err != nil {
			t.Errorf("%s, %s: %v", q.Dashboard, q.Panel, err)
		}
		for _, match := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(q.Legend, -1) {
			if !have[match[1]] {
				t.Errorf("%s, %s: the legend refers to label %s, which does not exist", q.Dashboard, q.Panel, match[1])
			}
		}
	}
}

// Queries of variables return the labels from which the values are taken.
func TestVariableQueries(t *testing.T) {
	known := everything(t)
	labelValues := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)
	result := regexp.MustCompile(`^query_result\((.+)\)$`)
	for _, d := range dashboards.All() {
		for _, v := range d.Templating.List {
			query := panels.Fill(v.Definition, map[string]string{"job": ".*"})
			if v.Type != "query" {
				continue
			}
			if match := labelValues.FindStringSubmatch(query); match != nil {
				have, err := known.check(match[1])
				if err != nil || !have[match[2]] {
					t.Errorf("%s, %s: %s has labels %v, error %v", d.Title, v.Name, query, slices.Sorted(maps.Keys(have)), err)
				}
				continue
			}
			match := result.FindStringSubmatch(query)
			if match == nil {
				t.Errorf("%s, %s: %s is not a query for values", d.Title, v.Name, query)
				continue
			}
			have, err := known.check(match[1])
			if diff := cmp.Diff(newLabelSet("customer_id", "customer_name"), have); diff != "" || err != nil {
				t.Errorf("%s, %s: error %v, labels (-want +got):\n%s", d.Title, v.Name, err, diff)
			}
		}
	}
}

// Rules use only existing metrics and labels.
func TestRuleExpressions(t *testing.T) {
	known := everything(t)
	for file, rules := range ruleFiles(t) {
		for _, r := range rules {
			if _, err := known.check(r.Expr); err != nil {
				t.Errorf("%s, %s%s: %v\n%s", file, r.Record, r.Alert, err, r.Expr)
			}
		}
	}
}

// Recording rules have the labels that the dashboards rely on.
func TestRecordedLabels(t *testing.T) {
	known := everything(t)
	for name, want := range recorded {
		if diff := cmp.Diff(newLabelSet(want...), known[name]); diff != "" {
			t.Errorf("%s: labels (-want +got):\n%s", name, diff)
		}
	}
}

// TestCheck checks the check itself: it derives labels, and rejects invalid
// expressions.
func TestCheck(t *testing.T) {
	known := schema{
		"m": newLabelSet("a", "b"), "n": newLabelSet("b", "c"), "h_bucket": newLabelSet("a", "le"),
	}
	right := map[string][]string{
		`m{a="1"}`:                          {"a", "b"},
		`sum(m)`:                            {},
		`sum by (a) (rate(m[5m]))`:          {"a"},
		`sum without (a) (m)`:               {"b"},
		`topk by (a) (1, m)`:                {"a", "b"},
		`m / on (b) group_left (c) n`:       {"a", "b", "c"},
		`m * on (b) sum by (b) (n)`:         {"b"},
		`m / ignoring (a) sum by (b) (n)`:   {"b"},
		`m and on (b) n`:                    {"a", "b"},
		`m or n`:                            {"a", "b", "c"},
		`2 * m > bool 1`:                    {"a", "b"},
		`time() - max by (a) (m offset 1d)`: {"a"},
		`histogram_quantile(0.9, sum by (le) (h_bucket))`: {},
		`label_join(m, "z", "-", "a", "b")`:               {"a", "b", "z"},
		`label_replace(m, "z", "$1", "a", "(.*)")`:        {"a", "b", "z"},
		`max_over_time((sum by (a) (m))[1h:5m])`:          {"a"},
		`absent(m{a="1"})`:                                {"a"},
		`vector(0)`:                                       {},
	}
	for expr, want := range right {
		got, err := known.check(expr)
		if diff := cmp.Diff(newLabelSet(want...), got); err != nil || diff != "" {
			t.Errorf("%s: error %v\n%s", expr, err, diff)
		}
	}
	for _, expr := range []string{
		`m +`, `unknown`, `{a="1"}`, `m{c="1"}`, `sum by (c) (m)`, `sum without (c) (m)`, `topk by (c) (1, m)`, `m / on (a) n`, `m / ignoring (d) n`,
		`m / on (b) group_left (d) n`, `label_join(m, "z", "-", "c")`, `label_replace(m, "z", "$1", "c", "(.*)")`, `sum by (b) (sum by (a) (m))`, `m unless on (c) n`,
	} {
		if _, err := known.check(expr); err == nil {
			t.Errorf("%s: no error", expr)
		}
	}
}

// everything returns the schema of all metrics and recording rules. Rules may use
// other rules in any order: until a rule is read, its entry in recorded applies.
func everything(t *testing.T) schema {
	t.Helper()
	known := schema{}
	for _, c := range []prometheus.Collector{
		collector.NewExporter(nil), collector.NewClientMetrics(), versioncollector.NewCollector("azure_csp_exporter"),
	} {
		describe(t, known, c)
	}
	for name, names := range foreign {
		known.scraped(name, names)
	}
	for name, names := range recorded {
		known[name] = newLabelSet(names...)
	}
	files := ruleFiles(t)
	for _, file := range slices.Sorted(maps.Keys(files)) {
		known.record(t, files[file])
	}
	dropUnrecorded(known, files)
	return known
}

// dropUnrecorded removes entries of recorded for which there is no rule.
func dropUnrecorded(known schema, files map[string][]rule) {
	for name := range recorded {
		kept := false
		for _, rules := range files {
			kept = kept || slices.ContainsFunc(rules, func(r rule) bool { return r.Record == name })
		}
		if !kept {
			delete(known, name)
		}
	}
}

// record adds recording rules, with the labels of their expressions.
func (s schema) record(t *testing.T, rules []rule) {
	t.Helper()
	for _, r := range rules {
		if r.Record == "" {
			continue
		}
		names, err := s.check(r.Expr)
		if err != nil {
			t.Errorf("%s: %v", r.Record, err)
			continue
		}
		s[r.Record] = maps.Clone(names)
		for name := range r.Labels {
			s[r.Record][name] = true
		}
	}
}

// scraped adds a metric with its labels and those that Prometheus adds on scraping.
func (s schema) scraped(name string, names []string) {
	s[name] = newLabelSet(append([]string{"job", "instance"}, names...)...)
}

// describe adds the metrics of a collector. A descriptor has no type, so the
// histogram is recognised by its name.
func describe(t *testing.T, known schema, c prometheus.Collector) {
	t.Helper()
	ch := make(chan *prometheus.Desc, 100)
	c.Describe(ch)
	close(ch)
	described := regexp.MustCompile(`fqName: "([^"]+)".* constLabels: \{([^}]*)\}, variableLabels: \{([^}]*)\}`)
	constant := regexp.MustCompile(`(\w+)="`)
	for d := range ch {
		match := described.FindStringSubmatch(d.String())
		if match == nil {
			t.Fatalf("no name or no labels in %s", d)
		}
		names := strings.FieldsFunc(match[3], func(r rune) bool { return r == ',' })
		for _, label := range constant.FindAllStringSubmatch(match[2], -1) {
			names = append(names, label[1])
		}
		if match[1] != "azure_csp_api_request_duration_seconds" {
			known.scraped(match[1], names)
			continue
		}
		known.scraped(match[1]+"_count", names)
		known.scraped(match[1]+"_sum", names)
		known.scraped(match[1]+"_bucket", append(names, "le"))
	}
}

// ruleFiles returns the rules of each file in order.
func ruleFiles(t *testing.T) map[string][]rule {
	t.Helper()
	paths, err := filepath.Glob("../../../dashboards/rules/*.yml")
	if err != nil || len(paths) != 2 {
		t.Fatalf("found rule files %v, error %v", paths, err)
	}
	files := map[string][]rule{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var file struct{ Groups []struct{ Rules []rule } }
		if err := yaml.Unmarshal(content, &file); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, group := range file.Groups {
			files[path] = append(files[path], group.Rules...)
		}
		if len(files[path]) == 0 {
			t.Errorf("%s has no rules", path)
		}
	}
	return files
}

// check parses an expression and returns the labels that its result may have. It
// returns an error if a metric or a label does not exist.
func (s schema) check(text string) (labelSet, error) {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return nil, err
	}
	return s.of(expr)
}

func (s schema) of(expr parser.Expr) (labelSet, error) {
	switch e := expr.(type) {
	case *parser.VectorSelector:
		return s.selected(e)
	case *parser.MatrixSelector:
		return s.of(e.VectorSelector)
	case *parser.SubqueryExpr:
		return s.of(e.Expr)
	case *parser.ParenExpr:
		return s.of(e.Expr)
	case *parser.UnaryExpr:
		return s.of(e.Expr)
	case *parser.StepInvariantExpr:
		return s.of(e.Expr)
	case *parser.NumberLiteral, *parser.StringLiteral:
		return labelSet{}, nil
	case *parser.AggregateExpr:
		return s.aggregated(e)
	case *parser.BinaryExpr:
		return s.combined(e)
	case *parser.Call:
		return s.called(e)
	}
	return nil, fmt.Errorf("unsupported expression %T", expr)
}

func (s schema) selected(e *parser.VectorSelector) (labelSet, error) {
	have, ok := s[e.Name]
	if !ok {
		return nil, fmt.Errorf("unknown metric %q", e.Name)
	}
	for _, m := range e.LabelMatchers {
		if m.Name != model.MetricNameLabel && !have[m.Name] {
			return nil, fmt.Errorf("%s has no label %s", e.Name, m.Name)
		}
	}
	return maps.Clone(have), nil
}

func (s schema) aggregated(e *parser.AggregateExpr) (labelSet, error) {
	have, err := s.of(e.Expr)
	if err != nil {
		return nil, err
	}
	if err := has(have, e.Grouping); err != nil {
		return nil, err
	}
	switch {
	case slices.Contains([]parser.ItemType{parser.TOPK, parser.BOTTOMK}, e.Op):
		return have, nil
	case e.Without:
		return without(have, e.Grouping), nil
	}
	return newLabelSet(e.Grouping...), nil
}

func (s schema) combined(e *parser.BinaryExpr) (labelSet, error) {
	left, err := s.of(e.LHS)
	if err != nil {
		return nil, err
	}
	right, err := s.of(e.RHS)
	if err != nil {
		return nil, err
	}
	match := e.VectorMatching
	switch {
	case e.LHS.Type() == parser.ValueTypeScalar:
		return right, nil
	case match == nil:
		return left, nil
	}
	if err := matched(left, right, match); err != nil {
		return nil, err
	}
	switch {
	case e.Op == parser.LOR:
		return union(left, right), nil
	case match.Card == parser.CardManyToOne:
		return union(left, newLabelSet(match.Include...)), has(right, match.Include)
	case match.Card == parser.CardOneToMany:
		return union(right, newLabelSet(match.Include...)), has(left, match.Include)
	case match.Card == parser.CardManyToMany || e.Op.IsComparisonOperator() && !e.ReturnBool && !match.On:
		return left, nil
	case match.On:
		return newLabelSet(match.MatchingLabels...), nil
	}
	return without(left, match.MatchingLabels), nil
}

// matched returns an error unless both sides have the labels of on, or one of them
// has those of ignoring. Without either, both sides must have the same labels.
func matched(left, right labelSet, match *parser.VectorMatching) error {
	switch {
	case match.On:
		if err := has(left, match.MatchingLabels); err != nil {
			return err
		}
		return has(right, match.MatchingLabels)
	case len(match.MatchingLabels) > 0:
		return has(union(left, right), match.MatchingLabels)
	case match.Card != parser.CardManyToMany && !maps.Equal(left, right):
		return fmt.Errorf("%v never matches %v", slices.Sorted(maps.Keys(left)), slices.Sorted(maps.Keys(right)))
	}
	return nil
}

func (s schema) called(e *parser.Call) (labelSet, error) {
	have := labelSet{}
	for _, argument := range e.Args {
		of, err := s.of(argument)
		if err != nil {
			return nil, err
		}
		have = union(have, of)
	}
	switch e.Func.Name {
	case "scalar":
		return labelSet{}, nil
	case "histogram_quantile":
		return without(have, []string{"le"}), has(have, []string{"le"})
	case "absent", "absent_over_time":
		return absent(e.Args[0]), nil
	case "label_join":
		return union(have, newLabelSet(text(e.Args[1]))), has(have, texts(e.Args[3:]))
	case "label_replace":
		return union(have, newLabelSet(text(e.Args[1]))), has(have, []string{text(e.Args[3])})
	}
	return have, nil
}

// absent returns the labels of the result of absent(): those with an equality
// matcher.
func absent(expr parser.Expr) labelSet {
	set := labelSet{}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			for _, m := range selector.LabelMatchers {
				if m.Type == labels.MatchEqual && m.Name != model.MetricNameLabel {
					set[m.Name] = true
				}
			}
		}
		return nil
	})
	return set
}

func text(expr parser.Expr) string {
	literal, _ := expr.(*parser.StringLiteral)
	return literal.Val
}

func texts(exprs parser.Expressions) []string {
	var all []string
	for _, expr := range exprs {
		all = append(all, text(expr))
	}
	return all
}

func has(have labelSet, names []string) error {
	for _, name := range names {
		if !have[name] {
			return fmt.Errorf("label %s is not one of %v", name, slices.Sorted(maps.Keys(have)))
		}
	}
	return nil
}

func union(a, b labelSet) labelSet {
	set := maps.Clone(a)
	maps.Copy(set, b)
	return set
}

func without(set labelSet, names []string) labelSet {
	rest := maps.Clone(set)
	for _, name := range names {
		delete(rest, name)
	}
	return rest
}
