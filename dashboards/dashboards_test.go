package dashboards

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The folder grafana contains what "go generate" writes, and no other files.
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
			t.Errorf("%s differs from the code; run go generate ./dashboards/... (-file +code):\n%s", d.File(), cmp.Diff(string(got), string(want)))
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
		t.Errorf("files in grafana (-dashboards +files):\n%s", diff)
	}
}

// Grafana imports the files without a question, and recognises a dashboard by its
// UID when it is imported again.
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
				t.Errorf("%s: links%s = %v", d["title"], path, value)
			}
		})
		if links, _ := d["links"].([]any); len(links) != 1 {
			t.Errorf("%s: links = %v, want one", d["title"], links)
		}
	}
}

// Panels, queries and variables use the data source selected on the dashboard.
func TestDatasources(t *testing.T) {
	want := map[string]any{"type": "prometheus", "uid": "${datasource}"}
	for _, d := range All() {
		walk(parsed(t, d.File()), "", func(path string, value any) {
			if strings.HasSuffix(path, "/datasource") && !cmp.Equal(value, any(want)) {
				t.Errorf("%s: %s = %v", d.Title, path, value)
			}
		})
		for _, p := range allPanels(&d) {
			if (p.Datasource == nil) != (p.Type == "row") {
				t.Errorf("%s, %s: data source = %v", d.Title, p.Title, p.Datasource)
			}
		}
		for _, v := range d.Templating.List {
			if (v.Datasource == nil) != (v.Type != "query") {
				t.Errorf("%s: data source of variable %s = %v", d.Title, v.Name, v.Datasource)
			}
		}
	}
}

// Panels have types of Grafana 9.3, a description, a unit and a text for no value.
func TestPanels(t *testing.T) {
	kinds := []string{"row", "stat", "timeseries", "heatmap", "table"}
	for _, d := range All() {
		for _, p := range allPanels(&d) {
			if !slices.Contains(kinds, p.Type) {
				t.Errorf("%s, %s: type %s is not in Grafana 9.3", d.Title, p.Title, p.Type)
			}
			if p.Title == "" {
				t.Errorf("%s: panel %d has no title", d.Title, p.ID)
			}
			if p.Type == "row" {
				continue
			}
			if !strings.HasSuffix(p.Description, ".") {
				t.Errorf("%s, %s: description %q is not a sentence", d.Title, p.Title, p.Description)
			}
			for _, key := range []string{"unit", "noValue"} {
				if text, _ := p.FieldConfig.Defaults[key].(string); text == "" {
					t.Errorf("%s, %s: no %s", d.Title, p.Title, key)
				}
			}
			checkTargets(t, &d, &p)
		}
	}
}

// checkTargets checks the queries of a panel and the overrides that refer to them.
func checkTargets(t *testing.T, d *Dashboard, p *Panel) {
	t.Helper()
	if len(p.Targets) == 0 {
		t.Errorf("%s, %s: no query", d.Title, p.Title)
	}
	var ids []string
	for _, target := range p.Targets {
		ids = append(ids, target.RefID)
		if target.LegendFormat == "" && p.Type != "table" {
			t.Errorf("%s, %s: query %s has no legend", d.Title, p.Title, target.RefID)
		}
		if target.Instant == target.Range {
			t.Errorf("%s, %s: query %s must be either instant or range", d.Title, p.Title, target.RefID)
		}
	}
	if unique := slices.Compact(slices.Sorted(slices.Values(ids))); len(unique) != len(ids) {
		t.Errorf("%s, %s: ids of the queries are not unique: %v", d.Title, p.Title, ids)
	}
	for _, o := range p.FieldConfig.Overrides {
		if o.Matcher.ID == "byFrameRefID" && !slices.Contains(ids, o.Matcher.Options) {
			t.Errorf("%s, %s: an override refers to query %s, which does not exist", d.Title, p.Title, o.Matcher.Options)
		}
	}
}

// Ids are unique, and panels neither overlap nor exceed the grid.
func TestGrid(t *testing.T) {
	const width = 24
	for _, d := range All() {
		ids, taken := map[int]string{}, map[[2]int]string{}
		for _, p := range allPanels(&d) {
			if other, ok := ids[p.ID]; ok || p.ID == 0 {
				t.Errorf("%s: %s and %s have id %d", d.Title, p.Title, other, p.ID)
			}
			ids[p.ID] = p.Title
			if p.Type == "row" && *p.Collapsed {
				taken = map[[2]int]string{} // Its panels have the space of those below.
			}
			at := p.GridPos
			if at.W < 1 || at.H < 1 || at.X < 0 || at.X+at.W > width {
				t.Errorf("%s, %s: invalid position %+v", d.Title, p.Title, at)
			}
			for x := at.X; x < at.X+at.W; x++ {
				for y := at.Y; y < at.Y+at.H; y++ {
					if other, ok := taken[[2]int{x, y}]; ok {
						t.Fatalf("%s: %s overlaps %s", d.Title, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
		}
	}
}

// Rows by currency are collapsed: eight currencies would have 40 panels, whose queries
// would all be sent when the dashboard opens. So is what needs a long history.
func TestCollapsedRows(t *testing.T) {
	got := map[string]int{}
	for _, d := range All() {
		for _, p := range d.Panels {
			if p.Type != "row" || len(*p.Panels) == 0 {
				continue
			}
			got[p.Title] = len(*p.Panels)
			if !*p.Collapsed {
				t.Errorf("%s, %s: has panels but is not collapsed", d.Title, p.Title)
			}
			for _, nested := range *p.Panels {
				if nested.GridPos.Y <= p.GridPos.Y {
					t.Errorf("%s, %s: is above its row", d.Title, nested.Title)
				}
			}
		}
	}
	want := map[string]int{"$currency": 4, "Previous billing period (needs 62 days of history)": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("collapsed rows and their panels (-want +got):\n%s", diff)
	}
}

// Every colour is one of the palette, and no option lets Grafana choose others.
func TestColors(t *testing.T) {
	palette := slices.Collect(maps.Keys(lines))
	palette = append(palette, slices.Collect(maps.Keys(fills))...)
	palette = append(palette, "transparent")
	keys := regexp.MustCompile(`/(color|fixedColor|fill|iconColor)$`)
	for _, d := range All() {
		found := 0
		walk(parsed(t, d.File()), "", func(path string, value any) {
			color, ok := value.(string)
			if !ok || !keys.MatchString(path) || strings.Contains(path, "lineStyle") || color == "dash" {
				return
			}
			found++
			if !slices.Contains(palette, color) {
				t.Errorf("%s: %s = %s is not in the palette", d.Title, path, color)
			}
		})
		if found < 20 {
			t.Errorf("%s: found %d colours, want 20 or more", d.Title, found)
		}
		walk(parsed(t, d.File()), "", func(path string, value any) {
			mode, ok := value.(string)
			if ok && strings.HasSuffix(path, "/color/mode") && !slices.Contains([]string{"fixed", "thresholds", "opacity"}, mode) {
				t.Errorf("%s: %s = %s", d.Title, path, mode)
			}
		})
	}
}

// lines has the colours of lines in Grafana's dark and light theme.
var lines = map[string][2]string{
	"semi-dark-green": {"#56A64B", "#37872D"},
	"#A8850C":         {"#A8850C", "#A8850C"},
	"dark-orange":     {"#FA6400", "#E55400"},
	"red":             {"#F2495C", "#E02F44"},
	"blue":            {"#5794F2", "#3274D9"},
	"purple":          {"#B877D9", "#A352CC"},
	"text":            {"#CCCCDC", "#24292E"},
	"#8E8E8E":         {"#8E8E8E", "#8E8E8E"},
	"#17919F":         {"#17919F", "#17919F"},
	"#D0589F":         {"#D0589F", "#D0589F"},
	"#7F8C2B":         {"#7F8C2B", "#7F8C2B"},
}

// fills has the backgrounds of values in both themes, with the colour in which Grafana
// writes on them: dark on bright ones.
var fills = map[string][2][2]string{
	"yellow":             {{"#FADE2A", "#202226"}, {"#F2CC0C", "#202226"}},
	"super-light-orange": {{"#FFCB7D", "#202226"}, {"#FFB357", "#202226"}},
	"dark-red":           {{"#C4162A", "#F7F8FA"}, {"#AD0317", "#F7F8FA"}},
}

// contrast returns the contrast of two colours as WCAG 2.1 defines it.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	luminance := func(color string) float64 {
		sum := 0.0
		for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
			v, err := strconv.ParseUint(color[1+2*i:3+2*i], 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			c := float64(v) / 255
			if c <= 0.03928 {
				sum += weight * c / 12.92
				continue
			}
			sum += weight * math.Pow((c+0.055)/1.055, 2.4)
		}
		return sum
	}
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// Values are written in a contrast of at least 4.5, and lines drawn in at least 3, on
// the dark and the light theme. Only fills colour values.
func TestContrast(t *testing.T) {
	if got := contrast(t, "#FFFFFF", "#000000"); got != 21 {
		t.Fatalf("contrast of white and black = %g, want 21", got)
	}
	background := [2]string{"#181B1F", "#FFFFFF"}
	for theme := range background {
		for name, colors := range lines {
			if got := contrast(t, colors[theme], background[theme]); got < 3 {
				t.Errorf("theme %d, %s: contrast %.2f, want 3 or more", theme, name, got)
			}
		}
		for name, colors := range fills {
			if got := contrast(t, colors[theme][0], colors[theme][1]); got < 4.5 {
				t.Errorf("theme %d, %s: contrast %.2f, want 4.5 or more", theme, name, got)
			}
		}
		if got := contrast(t, lines["blue"][theme], background[theme]); got < 4.5 { // the text beside the bars of a table
			t.Errorf("theme %d, blue: contrast %.2f, want 4.5 or more", theme, got)
		}
	}
	for _, d := range All() {
		for _, p := range allPanels(&d) {
			if p.Type != "stat" && p.Type != "table" {
				continue
			}
			walk(map[string]any{"fieldConfig": parsedPanel(t, &p)}, "", func(path string, value any) {
				color, ok := value.(string)
				if _, fill := fills[color]; ok && regexp.MustCompile(`/(color|fixedColor)$`).MatchString(path) && !fill && color != "transparent" && color != "blue" {
					if p.Type == "stat" || !strings.Contains(path, "/defaults/") {
						t.Errorf("%s, %s: %s = %s is not a fill", d.Title, p.Title, path, color)
					}
				}
			})
		}
	}
}

// parsedPanel returns the field configuration of a panel as JSON has it.
func parsedPanel(t *testing.T, p *Panel) any {
	t.Helper()
	content, err := json.Marshal(p.FieldConfig)
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(content, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// Series of a graph have different colours: no override covers two names of a closed
// set of labels.
func TestSeriesDiffer(t *testing.T) {
	sets := map[string][]string{
		"{{reason}}":   {"auth", "mfa", "permission", "throttled", "timeout", "network", "server", "decode", "client"},
		"{{status}}":   {"ok", "no_usage", "no_access", "not_found", "error", "pending"},
		"{{endpoint}}": {"token", "customers", "usagesummary", "usagerecords", "subscriptionrecords", "resourcerecords", "meterrecords", "fraudevents"},
	}
	found := 0
	for _, d := range All() {
		for _, p := range allPanels(&d) {
			if p.Type != "timeseries" || sets[p.Targets[0].LegendFormat] == nil {
				continue
			}
			found++
			used := map[string]string{}
			for _, name := range sets[p.Targets[0].LegendFormat] {
				color := ""
				for _, o := range p.FieldConfig.Overrides {
					if regexp.MustCompile(strings.Trim(o.Matcher.Options, "/")).MatchString(name) {
						color, _ = o.Properties[0].Value.(object)["fixedColor"].(string)
					}
				}
				if other, ok := used[color]; ok || color == "" {
					t.Errorf("%s, %s: %s has the colour %q, as has %q", d.Title, p.Title, name, color, other)
				}
				used[color] = name
			}
		}
	}
	if found != 5 {
		t.Errorf("found %d graphs of closed sets, want 5", found)
	}
}

// Every variable is defined and used. Variables that Grafana sets itself begin with
// two underscores.
func TestVariablesAreDefined(t *testing.T) {
	want := map[string][]string{
		"azure-csp-overview": {"datasource", "job", "currency", "alert", "customer_name"},
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

// The regular expression extracts id and name from a series as Grafana prints it,
// without escaping quotes in the name.
func TestCustomerVariable(t *testing.T) {
	expression := regexp.MustCompile(strings.Trim(customerVariable().Regex, "/"))
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

// Links from the overview select the customer by id and keep the time range and the
// data source.
func TestCustomerLinks(t *testing.T) {
	const keep = "/d/azure-csp-customer?${datasource:queryparam}&${__url_time_range}"
	want := map[string]int{
		keep + "&var-job=${__data.fields.job:percentencode}&var-customer=${__data.fields.customer_id:percentencode}": 3,
	}
	for _, a := range spendingAlerts {
		want["/d/azure-csp-overview?${datasource:queryparam}&${__url_time_range}&${job:queryparam}&${currency:queryparam}&${customer_name:queryparam}&var-alert="+a.name] = 1
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

// Amounts of several currencies are never added up: every sum of money is by
// currency.
func TestSumsKeepCurrenciesApart(t *testing.T) {
	money := regexp.MustCompile(`(sum|avg) by \(([^)]*)\) \([^=]*azure_csp_customer_(total_cost|budget)`)
	found := 0
	for _, d := range All() {
		for _, p := range allPanels(&d) {
			for _, target := range p.Targets {
				for _, match := range money.FindAllStringSubmatch(target.Expr, -1) {
					found++
					if match[2] != "currency" {
						t.Errorf("%s, %s: %s by (%s), want by (currency)", d.Title, p.Title, match[1], match[2])
					}
				}
			}
		}
	}
	if found == 0 {
		t.Error("found no sums")
	}
}

// Without data, every panel shows the same neutral text, never the colour of its
// lowest value, and every dashboard begins with a line that names the remedy.
func TestNoDataIsNeutral(t *testing.T) {
	want := object{"match": "null+nan", "result": object{"color": "transparent", "index": 0, "text": "no data"}}
	for _, d := range All() {
		for _, p := range allPanels(&d) {
			if p.Type == "row" || p.Title == "Status" {
				continue
			}
			if got := p.FieldConfig.Defaults["noValue"]; got != "no data" {
				t.Errorf("%s, %s: noValue = %q", d.Title, p.Title, got)
			}
			if p.Options["textMode"] == "name" {
				t.Errorf("%s, %s: shows names only, which there are none of without data", d.Title, p.Title)
			}
			if mappings, _ := p.FieldConfig.Defaults["mappings"].([]object); p.Type == "stat" {
				if diff := cmp.Diff([]object{{"type": "special", "options": want}}, mappings[:min(1, len(mappings))]); diff != "" {
					t.Errorf("%s, %s: first mapping (-want +got):\n%s", d.Title, p.Title, diff)
				}
			}
		}
		content, err := d.JSON()
		if err != nil || d.Panels[0].Title != "Status" || !strings.Contains(string(content), `"color": "transparent",`+"\n"+`                  "index": 0,`+"\n"+`                  "text": "No data: no exporter is scraped. Check the data source above`) {
			t.Errorf("%s: the first panel does not state what to do without data: %q, error %v", d.Title, d.Panels[0].Title, err)
		}
	}
}

// The axis of every graph starts at zero, so that a rise of 3 % does not look like an
// explosion. It is a soft minimum, because credits make amounts negative.
func TestAxesStartAtZero(t *testing.T) {
	for _, d := range All() {
		for _, p := range allPanels(&d) {
			if p.Type != "timeseries" {
				continue
			}
			custom, _ := p.FieldConfig.Defaults["custom"].(object)
			if custom["axisSoftMin"] != 0 || p.FieldConfig.Defaults["min"] != nil {
				t.Errorf("%s, %s: axisSoftMin = %v, min = %v", d.Title, p.Title, custom["axisSoftMin"], p.FieldConfig.Defaults["min"])
			}
		}
	}
}

// Amounts have separators. Text of values has a fixed size, so that large amounts are
// not the smallest, and dates are as large as amounts.
func TestAmountsAreReadable(t *testing.T) {
	amounts := 0
	for _, d := range All() {
		for _, p := range allPanels(&d) {
			text, _ := p.Options["text"].(object)
			if p.Type == "stat" && p.Title != "Status" && text["valueSize"] != 36 {
				t.Errorf("%s, %s: text = %v", d.Title, p.Title, text)
			}
			content, err := json.Marshal(p.FieldConfig)
			if err != nil {
				t.Fatal(err)
			}
			for _, target := range p.Targets {
				if money := regexp.MustCompile(`azure_csp_customer_(total_cost:(max|forecast|delta1d)|budget:max)`); !money.MatchString(target.Expr) || strings.Contains(target.Expr, "count(") || p.FieldConfig.Defaults["unit"] == "time:YYYY-MM-DD" {
					continue
				}
				amounts++
				if p.Type != "table" && p.FieldConfig.Defaults["unit"] != "locale" && p.FieldConfig.Defaults["unit"] != "percentunit" || p.Type == "table" && !strings.Contains(string(content), `"locale"`) {
					t.Errorf("%s, %s: amounts without separators", d.Title, p.Title)
				}
			}
		}
	}
	if amounts < 20 {
		t.Errorf("found %d queries of amounts, want 20 or more", amounts)
	}
	pattern := regexp.MustCompile(strings.Trim(withoutMinorUnit, "/"))
	for name, want := range map[string]bool{"JPY": true, "Cost KRW": true, "JPY, over budget": true, "EUR": false, "Cost USD": false} {
		if pattern.MatchString(name) != want {
			t.Errorf("%q: without minor unit = %t, want %t", name, !want, want)
		}
	}
}

// Customers are ranked by amount within a currency, never by a share or across
// currencies, and no overrun is left out.
func TestRankingsAreByAmount(t *testing.T) {
	ranked := regexp.MustCompile(`\b(topk|bottomk|sort_desc|sort)\b( by \([^)]*\) )?\(`)
	for _, d := range All() {
		for _, p := range allPanels(&d) {
			for _, target := range p.Targets {
				for _, match := range ranked.FindAllString(target.Expr, -1) {
					if match != "topk by (currency) (" || strings.Contains(target.Expr, ":ratio") {
						t.Errorf("%s, %s: ranks a share or several currencies: %s", d.Title, p.Title, target.Expr)
					}
				}
			}
		}
	}
	overruns := panel(t, "Act now")
	want := []object{{"desc": false, "displayName": "Currency"}, {"desc": true, "displayName": "Over at end"}}
	if diff := cmp.Diff(any(want), overruns.Options["sortBy"]); diff != "" {
		t.Errorf("Act now: sortBy (-want +got):\n%s", diff)
	}
	for _, target := range overruns.Targets {
		if strings.Contains(target.Expr, "topk") {
			t.Errorf("Act now: leaves customers out: %s", target.Expr)
		}
	}
}

// The table of all customers has the columns that decide first, and no bar that ends at
// 100 %. Customers without a budget do not sort last.
func TestCustomerTable(t *testing.T) {
	p := panel(t, "All customers")
	organize, _ := p.Transformations[1]["options"].(object)
	names, _ := organize["renameByName"].(object)
	order, _ := organize["indexByName"].(object)
	got := make([]string, len(names))
	for field, name := range names {
		index, _ := order[field].(int)
		got[index], _ = name.(string)
	}
	want := []string{
		"Customer", "Currency", "Over by", "Over at end", "Cost", "Budget", "Budget used", "Forecast", "Last 24 h", "× usual day", "Period ends",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	sortBy := []object{{"desc": false, "displayName": "Currency"}, {"desc": true, "displayName": "Forecast"}}
	if diff := cmp.Diff(any(sortBy), p.Options["sortBy"]); diff != "" {
		t.Errorf("sortBy (-want +got):\n%s", diff)
	}
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			if property.ID == "max" {
				t.Errorf("%s: values end at %v", o.Matcher.Options, property.Value)
			}
		}
	}
}

// The table "Act now" has a reason for each combination of the alerts about cost, in
// the order of their severity. All of them but the information are selected at first.
func TestReasons(t *testing.T) {
	content, err := os.ReadFile("rules/azure_csp.alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, match := range regexp.MustCompile(`alert: (AzureCSP(?:Budget|Cost|Forecast|NoBudget)\w*)\n`).FindAllStringSubmatch(string(content), -1) {
		names = append(names, match[1])
	}
	var known []string
	for _, a := range spendingAlerts {
		known = append(known, a.name)
	}
	slices.Sort(names)
	slices.Sort(known)
	if diff := cmp.Diff(names, known); diff != "" {
		t.Errorf("alerts (-rules +dashboard):\n%s", diff)
	}
	texts, _ := reasonMappings()[0]["options"].(object)
	if len(texts) != 32 {
		t.Errorf("found %d texts, want 32", len(texts))
	}
	for sum, want := range map[string]object{
		"0":  {"color": "transparent", "index": 0, "text": "No customer needs attention"},
		"8":  {"color": "dark-red", "index": 8, "text": "over budget"},
		"12": {"color": "dark-red", "index": 12, "text": "over budget, cost spike"},
		"7":  {"color": "super-light-orange", "index": 7, "text": "cost spike, heading over budget, nearly used"},
		"1":  {"color": "yellow", "index": 1, "text": "nearly used"},
		"20": {"color": "super-light-orange", "index": 20, "text": "cost spike, no budget"},
	} {
		if diff := cmp.Diff(any(want), texts[sum]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", sum, diff)
		}
	}
	v := alertVariable()
	if want := "AzureCSPBudgetExceeded|AzureCSPCostSpike|AzureCSPForecastOverBudget|AzureCSPBudgetNearlyUsed"; *v.AllValue != want {
		t.Errorf("all = %q, want %q", *v.AllValue, want)
	}
	if want := "over budget : AzureCSPBudgetExceeded, cost spike : AzureCSPCostSpike, heading over budget : AzureCSPForecastOverBudget, " +
		"nearly used : AzureCSPBudgetNearlyUsed, no budget : AzureCSPNoBudget"; v.Query != want {
		t.Errorf("query = %q, want %q", v.Query, want)
	}
}

// Names get the space that the other columns leave: names that begin alike are not cut
// alike. At a width of 1280 pixels, of which a table has 1,216, that is 180 or more.
func TestNamesHaveSpace(t *testing.T) {
	for _, title := range []string{"Act now", "All customers"} {
		rest := 1216
		for _, o := range panel(t, title).FieldConfig.Overrides {
			for _, property := range o.Properties {
				width, ok := property.Value.(int)
				if property.ID != "custom.width" || !ok {
					continue
				}
				if o.Matcher.Options == "Customer" {
					t.Errorf("%s: the width of names is fixed", title)
				}
				rest -= width
			}
		}
		if rest < 180 || rest > 1000 {
			t.Errorf("%s: names have %d pixels", title, rest)
		}
	}
}

// panel returns the table of the overview with a title.
func panel(t *testing.T, title string) Panel {
	t.Helper()
	d := overview()
	for _, p := range allPanels(&d) {
		if p.Title == title && p.Type == "table" {
			return p
		}
	}
	t.Fatalf("no table %s", title)
	return Panel{}
}

// Budgets are compared with the cost and the forecast of the customers that have one,
// never with those of all customers.
func TestBudgetsAreComparedWithLike(t *testing.T) {
	ofAll := []string{"currency:azure_csp_customer_total_cost:sum", "currency:azure_csp_customer_total_cost:forecast_sum"}
	found := 0
	for _, d := range All() {
		for _, p := range allPanels(&d) {
			var all []string
			for _, target := range p.Targets {
				all = append(all, target.Expr)
			}
			exprs := strings.Join(all, "\n")
			if p.Type != "timeseries" || !strings.Contains(exprs, "currency:azure_csp_customer_budget:") {
				continue
			}
			found++
			for _, rule := range ofAll {
				if strings.Contains(exprs, rule) {
					t.Errorf("%s, %s: compares budgets with %s", d.Title, p.Title, rule)
				}
			}
		}
	}
	if found != 1 {
		t.Errorf("found %d panels of budgets by currency, want 1", found)
	}
}

// allPanels returns the panels, and after each row those that it hides.
func allPanels(d *Dashboard) []Panel {
	var all []Panel
	for _, p := range d.Panels {
		all = append(all, p)
		if p.Panels != nil {
			all = append(all, *p.Panels...)
		}
	}
	return all
}

// parsed returns the content of a generated file.
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

// walk visits a value and all values in it. The path of an override's property
// ends in the id of the property.
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
