package dashboards

import "strings"

// object is a JSON object of Grafana's model that needs no type of its own.
type object = map[string]any

// Dashboard is a dashboard in the model of Grafana 9.3. Newer versions migrate it
// when they load it.
type Dashboard struct {
	Annotations   object     `json:"annotations"`
	Description   string     `json:"description"`
	Editable      bool       `json:"editable"`
	GraphTooltip  int        `json:"graphTooltip"`
	ID            *int       `json:"id"` // null: Grafana assigns an id on import.
	Links         []object   `json:"links"`
	LiveNow       bool       `json:"liveNow"`
	Panels        []Panel    `json:"panels"`
	Refresh       string     `json:"refresh"`
	SchemaVersion int        `json:"schemaVersion"`
	Style         string     `json:"style"`
	Tags          []string   `json:"tags"`
	Templating    Templating `json:"templating"`
	Time          TimeRange  `json:"time"`
	Timepicker    object     `json:"timepicker"`
	Timezone      string     `json:"timezone"`
	Title         string     `json:"title"`
	UID           string     `json:"uid"`
	Version       int        `json:"version"`
	WeekStart     string     `json:"weekStart"`
}

// File returns the name of the dashboard's file.
func (d *Dashboard) File() string { return strings.TrimPrefix(d.UID, "azure-") + ".json" }

// Templating is the list of a dashboard's variables.
type Templating struct {
	List []Variable `json:"list"`
}

// TimeRange is the initial time range of a dashboard.
type TimeRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Panel is a panel or a row.
type Panel struct {
	Collapsed       *bool        `json:"collapsed,omitempty"` // of a row
	Datasource      *Datasource  `json:"datasource,omitempty"`
	Description     string       `json:"description,omitempty"`
	FieldConfig     *FieldConfig `json:"fieldConfig,omitempty"`
	GridPos         GridPos      `json:"gridPos"`
	ID              int          `json:"id"`
	Interval        string       `json:"interval,omitempty"`
	Options         object       `json:"options,omitempty"`
	Panels          *[]Panel     `json:"panels,omitempty"` // of a collapsed row; empty in other rows
	PluginVersion   string       `json:"pluginVersion,omitempty"`
	Repeat          string       `json:"repeat,omitempty"`
	Targets         []Target     `json:"targets,omitempty"`
	Title           string       `json:"title"`
	Transformations []object     `json:"transformations,omitempty"`
	Type            string       `json:"type"`
}

// GridPos is the position and size of a panel in a grid with 24 columns.
type GridPos struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

// Datasource is a reference to a data source.
type Datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// FieldConfig is the display configuration of a panel's fields.
type FieldConfig struct {
	Defaults  object     `json:"defaults"`
	Overrides []Override `json:"overrides"`
}

// Override changes the display configuration of the matching fields.
type Override struct {
	Matcher    Matcher    `json:"matcher"`
	Properties []Property `json:"properties"`
}

// Matcher selects fields.
type Matcher struct {
	ID      string `json:"id"`
	Options string `json:"options"`
}

// Property is one option that an [Override] sets.
type Property struct {
	ID    string `json:"id"`
	Value any    `json:"value"`
}

// Target is a query of a panel.
type Target struct {
	Datasource   Datasource `json:"datasource"`
	EditorMode   string     `json:"editorMode"`
	Expr         string     `json:"expr"`
	Format       string     `json:"format"`
	Instant      bool       `json:"instant"`
	LegendFormat string     `json:"legendFormat"`
	Range        bool       `json:"range"`
	RefID        string     `json:"refId"`
}

// Variable is a template variable.
type Variable struct {
	AllValue   *string     `json:"allValue,omitempty"`
	Current    object      `json:"current"`
	Datasource *Datasource `json:"datasource,omitempty"`
	Definition string      `json:"definition,omitempty"`
	Hide       int         `json:"hide"`
	IncludeAll bool        `json:"includeAll"`
	Label      string      `json:"label"`
	Multi      bool        `json:"multi"`
	Name       string      `json:"name"`
	Options    []object    `json:"options"`
	Query      any         `json:"query"`
	Refresh    int         `json:"refresh"`
	Regex      string      `json:"regex"`
	Sort       int         `json:"sort,omitempty"`
	Type       string      `json:"type"`
}
