package dashboards

// The palette: a colour means the same on every dashboard. Names are of Grafana's
// own colours, which suit its dark and its light theme.
const (
	colorFine    = "green"
	colorWarning = "yellow" // over 80 % of a budget, or on the way to a failure
	colorLikely  = "orange" // a forecast over the budget, or throttling
	colorBad     = "red"    // over budget, or failing

	colorCost     = "blue"
	colorForecast = "purple"
	colorBudget   = "dark-red" // a limit, also of calls in flight
	colorBefore   = "#8E8E8E"  // what was before, to compare with

	colorNeutral = "#6ED0E0" // counts, dates and what is neither good nor bad
	colorSecond  = "#B0A080" // second, third and fourth of several that are equal
	colorThird   = "#E0A8D0"
	colorFourth  = "#4F9A94"
)

// Palette returns every colour that a dashboard may use.
func Palette() []string {
	return []string{
		colorFine, colorWarning, colorLikely, colorBad,
		colorCost, colorForecast, colorBudget, colorBefore,
		colorNeutral, colorSecond, colorThird, colorFourth,
	}
}

// step is where a colour begins.
type step struct {
	from  float64
	color string
}

// thresholds colour values below the first step with base.
func thresholds(base string, steps ...step) object {
	list := []object{{"color": base, "value": nil}}
	for _, s := range steps {
		list = append(list, object{"color": s.color, "value": s.from})
	}
	return object{"mode": "absolute", "steps": list}
}

// budgetThresholds are those of every share of a budget that is used up.
func budgetThresholds() object {
	return thresholds(colorFine, step{0.8, colorWarning}, step{1, colorBad})
}

// forecastThresholds are those of every share of a budget that a forecast expects.
func forecastThresholds() object { return thresholds(colorFine, step{1, colorLikely}) }

// ages are thresholds in seconds.
func ages(warning, bad float64) object {
	return thresholds(colorFine, step{warning, colorWarning}, step{bad, colorBad})
}

func fixed(color string) object { return object{"fixedColor": color, "mode": "fixed"} }
