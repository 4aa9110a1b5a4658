package dashboards

// The uids never change, since links lead to them.
const (
	overviewUID = "azure-csp-overview"
	customerUID = "azure-csp-customer"
	exporterUID = "azure-csp-exporter"
)

// tag is what the links between the dashboards look for.
const tag = "azure-csp"

// newDashboard has times in UTC, in which Microsoft's billing periods begin and
// end. Variables are kept from one dashboard to the next.
func newDashboard(uid, title, description, from string, variables []Variable, panels ...*Panel) Dashboard {
	return Dashboard{
		Annotations:   object{"list": []object{}},
		Description:   description,
		Editable:      true,
		GraphTooltip:  1, // The crosshair is shared.
		Links:         []object{siblings()},
		Panels:        arrange(panels),
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

// siblings links to all dashboards with the tag.
func siblings() object {
	return object{
		"asDropdown": false, "icon": "external link", "includeVars": true, "keepTime": true, "tags": []string{tag},
		"targetBlank": false, "title": "Azure CSP", "tooltip": "", "type": "dashboards", "url": "",
	}
}

// arrange numbers the panels and sets them from left to right, in lines as high
// as their highest panel.
func arrange(panels []*Panel) []Panel {
	const width = 24
	var arranged []Panel
	x, y, height := 0, 0, 0
	for i, p := range panels {
		if x+p.GridPos.W > width {
			x, y, height = 0, y+height, 0
		}
		p.ID, p.GridPos.X, p.GridPos.Y = i+1, x, y
		x, height = x+p.GridPos.W, max(height, p.GridPos.H)
		arranged = append(arranged, *p)
	}
	return arranged
}

// source is the data source that the reader of the dashboard chooses.
func source() Datasource { return Datasource{Type: "prometheus", UID: "${datasource}"} }

// Grafana's numbers for when a variable's values are looked up, and in what order.
const (
	onLoad          = 1
	onTimeChange    = 2
	caseInsensitive = 5
)

func sourceVariable() Variable {
	return Variable{
		Current: object{}, Label: "Data source", Name: "datasource", Options: []object{},
		Query: "prometheus", Refresh: onLoad, Type: "datasource",
	}
}

// queryVariable has one value, of those that the query finds.
func queryVariable(name, label, query string) Variable {
	from := source()
	return Variable{
		Current: object{}, Datasource: &from, Definition: query, Label: label, Name: name, Options: []object{},
		Query: object{"query": query, "refId": "StandardVariableQuery"}, Refresh: onTimeChange, Sort: caseInsensitive, Type: "query",
	}
}

// filter is a variable of any number of values. All of them include the empty
// one, which a list of values lacks.
func filter(name, label, query string) Variable {
	anything := ".*"
	v := queryVariable(name, label, query)
	v.AllValue, v.IncludeAll, v.Multi = &anything, true, true
	v.Current = object{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}}
	return v
}

func jobFilter() Variable { return filter("job", "Job", "label_values(azure_csp_up, job)") }

// customerChoice shows the customers' names and has their ids as values, since
// names are not unique; domains tell those of one name apart. Grafana writes the
// labels of a result in order and does not escape them, so that the name ends at
// the last quote before the brace.
func customerChoice() Variable {
	v := queryVariable("customer", "Customer", `query_result(max by (customer_id, customer_name) (`+
		`label_join(azure_csp_customer_info{job=~"$job"}, "customer_name", " · ", "customer_name", "domain")))`)
	v.Regex = `/customer_id="(?<value>[^"]+)",customer_name="(?<text>.*)"\} /`
	return v
}
