// Package dashboards makes the Grafana dashboards of the exporter. The folder
// grafana holds what it makes, ready to be imported.
//
// The dashboards show the recording rules beside them, and the metrics of the
// exporter itself where there is no rule.
package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
)

//go:generate go run ./generate

// All returns the dashboards: of all customers, of one of them, and of the
// exporter.
func All() []Dashboard {
	return []Dashboard{overview(), customer(), exporter()}
}

// JSON returns the dashboard as Grafana imports it.
func (d *Dashboard) JSON() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d); err != nil {
		return nil, fmt.Errorf("%s: %w", d.Title, err)
	}
	return b.Bytes(), nil
}

// Expression is a query of a panel.
type Expression struct {
	Dashboard string // its uid
	Panel     string // its title
	Expr      string
}

// Expressions returns the queries of all panels, with the values of the
// variables in place of their names. Grafana's own variables have values that
// can be overridden; a variable without a value is left as it is.
func Expressions(variables map[string]string) []Expression {
	var expressions []Expression
	for _, d := range All() {
		for _, p := range d.Panels {
			for _, t := range p.Targets {
				expressions = append(expressions, Expression{d.UID, p.Title, Fill(t.Expr, variables)})
			}
		}
	}
	return expressions
}

// builtin are values of the variables that Grafana sets itself.
var builtin = map[string]string{"__interval": "1m", "__range": "1h", "__rate_interval": "5m"}

// variable matches $name, ${name} and ${name:format}.
var variable = regexp.MustCompile(`\$(?:\{(\w+)(?::[^}]*)?\}|(\w+))`)

// Fill replaces the variables of a text by their values, as Grafana does before it
// sends a query.
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
