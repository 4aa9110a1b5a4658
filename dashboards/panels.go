package dashboards

// newPanel returns a panel in the neutral colour, without a unit.
func newPanel(kind, title, description string, options, custom object, targets []Target) *Panel {
	from := datasource()
	for i := range targets {
		targets[i].RefID = refID(i)
	}
	defaults := object{"mappings": []object{}, "noValue": noDataText, "unit": "none"}
	if custom != nil {
		defaults["custom"] = custom
	}
	p := &Panel{
		Datasource: &from, Description: description, FieldConfig: &FieldConfig{Defaults: defaults, Overrides: []Override{}},
		Options: options, PluginVersion: "9.3.0", Targets: targets, Title: title, Type: kind,
	}
	return p.fixedColor(colorNeutral)
}

// refID returns the letter by which overrides and transformations refer to the
// query with the index.
func refID(index int) string { return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[index : index+1] }

// instantQuery evaluates the expression at the end of the time range.
func instantQuery(expr, legend string) Target {
	return Target{Datasource: datasource(), EditorMode: "code", Expr: expr, Format: "time_series", Instant: true, LegendFormat: legend}
}

// rangeQuery evaluates the expression over the whole time range.
func rangeQuery(expr, legend string) Target {
	return Target{Datasource: datasource(), EditorMode: "code", Expr: expr, Format: "time_series", LegendFormat: legend, Range: true}
}

// row returns a row, which is a heading of the panels below it.
func row(title string) *Panel {
	return &Panel{Collapsed: new(bool), GridPos: GridPos{H: 1, W: 24}, Panels: &[]Panel{}, Title: title, Type: "row"}
}

// collapsedRow returns a row that hides its panels until the reader opens it. Their
// queries are sent only then. With repeat, there is a row for each value of that
// variable.
func collapsedRow(title, repeat string, panels ...*Panel) *Panel {
	p := row(title)
	*p.Collapsed, p.Repeat = true, repeat
	for _, nested := range panels {
		*p.Panels = append(*p.Panels, *nested)
	}
	return p
}

// stat returns a panel that shows single values. The size of its text is fixed: Grafana
// would otherwise shrink long values, which large amounts are.
func stat(title, description string, targets ...Target) *Panel {
	return newPanel("stat", title, description, object{
		"colorMode": "background", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
		"reduceOptions": lastNotNull(), "text": object{"titleSize": 14, "valueSize": 36}, "textMode": "auto",
	}, nil, targets).valueMappings(nil).fixedColor(fillNone).size(4, 4)
}

// status returns the line at the top of a dashboard: whether there is data, and what
// to do if there is none.
func status() *Panel {
	const noRules = "2 * group(azure_csp_customer_total_cost{job=~\"$job\"}) unless on () count(" + costRule + "{job=~\"$job\"})"
	p := stat("Status", "Whether the selected exporters are scraped and reach Partner Center, and whether the recording rules are loaded.",
		instantQuery("min("+noRules+" or min(azure_csp_up{job=~\"$job\"}))", "status"))
	return p.set("mappings", append(noData("No data: no exporter is scraped. Check the data source above, and Status, Targets in Prometheus."),
		textMapping("0", fillBad, "An exporter does not reach Partner Center: values are the last known ones. See CSP exporter health."),
		textMapping("1", fillNone, "Exporters are scraped and reach Partner Center."),
		textMapping("2", fillSerious, "No recording rules: load rules/azure_csp.rules.yml in Prometheus."))).
		option("text", object{"valueSize": 16}).size(24, 2)
}

// lastNotNull reduces a series to its last value.
func lastNotNull() object {
	return object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}
}

// timeSeries returns a panel of lines over time. Its axis starts at zero, so that a
// small change does not look like a large one, unless a value is negative.
func timeSeries(title, description string, targets ...Target) *Panel {
	return newPanel("timeseries", title, description, object{
		"legend":  object{"calcs": []string{"lastNotNull"}, "displayMode": "list", "placement": "bottom", "showLegend": true},
		"tooltip": object{"mode": "multi", "sort": "desc"},
	}, object{
		"axisCenteredZero": false, "axisColorMode": "text", "axisLabel": "", "axisPlacement": "auto", "axisSoftMin": 0, "barAlignment": 0,
		"drawStyle": "line", "fillOpacity": 10, "gradientMode": "none", "lineInterpolation": "linear", "lineWidth": 2,
		"hideFrom":  object{"legend": false, "tooltip": false, "viz": false},
		"pointSize": 5, "scaleDistribution": object{"type": "linear"}, "showPoints": "auto", "spanNulls": false,
		"stacking": object{"group": "A", "mode": "none"}, "thresholdsStyle": object{"mode": "off"},
	}, targets).size(12, 9)
}

// heatmap returns a panel of the buckets of a histogram over time.
func heatmap(title, description string, target Target) *Panel {
	target.Format = "heatmap"
	return newPanel("heatmap", title, description, object{
		"calculate": false, "cellGap": 1, "cellValues": object{},
		"color":     object{"exponent": 0.5, "mode": "opacity", "fill": colorNeutral, "scale": "exponential", "steps": 64, "reverse": false},
		"exemplars": object{"color": colorBad}, "filterValues": object{"le": 1e-9},
		"legend": object{"show": true}, "rowsFrame": object{"layout": "auto"},
		"tooltip": object{"show": true, "yHistogram": false},
		"yAxis":   object{"axisPlacement": "left", "reverse": false, "unit": "s"},
	}, object{
		"hideFrom":          object{"legend": false, "tooltip": false, "viz": false},
		"scaleDistribution": object{"type": "linear"},
	}, []Target{target}).size(12, 9)
}

// column is a column of a table: an instant query and the options of its field.
type column struct {
	name, expr, unit string
	properties       []Property
}

// countColumn returns a column of whole numbers.
func countColumn(name, expr string) column {
	return column{name, expr, "none", []Property{{"decimals", 0}}}
}

// amountColumn returns a column of amounts of money, in whole units of the currency.
func amountColumn(name, expr string) column {
	return column{name, expr, moneyUnit, []Property{{"decimals", 0}}}
}

// filled returns the column with a background that depends on the value.
func (c column) filled(thresholds object) column {
	c.properties = append(c.properties, Property{"thresholds", thresholds},
		Property{"color", object{"mode": "thresholds"}}, Property{"custom.displayMode", "color-background-solid"})
	return c
}

// barColumn returns a column of amounts with bars that compare them.
func barColumn(name, color, expr string) column {
	return column{name, expr, moneyUnit, []Property{
		{"decimals", 0}, {"min", 0}, {"color", fixedColor(color)}, {"custom.displayMode", "basic"},
	}}
}

// percentColumn returns a column of ratios.
func percentColumn(name, expr string) column {
	return column{name, expr, "percentunit", []Property{{"decimals", 0}}}
}

// factorColumn returns a column of multiples of a usual value. The alert on spikes
// fires from four on.
func factorColumn(name, expr string) column {
	c := column{name, expr, "suffix:×", []Property{{"decimals", 1}}}
	return c.filled(absoluteThresholds(fillNone, threshold{2, fillWarning}, threshold{4, fillSerious}))
}

// daysColumn returns a column of numbers of days.
func daysColumn(name, expr string) column {
	return column{name, expr, "none", []Property{{"decimals", 1}}}
}

// dateUnit is the unit of dates, in milliseconds.
const dateUnit = "time:YYYY-MM-DD"

// dateColumn returns a column of dates of timestamps in seconds.
func dateColumn(name, expr string) column {
	return column{name, "1000 * (" + expr + ")", dateUnit, nil}
}

// table returns a panel that merges the columns by the labels they have in
// common. Labels come first, as pairs of label and header; hidden lists the
// fields that are not shown but available to links.
func table(title, description string, labels [][2]string, hidden []string, columns ...column) *Panel {
	var targets []Target
	for _, c := range columns {
		targets = append(targets, Target{Datasource: datasource(), EditorMode: "code", Expr: c.expr, Format: "table", Instant: true})
	}
	p := newPanel("table", title, description, object{
		"footer": object{"fields": "", "reducer": []string{"sum"}, "show": false}, "showHeader": true, "sortBy": []object{},
	}, object{"align": "auto", "displayMode": "auto", "filterable": false, "inspect": false, "minWidth": 80}, targets).size(24, 8)
	p.Transformations = []object{
		{"id": "merge", "options": object{}},
		{"id": "organize", "options": organizeFields(labels, columns)},
	}
	for _, c := range columns {
		p.overrideByName(c.name, append([]Property{{"unit", c.unit}, {"noValue", "–"}}, c.properties...)...)
	}
	for _, label := range labels {
		p.overrideByName(label[1], Property{"custom.filterable", true})
	}
	for _, field := range hidden {
		p.overrideByName(field, Property{"custom.hidden", true})
	}
	return p
}

// columnWidths sets the width of columns in pixels. The others share the rest of the
// table: names get it, so that those that begin alike are not cut alike.
func (p *Panel) columnWidths(width int, names ...string) *Panel {
	for _, name := range names {
		p.overrideByName(name, Property{"custom.width", width})
	}
	return p
}

// organizeFields returns the options of Grafana's transformation "organize
// fields", which renames and orders the fields of merged queries.
func organizeFields(labels [][2]string, columns []column) object {
	names, order := object{}, object{}
	for i, label := range labels {
		names[label[0]], order[label[0]] = label[1], i
	}
	for i, c := range columns {
		field := "Value #" + refID(i)
		names[field], order[field] = c.name, len(labels)+i
	}
	if len(columns) == 1 {
		names["Value"] = columns[0].name // Grafana adds no letter to a single query.
	}
	return object{"excludeByName": object{"Time": true}, "indexByName": order, "renameByName": names}
}

// size sets the width and height in units of the grid, which is 24 wide.
func (p *Panel) size(w, h int) *Panel {
	p.GridPos.W, p.GridPos.H = w, h
	return p
}

// option sets an option of the panel.
func (p *Panel) option(key string, value any) *Panel {
	p.Options[key] = value
	return p
}

// named lets a stat panel show the name of a value even if it is the only one.
func (p *Panel) named() *Panel { return p.option("textMode", "value_and_name") }
