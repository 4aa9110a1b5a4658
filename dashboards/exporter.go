package dashboards

// Metrics of requests to Microsoft.
const (
	requests  = "azure_csp_api_requests_total"
	buckets   = "azure_csp_api_request_duration_seconds_bucket"
	throttled = "azure_csp_api_throttled_total"
)

// exporter returns the dashboard of the health of the exporters.
func exporter() Dashboard {
	panels := append([]*Panel{status()}, exporterStats()...)
	panels = append(panels, row("Customers and data"))
	panels = append(panels, exporterCustomers()...)
	panels = append(panels, row("Requests to Microsoft"))
	panels = append(panels, exporterRequests()...)
	panels = append(panels, row("Cache and process"))
	panels = append(panels, exporterProcess()...)
	return newDashboard(exporterUID, "CSP exporter health",
		"Connection to Microsoft, age of the data, requests and resources of the exporters.", "now-6h",
		[]Variable{
			datasourceVariable(), jobVariable(),
			multiValueVariable("instance", "Instance", `label_values(azure_csp_up{job=~"$job"}, instance)`),
		}, panels...)
}

// exporterStats returns the current state of each exporter.
func exporterStats() []*Panel {
	return []*Panel{
		stat("Scraped", "Whether the last scrape of the exporter succeeded.",
			instantQuery("up"+instanceSelector, "{{instance}}")).valueMappings(successMappings("down", "up")).thresholds(successThresholds()).named(),
		stat("Partner Center", "Whether the last refresh obtained an access token and listed the customers.",
			instantQuery("azure_csp_up"+instanceSelector, "{{instance}}")).valueMappings(successMappings("failing", "ok")).thresholds(successThresholds()).named(),
		stat("Refresh token age", "Time since the stored refresh token was issued. It is replaced with every access token, and expires after 90 days without use.",
			instantQuery("time() - azure_csp_auth_refresh_token_timestamp_seconds"+instanceSelector, "{{instance}}")).
			unit("s").thresholds(ageThresholds(30*day, 80*day)).named(),
		stat("Last complete refresh", "Time since the end of the last complete refresh.",
			instantQuery("time() - azure_csp_refresh_last_success_timestamp_seconds"+instanceSelector, "{{instance}}")).
			unit("s").thresholds(ageThresholds(3*hour, day)).named(),
		stat("Customers covered", "Share of all known customers that have cost data, by job. Customers without Azure usage have none. The variable Instance does not apply.",
			instantQuery(coveredRule+`{job=~"$job"}`, "{{job}}")).percent().named(),
		stat("Build", "Version of the exporter.",
			instantQuery("azure_csp_exporter_build_info"+instanceSelector, "{{version}}")).valueMappings([]object{textMapping("1", fillNone, "running")}).named(),
	}
}

// exporterCustomers returns the state of the customers and the age of their data.
func exporterCustomers() []*Panel {
	age := "(time() - " + fetchedMetric + instanceSelector + ")"
	return []*Panel{
		timeSeries("Customers by state", "Customers of the selected exporters by result of the last attempt to fetch their usage. A customer that two exporters expose is counted twice.",
			rangeQuery("sum by (status) (azure_csp_customers"+instanceSelector+")", "{{status}}")).
			unit("short").decimals(0).
			colors(
				"ok", colorGood, "no_usage", colorNeutral, "no_access", colorWarning, "not_found", colorSerious, "error", colorBad, "pending", colorPrevious),
		timeSeries("Age of the data", "Time since the exporter last fetched or revalidated the usage data of a customer: the maximum and the median of all customers.",
			rangeQuery("max("+age+")", "oldest customer"), rangeQuery("quantile(0.5, "+age+")", "median of the customers")).
			unit("s").overrideByQuery("A", colorNeutral).overrideByQuery("B", colorSecond),
		timeSeries("Duration of a refresh", "Duration of the last complete refresh, of the slowest of the selected exporters.",
			rangeQuery("max(azure_csp_refresh_duration_seconds"+instanceSelector+")", "slowest exporter")).unit("s"),
		timeSeries("Failures by reason", "Attempts per second to list the customers or to fetch the usage of a customer that failed after all retries. "+
			"The reasons auth, mfa and permission need action by an operator.",
			rangeQuery(sumRate("azure_csp_errors_total", "reason"), "{{reason}}")).
			unit("cps").colors("auth", colorBad, "mfa", colorSecond, "permission", colorForecast, "throttled", colorSerious,
			"timeout", colorWarning, "network", colorNeutral, "server", colorCost, "decode", colorThird, "client", colorBudget),
	}
}

// exporterRequests returns the requests to Microsoft.
func exporterRequests() []*Panel {
	return []*Panel{
		timeSeries("Requests by status", "Requests per second by HTTP status, or \"error\" if no complete response arrived. "+
			"Microsoft responds with 400, 403 or 404 for customers without usage or access.",
			rangeQuery(sumRate(requests, "code"), "{{code}}")).
			unit("reqps").colors("2..", colorGood, "3..", colorBudget, "4..", colorPrevious, "400", colorCost, "401", colorWarning,
			"403", colorForecast, "404", colorNeutral, "429", colorSerious, "5..", colorBad, "503", colorThird, "error", colorSecond),
		colorEndpoints(timeSeries("Requests by endpoint", "Requests per second by endpoint, including retries.",
			rangeQuery(sumRate(requests, "endpoint"), "{{endpoint}}")).unit("reqps")),
		heatmap("Latency", "Number of requests by duration, from start to the end of the response or to the failure.",
			rangeQuery("sum by (le) (increase("+buckets+instanceSelector+"[$__rate_interval]))", "{{le}}")).unit("short"),
		colorEndpoints(timeSeries("99th percentile of the latency", "Duration that 99 % of the requests did not exceed, by endpoint. Gaps are times without requests.",
			rangeQuery("histogram_quantile(0.99, "+sumRate(buckets, "le, endpoint")+")", "{{endpoint}}")).unit("s")),
		colorEndpoints(timeSeries("Throttled requests", "Requests per second that Microsoft rejected with status 429.",
			rangeQuery(sumRate(throttled, "endpoint"), "{{endpoint}}")).unit("reqps")),
		timeSeries("Requests in flight", "Concurrent requests, and their limit. Throttling lowers the limit, which then recovers.",
			rangeQuery("sum(azure_csp_api_requests_in_flight"+instanceSelector+")", "in flight"),
			rangeQuery("sum(azure_csp_api_concurrency_limit"+instanceSelector+")", "limit")).
			unit("short").overrideByQuery("A", colorNeutral).overrideByQuery("B", colorBudget, dashedLine()...),
	}
}

// colorEndpoints sets a fixed colour for each endpoint.
func colorEndpoints(p *Panel) *Panel {
	return p.colors("token", colorThird, "customers", colorSecond, "usagesummary", colorNeutral, "usagerecords", colorCost,
		"subscriptionrecords", colorForecast, "resourcerecords", colorWarning, "meterrecords", colorPrevious, "fraudevents", colorBudget)
}

// exporterProcess returns the cache, the scrapes and the process.
func exporterProcess() []*Panel {
	total := func(counter string) string { return "sum(rate(" + counter + instanceSelector + "[$__rate_interval]))" }
	return []*Panel{
		timeSeries("Cache hits", "Share of the cache lookups by scrapes that found a fresh entry.",
			rangeQuery(total("azure_csp_cache_hits_total")+" / "+total("azure_csp_cache_lookups_total"), "hits")).
			percent().set("max", 1),
		timeSeries("Duration of a scrape", "Duration of a scrape as measured by Prometheus, of the slowest of the selected exporters. A scrape waits for the refresh of stale entries.",
			rangeQuery("max(scrape_duration_seconds"+instanceSelector+")", "slowest exporter")).unit("s"),
		timeSeries("Memory", "Resident memory, of the largest of the selected exporters. Not available with --web.disable-exporter-metrics.",
			rangeQuery("max(process_resident_memory_bytes"+instanceSelector+")", "largest exporter")).unit("bytes"),
		timeSeries("Scrape responses", "Scrapes per second by HTTP status. 503 means too many concurrent scrapes. Not available with --web.disable-exporter-metrics.",
			rangeQuery(sumRate("promhttp_metric_handler_requests_total", "code"), "{{code}}")).
			unit("reqps").colors("2..", colorGood, "4..", colorWarning, "5..", colorBad),
	}
}
