package simulator_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

const (
	listPath    = "/v1/customers?size=500"
	recordsPath = "/v1/customers/usagerecords"
	summaryPath = "/v1/customers/{first}/usagesummary"
)

// namedFaults has a request that meets each fault, and a part of its response that
// no response without the fault has.
var namedFaults = map[string]struct {
	path   string
	status int
	part   string
}{
	"another-customers-body": {summaryPath, 200, `"totalCost":200.`},
	"crlf-continuation":      {listPath, 200, `"value":"token\r\nX-Injected: 1"`},
	"crlf-refresh-token":     {tokenPath, 200, `"refresh_token":"token\r\nX-Injected: 1"`},
	"crlf-token":             {tokenPath, 200, `"access_token":"token\r\nX-Injected: 1"`},
	"dot-ids":                {listPath, 200, `"id":".."`},
	"duplicate-records":      {recordsPath, 200, `"totalCost":999999,"usdTotalCost"`},
	"echoed-secret":          {tokenPath, 400, `NOT-A-SECRET-SIMULATED not%2Da%2Dsecret%2Dsimulated`},
	"empty-body":             {summaryPath, 200, ``},
	"empty-items":            {listPath, 200, `"items":[{},{},{},{}]`},
	"empty-list":             {listPath, 200, `"items":[],"links":{"self":{"headers":[],"method":"GET","uri":"/customers?size=500"}},"totalCount":0`},
	"empty-list-with-count":  {listPath, 200, `"items":[],"links":{"self":{"headers":[],"method":"GET","uri":"/customers?size=500"}},"totalCount":4`},
	"endless-list":           {listPath, 200, `"uri":"/customers?size=500\u0026seekOperation=Next"`},
	"error-body-with-items":  {listPath, 200, `{"attributes":{"objectType":"Collection"},"code":"2000","description":"Something went wrong.","items":[]`},
	"expires-in-fraction":    {tokenPath, 200, `"expires_in":3599.5`},
	"expires-in-negative":    {tokenPath, 200, `"expires_in":-1`},
	"expires-in-nonsense":    {tokenPath, 200, `"expires_in":"soon"`},
	"expires-in-zero":        {tokenPath, 200, `"expires_in":0`},
	"grant-blip":             {tokenPath, 400, `AADSTS70000: `},
	"gzip-bomb-list":         {listPath, 200, "\x1f\x8b"},
	"half-401":               {"/v1/customers/{second}/usagesummary", 401, `"code":"400"`},
	"half-the-list":          {listPath, 200, `"totalCount":1`},
	"html-200-api":           {listPath, 200, `<title>Sign in to the network</title>`},
	"html-200-token":         {tokenPath, 200, `<title>Sign in to the network</title>`},
	"html-302-api":           {listPath, 302, `<title>Sign in to the network</title>`},
	"html-302-token":         {tokenPath, 302, `<title>Sign in to the network</title>`},
	"html-307-api":           {recordsPath, 307, `<title>Sign in to the network</title>`},
	"html-307-token":         {tokenPath, 307, `<title>Sign in to the network</title>`},
	"html-400-api":           {summaryPath, 400, `<title>Sign in to the network</title>`},
	"html-400-token":         {tokenPath, 400, `<title>Sign in to the network</title>`},
	"html-401-api":           {listPath, 401, `<title>Sign in to the network</title>`},
	"html-401-token":         {tokenPath, 401, `<title>Sign in to the network</title>`},
	"html-403-api":           {listPath, 403, `<title>Sign in to the network</title>`},
	"html-403-token":         {tokenPath, 403, `<title>Sign in to the network</title>`},
	"html-404-api":           {listPath, 404, `<title>Sign in to the network</title>`},
	"html-404-token":         {tokenPath, 404, `<title>Sign in to the network</title>`},
	"html-407-api":           {listPath, 407, `<title>Sign in to the network</title>`},
	"html-407-token":         {tokenPath, 407, `<title>Sign in to the network</title>`},
	"items-without-id":       {listPath, 200, `"tenantId":"11111111-0000-4000-8000-000000000000"},"links"`},
	"list-breaks-off":        {listPath, 204, ``},
	"month-start":            {summaryPath, 200, `"lastModifiedDate":"2026-11-01T01:00:00+00:00"`},
	"next-link-elsewhere":    {listPath, 200, `"uri":"https://elsewhere-example.com/v1/customers?size=500\u0026seekOperation=Next"`},
	"no-relationship":        {summaryPath, 400, `"description":"The partner does not have a relationship with the customer."`},
	"null-items":             {listPath, 200, `"items":[null,null,null,null]`},
	"numeric-refresh-token":  {tokenPath, 200, `"refresh_token":9000000001`},
	"odd-secondary-fields":   {summaryPath, 200, `"budget":5,"currencyCode":"EUR","lastModifiedDate":"2026-11-25"`},
	"offset-of-a-day":        {summaryPath, 200, `"billingEndDate":"2026-12-01T00:00:00+24:00"`},
	"partner-wide-body":      {summaryPath, 200, `"objectType":"PartnerUsageSummary"`},
	"random-429":             {listPath, 429, `Try again in 1 seconds.`},
	"retry-after-a-day":      {summaryPath, 503, `Service Unavailable`},
	"role-lost":              {recordsPath, 403, `"code":"900150"`},
	"skewed-retry-after":     {listPath, 429, `Rate limit is exceeded.`},
	"slow-list":              {listPath, 200, ``},
	"slow-records":           {recordsPath, 200, ``},
	"throttled-for-a-day":    {summaryPath, 429, `Try again in 86400 seconds.`},
	"token-429":              {tokenPath, 429, `Rate limit is exceeded.`},
	"turns-to-no-usage":      {summaryPath, 400, `"description":"Customer does not have usage data."`},
	"twin-keys":              {summaryPath, 200, `"totalcost":999999`},
	"without-cost":           {summaryPath, 200, `"resourceName":"Customer 1","usdTotalCost"`},
}

// fourCustomers returns customers who buy by Azure plan and cost 100, 200, 300 and
// 400 EUR or a little less in the middle of a month.
func fourCustomers() []simulator.Customer {
	var customers []simulator.Customer
	for i, id := range []string{"1", "2", "3", "4"} {
		customers = append(customers, simulator.Customer{
			ID:   strings.Repeat(id, 8) + "-0000-4000-8000-000000000000",
			Name: "Customer " + id, Domain: "c" + id + ".example", Currency: "EUR", PerUSD: 1, Month: float64(i+1) * 3000,
		})
	}
	return customers
}

// Each named fault changes the response that it is about, and ends when it is
// switched off.
func TestNamedFaults(t *testing.T) {
	for _, name := range simulator.FaultNames() {
		t.Run(name, func(t *testing.T) {
			want, ok := namedFaults[name]
			if !ok {
				t.Fatal("The fault has no expectation")
			}
			synctest.Test(t, func(t *testing.T) { meetFault(t, name, want.path, want.status, want.part) })
		})
	}
}

func meetFault(t *testing.T, name, path string, status int, part string) {
	t.Helper()
	now := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	sim := simulator.New(simulator.Config{Customers: fourCustomers(), Now: func() time.Time { return now }})
	c := newCaller(t, sim)
	before := c.meet(path)
	if err := sim.SetFault(name, true); err != nil {
		t.Fatal(err)
	}
	got, body := c.meetUntil(path, status)
	if got != status || !strings.Contains(body, part) || (part == "" && body != "") {
		t.Errorf("It responded %d %.2000s, want %d and %s", got, body, status, part)
	}
	if before == "" || (part != "" && strings.Contains(before, part)) {
		t.Errorf("Without the fault, it responded the same: %s", before)
	}
	if err := sim.SetFault(name, false); err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, "/token") {
		return // Each token is another.
	}
	if diff := cmp.Diff(before, c.meet(path)); diff != "" {
		t.Errorf("After the fault, another response: %s", diff)
	}
}

// meet sends a request that a fault is about, and returns the body of the response.
func (c caller) meet(path string) string {
	_, body := c.meetUntil(path, 200)
	return body
}

// meetUntil sends a request until its response has a status, as chance may decide,
// but not more than 500 times.
func (c caller) meetUntil(path string, status int) (got int, body string) {
	for range 500 {
		recorder := c.meetOnce(path, status)
		if got, body = recorder.Code, recorder.Body.String(); got == status {
			break
		}
	}
	return got, body
}

func (c caller) meetOnce(path string, status int) *httptest.ResponseRecorder {
	if strings.HasSuffix(path, "/token") {
		return exchange(c.sim, path, nil)
	}
	path = strings.NewReplacer("{first}", "11111111-0000-4000-8000-000000000000", "{second}", "22222222-0000-4000-8000-000000000000").Replace(path)
	headers := []string{"Accept-Encoding: gzip"}
	if status == http.StatusNoContent {
		headers = append(headers, "MS-ContinuationToken: MA==")
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Second)
	defer cancel()
	return c.do(ctx, http.MethodGet, path, headers...)
}

func TestUnknownFault(t *testing.T) {
	err := simulator.New(simulator.Config{}).SetFault("no-such-fault", true)
	if err == nil || err.Error() != `no fault is named "no-such-fault"` {
		t.Errorf("It returned %v", err)
	}
}

// With the fault month-start, five days have the figures of the first hour, and
// the sixth has its own.
func TestMonthStart(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 30, 0, 0, time.UTC)
	sim := simulator.New(simulator.Config{Customers: fourCustomers(), Now: func() time.Time { return now }})
	c := newCaller(t, sim)
	if err := sim.SetFault("month-start", true); err != nil {
		t.Fatal(err)
	}
	modified := regexp.MustCompile(`"lastModifiedDate":"([^"]*)"`)
	var got []string
	for _, now = range []time.Time{now, now.Add(time.Hour), now.AddDate(0, 0, 4), now.AddDate(0, 0, 5)} {
		got = append(got, modified.FindStringSubmatch(c.meet(summaryPath))[1])
	}
	want := []string{"2026-11-01T00:30:00+00:00", "2026-11-01T01:00:00+00:00", "2026-11-01T01:00:00+00:00", "2026-11-06T00:30:00+00:00"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The table of docs/development.md has each fault with its effect.
func TestDocsNameTheFaults(t *testing.T) {
	page, err := os.ReadFile("../../docs/development.md")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, name := range simulator.FaultNames() {
		want = append(want, "| `"+name+"` | "+simulator.FaultEffect(name)+" |")
	}
	_, table, _ := strings.Cut(string(page), "| fault | effect |\n|---|---|\n")
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		got = append(got, strings.TrimSuffix(line, "\n"))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
