package dashboards

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The files are what "go generate" would write, and there are no others.
func TestFilesAreGenerated(t *testing.T) {
	var names []string
	for _, d := range All() {
		names = append(names, d.File())
		want, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("grafana", d.File()))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is not what the code makes: run go generate ./dashboards/...\n%s", d.File(), cmp.Diff(string(got), string(want)))
		}
	}
	found, err := filepath.Glob("grafana/*")
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		found[i] = filepath.Base(found[i])
	}
	slices.Sort(names)
	if diff := cmp.Diff(names, found); diff != "" {
		t.Errorf("the folder has (+) other files than the dashboards (-):\n%s", diff)
	}
}

// What Grafana would ask for at an import, or not recognise at the next, is set.
func TestImportNeedsNoEdits(t *testing.T) {
	for _, want := range []struct{ file, uid, title string }{
		{"csp-overview.json", "azure-csp-overview", "CSP overview"},
		{"csp-customer.json", "azure-csp-customer", "CSP customer"},
		{"csp-exporter.json", "azure-csp-exporter", "CSP exporter health"},
	} {
		d := parsed(t, want.file)
		got := map[string]any{}
		for _, key := range []string{"id", "uid", "title", "schemaVersion", "tags", "__inputs", "__requires"} {
			if value, ok := d[key]; ok {
				got[key] = value
			}
		}
		if diff := cmp.Diff(map[string]any{
			"id": nil, "uid": want.uid, "title": want.title, "schemaVersion": 37.0, "tags": []any{"azure-csp"},
		}, got); diff != "" {
			t.Errorf("%s:\n%s", want.file, diff)
		}
		walk(d["links"], "", func(path string, value any) {
			if want, ok := map[string]any{"/type": "dashboards", "/includeVars": true, "/keepTime": true}[path]; ok && want != value {
				t.Errorf("%s: of the links, %s is %v", d["title"], path, value)
			}
		})
		if links, _ := d["links"].([]any); len(links) != 1 {
			t.Errorf("%s: the links are %v", d["title"], links)
		}
	}
}

// Nothing asks another data source than the one that the reader chooses.
func TestDatasources(t *testing.T) {
	want := map[string]any{"type": "prometheus", "uid": "${datasource}"}
	for _, d := range All() {
		walk(parsed(t, d.File()), "", func(path string, value any) {
			if strings.HasSuffix(path, "/datasource") && !cmp.Equal(value, any(want)) {
				t.Errorf("%s: %s is %v", d.Title, path, value)
			}
		})
		for _, p := range d.Panels {
			if (p.Datasource == nil) != (p.Type == "row") {
				t.Errorf("%s, %s: the data source is %v", d.Title, p.Title, p.Datasource)
			}
		}
		for _, v := range d.Templating.List {
			if (v.Datasource == nil) != (v.Type == "datasource") {
				t.Errorf("%s: the data source of the variable %s is %v", d.Title, v.Name, v.Datasource)
			}
		}
	}
}

// Only what Grafana 9.3 knows is used, and nothing that it would leave unexplained.
func TestPanelsExplainThemselves(t *testing.T) {
	kinds := []string{"row", "stat", "bargauge", "timeseries", "heatmap", "table"}
	for _, d := range All() {
		for _, p := range d.Panels {
			if !slices.Contains(kinds, p.Type) {
				t.Errorf("%s, %s: the type is %s", d.Title, p.Title, p.Type)
			}
			if p.Title == "" {
				t.Errorf("%s: panel %d has no title", d.Title, p.ID)
			}
			if p.Type == "row" {
				continue
			}
			if !strings.HasSuffix(p.Description, ".") {
				t.Errorf("%s, %s: the description is %q", d.Title, p.Title, p.Description)
			}
			for _, key := range []string{"unit", "noValue"} {
				if text, _ := p.FieldConfig.Defaults[key].(string); text == "" {
					t.Errorf("%s, %s: there is no %s", d.Title, p.Title, key)
				}
			}
			checkTargets(t, &d, &p)
		}
	}
}

func checkTargets(t *testing.T, d *Dashboard, p *Panel) {
	t.Helper()
	if len(p.Targets) == 0 {
		t.Errorf("%s, %s: there is no query", d.Title, p.Title)
	}
	var ids []string
	for _, target := range p.Targets {
		ids = append(ids, target.RefID)
		if target.LegendFormat == "" && p.Type != "table" {
			t.Errorf("%s, %s: query %s has no legend", d.Title, p.Title, target.RefID)
		}
		if target.Instant == target.Range {
			t.Errorf("%s, %s: query %s is not either instant or ranged", d.Title, p.Title, target.RefID)
		}
	}
	if unique := slices.Compact(slices.Sorted(slices.Values(ids))); len(unique) != len(ids) {
		t.Errorf("%s, %s: the ids of the queries are %v", d.Title, p.Title, ids)
	}
	for _, o := range p.FieldConfig.Overrides {
		if o.Matcher.ID == "byFrameRefID" && !slices.Contains(ids, o.Matcher.Options) {
			t.Errorf("%s, %s: an override is of query %s, which is missing", d.Title, p.Title, o.Matcher.Options)
		}
	}
}

func TestGrid(t *testing.T) {
	const width = 24
	for _, d := range All() {
		ids, taken := map[int]string{}, map[[2]int]string{}
		for _, p := range d.Panels {
			if other, ok := ids[p.ID]; ok || p.ID == 0 {
				t.Errorf("%s: %s and %s have the id %d", d.Title, p.Title, other, p.ID)
			}
			ids[p.ID] = p.Title
			at := p.GridPos
			if at.W < 1 || at.H < 1 || at.X < 0 || at.X+at.W > width {
				t.Errorf("%s, %s: it stands at %+v", d.Title, p.Title, at)
			}
			for x := at.X; x < at.X+at.W; x++ {
				for y := at.Y; y < at.Y+at.H; y++ {
					if other, ok := taken[[2]int{x, y}]; ok {
						t.Fatalf("%s: %s stands on %s", d.Title, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
		}
	}
}

// The colours are those of the palette, wherever Grafana has one.
func TestColors(t *testing.T) {
	keys := regexp.MustCompile(`/(color|fixedColor|fill|iconColor)$`)
	for _, d := range All() {
		found := 0
		walk(parsed(t, d.File()), "", func(path string, value any) {
			color, ok := value.(string)
			if !ok || !keys.MatchString(path) || strings.Contains(path, "lineStyle") || color == "dash" {
				return
			}
			found++
			if !slices.Contains(Palette(), color) {
				t.Errorf("%s: %s is %s", d.Title, path, color)
			}
		})
		if found < 20 {
			t.Errorf("%s: only %d colours are found", d.Title, found)
		}
		walk(parsed(t, d.File()), "", func(path string, value any) {
			mode, ok := value.(string)
			if ok && strings.HasSuffix(path, "/color/mode") && !slices.Contains([]string{"fixed", "thresholds", "opacity"}, mode) {
				t.Errorf("%s: %s is %s, which chooses colours itself", d.Title, path, mode)
			}
		})
	}
}

// Variables of Grafana itself begin with two underscores.
func TestVariablesAreDefined(t *testing.T) {
	want := map[string][]string{
		"azure-csp-overview": {"datasource", "job", "currency", "customer_name"},
		"azure-csp-customer": {"datasource", "job", "customer"},
		"azure-csp-exporter": {"datasource", "job", "instance"},
	}
	for _, d := range All() {
		var names []string
		for _, v := range d.Templating.List {
			names = append(names, v.Name)
		}
		if diff := cmp.Diff(want[d.UID], names); diff != "" {
			t.Errorf("%s:\n%s", d.Title, diff)
		}
		used := map[string]bool{}
		walk(parsed(t, d.File()), "", func(path string, value any) {
			text, ok := value.(string)
			if !ok || strings.HasSuffix(path, "/regex") {
				return
			}
			for _, match := range regexp.MustCompile(`\$\{?(\w+)`).FindAllStringSubmatch(text, -1) {
				used[match[1]] = true
				if !slices.Contains(names, match[1]) && !strings.HasPrefix(match[1], "__") {
					t.Errorf("%s: %s uses $%s, which is not defined", d.Title, path, match[1])
				}
			}
		})
		for _, name := range names {
			if !used[name] {
				t.Errorf("%s: the variable %s is not used", d.Title, name)
			}
		}
	}
}

// Grafana writes a result in this form, with quotes in names as they are, and
// reads the value and the text of the variable from it.
func TestCustomerChoice(t *testing.T) {
	expression := regexp.MustCompile(strings.Trim(customerChoice().Regex, "/"))
	for _, name := range []string{`Fabrikam`, `The "Best" Ltd. · best.example`, `A, {B} \ 青山`, `"`, ``} {
		line := `{customer_id="00000001-5c1e",customer_name="` + name + `"} 1 1700000000000`
		match := expression.FindStringSubmatch(line)
		if match == nil {
			t.Errorf("%s does not match", line)
			continue
		}
		got := []string{match[expression.SubexpIndex("value")], match[expression.SubexpIndex("text")]}
		if diff := cmp.Diff([]string{"00000001-5c1e", name}, got); diff != "" {
			t.Error(diff)
		}
	}
}

// Links from the overview choose the customer by id, and keep the rest.
func TestCustomerLinks(t *testing.T) {
	const keep = "/d/azure-csp-customer?${datasource:queryparam}&${__url_time_range}"
	want := map[string]int{
		keep + "&var-job=${__data.fields.job:percentencode}&var-customer=${__data.fields.customer_id:percentencode}":   1,
		keep + "&var-job=${__field.labels.job:percentencode}&var-customer=${__field.labels.customer_id:percentencode}": 4,
	}
	got := map[string]int{}
	walk(parsed(t, "csp-overview.json"), "", func(path string, value any) {
		if url, ok := value.(string); ok && strings.HasSuffix(path, "/url") && url != "" {
			got[url]++
		}
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Amounts of several currencies are never added: what sums money keeps them apart.
func TestSumsKeepCurrenciesApart(t *testing.T) {
	money := regexp.MustCompile(`(sum|avg) by \(([^)]*)\) \([^=]*azure_csp_customer_(total_cost|budget)`)
	found := 0
	for _, e := range Expressions(nil) {
		for _, match := range money.FindAllStringSubmatch(e.Expr, -1) {
			found++
			if match[2] != "currency" {
				t.Errorf("%s, %s: %s by (%s)", e.Dashboard, e.Panel, match[1], match[2])
			}
		}
	}
	if found == 0 {
		t.Error("no sums are found")
	}
}

func TestExpressionsFillVariables(t *testing.T) {
	got := Fill(`$a ${a} ${a:regex} $ab [$__rate_interval] $b`, map[string]string{"a": "1", "ab": "2"})
	if want := `1 1 1 2 [5m] $b`; got != want {
		t.Errorf("It is %q, want %q", got, want)
	}
}

// parsed reads a file as any program would.
func parsed(t *testing.T, file string) map[string]any {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("grafana", file))
	if err != nil {
		t.Fatal(err)
	}
	var d map[string]any
	if err := json.Unmarshal(content, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// walk visits all values, and what they hold. Override properties are visited by
// their id, since that is where a value belongs.
func walk(value any, path string, visit func(path string, value any)) {
	visit(path, value)
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			walk(element, path, visit)
		}
	case map[string]any:
		if id, ok := value["id"].(string); ok && value["value"] != nil {
			walk(value["value"], path+"/"+id, visit)
			return
		}
		for key, element := range value {
			walk(element, path+"/"+key, visit)
		}
	}
}
