package dashboards

const (
	requests  = "azure_csp_api_requests_total"
	buckets   = "azure_csp_api_request_duration_seconds_bucket"
	throttled = "azure_csp_api_throttled_total"
)

// exporter shows the state of the exporters.
func exporter() Dashboard {
	panels := exporterStates()
	panels = append(panels, row("Customers and figures", ""))
	panels = append(panels, exporterCustomers()...)
	panels = append(panels, row("Requests to Microsoft", ""))
	panels = append(panels, exporterRequests()...)
	panels = append(panels, row("Cache and process", ""))
	panels = append(panels, exporterProcess()...)
	return newDashboard(exporterUID, "CSP exporter health",
		"Whether the exporters reach Microsoft, how old their figures are, and what that costs.", "now-6h",
		[]Variable{
			sourceVariable(), jobFilter(),
			filter("instance", "Instance", `label_values(azure_csp_up{job=~"$job"}, instance)`),
		}, panels...)
}

func exporterStates() []*Panel {
	states := func(down, up string) []object {
		return []object{{"type": "value", "options": object{
			"0": object{"color": colorBad, "index": 0, "text": down},
			"1": object{"color": colorFine, "index": 1, "text": up},
		}}}
	}
	either := thresholds(colorBad, step{1, colorFine})
	return []*Panel{
		stat("Scraped", "Whether Prometheus reaches the exporter.",
			now("up"+ofInstance, "{{instance}}")).set("mappings", states("down", "up")).judged(either).named(),
		stat("Partner Center", "Whether the last refresh got a token and listed the customers.",
			now("azure_csp_up"+ofInstance, "{{instance}}")).set("mappings", states("failing", "fine")).judged(either).named(),
		stat("Refresh token age", "Time since the stored refresh token was issued. It is replaced with every access token, and dies after 90 idle days.",
			now("time() - azure_csp_auth_refresh_token_timestamp_seconds"+ofInstance, "{{instance}}")).
			unit("s").judged(ages(30*day, 80*day)).named(),
		stat("Last whole refresh", "Time since the last refresh that was complete ended.",
			now("time() - azure_csp_refresh_last_success_timestamp_seconds"+ofInstance, "{{instance}}")).
			unit("s").judged(ages(3*hour, day)).named().none("none yet"),
		stat("Customers covered", "Share of the customers known that have figures, by job. Customers without Azure usage have none. The filter by instance does not apply.",
			now(coveredRule+`{job=~"$job"}`, "{{job}}")).share().named(),
		stat("Build", "Version of the exporter.",
			now("azure_csp_exporter_build_info"+ofInstance, "{{version}}")).option("textMode", "name"),
	}
}

func exporterCustomers() []*Panel {
	ages := "(time() - " + fetchedMetric + ofInstance + ")"
	return []*Panel{
		graph("Customers by state", "Customers of the chosen exporters by the outcome of the last attempt to fetch their usage. Exporters that show the same customers count them twice.",
			over("sum by (status) (azure_csp_customers"+ofInstance+")", "{{status}}")).
			unit("short").set("decimals", 0).set("min", 0).
			legend("ok", colorFine).legend("no_usage", colorNeutral).legend("no_access", colorWarning).
			legend("not_found", colorLikely).legend("error", colorBad).legend("pending", colorBefore),
		graph("Age of the figures", "Time since the exporter last knew the figures to be current: of the customer with the oldest ones, and of the one in the middle.",
			over("max("+ages+")", "oldest"), over("quantile(0.5, "+ages+")", "median")).
			unit("s").set("min", 0).none("no figures").series("A", colorNeutral).series("B", colorSecond),
		graph("Duration of a refresh", "How long the last whole refresh took, of the slowest of the chosen exporters.",
			over("max(azure_csp_refresh_duration_seconds"+ofInstance+")", "slowest")).unit("s").set("min", 0).none("none yet"),
		graph("Failures by reason", "Attempts to list the customers or to fetch a customer's usage that failed after retries, a second. Red ones need somebody to act.",
			over(rate("azure_csp_errors_total", "reason"), "{{reason}}")).
			unit("cps").set("min", 0).plain(colorWarning).legend("throttled", colorLikely).legend("(auth|mfa|permission)", colorBad),
	}
}

func exporterRequests() []*Panel {
	return []*Panel{
		graph("Requests by status", "Requests a second by HTTP status, or error where no whole answer arrived. Microsoft answers with 400, 403 or 404 for customers without usage or access.",
			over(rate(requests, "code"), "{{code}}")).
			unit("reqps").set("min", 0).legend("2..", colorFine).legend("429", colorLikely).
			legend("401", colorWarning).legend("(5..|error)", colorBad),
		endpoints(graph("Requests by endpoint", "Requests a second by endpoint, retries among them.",
			over(rate(requests, "endpoint"), "{{endpoint}}")).unit("reqps")),
		heatmap("Latency", "How long requests took until the answer was read or given up, as requests in each bucket.",
			over("sum by (le) (increase("+buckets+ofInstance+"[$__rate_interval]))", "{{le}}")).unit("short"),
		endpoints(graph("99th percentile of the latency", "Time in which 99 of 100 requests were answered, by endpoint. There are gaps where an endpoint was not asked.",
			over("histogram_quantile(0.99, "+rate(buckets, "le, endpoint")+")", "{{endpoint}}")).unit("s").none("no requests")),
		graph("Throttled requests", "Requests a second that Microsoft answered with 429.",
			over(rate(throttled, "endpoint"), "{{endpoint}}")).unit("reqps").set("min", 0).plain(colorLikely),
		graph("Calls in flight and allowed", "Requests that wait for their answer, and how many may. Throttling lowers the limit, and it grows back.",
			over("sum(azure_csp_api_requests_in_flight"+ofInstance+")", "in flight"),
			over("sum(azure_csp_api_concurrency_limit"+ofInstance+")", "limit")).
			unit("short").set("min", 0).series("A", colorNeutral).series("B", colorBudget, dashed()...),
	}
}

// endpoints gives each of Microsoft's endpoints its colour.
func endpoints(p *Panel) *Panel {
	return p.set("min", 0).legend("usagesummary", colorNeutral).legend("customers", colorSecond).
		legend("usagerecords", colorThird).legend("token", colorFourth)
}

func exporterProcess() []*Panel {
	perScrape := func(counter string) string { return "sum(rate(" + counter + ofInstance + "[$__rate_interval]))" }
	return []*Panel{
		graph("Cache hits", "Share of the customers looked up by scrapes whose cached state was fresh.",
			over(perScrape("azure_csp_cache_hits_total")+" / "+perScrape("azure_csp_cache_lookups_total"), "hits")).
			share().set("min", 0).set("max", 1).none("no scrapes"),
		graph("Duration of a scrape", "How long Prometheus waited for the exporter, of the slowest of the chosen ones. A scrape waits for stale figures.",
			over("max(scrape_duration_seconds"+ofInstance+")", "slowest")).unit("s").set("min", 0),
		graph("Memory", "Resident memory of the biggest of the chosen exporters. It is missing with --web.disable-exporter-metrics.",
			over("max(process_resident_memory_bytes"+ofInstance+")", "biggest")).unit("bytes").set("min", 0),
		graph("Scrapes answered", "Scrapes a second by HTTP status; 503 is too many at once. It is missing with --web.disable-exporter-metrics.",
			over(rate("promhttp_metric_handler_requests_total", "code"), "{{code}}")).
			unit("reqps").set("min", 0).legend("2..", colorFine).legend("5..", colorBad),
	}
}
