package dashboards

// Colours of lines. A colour has the same meaning on every dashboard. Names refer to
// Grafana's own colours, which differ in the dark and the light theme. The contrast
// with the background of either is at least 3.
const (
	colorGood     = "semi-dark-green"
	colorWarning  = "#A8850C"
	colorSerious  = "dark-orange" // throttling
	colorBad      = "red"
	colorCost     = "blue"
	colorForecast = "purple"
	colorBudget   = "text"    // a limit, also of requests in flight
	colorPrevious = "#8E8E8E" // an earlier value, for comparison
	colorNeutral  = "#17919F" // values without a judgement
	colorSecond   = "#D0589F" // further ones of several equal series
	colorThird    = "#7F8C2B"
)

// Backgrounds of values. Grafana writes the value on it in black or white, in a
// contrast of at least 4.5. A value has no colour unless it needs attention.
const (
	fillNone    = "transparent"
	fillWarning = "yellow"             // more than 80 % of a budget, or close to a failure
	fillSerious = "super-light-orange" // a forecast over the budget
	fillBad     = "dark-red"           // over budget, or failing
)

// fixedColor returns a colour option for all values.
func fixedColor(color string) object { return object{"fixedColor": color, "mode": "fixed"} }

// threshold is the value from which a colour applies.
type threshold struct {
	value float64
	color string
}

// absoluteThresholds returns thresholds with a base colour for lower values.
func absoluteThresholds(base string, thresholds ...threshold) object {
	steps := []object{{"color": base, "value": nil}}
	for _, t := range thresholds {
		steps = append(steps, object{"color": t.color, "value": t.value})
	}
	return object{"mode": "absolute", "steps": steps}
}

// budgetThresholds returns the thresholds of the used share of a budget.
func budgetThresholds() object {
	return absoluteThresholds(fillNone, threshold{0.8, fillWarning}, threshold{1, fillBad})
}

// forecastThresholds returns the thresholds of the forecast share of a budget.
func forecastThresholds() object {
	return absoluteThresholds(fillNone, threshold{1, fillSerious})
}

// overThresholds returns the thresholds of an amount over the budget. An empty cell has
// the base colour.
func overThresholds(fill string) object {
	return absoluteThresholds(fillNone, threshold{0.01, fill})
}

// ageThresholds returns thresholds in seconds.
func ageThresholds(warning, bad float64) object {
	return absoluteThresholds(fillNone, threshold{warning, fillWarning}, threshold{bad, fillBad})
}

// successThresholds returns the thresholds of a metric that is 1 on success and 0
// on failure.
func successThresholds() object { return absoluteThresholds(fillBad, threshold{1, fillNone}) }

// successMappings returns the texts for the two values of such a metric.
func successMappings(failure, success string) []object {
	return []object{textMapping("0", fillBad, failure), textMapping("1", fillNone, success)}
}

// set sets a default of the panel's fields. The methods below are named after
// the options in Grafana's editor.
func (p *Panel) set(key string, value any) *Panel {
	p.FieldConfig.Defaults[key] = value
	return p
}

func (p *Panel) unit(unit string) *Panel         { return p.set("unit", unit) }
func (p *Panel) decimals(n int) *Panel           { return p.set("decimals", n) }
func (p *Panel) dataLinks(links []object) *Panel { return p.set("links", links) }

// valueMappings adds texts for values.
func (p *Panel) valueMappings(list []object) *Panel {
	return p.set("mappings", append(noData(noDataText), list...))
}

// noDataText is what panels show without data.
const noDataText = "no data"

// noData returns the mapping for no value. Without it, Grafana would colour the text
// like the lowest value, which is green in many panels.
func noData(text string) []object {
	return []object{{"type": "special", "options": object{
		"match": "null+nan", "result": object{"color": fillNone, "index": 0, "text": text},
	}}}
}

// textMapping returns the mapping of a value to a text in a colour.
func textMapping(value, color, text string) object {
	return object{"type": "value", "options": object{value: object{"color": color, "index": 0, "text": text}}}
}

// fixedColor shows all values in one colour.
func (p *Panel) fixedColor(color string) *Panel {
	return p.set("color", fixedColor(color)).set("thresholds", absoluteThresholds(color))
}

// thresholds colours values by thresholds.
func (p *Panel) thresholds(thresholds object) *Panel {
	return p.set("color", object{"mode": "thresholds"}).set("thresholds", thresholds)
}

// moneyUnit is the unit of amounts: in full, with the separators of the reader's locale.
const moneyUnit = "locale"

// withoutMinorUnit matches the name of a series in a currency that has no minor unit by
// ISO 4217.
const withoutMinorUnit = `/\b(BIF|CLP|DJF|GNF|ISK|JPY|KMF|KRW|PYG|RWF|UGX|UYI|VND|VUV|XAF|XOF|XPF)\b/`

// money shows amounts in full. The currency is part of the series' name.
func (p *Panel) money() *Panel {
	return p.unit(moneyUnit).decimals(2).override("byRegexp", withoutMinorUnit, Property{"decimals", 0})
}

// percent shows a ratio as percentage.
func (p *Panel) percent() *Panel { return p.unit("percentunit").decimals(1) }

func (p *Panel) override(matcher, options string, properties ...Property) *Panel {
	p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, Override{Matcher{matcher, options}, properties})
	return p
}

// overrideByName sets properties of the field with the name.
func (p *Panel) overrideByName(name string, properties ...Property) {
	p.override("byName", name, properties...)
}

// overrideByQuery sets the colour and further properties of the series that the
// query with the letter returns.
func (p *Panel) overrideByQuery(refID, color string, properties ...Property) *Panel {
	return p.override("byFrameRefID", refID, append([]Property{{"color", fixedColor(color)}}, properties...)...)
}

// colors sets the colours of series, in pairs of a regular expression that matches the
// whole name and a colour. Of several that match, the last one applies.
func (p *Panel) colors(pairs ...string) *Panel {
	for i := 0; i+1 < len(pairs); i += 2 {
		p.override("byRegexp", "/^"+pairs[i]+"$/", Property{"color", fixedColor(pairs[i+1])})
	}
	return p
}

// otherwise adds a query that shows a text for each currency in which the customer has
// a cost, unless the expression has a value: there is data, but not this.
func (p *Panel) otherwise(expr, text string) *Panel {
	return p.textQuery("0 * "+customerAmount(costRule)+" unless ("+expr+")", fillNone, text)
}

// textQuery adds a query that shows a text in place of its value, which is 0.
func (p *Panel) textQuery(expr, fill, text string) *Panel {
	target := instantQuery(expr, "{{currency}}")
	target.RefID = refID(len(p.Targets))
	p.Targets = append(p.Targets, target)
	return p.overrideByQuery(target.RefID, fill, Property{"mappings", []object{textMapping("0", fill, text)}})
}

// dailyBars shows the first query as one bar for each day. The bar is left of its
// sample, because the sample is taken at the midnight in UTC that ends the day.
func (p *Panel) dailyBars() *Panel {
	p.Interval = "1d"
	return p.overrideByQuery("A", colorCost,
		Property{"custom.drawStyle", "bars"}, Property{"custom.barAlignment", -1}, Property{"custom.fillOpacity", 60})
}

// dashedLine returns the properties of a line that is not a measurement: a limit,
// a forecast or an earlier period.
func dashedLine() []Property {
	return []Property{
		{"custom.lineStyle", object{"dash": []int{10, 10}, "fill": "dash"}},
		{"custom.fillOpacity", 0},
	}
}
