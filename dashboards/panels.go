package dashboards

// newPanel has one colour and no unit of its own yet.
func newPanel(kind, title, description string, options, custom object, targets []Target) *Panel {
	from := source()
	for i := range targets {
		targets[i].RefID = string(rune('A' + i))
	}
	defaults := object{"mappings": []object{}, "noValue": "no data", "unit": "none"}
	if custom != nil {
		defaults["custom"] = custom
	}
	p := &Panel{
		Datasource: &from, Description: description, FieldConfig: &FieldConfig{Defaults: defaults, Overrides: []Override{}},
		Options: options, PluginVersion: "9.3.0", Targets: targets, Title: title, Type: kind,
	}
	return p.plain(colorNeutral)
}

// row is a heading. If it repeats, so do the panels below it, for each value of
// the variable.
func row(title, repeat string) *Panel {
	return &Panel{
		Collapsed: new(bool), GridPos: GridPos{H: 1, W: 24}, Panels: &[]Panel{}, Repeat: repeat, Title: title, Type: "row",
	}
}

func stat(title, description string, targets ...Target) *Panel {
	return newPanel("stat", title, description, object{
		"colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
		"reduceOptions": lastValue(), "textMode": "auto",
	}, nil, targets).sized(4, 4)
}

// bars compares a few values of one unit.
func bars(title, description string, targets ...Target) *Panel {
	return newPanel("bargauge", title, description, object{
		"displayMode": "basic", "minVizHeight": 10, "minVizWidth": 0, "orientation": "horizontal",
		"reduceOptions": lastValue(), "showUnfilled": true,
	}, nil, targets).sized(12, 10)
}

func lastValue() object {
	return object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}
}

func graph(title, description string, targets ...Target) *Panel {
	return newPanel("timeseries", title, description, object{
		"legend":  object{"calcs": []string{"lastNotNull"}, "displayMode": "list", "placement": "bottom", "showLegend": true},
		"tooltip": object{"mode": "multi", "sort": "desc"},
	}, object{
		"axisCenteredZero": false, "axisColorMode": "text", "axisLabel": "", "axisPlacement": "auto", "barAlignment": 0,
		"drawStyle": "line", "fillOpacity": 10, "gradientMode": "none", "lineInterpolation": "linear", "lineWidth": 2,
		"hideFrom":  object{"legend": false, "tooltip": false, "viz": false},
		"pointSize": 5, "scaleDistribution": object{"type": "linear"}, "showPoints": "auto", "spanNulls": false,
		"stacking": object{"group": "A", "mode": "none"}, "thresholdsStyle": object{"mode": "off"},
	}, targets).sized(12, 9)
}

// heatmap shows the buckets of a histogram, one a row.
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
	}, []Target{target}).sized(12, 9)
}

// column is a column of a table: a query and how its values look.
type column struct {
	name, expr, unit string
	properties       []Property
}

// table joins the columns by the labels that all of them have. Those labels that
// are named come first, renamed; hidden ones are there for links.
func table(title, description string, labels [][2]string, hidden []string, columns ...column) *Panel {
	var targets []Target
	for _, c := range columns {
		targets = append(targets, Target{Datasource: source(), EditorMode: "code", Expr: c.expr, Format: "table", Instant: true})
	}
	p := newPanel("table", title, description, object{
		"footer": object{"fields": "", "reducer": []string{"sum"}, "show": false}, "showHeader": true, "sortBy": []object{},
	}, object{"align": "auto", "displayMode": "auto", "filterable": true, "inspect": false}, targets).sized(24, 8)
	p.Transformations = []object{
		{"id": "merge", "options": object{}},
		{"id": "organize", "options": organize(labels, columns)},
	}
	for _, c := range columns {
		p.override("byName", c.name, append([]Property{{"unit", c.unit}}, c.properties...)...)
	}
	for _, label := range hidden {
		p.override("byName", label, Property{"custom.hidden", true})
	}
	return p
}

// organize names the fields that a query and its place in a table give.
func organize(labels [][2]string, columns []column) object {
	names, order := object{}, object{}
	for i, label := range labels {
		names[label[0]], order[label[0]] = label[1], i
	}
	for i, c := range columns {
		field := "Value #" + string(rune('A'+i))
		names[field], order[field] = c.name, len(labels)+i
	}
	if len(columns) == 1 {
		names["Value"] = columns[0].name // There is nothing to tell it from.
	}
	return object{"excludeByName": object{"Time": true}, "indexByName": order, "renameByName": names}
}

// now is a query of the end of the range, and over one of all of it.
func now(expr, legend string) Target {
	return Target{Datasource: source(), EditorMode: "code", Expr: expr, Format: "time_series", Instant: true, LegendFormat: legend}
}

func over(expr, legend string) Target {
	return Target{Datasource: source(), EditorMode: "code", Expr: expr, Format: "time_series", LegendFormat: legend, Range: true}
}

func (p *Panel) sized(w, h int) *Panel {
	p.GridPos.W, p.GridPos.H = w, h
	return p
}

func (p *Panel) set(key string, value any) *Panel {
	p.FieldConfig.Defaults[key] = value
	return p
}

func (p *Panel) option(key string, value any) *Panel {
	p.Options[key] = value
	return p
}

// unit of all values.
func (p *Panel) unit(unit string) *Panel { return p.set("unit", unit) }

// money is never shortened. The currency is told by a name beside the amount.
func (p *Panel) money() *Panel { return p.unit("none").set("decimals", 2).set("noValue", "none") }

func (p *Panel) share() *Panel { return p.unit("percentunit").set("decimals", 1) }

// none is what the panel says where there is nothing to show.
func (p *Panel) none(text string) *Panel { return p.set("noValue", text) }

// plain gives all values one colour.
func (p *Panel) plain(color string) *Panel {
	return p.set("color", fixed(color)).set("thresholds", thresholds(color))
}

// judged colours values by thresholds.
func (p *Panel) judged(by object) *Panel {
	return p.set("color", object{"mode": "thresholds"}).set("thresholds", by)
}

// named shows the legend beside a value even if there is only one.
func (p *Panel) named() *Panel { return p.option("textMode", "value_and_name") }

func (p *Panel) override(matcher, options string, properties ...Property) *Panel {
	p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, Override{Matcher{matcher, options}, properties})
	return p
}

// series sets the look of what the query with the id returns.
func (p *Panel) series(refID, color string, properties ...Property) *Panel {
	return p.override("byFrameRefID", refID, append([]Property{{"color", fixed(color)}}, properties...)...)
}

// legend sets the colour of what has a legend of that form.
func (p *Panel) legend(pattern, color string) *Panel {
	return p.override("byRegexp", "/^"+pattern+"$/", Property{"color", fixed(color)})
}

// daily draws a bar for each day, before the midnight in UTC at which it ends.
func (p *Panel) daily() *Panel {
	p.Interval = "1d"
	return p.series("A", colorCost,
		Property{"custom.drawStyle", "bars"}, Property{"custom.barAlignment", -1}, Property{"custom.fillOpacity", 60})
}

// dashed is for lines that are no measurement.
func dashed() []Property {
	return []Property{
		{"custom.lineStyle", object{"dash": []int{10, 10}, "fill": "dash"}},
		{"custom.fillOpacity", 0},
	}
}
