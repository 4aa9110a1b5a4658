// Package dashboards generates the Grafana dashboards of the exporter. The folder
// grafana holds the result, ready to be imported into Grafana 9.3 or newer:
//
//	go generate ./dashboards/...
//
// Each dashboard is a function that returns a [Dashboard] ([All] lists them). To
// change a panel, edit that function and generate the files again; a test fails
// while the files differ from the code. Helpers have the names of Grafana's own
// model: an instant or a range query, thresholds, noValue, overrides by name, by
// query or by regular expression.
//
// The generator is written in Go, because its tests check every query against the
// metrics that the collectors describe, and because contributors need no second
// toolchain. Grafana's Foundation SDK has builders for the same model. They are
// not used: they write the schema of Grafana 12 (version 42), while these files
// have to work in Grafana 9.3, and the part of the model needed here is a file
// of about a hundred lines.
//
// Panels query the recording rules of the folder rules, and the metrics of the
// exporter where there is no rule. mixin.libsonnet offers dashboards, rules and
// alerts as a monitoring mixin.
package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
)

//go:generate go run ./generate

// All returns the dashboards: the overview of all customers, one customer, and
// the health of the exporter.
func All() []Dashboard {
	return []Dashboard{overview(), customer(), exporter()}
}

// JSON returns the dashboard in the form that Grafana imports.
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

// The UIDs are stable, because links refer to them.
const (
	overviewUID = "azure-csp-overview"
	customerUID = "azure-csp-customer"
	exporterUID = "azure-csp-exporter"
)

// tag marks the dashboards; the links between them select by it.
const tag = "azure-csp"

// newDashboard returns a dashboard in UTC, the time zone of Microsoft's billing
// periods.
func newDashboard(uid, title, description, from string, variables []Variable, panels ...*Panel) Dashboard {
	return Dashboard{
		Annotations:   object{"list": []object{}},
		Description:   description,
		Editable:      true,
		GraphTooltip:  1, // Panels share the crosshair.
		Links:         []object{dashboardLinks()},
		Panels:        layout(panels),
		Refresh:       "1m",
		SchemaVersion: 37,
		Style:         "dark",
		Tags:          []string{tag},
		Templating:    Templating{List: variables},
		Time:          TimeRange{From: from, To: "now"},
		Timepicker:    object{},
		Timezone:      "utc",
		Title:         title,
		UID:           uid,
		Version:       1,
	}
}

// dashboardLinks returns links to all dashboards with the tag. They keep the time
// range and the variables.
func dashboardLinks() object {
	return object{
		"asDropdown": false, "icon": "external link", "includeVars": true, "keepTime": true, "tags": []string{tag},
		"targetBlank": false, "title": "Azure CSP", "tooltip": "", "type": "dashboards", "url": "",
	}
}

// grid places panels from left to right. A line of panels is as high as its highest
// panel.
type grid struct{ id, x, y, height int }

// place numbers a panel and places it after those before it.
func (g *grid) place(p *Panel) {
	const width = 24
	if g.x+p.GridPos.W > width {
		g.x, g.y, g.height = 0, g.y+g.height, 0
	}
	g.id++
	p.ID, p.GridPos.X, p.GridPos.Y = g.id, g.x, g.y
	g.x, g.height = g.x+p.GridPos.W, max(g.height, p.GridPos.H)
}

// layout places the panels. Those of a collapsed row are placed below it, and take no
// space.
func layout(panels []*Panel) []Panel {
	var placed []Panel
	g := grid{}
	for _, p := range panels {
		g.place(p)
		if p.Panels != nil {
			opened := g
			for i := range *p.Panels {
				opened.place(&(*p.Panels)[i])
			}
			g.id = opened.id
		}
		placed = append(placed, *p)
	}
	return placed
}
