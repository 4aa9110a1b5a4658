package dashboards

// datasource returns the data source that is selected on the dashboard.
func datasource() Datasource { return Datasource{Type: "prometheus", UID: "${datasource}"} }

// Values of Grafana's model for when a variable is refreshed and how its values
// are sorted.
const (
	refreshOnLoad            = 1
	refreshOnTimeRangeChange = 2

	sortCaseInsensitive = 5
)

// datasourceVariable returns the variable that selects the Prometheus to query.
func datasourceVariable() Variable {
	return Variable{
		Current: object{}, Label: "Data source", Name: "datasource", Options: []object{},
		Query: "prometheus", Refresh: refreshOnLoad, Type: "datasource",
	}
}

// queryVariable returns a variable with one value out of the query's result.
func queryVariable(name, label, query string) Variable {
	from := datasource()
	return Variable{
		Current: object{}, Datasource: &from, Definition: query, Label: label, Name: name, Options: []object{},
		Query: object{"query": query, "refId": "StandardVariableQuery"}, Refresh: refreshOnTimeRangeChange,
		Sort: sortCaseInsensitive, Type: "query",
	}
}

// multiValueVariable returns a variable with any number of values, all of them by
// default. "All" matches an empty label too, which a list of values would not.
func multiValueVariable(name, label, query string) Variable {
	allValue := ".*"
	v := queryVariable(name, label, query)
	v.AllValue, v.IncludeAll, v.Multi = &allValue, true, true
	v.Current = object{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}}
	return v
}

// jobVariable returns the variable that selects the jobs of exporters.
func jobVariable() Variable {
	return multiValueVariable("job", "Job", "label_values(azure_csp_up, job)")
}

// customerVariable returns the variable that selects one customer. It lists names
// with domains and has customer ids as values, because names are not unique.
// Grafana prints the labels of a series sorted and does not escape quotes, so the
// regular expression ends the name at the last quote before the brace.
func customerVariable() Variable {
	v := queryVariable("customer", "Customer", `query_result(max by (customer_id, customer_name) (`+
		`label_join(azure_csp_customer_info{job=~"$job"}, "customer_name", " · ", "customer_name", "domain")))`)
	v.Regex = `/customer_id="(?<value>[^"]+)",customer_name="(?<text>.*)"\} /`
	return v
}
