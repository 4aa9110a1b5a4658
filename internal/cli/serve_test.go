package cli_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/version"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

// customer is a response to a usage summary, with the item of the list.
type customer struct {
	id, item string
	status   int
	body     string
}

// quirks has the documented and reported forms of responses.
var quirks = []customer{
	{ // Microsoft's sample of legacy usage, with its misspelt budget and upper-case GUID.
		"65726577-C208-40FD-9735-8C85AC9CAC68", `"companyProfile":{"domain":"legacy.example","companyName":"600 test"},"relationshipToPartner":"reseller"`,
		200, `{"budget":{"ammount":300.000000,"attributes":{"objectType":"SpendingBudget"}},
			"id":"65726577-C208-40FD-9735-8C85AC9CAC68","name":"600 test",
			"billingStartDate":"2016-02-06T00:00:00-08:00","billingEndDate":"2016-03-05T00:00:00-08:00",
			"totalCost":0.0,"currencyLocale":"en-US","lastModifiedDate":"2016-02-26T09:42:54.5130558+00:00",
			"links":{"self":{"uri":"/customers/{customer-tenant-id}/usagesummary","method":"GET","headers":[]}},
			"attributes":{"objectType":"CustomerUsageSummary"}}`,
	},
	{ // Microsoft's sample of an Azure plan, with twenty fractional digits.
		"44908a11-641b-4c53-b7fc-0f2bfca8a581", `"companyProfile":{"domain":"uk.example","companyName":"Modern Azure Customer UK"},"relationshipToPartner":"reseller"`,
		200, `{"budget":{"amount":97,"attributes":{"objectType":"SpendingBudget"}},
			"resourceId":"44908a11-641b-4c53-b7fc-0f2bfca8a581","resourceName":"Modern Azure Customer UK",
			"billingStartDate":"2019-09-01T00:00:00+00:00","billingEndDate":"2019-10-01T00:00:00+00:00",
			"totalCost":28.82860766744404945074,"currencyCode":"GBP","usdTotalCost":35.23000000000000362337,
			"lastModifiedDate":"2019-09-18T17:09:26.16+00:00","attributes":{"objectType":"CustomerUsageSummary"}}`,
	},
	{ // No budget is no series, and a cost of nothing is one.
		"00000000-0000-4000-8000-000000000003", `"companyProfile":{"domain":"b.example","companyName":"No Budget"},"relationshipToPartner":"reseller"`,
		200, `{"budget":{"attributes":{"objectType":"SpendingBudget"}},"resourceId":"00000000-0000-4000-8000-000000000003","billingStartDate":"2019-09-01T00:00:00Z",
			"billingEndDate":"2019-10-01T00:00:00Z","totalCost":0,"usdTotalCost":0,"currencyCode":"SEK","lastModifiedDate":"2019-09-18T17:09:26.4Z"}`,
	},
	{
		"00000000-0000-4000-8000-000000000004", `"companyProfile":{"companyName":"No Usage, 400"}`,
		400, `{"code":3000,"description":"Customer does not have usage data.","data":[],"source":"PartnerFD"}`,
	},
	{
		"00000000-0000-4000-8000-000000000005", `"companyProfile":{"companyName":"No Usage, 404"}`,
		404, `{"code":"3000","description":"Customer does not have usage data."}`,
	},
	{
		"00000000-0000-4000-8000-000000000006", `"companyProfile":{"companyName":"No Access"}`,
		403, `{"code":20002,"description":"No commerce relationship."}`,
	},
	{
		"00000000-0000-4000-8000-000000000007", `"companyProfile":{"companyName":"Not Found"}`,
		404, `{"code":"60003","description":"Tenant not found."}`,
	},
	{
		"00000000-0000-4000-8000-000000000008", `"companyProfile":{"companyName":"Failing"}`,
		500, `{"code":"800003","description":"Unexpected service error."}`,
	},
	{
		"00000000-0000-4000-8000-000000000009", `"companyProfile":{"companyName":"HTML"}`,
		200, `<html><body>Sign in</body></html>`,
	},
	{
		"00000000-0000-4000-8000-00000000000a", `"companyProfile":{"companyName":"Empty Body"}`,
		200, ``,
	},
	{
		"00000000-0000-4000-8000-00000000000b", `"companyProfile":{"companyName":"No Total"}`,
		200, `{"resourceId":"x","currencyCode":"USD","usdTotalCost":7}`,
	},
	{ // No company name, a culture in the currency's place, and a date without a zone.
		"00000000-0000-4000-8000-00000000000c", `"companyProfile":{"domain":"sansnom.example"},"relationshipToPartner":"none"`,
		200, `{"budget":null,"id":"00000000-0000-4000-8000-00000000000C","billingStartDate":"2019-08-28T00:00:00-07:00",
			"billingEndDate":"2019-09-27T00:00:00-07:00","totalCost":1234.5,"currencyLocale":"fr-FR","lastModifiedDate":"2020-04-21T22:09:53.051"}`,
	},
	{ // .NET's dates for never, the budget's older name, a credit and no currency.
		"00000000-0000-4000-8000-00000000000d", `"companyProfile":{"companyName":"Credit"}`,
		200, `{"budget":{"usageSpendingBudget":20.5},"billingStartDate":"0001-01-01T00:00:00","billingEndDate":"9999-12-31T23:59:59Z",
			"totalCost":-12.25,"lastModifiedDate":"2019-09-18T17:09:26+00:00"}`,
	},
	{ // A name that breaks what it is printed into.
		"00000000-0000-4000-8000-00000000000e", `"companyProfile":{"domain":"odd.example","companyName":"a \"quoted\"\nback\\slash 🚲 株式会社"},"relationshipToPartner":"reseller"`,
		200, `{"totalCost":1e3,"currencyCode":"JPY"}`,
	},
}

// servePages lists the customers over three pages: a link without /v1 and its
// header lead to the second one, a continuation token to the third. Neither a
// token without seekOperation nor the other way round leads anywhere.
func (p *partner) servePages(customers []customer) {
	var pages [3][]string
	for i, c := range customers {
		page := i * 3 / len(customers)
		pages[page] = append(pages[page], fmt.Sprintf(`{"id":%q,%s,"attributes":{"objectType":"Customer"}}`, c.id, c.item))
		p.on("/v1/customers/"+c.id+"/usagesummary", respond(c.status, c.body))
	}
	token := func(page string) string { return base64.StdEncoding.EncodeToString([]byte(page)) }
	p.on(listPath, func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		if size := query.Get("size"); size != "500" {
			p.t.Errorf("The list was requested with size %q, want 500", size)
		}
		page, more := 0, `"links":{"self":{"uri":"/customers?size=500","method":"GET","headers":[]},
			"next":{"uri":"/customers?size=500&seekOperation=Next","method":"GET","headers":[{"key":"MS-ContinuationToken","value":"`+token("2")+`"}]}}`
		if strings.EqualFold(query.Get("seekOperation"), "next") {
			switch r.Header.Get("MS-ContinuationToken") {
			case token("2"):
				page, more = 1, `"links":{},"continuationToken":"`+token("3")+`"`
			case token("3"):
				page, more = 2, `"links":{"self":{"uri":"/customers?size=500","method":"GET","headers":[]}}`
			}
		}
		respond(200, fmt.Sprintf(`{"totalCount":%d,"items":[%s],%s,"attributes":{"objectType":"Collection"}}`,
			len(pages[page]), strings.Join(pages[page], ","), more))(w, r)
	})
}

// Against a partner that is not the project's own, every figure is exact: the
// exposition is literal, but for two names whose values are the time of day.
func TestServeEveryQuirk(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	p.servePages(quirks)
	exporter := clitest.Start(t, p.flags("serve")...)
	t.Cleanup(http.DefaultClient.CloseIdleConnections) // ScrapeAndCompare uses it.
	err := testutil.ScrapeAndCompare(exporter.URL+"/metrics", strings.NewReader(quirksExposition),
		"azure_csp_customer_total_cost", "azure_csp_customer_total_cost_usd", "azure_csp_customer_budget",
		"azure_csp_customer_billing_period_start_timestamp_seconds", "azure_csp_customer_billing_period_end_timestamp_seconds",
		"azure_csp_customer_usage_last_modified_timestamp_seconds", "azure_csp_customer_fetch_success",
		"azure_csp_customer_info", "azure_csp_customers", "azure_csp_up")
	if err != nil {
		t.Error(err)
	}
	metrics := exporter.Get("/metrics")
	if got := len(metrics.Series("azure_csp_customer_usage_fetched_timestamp_seconds{")); got != 6 {
		t.Errorf("%d customers have the time of their figures, want the 6 with figures", got)
	}
	want := []string{
		`azure_csp_api_requests_total{code="200",endpoint="customers"} 3`,
		`azure_csp_api_requests_total{code="200",endpoint="token"} 1`,
	}
	got := append(metrics.Series(`azure_csp_api_requests_total{code="200",endpoint="customers"}`),
		metrics.Series(`azure_csp_api_requests_total{code="200",endpoint="token"}`)...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The refresh token is used up by the exchange, so the file has to hold the next
// one, and nobody else may read it.
func TestServeStoresTheRotatedToken(t *testing.T) {
	p := newPartner(t)
	p.servePages(quirks[:2])
	if err := os.Chmod(p.tokenFile, 0o644); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	exporter := clitest.Start(t, p.flags("serve")...)
	metrics := exporter.Get("/metrics")
	content, err := os.ReadFile(p.tokenFile)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(content), "fake-refresh-1\n"; got != want {
		t.Errorf("The file holds %q, want %q", got, want)
	}
	info, err := os.Stat(p.tokenFile)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode(); got != 0o600 {
		t.Errorf("The file has the mode %v, want that only the owner reads and writes it", got)
	}
	var issued float64
	if _, err := fmt.Sscanf(metrics.Series("azure_csp_auth_refresh_token_timestamp_seconds")[0], "azure_csp_auth_refresh_token_timestamp_seconds %g", &issued); err != nil {
		t.Fatal(err)
	}
	if at := time.Unix(int64(issued), 0); at.Before(began.Truncate(time.Second)) || at.After(time.Now()) {
		t.Errorf("The token was issued at %v, want about %v", at, began)
	}
}

// Flags choose the customers, and those who are left out cost no call.
func TestServeChoosesCustomers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		flags []string
		want  []string
	}{
		"by id, in either case":       {[]string{"--customers.include=65726577-c208-.*"}, []string{"600 test"}},
		"by name in lower case":       {[]string{"--customers.include=modern azure customer uk"}, []string{"Modern Azure Customer UK"}},
		"by id in upper case":         {[]string{"--customers.include=65726577-C208-.*"}, []string{"600 test"}},
		"all but a mixed-case domain": {[]string{`--customers.include=.*\.EXAMPLE`, "--customers.exclude=Uk.Example"}, []string{"600 test", "No Budget"}},
		"by name":                     {[]string{"--customers.include=600 test|Modern.*"}, []string{"600 test", "Modern Azure Customer UK"}},
		"by domain, but one":          {[]string{`--customers.include=.*\.example`, "--customers.exclude=uk.example"}, []string{"600 test", "No Budget"}},
		"by nothing":                  {[]string{"--customers.include=", "--customers.exclude="}, []string{"600 test", "Modern Azure Customer UK", "No Budget"}},
		"by a whole match only":       {[]string{"--customers.exclude=600"}, []string{"600 test", "Modern Azure Customer UK", "No Budget"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPartner(t)
			p.servePages(quirks[:3])
			metrics := clitest.Start(t, p.flags("serve", test.flags...)...).Get("/metrics")
			var got []string
			for _, c := range []string{"600 test", "Modern Azure Customer UK", "No Budget"} {
				if strings.Contains(metrics.Body, `customer_name="`+c+`"`) {
					got = append(got, c)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if got, want := len(metrics.Series("azure_csp_customer_info{")), len(test.want); got != want {
				t.Errorf("%d customers are exposed, want %d", got, want)
			}
		})
	}
}

// A public client has no secret, and sends none: the simulator refuses one.
func TestServePublicClient(t *testing.T) {
	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(3), PublicClient: true})
	args := slices.DeleteFunc(simulated(t, sim, "serve"), func(arg string) bool {
		return strings.HasPrefix(arg, "--partner.client-secret-file=")
	})
	metrics := clitest.Start(t, args...).Get("/metrics")
	if diff := cmp.Diff([]string{"azure_csp_up 1"}, metrics.Series("azure_csp_up ")); diff != "" {
		t.Error(diff)
	}
}

// Microsoft is told which program calls, and which version of it.
func TestServeTellsItsVersion(t *testing.T) {
	before := version.Version
	version.Version = "1.2.3"
	t.Cleanup(func() { version.Version = before })
	p, agent := newPartner(t), make(chan string, 1)
	p.on(listPath, func(w http.ResponseWriter, r *http.Request) {
		agent <- r.UserAgent()
		listOf()(w, r)
	})
	clitest.Start(t, p.flags("serve")...)
	if got := <-agent; got != "azure_csp_exporter/1.2.3" {
		t.Errorf("The agent is %q, want azure_csp_exporter/1.2.3", got)
	}
}

const quirksExposition = `# HELP azure_csp_customer_billing_period_end_timestamp_seconds End of the current billing period as the API states it, in seconds since the epoch: the first instant after it (Azure plan) or its last day (legacy). Cached.
# TYPE azure_csp_customer_billing_period_end_timestamp_seconds gauge
azure_csp_customer_billing_period_end_timestamp_seconds{customer_id="00000000-0000-4000-8000-000000000003",customer_name="No Budget"} 1.569888e+09
azure_csp_customer_billing_period_end_timestamp_seconds{customer_id="00000000-0000-4000-8000-00000000000c",customer_name="sansnom.example"} 1.5695676e+09
azure_csp_customer_billing_period_end_timestamp_seconds{customer_id="44908a11-641b-4c53-b7fc-0f2bfca8a581",customer_name="Modern Azure Customer UK"} 1.569888e+09
azure_csp_customer_billing_period_end_timestamp_seconds{customer_id="65726577-c208-40fd-9735-8c85ac9cac68",customer_name="600 test"} 1.4571648e+09
# HELP azure_csp_customer_billing_period_start_timestamp_seconds Start of the current billing period as the API states it, in seconds since the epoch. Cached.
# TYPE azure_csp_customer_billing_period_start_timestamp_seconds gauge
azure_csp_customer_billing_period_start_timestamp_seconds{customer_id="00000000-0000-4000-8000-000000000003",customer_name="No Budget"} 1.567296e+09
azure_csp_customer_billing_period_start_timestamp_seconds{customer_id="00000000-0000-4000-8000-00000000000c",customer_name="sansnom.example"} 1.5669756e+09
azure_csp_customer_billing_period_start_timestamp_seconds{customer_id="44908a11-641b-4c53-b7fc-0f2bfca8a581",customer_name="Modern Azure Customer UK"} 1.567296e+09
azure_csp_customer_billing_period_start_timestamp_seconds{customer_id="65726577-c208-40fd-9735-8c85ac9cac68",customer_name="600 test"} 1.4547456e+09
# HELP azure_csp_customer_budget Spending budget of a billing period, in the customer's billing currency. There is no series where none is set. Cached.
# TYPE azure_csp_customer_budget gauge
azure_csp_customer_budget{currency="",customer_id="00000000-0000-4000-8000-00000000000d",customer_name="Credit"} 20.5
azure_csp_customer_budget{currency="GBP",customer_id="44908a11-641b-4c53-b7fc-0f2bfca8a581",customer_name="Modern Azure Customer UK"} 97
azure_csp_customer_budget{currency="USD",customer_id="65726577-c208-40fd-9735-8c85ac9cac68",customer_name="600 test"} 300
# HELP azure_csp_customer_fetch_success Whether the last attempt to fetch the customer's usage succeeded; a customer without usage counts as a success.
# TYPE azure_csp_customer_fetch_success gauge
azure_csp_customer_fetch_success{customer_id="00000000-0000-4000-8000-000000000003",customer_name="No Budget"} 1
azure_csp_customer_fetch_success{customer_id="00000000-0000-4000-8000-000000000004",customer_name="No Usage, 400"} 1
azure_csp_customer_fetch_success{customer_id="00000000-0000-4000-8000-000000000005",customer_name="No Usage, 404"} 1
azure_csp_customer_fetch_success{customer_id="00000000-0000-4000-8000-000000000006",customer_name="No Access"} 0
azure_csp_customer_fetch_success{customer_id="00000000-0000-4000-8000-000000000007",customer_name="Not Found"} 0
azure_csp_customer_fetch_success{customer_id="00000000-0000-4000-8000-000000000008",customer_name="Failing"} 0
azure_csp_customer_fetch_success{customer_id="00000000-0000-4000-8000-000000000009",customer_name="HTML"} 0
azure_csp_customer_fetch_success{customer_id="00000000-0000-4000-8000-00000000000a",customer_name="Empty Body"} 0
azure_csp_customer_fetch_success{customer_id="00000000-0000-4000-8000-00000000000b",customer_name="No Total"} 0
azure_csp_customer_fetch_success{customer_id="00000000-0000-4000-8000-00000000000c",customer_name="sansnom.example"} 1
azure_csp_customer_fetch_success{customer_id="00000000-0000-4000-8000-00000000000d",customer_name="Credit"} 1
azure_csp_customer_fetch_success{customer_id="00000000-0000-4000-8000-00000000000e",customer_name="a \"quoted\"\nback\\slash 🚲 株式会社"} 1
azure_csp_customer_fetch_success{customer_id="44908a11-641b-4c53-b7fc-0f2bfca8a581",customer_name="Modern Azure Customer UK"} 1
azure_csp_customer_fetch_success{customer_id="65726577-c208-40fd-9735-8c85ac9cac68",customer_name="600 test"} 1
# HELP azure_csp_customer_info The customer's domain and its relationship to the partner. Always 1.
# TYPE azure_csp_customer_info gauge
azure_csp_customer_info{customer_id="00000000-0000-4000-8000-000000000003",customer_name="No Budget",domain="b.example",relationship="reseller"} 1
azure_csp_customer_info{customer_id="00000000-0000-4000-8000-000000000004",customer_name="No Usage, 400",domain="",relationship=""} 1
azure_csp_customer_info{customer_id="00000000-0000-4000-8000-000000000005",customer_name="No Usage, 404",domain="",relationship=""} 1
azure_csp_customer_info{customer_id="00000000-0000-4000-8000-000000000006",customer_name="No Access",domain="",relationship=""} 1
azure_csp_customer_info{customer_id="00000000-0000-4000-8000-000000000007",customer_name="Not Found",domain="",relationship=""} 1
azure_csp_customer_info{customer_id="00000000-0000-4000-8000-000000000008",customer_name="Failing",domain="",relationship=""} 1
azure_csp_customer_info{customer_id="00000000-0000-4000-8000-000000000009",customer_name="HTML",domain="",relationship=""} 1
azure_csp_customer_info{customer_id="00000000-0000-4000-8000-00000000000a",customer_name="Empty Body",domain="",relationship=""} 1
azure_csp_customer_info{customer_id="00000000-0000-4000-8000-00000000000b",customer_name="No Total",domain="",relationship=""} 1
azure_csp_customer_info{customer_id="00000000-0000-4000-8000-00000000000c",customer_name="sansnom.example",domain="sansnom.example",relationship="none"} 1
azure_csp_customer_info{customer_id="00000000-0000-4000-8000-00000000000d",customer_name="Credit",domain="",relationship=""} 1
azure_csp_customer_info{customer_id="00000000-0000-4000-8000-00000000000e",customer_name="a \"quoted\"\nback\\slash 🚲 株式会社",domain="odd.example",relationship="reseller"} 1
azure_csp_customer_info{customer_id="44908a11-641b-4c53-b7fc-0f2bfca8a581",customer_name="Modern Azure Customer UK",domain="uk.example",relationship="reseller"} 1
azure_csp_customer_info{customer_id="65726577-c208-40fd-9735-8c85ac9cac68",customer_name="600 test",domain="legacy.example",relationship="reseller"} 1
# HELP azure_csp_customer_total_cost Estimated cost of the current billing period so far, in the customer's billing currency. Cached estimate by Microsoft, not for billing.
# TYPE azure_csp_customer_total_cost gauge
azure_csp_customer_total_cost{currency="",customer_id="00000000-0000-4000-8000-00000000000d",customer_name="Credit"} -12.25
azure_csp_customer_total_cost{currency="EUR",customer_id="00000000-0000-4000-8000-00000000000c",customer_name="sansnom.example"} 1234.5
azure_csp_customer_total_cost{currency="GBP",customer_id="44908a11-641b-4c53-b7fc-0f2bfca8a581",customer_name="Modern Azure Customer UK"} 28.82860766744405
azure_csp_customer_total_cost{currency="JPY",customer_id="00000000-0000-4000-8000-00000000000e",customer_name="a \"quoted\"\nback\\slash 🚲 株式会社"} 1000
azure_csp_customer_total_cost{currency="SEK",customer_id="00000000-0000-4000-8000-000000000003",customer_name="No Budget"} 0
azure_csp_customer_total_cost{currency="USD",customer_id="65726577-c208-40fd-9735-8c85ac9cac68",customer_name="600 test"} 0
# HELP azure_csp_customer_total_cost_usd Estimated cost of the current billing period so far in US dollars, where the API states it. Cached estimate by Microsoft, not for billing.
# TYPE azure_csp_customer_total_cost_usd gauge
azure_csp_customer_total_cost_usd{customer_id="00000000-0000-4000-8000-000000000003",customer_name="No Budget"} 0
azure_csp_customer_total_cost_usd{customer_id="44908a11-641b-4c53-b7fc-0f2bfca8a581",customer_name="Modern Azure Customer UK"} 35.230000000000004
# HELP azure_csp_customer_usage_last_modified_timestamp_seconds When Microsoft last changed the figures, in seconds since the epoch. Cached.
# TYPE azure_csp_customer_usage_last_modified_timestamp_seconds gauge
azure_csp_customer_usage_last_modified_timestamp_seconds{customer_id="00000000-0000-4000-8000-000000000003",customer_name="No Budget"} 1.5688265664e+09
azure_csp_customer_usage_last_modified_timestamp_seconds{customer_id="00000000-0000-4000-8000-00000000000c",customer_name="sansnom.example"} 1.587506993051e+09
azure_csp_customer_usage_last_modified_timestamp_seconds{customer_id="00000000-0000-4000-8000-00000000000d",customer_name="Credit"} 1.568826566e+09
azure_csp_customer_usage_last_modified_timestamp_seconds{customer_id="44908a11-641b-4c53-b7fc-0f2bfca8a581",customer_name="Modern Azure Customer UK"} 1.56882656616e+09
azure_csp_customer_usage_last_modified_timestamp_seconds{customer_id="65726577-c208-40fd-9735-8c85ac9cac68",customer_name="600 test"} 1.4564797745130558e+09
# HELP azure_csp_customers Customers by state, as of the last attempt to fetch their usage.
# TYPE azure_csp_customers gauge
azure_csp_customers{status="error"} 4
azure_csp_customers{status="no_access"} 1
azure_csp_customers{status="no_usage"} 2
azure_csp_customers{status="not_found"} 1
azure_csp_customers{status="ok"} 6
azure_csp_customers{status="pending"} 0
# HELP azure_csp_up Whether the last refresh got a token and listed the customers.
# TYPE azure_csp_up gauge
azure_csp_up 1
`
