package client_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// summaryOf asks a server that answers with a body for the usage summary.
func summaryOf(t *testing.T, body string) (client.UsageSummary, error) {
	t.Helper()
	return summaryOfCustomer(t, customerID, body)
}

func summaryOfCustomer(t *testing.T, id, body string) (client.UsageSummary, error) {
	t.Helper()
	s := newServer(t)
	s.on("/v1/customers/"+id+"/usagesummary", answer(200, body))
	return s.client().UsageSummary(t.Context(), id)
}

// The figures are the customer's own, as docs/operations.md promises: a body about
// another customer, a partner or another resource is a bad response.
func TestSummaryIsTheCustomersOwn(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		ok   bool
	}{
		"no id":                      {`{"totalCost":7}`, true},
		"the id in upper case":       {`{"resourceId":"44908A11-641B-4C53-B7FC-0F2BFCA8A581","totalCost":7}`, true},
		"both ids":                   {`{"id":"44908a11-641b-4c53-b7fc-0f2bfca8a581","resourceId":"44908a11-641b-4c53-b7fc-0f2bfca8a581","totalCost":7}`, true},
		"the documented type":        {`{"totalCost":7,"attributes":{"objectType":"CustomerUsageSummary"}}`, true},
		"another customer":           {`{"resourceId":"65726577-c208-40fd-9735-8c85ac9cac68","totalCost":7}`, false},
		"another customer, by id":    {`{"id":"65726577-c208-40fd-9735-8c85ac9cac68","totalCost":7}`, false},
		"two ids, of which one's":    {`{"id":"44908a11-641b-4c53-b7fc-0f2bfca8a581","resourceId":"65726577-c208-40fd-9735-8c85ac9cac68","totalCost":7}`, false},
		"the summary of the partner": {`{"totalCost":7,"attributes":{"objectType":"PartnerUsageSummary"}}`, false},
		"a record":                   {`{"totalCost":7,"attributes":{"objectType":"CustomerMonthlyUsageRecord"}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			summary, err := summaryOf(t, test.body)
			if test.ok && (err != nil || summary.TotalCost != 7) {
				t.Errorf("got %v and %v, want a cost of 7", summary.TotalCost, err)
			}
			if !test.ok && client.ReasonOf(err) != client.ReasonDecode {
				t.Errorf("got %v and %v, want a bad response", summary.TotalCost, err)
			}
		})
	}
}

// Both published samples decode field by field. Times are compared as instants.
func TestUsageSummaryOfPublishedSamples(t *testing.T) {
	pacific := time.FixedZone("", -8*60*60)
	for name, want := range map[string]client.UsageSummary{
		"customer_usagesummary_145p.json": {
			Usage: client.Usage{
				CustomerID:   "65726577-C208-40FD-9735-8C85AC9CAC68",
				CustomerName: "600 test",
				TotalCost:    0,
				Budget:       new(300.0),
				Currency:     "USD",
				LastModified: time.Date(2016, 2, 26, 9, 42, 54, 513055800, time.UTC),
			},
			BillingStart: time.Date(2016, 2, 6, 0, 0, 0, 0, pacific),
			BillingEnd:   time.Date(2016, 3, 5, 8, 0, 0, 0, time.UTC),
		},
		"customer_usagesummary_azureplan.json": {
			Usage: client.Usage{
				CustomerID:   "44908a11-641b-4c53-b7fc-0f2bfca8a581",
				CustomerName: "Modern Azure Customer UK",
				TotalCost:    28.82860766744404945074,
				USDTotalCost: new(35.23000000000000362337),
				Budget:       new(97.0),
				Currency:     "GBP",
				LastModified: time.Date(2019, 9, 18, 17, 9, 26, 160000000, time.UTC),
			},
			BillingStart: time.Date(2019, 9, 1, 0, 0, 0, 0, time.UTC),
			BillingEnd:   time.Date(2019, 10, 1, 0, 0, 0, 0, time.UTC),
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, mark := range []string{"", "\ufeff"} {
				got, err := summaryOfCustomer(t, want.CustomerID, mark+fixture(t, name))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("After the mark %q (-want +got):\n%s", mark, diff)
				}
			}
		})
	}
}

// The API leaves fields out, spells them in two ways and has old twins of them.
func TestUsageSummaryVariants(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want client.Usage
	}{
		"only a cost":             {`{"totalCost":7}`, client.Usage{TotalCost: 7}},
		"credit":                  {`{"totalCost":-1.5}`, client.Usage{TotalCost: -1.5}},
		"budget without amount":   {`{"totalCost":7,"budget":{"attributes":{"objectType":"SpendingBudget"}}}`, client.Usage{TotalCost: 7}},
		"budget amount null":      {`{"totalCost":7,"budget":{"amount":null}}`, client.Usage{TotalCost: 7}},
		"budget null":             {`{"totalCost":7,"budget":null}`, client.Usage{TotalCost: 7}},
		"budget zero":             {`{"totalCost":7,"budget":{"amount":0}}`, client.Usage{TotalCost: 7, Budget: new(0.0)}},
		"older budget field":      {`{"totalCost":7,"budget":{"usageSpendingBudget":5.5}}`, client.Usage{TotalCost: 7, Budget: new(5.5)}},
		"amount before its twins": {`{"totalCost":7,"budget":{"usageSpendingBudget":1,"ammount":2,"amount":3}}`, client.Usage{TotalCost: 7, Budget: new(3.0)}},
		"zero dollars":            {`{"totalCost":7,"usdTotalCost":0}`, client.Usage{TotalCost: 7, USDTotalCost: new(0.0)}},
		"null dollars":            {`{"totalCost":7,"usdTotalCost":null}`, client.Usage{TotalCost: 7}},
		"twins":                   {`{"totalCost":7,"id":"44908a11-641b-4c53-b7fc-0f2bfca8a581","resourceId":"44908A11-641B-4C53-B7FC-0F2BFCA8A581","name":"y","resourceName":"X"}`, client.Usage{TotalCost: 7, CustomerID: "44908A11-641B-4C53-B7FC-0F2BFCA8A581", CustomerName: "X"}},
		"name in any script":      {`{"totalCost":7,"name":"株式会社 Ελλάς 🏢"}`, client.Usage{TotalCost: 7, CustomerName: "株式会社 Ελλάς 🏢"}},
		"Pascal case":             {`{"TotalCost":7,"ResourceId":"44908A11-641B-4C53-B7FC-0F2BFCA8A581","Budget":{"Amount":5},"CurrencyCode":"SEK"}`, client.Usage{TotalCost: 7, CustomerID: "44908A11-641B-4C53-B7FC-0F2BFCA8A581", Budget: new(5.0), Currency: "SEK"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := summaryOf(t, test.body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(client.UsageSummary{Usage: test.want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The API writes dates with offset, with Z and without zone, with 0 to 7
// fractional digits, and .NET's first and last years where it has none.
func TestUsageSummaryDates(t *testing.T) {
	at := func(nanoseconds int) time.Time { return time.Date(2020, 4, 21, 22, 9, 53, nanoseconds, time.UTC) }
	for written, want := range map[string]time.Time{
		`"2020-04-21T22:09:53Z"`:              at(0),
		`"2020-04-21T22:09:53.4Z"`:            at(400000000),
		`"2020-04-21T22:09:53.16+00:00"`:      at(160000000),
		`"2020-04-21T22:09:53.193Z"`:          at(193000000),
		`"2020-04-21T22:09:53.1433Z"`:         at(143300000),
		`"2020-04-21T22:09:53.14333Z"`:        at(143330000),
		`"2020-04-21T22:09:53.143333Z"`:       at(143333000),
		`"2020-04-21T22:09:53.1433333-00:00"`: at(143333300),
		`"2020-04-21T15:09:53-07:00"`:         at(0),
		`"2020-04-22T07:54:53+09:45"`:         at(0),
		`"2020-04-21T22:09:53"`:               at(0),
		`"2020-04-21T22:09:53.051"`:           at(51000000),
		`null`:                                {},
		`"0001-01-01T00:00:00"`:               {},
		`"0001-01-01T00:00:00-08:00"`:         {},
		`"9999-12-31T23:59:59.9999999Z"`:      {},
		`"9999-12-04T00:00:00Z"`:              {},
	} {
		got, err := summaryOf(t, fmt.Sprintf(`{"totalCost":7,"billingStartDate":%s,"billingEndDate":%[1]s,"lastModifiedDate":%[1]s}`, written))
		if err != nil {
			t.Errorf("%s: %v", written, err)
		}
		wanted := client.UsageSummary{
			Usage:        client.Usage{TotalCost: 7, LastModified: want},
			BillingStart: want,
			BillingEnd:   want,
		}
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", written, diff)
		}
	}
}

func TestUsageSummaryCurrency(t *testing.T) {
	for _, test := range []struct{ code, locale, want string }{
		{"GBP", "", "GBP"},
		{" sek ", "", "SEK"},
		{"JPY", "en-US", "JPY"},
		{"", "en-US", "USD"},
		{"", "en-us", "USD"},
		{"", "fr-FR", "EUR"},
		{"", "sv-SE", "SEK"},
		{"", "de-CH", "CHF"},
		{"", "zh-Hant-TW", "TWD"},
		{"not a code", "nb-NO", "NOK"},
		// These regions took the euro after the tables of golang.org/x/text.
		{"", "hr-HR", "EUR"},
		{"", "bg-BG", "EUR"},
		// These name no country, or none that there is.
		{"", "fr", ""},
		{"", "es-419", ""},
		{"", "en-ZZ", ""},
		{"", "$$$ no locale", ""},
		{"12", "", ""},
		{"", "", ""},
	} {
		got, err := summaryOf(t, fmt.Sprintf(`{"totalCost":7,"currencyCode":%q,"currencyLocale":%q}`, test.code, test.locale))
		if err != nil || got.Currency != test.want {
			t.Errorf("Code %q and locale %q: got %q and %v, want %q", test.code, test.locale, got.Currency, err, test.want)
		}
	}
}

// A bad answer is an error that names the call and the reason, never a wrong
// number. It does not quote the body, which may hold anything.
func TestUsageSummaryThatCannotBeRead(t *testing.T) {
	const marker = "31415926"
	for name, test := range map[string]struct{ body, want string }{
		"empty":               {"", "the body is empty"},
		"only white space":    {" \r\n", "the body is empty"},
		"only the order mark": {"\ufeff", "the body is empty"},
		"HTML":                {"<html>" + marker + "</html>", "the body is HTML or XML, not JSON"},
		"plain text":          {marker, "the body is not a JSON object"},
		"array":               {"[{\"totalCost\":" + marker + "}]", "the body is not a JSON object"},
		"truncated":           {`{"name":"` + marker, "the body is broken JSON"},
		"two values":          {`{"totalCost":1}{"totalCost":` + marker + `}`, "the body is broken JSON"},
		"no cost":             {`{"name":"` + marker + `"}`, "totalCost is missing"},
		"null cost":           {`{"totalCost":null,"name":"` + marker + `"}`, "totalCost is missing"},
		"cost in words":       {`{"totalCost":"` + marker + `"}`, "the body does not have the documented form"},
		"cost out of range":   {`{"totalCost":` + marker + `e999}`, "the body does not have the documented form"},
		"date in words":       {`{"totalCost":1,"billingEndDate":"` + marker + `"}`, "date"},
		"empty date":          {`{"totalCost":1,"billingEndDate":""}`, "date"},
		"date as a number":    {`{"totalCost":1,"billingEndDate":` + marker + `}`, "a date is not a string"},
		"id as a number":      {`{"totalCost":1,"id":` + marker + `}`, "the body does not have the documented form"},
		"cost in other case":  {`{"totalCost":null,"TOTALCOST":` + marker + `}`, "totalCost is missing"},
		"of 1 MiB":            {strings.Repeat(" ", 1<<20-2) + `{}`, "totalCost is missing"},
		"1 MiB and a byte":    {strings.Repeat(" ", 1<<20-1) + `{}`, "the body is larger than 1048576 bytes"},
		"larger than 1 MiB":   {`{"totalCost":` + marker + strings.Repeat(" ", 1<<20) + `}`, "the body is larger than 1048576 bytes"},
		"another resource":    {fixture(t, "recorded_agreements.wire_bom.json"), `the body is a "Collection", not a CustomerUsageSummary`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := summaryOf(t, test.body)
			e := failure(t, err)
			if e.Endpoint != client.EndpointUsageSummary || e.Reason != client.ReasonDecode || e.StatusCode != http.StatusOK {
				t.Errorf("got %s, %s, %d", e.Endpoint, e.Reason, e.StatusCode)
			}
			if prefix := `usagesummary of customer "` + customerID + `": HTTP 200: `; !strings.HasPrefix(err.Error(), prefix) {
				t.Errorf("got %q, want the prefix %q", err, prefix)
			}
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), marker) {
				t.Errorf("got %q, want %q and nothing of the body", err, test.want)
			}
			if diff := cmp.Diff(client.UsageSummary{}, got); diff != "" {
				t.Errorf("There are figures beside the error: %s", diff)
			}
		})
	}
}

// A secondary field of an odd form costs that field only, with one warning that counts,
// and a key in another case does not override the documented one.
func TestSummaryWithOddFields(t *testing.T) {
	const id = `"resourceId":"44908a11-641b-4c53-b7fc-0f2bfca8a581"`
	for name, test := range map[string]struct {
		body string
		want client.Usage
		odd  string // the field that is warned of
	}{
		"a date only":         {`{"totalCost":7,"lastModifiedDate":"2020-04-21"}`, client.Usage{TotalCost: 7}, "lastModifiedDate"},
		"a date as a number":  {`{"totalCost":7,"lastModifiedDate":5}`, client.Usage{TotalCost: 7}, "lastModifiedDate"},
		"dollars as text":     {`{"totalCost":7,"usdTotalCost":"8"}`, client.Usage{TotalCost: 7}, "usdTotalCost"},
		"budget as a number":  {`{"totalCost":7,"budget":300}`, client.Usage{TotalCost: 7}, "budget"},
		"amount as text":      {`{"totalCost":7,"budget":{"amount":"300"}}`, client.Usage{TotalCost: 7}, "budget"},
		"name as a list":      {`{"totalCost":7,"resourceName":["x"],"name":"y"}`, client.Usage{TotalCost: 7, CustomerName: "y"}, "resourceName"},
		"upper case after":    {`{"totalCost":7,"TOTALCOST":8,` + id + `}`, client.Usage{TotalCost: 7, CustomerID: customerID}, ""},
		"upper case before":   {`{"TotalCost":8,"totalcost":9,"totalCost":7}`, client.Usage{TotalCost: 7}, ""},
		"an id in other case": {`{"totalCost":7,` + id + `,"RESOURCEID":"65726577-c208-40fd-9735-8c85ac9cac68"}`, client.Usage{TotalCost: 7, CustomerID: customerID}, ""},
		"a budget in another": {`{"totalCost":7,"budget":{"amount":5,"AMOUNT":6}}`, client.Usage{TotalCost: 7, Budget: new(5.0)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(s *server) {
				t := s.t
				s.on(summaryPath, answer(200, test.body))
				var lines strings.Builder
				cfg := s.config()
				cfg.Logger = level.NewFilter(log.NewLogfmtLogger(&lines), level.AllowInfo())
				c := newClient(t, cfg)
				for range 10 {
					got, err := c.UsageSummary(t.Context(), customerID)
					if diff := cmp.Diff(client.UsageSummary{Usage: test.want}, got); diff != "" || err != nil {
						t.Errorf("got %v (-want +got):\n%s", err, diff)
					}
				}
				want := ""
				if test.odd != "" {
					line := `level=warn msg="a field does not have the documented form and is left out" endpoint=usagesummary field=` + test.odd
					want = line + " count=1\n" + line + " count=10\n"
				}
				if diff := cmp.Diff(want, lines.String()); diff != "" {
					t.Errorf("log (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// An error message is written to logs, where a body must not make it endless.
func TestUsageSummaryErrorIsShort(t *testing.T) {
	for name, body := range map[string]string{
		"number": `{"totalCost":1` + strings.Repeat("0", 100_000) + `}`,
		"date":   `{"totalCost":1,"billingEndDate":"` + strings.Repeat("0", 100_000) + `"}`,
	} {
		if _, err := summaryOf(t, body); err == nil || len(err.Error()) > 2048 {
			t.Errorf("%s: the error has %d bytes", name, len(fmt.Sprint(err)))
		}
	}
}

// Neither "no content" nor a redirect is documented, and a redirect is not
// followed, because the access token would go wherever it leads.
func TestUsageSummaryWithOtherSuccess(t *testing.T) {
	elsewhere := newServer(t)
	elsewhere.on("/elsewhere", answer(200, `{"totalCost":1}`))
	for status, headers := range map[int][]string{
		204: nil,
		202: nil,
		302: {"Location: " + elsewhere.URL + "/elsewhere"},
		307: {"Location: " + elsewhere.URL + "/elsewhere"},
		308: {"Location: /elsewhere"},
	} {
		s := newServer(t)
		s.on(summaryPath, answer(status, "", headers...))
		_, err := s.client().UsageSummary(t.Context(), customerID)
		if e := failure(t, err); e.Reason != client.ReasonDecode || e.StatusCode != status {
			t.Errorf("got %v for %s, want %d for %s", err, e.Reason, status, client.ReasonDecode)
		}
		if n := len(s.calls(summaryPath)) + len(s.calls("/elsewhere")); n != 1 {
			t.Errorf("status %d: there were %d calls, want 1", status, n)
		}
	}
	if got := elsewhere.calls("/elsewhere"); len(got) != 0 {
		t.Errorf("The redirect was followed: %v", got)
	}
}
