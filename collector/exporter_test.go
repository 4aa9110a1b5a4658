package collector_test

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/collector"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache/cachetest"
)

// The bubble's clock starts at 946684800; the refresh takes two calls of 1 s.
const everyKindExposition = `
# HELP azure_csp_api_concurrency_limit How many calls may be in flight now. Throttling lowers it, and it grows back to the configured concurrency.
# TYPE azure_csp_api_concurrency_limit gauge
azure_csp_api_concurrency_limit 6
# HELP azure_csp_auth_certificate_expiry_timestamp_seconds When the application's certificate expires, in seconds since the epoch, as of the last exchange of tokens. There is no series without a certificate.
# TYPE azure_csp_auth_certificate_expiry_timestamp_seconds gauge
azure_csp_auth_certificate_expiry_timestamp_seconds 9.7e+08
# HELP azure_csp_auth_refresh_token_timestamp_seconds When the stored refresh token was issued, in seconds since the epoch. It dies after 90 idle days.
# TYPE azure_csp_auth_refresh_token_timestamp_seconds gauge
azure_csp_auth_refresh_token_timestamp_seconds 9.46684e+08
# HELP azure_csp_cache_hits_total Customers looked up by scrapes whose cached state was fresh.
# TYPE azure_csp_cache_hits_total counter
azure_csp_cache_hits_total 0
# HELP azure_csp_cache_lookups_total Customers looked up by scrapes.
# TYPE azure_csp_cache_lookups_total counter
azure_csp_cache_lookups_total 0
# HELP azure_csp_customer_billing_period_end_timestamp_seconds End of the current billing period as the API states it, in seconds since the epoch: the first instant after it (Azure plan) or its last day (legacy). Cached.
# TYPE azure_csp_customer_billing_period_end_timestamp_seconds gauge
azure_csp_customer_billing_period_end_timestamp_seconds{customer_id="44908a11-641b-4c53-b7fc-0f2bfca8a581",customer_name="Modern \"Azure\" Customer UK"} 1.569888e+09
# HELP azure_csp_customer_billing_period_start_timestamp_seconds Start of the current billing period as the API states it, in seconds since the epoch. Cached.
# TYPE azure_csp_customer_billing_period_start_timestamp_seconds gauge
azure_csp_customer_billing_period_start_timestamp_seconds{customer_id="44908a11-641b-4c53-b7fc-0f2bfca8a581",customer_name="Modern \"Azure\" Customer UK"} 1.567296e+09
# HELP azure_csp_customer_budget Spending budget of a billing period, in the customer's billing currency. There is no series where none is set. Cached.
# TYPE azure_csp_customer_budget gauge
azure_csp_customer_budget{currency="GBP",customer_id="44908a11-641b-4c53-b7fc-0f2bfca8a581",customer_name="Modern \"Azure\" Customer UK"} 97
# HELP azure_csp_customer_fetch_success Whether the last attempt to fetch the customer's usage succeeded; a customer without usage counts as a success.
# TYPE azure_csp_customer_fetch_success gauge
azure_csp_customer_fetch_success{customer_id="44908a11-641b-4c53-b7fc-0f2bfca8a581",customer_name="Modern \"Azure\" Customer UK"} 1
azure_csp_customer_fetch_success{customer_id="broken",customer_name="Broken"} 0
azure_csp_customer_fetch_success{customer_id="denied",customer_name="No access"} 0
azure_csp_customer_fetch_success{customer_id="gone",customer_name="Not found"} 0
azure_csp_customer_fetch_success{customer_id="legacy",customer_name="600 test\nßシ"} 1
azure_csp_customer_fetch_success{customer_id="none",customer_name="No usage"} 1
# HELP azure_csp_customer_info The customer's domain and its relationship to the partner. Always 1.
# TYPE azure_csp_customer_info gauge
azure_csp_customer_info{customer_id="44908a11-641b-4c53-b7fc-0f2bfca8a581",customer_name="Modern \"Azure\" Customer UK",domain="uk.example",relationship="reseller"} 1
azure_csp_customer_info{customer_id="broken",customer_name="Broken",domain="",relationship=""} 1
azure_csp_customer_info{customer_id="denied",customer_name="No access",domain="",relationship=""} 1
azure_csp_customer_info{customer_id="gone",customer_name="Not found",domain="",relationship=""} 1
azure_csp_customer_info{customer_id="legacy",customer_name="600 test\nßシ",domain="",relationship=""} 1
azure_csp_customer_info{customer_id="none",customer_name="No usage",domain="",relationship=""} 1
# HELP azure_csp_customer_total_cost Estimated cost of the current billing period so far, in the customer's billing currency. Cached estimate by Microsoft, not for billing.
# TYPE azure_csp_customer_total_cost gauge
azure_csp_customer_total_cost{currency="",customer_id="legacy",customer_name="600 test\nßシ"} 0
azure_csp_customer_total_cost{currency="GBP",customer_id="44908a11-641b-4c53-b7fc-0f2bfca8a581",customer_name="Modern \"Azure\" Customer UK"} 28.82860766744405
# HELP azure_csp_customer_total_cost_usd Estimated cost of the current billing period so far in US dollars, where the API states it. Cached estimate by Microsoft, not for billing.
# TYPE azure_csp_customer_total_cost_usd gauge
azure_csp_customer_total_cost_usd{customer_id="44908a11-641b-4c53-b7fc-0f2bfca8a581",customer_name="Modern \"Azure\" Customer UK"} 35.23
# HELP azure_csp_customer_usage_fetched_timestamp_seconds When the exporter last knew the cached figures to be current, in seconds since the epoch.
# TYPE azure_csp_customer_usage_fetched_timestamp_seconds gauge
azure_csp_customer_usage_fetched_timestamp_seconds{customer_id="44908a11-641b-4c53-b7fc-0f2bfca8a581",customer_name="Modern \"Azure\" Customer UK"} 9.46684802e+08
azure_csp_customer_usage_fetched_timestamp_seconds{customer_id="legacy",customer_name="600 test\nßシ"} 9.46684802e+08
# HELP azure_csp_customer_usage_last_modified_timestamp_seconds When Microsoft last changed the figures, in seconds since the epoch. Cached.
# TYPE azure_csp_customer_usage_last_modified_timestamp_seconds gauge
azure_csp_customer_usage_last_modified_timestamp_seconds{customer_id="44908a11-641b-4c53-b7fc-0f2bfca8a581",customer_name="Modern \"Azure\" Customer UK"} 1.56882656616e+09
# HELP azure_csp_customers Customers by state, as of the last attempt to fetch their usage.
# TYPE azure_csp_customers gauge
azure_csp_customers{status="error"} 1
azure_csp_customers{status="no_access"} 1
azure_csp_customers{status="no_usage"} 1
azure_csp_customers{status="not_found"} 1
azure_csp_customers{status="ok"} 2
azure_csp_customers{status="pending"} 0
# HELP azure_csp_customers_missing Known customers that the last list of customers lacks, while that list is not yet believed; 0 else.
# TYPE azure_csp_customers_missing gauge
azure_csp_customers_missing 0
# HELP azure_csp_errors_total Failed attempts to list the customers or to fetch a customer's usage, after retries.
# TYPE azure_csp_errors_total counter
azure_csp_errors_total{reason="auth"} 0
azure_csp_errors_total{reason="client"} 1
azure_csp_errors_total{reason="decode"} 0
azure_csp_errors_total{reason="mfa"} 0
azure_csp_errors_total{reason="network"} 0
azure_csp_errors_total{reason="permission"} 1
azure_csp_errors_total{reason="server"} 1
azure_csp_errors_total{reason="throttled"} 0
azure_csp_errors_total{reason="timeout"} 0
# HELP azure_csp_refresh_duration_seconds How long the last whole refresh took.
# TYPE azure_csp_refresh_duration_seconds gauge
azure_csp_refresh_duration_seconds 2
# HELP azure_csp_refresh_last_success_timestamp_seconds When the last whole refresh ended, in seconds since the epoch.
# TYPE azure_csp_refresh_last_success_timestamp_seconds gauge
azure_csp_refresh_last_success_timestamp_seconds 9.46684802e+08
# HELP azure_csp_up Whether the last refresh got a token and listed the customers.
# TYPE azure_csp_up gauge
azure_csp_up 1
# HELP azure_csp_usage_accessible Whether the partner may read usage: 0 while more than half of the fetched customers fail for lack of permission, other than by an ended relationship.
# TYPE azure_csp_usage_accessible gauge
azure_csp_usage_accessible 1
`

func TestExposition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.EveryKind()
		source.Delay = time.Second
		source.Certificate = time.Unix(970000000, 0)
		c, _ := cachetest.NewCache(t, source, func(c *cache.Config) { c.Concurrency = 6 })
		cachetest.Scrape(t, c)
		compare(t, c, everyKindExposition)
	})
}

// Before the first refresh nothing is known, and nothing may be made up.
func TestExpositionBeforeAnything(t *testing.T) {
	c, _ := cachetest.NewCache(t, cachetest.New(3))
	compare(t, c, `
# HELP azure_csp_customers Customers by state, as of the last attempt to fetch their usage.
# TYPE azure_csp_customers gauge
azure_csp_customers{status="error"} 0
azure_csp_customers{status="no_access"} 0
azure_csp_customers{status="no_usage"} 0
azure_csp_customers{status="not_found"} 0
azure_csp_customers{status="ok"} 0
azure_csp_customers{status="pending"} 0
# HELP azure_csp_customers_missing Known customers that the last list of customers lacks, while that list is not yet believed; 0 else.
# TYPE azure_csp_customers_missing gauge
azure_csp_customers_missing 0
# HELP azure_csp_up Whether the last refresh got a token and listed the customers.
# TYPE azure_csp_up gauge
azure_csp_up 0
`, "azure_csp_up", "azure_csp_customers", "azure_csp_refresh_last_success_timestamp_seconds",
		"azure_csp_refresh_duration_seconds", "azure_csp_customer_info", "azure_csp_customer_total_cost",
		"azure_csp_auth_certificate_expiry_timestamp_seconds")
}

func TestLint(t *testing.T) {
	c, _ := cachetest.NewCache(t, cachetest.EveryKind())
	cachetest.Scrape(t, c)
	api := collector.NewClientMetrics()
	api.Trace(client.EndpointToken)(200)
	for _, c := range []prometheus.Collector{collector.NewExporter(c), api} {
		problems, err := testutil.CollectAndLint(c)
		if err != nil || len(problems) > 0 {
			t.Errorf("%T: %v, %v", c, problems, err)
		}
	}
}

// Names come from customers, who may call themselves what they like: each scrape
// must stay readable, and no name may be mixed up with another.
func TestHostileNames(t *testing.T) {
	names := []string{
		`"} 1`, "\n# EOF\n", `back\slash`, "\x00\x01\x7f", "\xff\xfeinvalid", strings.Repeat("x", 10_000), "", "  ", "{}=,", "\u202eRTL",
	}
	source := cachetest.New(0)
	for i, name := range names {
		c := cachetest.Customer(i)
		c.Name, c.Domain, c.Relationship = name, name, name
		source.Customers = append(source.Customers, c)
	}
	source.Usage = func(string) (client.UsageSummary, error) {
		f := cachetest.Figures(math.MaxFloat64)
		f.Currency = "\xff"
		return f, nil
	}
	c, _ := cachetest.NewCache(t, source)
	cachetest.Scrape(t, c)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector.NewExporter(c))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []expfmt.Format{expfmt.NewFormat(expfmt.TypeTextPlain), expfmt.NewFormat(expfmt.TypeProtoDelim)} {
		var text strings.Builder
		encoder := expfmt.NewEncoder(&text, format)
		for _, family := range families {
			if err := encoder.Encode(family); err != nil {
				t.Fatal(err)
			}
		}
		decoder := expfmt.NewDecoder(strings.NewReader(text.String()), format)
		samples := &expfmt.SampleDecoder{Dec: decoder, Opts: &expfmt.DecodeOptions{}}
		seen := 0
		for {
			var vector model.Vector
			if err := samples.Decode(&vector); err != nil {
				break
			}
			for _, sample := range vector {
				if sample.Metric["__name__"] == "azure_csp_customer_info" {
					seen++
				}
			}
		}
		if seen != len(names) {
			t.Errorf("%s: read %d customers back, want %d", format, seen, len(names))
		}
	}
}

func TestAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := collector.NewClientMetrics()
		first := api.Trace(client.EndpointUsageSummary)
		second := api.Trace(client.EndpointUsageSummary)
		api.Trace(client.EndpointToken)
		time.Sleep(300 * time.Millisecond) // in the bubble: how long the requests take
		first(429)
		second(0)
		want := `
# HELP azure_csp_api_requests_in_flight Requests that wait for their answer now.
# TYPE azure_csp_api_requests_in_flight gauge
azure_csp_api_requests_in_flight 1
# HELP azure_csp_api_requests_total Requests to Partner Center and its token endpoint by HTTP status, or error where no whole answer arrived.
# TYPE azure_csp_api_requests_total counter
azure_csp_api_requests_total{code="429",endpoint="usagesummary"} 1
azure_csp_api_requests_total{code="error",endpoint="usagesummary"} 1
# HELP azure_csp_api_throttled_total Requests that were answered with 429.
# TYPE azure_csp_api_throttled_total counter
azure_csp_api_throttled_total{endpoint="customers"} 0
azure_csp_api_throttled_total{endpoint="token"} 0
azure_csp_api_throttled_total{endpoint="usagerecords"} 0
azure_csp_api_throttled_total{endpoint="usagesummary"} 1
`
		names := []string{"azure_csp_api_requests_in_flight", "azure_csp_api_requests_total", "azure_csp_api_throttled_total"}
		if err := testutil.CollectAndCompare(api, strings.NewReader(want), names...); err != nil {
			t.Error(err)
		}
		checkDuration(t, api)
	})
}

// checkDuration expects two requests of 0.3 s, in classic and native buckets.
func checkDuration(t *testing.T, api *collector.ClientMetrics) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(api)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "azure_csp_api_request_duration_seconds" {
			continue
		}
		for _, metric := range family.GetMetric() {
			h := metric.GetHistogram()
			if metric.GetLabel()[0].GetValue() != "usagesummary" {
				continue
			}
			if h.GetSampleCount() != 2 || h.GetSampleSum() != 0.6 || len(h.GetBucket()) != 10 || len(h.GetPositiveSpan()) == 0 {
				t.Errorf("duration: %v", h)
			}
			return
		}
	}
	t.Error("there is no duration of usage summaries")
}
