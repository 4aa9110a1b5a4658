// Package panels returns the queries of the dashboards' panels as Grafana sends them.
package panels

import (
	"regexp"

	"github.com/azure-csp-exporter/azure_csp_exporter/dashboards"
)

// Query is a query of a panel.
type Query struct {
	Dashboard string // UID of the dashboard
	Panel     string // title of the panel
	Kind      string // type of the panel
	Expr      string // PromQL
	Legend    string // legend of a series, with references to its labels
}

// Queries returns the queries of all panels, with variables replaced as [Fill] does.
func Queries(variables map[string]string) []Query {
	var queries []Query
	for _, d := range dashboards.All() {
		queries = append(queries, queriesOf(d.UID, d.Panels, variables)...)
	}
	return queries
}

// queriesOf returns the queries of panels, and of those that rows hide.
func queriesOf(uid string, list []dashboards.Panel, variables map[string]string) []Query {
	var queries []Query
	for _, p := range list {
		for _, t := range p.Targets {
			queries = append(queries, Query{uid, p.Title, p.Type, Fill(t.Expr, variables), t.LegendFormat})
		}
		if p.Panels != nil {
			queries = append(queries, queriesOf(uid, *p.Panels, variables)...)
		}
	}
	return queries
}

// builtin holds values of the variables that Grafana sets itself.
var builtin = map[string]string{"__interval": "1m", "__range": "1h", "__rate_interval": "5m"}

// variable matches $name, ${name} and ${name:format}.
var variable = regexp.MustCompile(`\$(?:\{(\w+)(?::[^}]*)?\}|(\w+))`)

// Fill replaces the variables in text by the given values, and those that Grafana
// sets itself by defaults. A variable without a value is left as it is.
func Fill(text string, variables map[string]string) string {
	return variable.ReplaceAllStringFunc(text, func(reference string) string {
		match := variable.FindStringSubmatch(reference)
		name := match[1] + match[2]
		if value, ok := variables[name]; ok {
			return value
		}
		if value, ok := builtin[name]; ok {
			return value
		}
		return reference
	})
}
