package simulator_test

import (
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

// listed is a page of customers.
type listed struct {
	TotalCount int
	Items      []struct {
		ID             string
		CompanyProfile struct{ TenantID, Domain, CompanyName string }
	}
	Links struct {
		Next struct {
			URI, Method string
			Headers     []struct{ Key, Value string }
		}
	}
}

// Over real HTTP, the client finds every customer in their order, however many
// pages that takes.
func TestClientListsEveryCustomer(t *testing.T) {
	fleet := simulator.Fleet(1200)
	sim := simulator.New(simulator.Config{Customers: fleet})
	server := httptest.NewServer(sim)
	defer server.Close()
	got, err := newClient(t, sim, server.URL).Customers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var want []client.Customer
	for _, c := range fleet {
		want = append(want, client.Customer{ID: c.ID, Name: c.Name, Domain: c.Domain, Relationship: "reseller"})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	calls := map[client.Endpoint]int{client.EndpointToken: 1, client.EndpointCustomers: 3}
	if diff := cmp.Diff(calls, sim.Stats().Calls); diff != "" {
		t.Error(diff)
	}
}

// By hand, the link and its header lead from page to page.
func TestPages(t *testing.T) {
	fleet := simulator.Fleet(120)
	c := newCaller(t, simulator.New(simulator.Config{Customers: fleet}))
	var ids []string
	var counts []int
	page := read[listed](t, c.get("/v1/customers?size=50"))
	for {
		counts = append(counts, page.TotalCount)
		for _, item := range page.Items {
			ids = append(ids, item.ID)
		}
		next := page.Links.Next
		if next.URI == "" {
			break
		}
		if strings.HasPrefix(next.URI, "/v1") || next.Method != http.MethodGet || len(next.Headers) != 1 || next.Headers[0].Key != "MS-ContinuationToken" {
			t.Fatalf("The link to the next page is %+v", next)
		}
		page = read[listed](t, c.get("/v1"+next.URI, "MS-ContinuationToken: "+next.Headers[0].Value))
	}
	var want []string
	for _, customer := range fleet {
		want = append(want, customer.ID)
	}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{50, 50, 20}, counts); diff != "" {
		t.Error(diff)
	}
}

// Neither the token nor seekOperation pages alone, and what makes no sense is
// refused with code 2000.
func TestPaging(t *testing.T) {
	c := newCaller(t, simulator.New(simulator.Config{Customers: simulator.Fleet(30)}))
	first := read[listed](t, c.get("/v1/customers?size=10"))
	token := "MS-ContinuationToken: " + first.Links.Next.Headers[0].Value
	tests := map[string]struct {
		query, header string
		first         int // position of the first customer
		items         int
	}{
		"the first page":        {"size=10", "", 0, 10},
		"the next page":         {"size=10&seekOperation=Next", token, 10, 10},
		"in any case":           {"size=10&seekOperation=next", token, 10, 10},
		"a token alone":         {"size=10", token, 0, 10},
		"another operation":     {"size=10&seekOperation=First", token, 0, 10},
		"seekOperation alone":   {"size=10&seekOperation=Next", "", 0, 10},
		"all in one page":       {"size=500", "", 0, 30},
		"the server's own size": {"size=0", "", 0, 30},
	}
	all := read[listed](t, c.get("/v1/customers?size=500")).Items
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := read[listed](t, c.get("/v1/customers?"+test.query, test.header))
			if diff := cmp.Diff(all[test.first:test.first+test.items], got.Items); diff != "" {
				t.Error(diff)
			}
		})
	}
	for query, header := range map[string]string{
		"": "", "size=501": "", "size=-1": "", "size=ten": "",
		"size=10&seekOperation=Next": "MS-ContinuationToken: !",
		"size=11&seekOperation=Next": "MS-ContinuationToken: bm8=", // "no"
		"size=12&seekOperation=Next": "MS-ContinuationToken: LTE=", // "-1"
		"size=13&seekOperation=Next": "MS-ContinuationToken: MzE=", // "31"
	} {
		t.Run(query, func(t *testing.T) {
			recorder := c.get("/v1/customers?"+query, header)
			if got := read[fault](t, recorder); recorder.Code != 400 || got.Code != "2000" {
				t.Errorf("It answered %d and %v, want 400 and code 2000", recorder.Code, got)
			}
		})
	}
}

// The client reads from a summary exactly what the simulator has of a customer,
// and learns why there is none.
func TestSummariesAreTheFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet := simulator.Fleet(120)
		sim := simulator.New(simulator.Config{Customers: fleet})
		c := newClient(t, sim, "")
		time.Sleep(11*24*time.Hour + 90*time.Second)
		for _, customer := range fleet {
			got, err := c.UsageSummary(t.Context(), customer.ID)
			refused := map[simulator.Answer]bool{
				simulator.NoUsage: client.IsNoUsage(err), simulator.NoAccess: client.IsNoAccess(err), simulator.NotFound: client.IsNotFound(err),
			}
			if customer.Answer != simulator.Usage {
				if !refused[customer.Answer] {
					t.Errorf("%s: %v, want answer %v", customer.Name, err, customer.Answer)
				}
				continue
			}
			if err != nil {
				t.Error(err)
				continue
			}
			if diff := cmp.Diff(wantSummary(customer), got, cmp.Comparer(time.Time.Equal)); diff != "" {
				t.Errorf("%s: %s", customer.Name, diff)
			}
		}
	})
}

// currencies are those of the cultures that legacy usage states.
var currencies = map[string]string{
	"de-DE": "EUR", "en-US": "USD", "en-GB": "GBP", "sv-SE": "SEK", "ja-JP": "JPY", "de-CH": "CHF", "pl-PL": "PLN", "pt-BR": "BRL",
}

func wantSummary(c simulator.Customer) client.UsageSummary {
	f := c.Figures(time.Now())
	summary := client.UsageSummary{BillingStart: f.Start, BillingEnd: f.End, Usage: client.Usage{
		CustomerID: c.ID, CustomerName: c.Name, TotalCost: f.Cost, Budget: c.Budget, LastModified: f.Modified, Currency: currencies[c.Locale],
	}}
	if c.Plan == simulator.AzurePlan {
		summary.Currency, summary.USDTotalCost = c.Currency, &f.USD
	}
	return summary
}

// The records have, in one answer, what the summaries have, of everybody with
// usage.
func TestRecordsJoinTheSummaries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet := simulator.Fleet(60)
		sim := simulator.New(simulator.Config{Customers: fleet})
		time.Sleep(20 * 24 * time.Hour)
		got, err := newClient(t, sim, "").UsageRecords(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var want []client.UsageRecord
		for _, c := range fleet {
			if c.Answer != simulator.Usage {
				continue
			}
			record := client.UsageRecord{Usage: wantSummary(c).Usage, AzurePlan: c.Plan == simulator.AzurePlan}
			if !record.AzurePlan {
				record.USDTotalCost = new(float64) // The real one states 0 of legacy usage.
			}
			if c.Budget != nil {
				record.PercentUsed = math.Round(record.TotalCost / *c.Budget * 1e4) / 100
			}
			want = append(want, record)
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(time.Time.Equal)); diff != "" {
			t.Error(diff)
		}
	})
}

// Of a budget of nothing, no share is used, and the list of everybody can be read.
func TestRecordOfABudgetOfNothing(t *testing.T) {
	customers := simulator.Fleet(2)
	customers[1].Budget = new(float64)
	records, err := newClient(t, simulator.New(simulator.Config{Customers: customers}), "").UsageRecords(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(records) != 2 || *records[1].Budget != 0 || records[1].PercentUsed != 0 {
		t.Errorf("The records are %+v, want a budget of 0 of which 0 %% are used", records)
	}
}

// What the real one would refuse is refused, with its codes.
func TestRefusals(t *testing.T) {
	id := simulator.Fleet(1)[0].ID
	tests := map[string]struct {
		method, path, header string
		status               int
		code                 string
	}{
		"another method":      {"POST", "/v1/customers?size=1", "", 405, ""},
		"no Accept":           {"GET", "/v1/customers?size=1", "Accept: ", 406, ""},
		"another Accept":      {"GET", "/v1/customers?size=1", "Accept: application/xml", 406, ""},
		"no token":            {"GET", "/v1/customers?size=1", "Authorization: ", 401, "400"},
		"another token":       {"GET", "/v1/customers?size=1", "Authorization: Bearer not-the-token", 401, "400"},
		"another scheme":      {"GET", "/v1/customers?size=1", "Authorization: Basic not-the-token", 401, "400"},
		"no request id":       {"GET", "/v1/customers?size=1", "MS-RequestId: 1", 400, "800002"},
		"no correlation id":   {"GET", "/v1/customers?size=1", "MS-CorrelationId: 1", 400, "800002"},
		"an unknown path":     {"GET", "/v1/customers/" + id, "", 404, "1000"},
		"no version":          {"GET", "/customers?size=1", "", 404, "1000"},
		"an unknown customer": {"GET", "/v1/customers/11111111-1111-4111-8111-111111111111/usagesummary", "", 404, "60003"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCaller(t, simulator.New(simulator.Config{Customers: simulator.Fleet(1)}))
			recorder := c.do(t.Context(), test.method, test.path, test.header)
			got := read[fault](t, recorder)
			if recorder.Code != test.status || got.Code != test.code || got.Description == "" || got.Source != "PartnerFD" {
				t.Errorf("It answered %d and %+v, want %d and code %q", recorder.Code, got, test.status, test.code)
			}
		})
	}
}

// Ids are found in either case, since the real one mixes them.
func TestCustomerIDsInEitherCase(t *testing.T) {
	fleet := simulator.Fleet(3)
	c := newCaller(t, simulator.New(simulator.Config{Customers: fleet}))
	for _, customer := range fleet {
		for _, id := range []string{strings.ToLower(customer.ID), strings.ToUpper(customer.ID)} {
			if got := c.get("/v1/customers/" + id + "/usagesummary").Code; got != 200 {
				t.Errorf("%s is answered with %d, want 200", id, got)
			}
		}
	}
}

// Of a customer without usage, access or a tenant, the answer is an error, whose
// code tells which.
func TestAnswersWithoutFigures(t *testing.T) {
	tests := map[simulator.Answer]struct {
		status int
		code   string
	}{simulator.NoUsage: {400, "3000"}, simulator.NoAccess: {403, "20002"}, simulator.NotFound: {404, "60003"}}
	for answer, want := range tests {
		customers := simulator.Fleet(1)
		customers[0].Answer = answer
		recorder := newCaller(t, simulator.New(simulator.Config{Customers: customers})).get("/v1/customers/" + customers[0].ID + "/usagesummary")
		if got := read[fault](t, recorder); recorder.Code != want.status || got.Code != want.code {
			t.Errorf("Answer %v is %d and %v, want %v", answer, recorder.Code, got, want)
		}
	}
}

// The ids of a call come back, and are made where there were none.
func TestHeaders(t *testing.T) {
	const request, correlation = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
	c := newCaller(t, simulator.New(simulator.Config{Customers: simulator.Fleet(1)}))
	echoed := c.get("/v1/customers?size=1", "MS-RequestId: "+request, "MS-CorrelationId: "+correlation).Header()
	if echoed.Get("MS-RequestId") != request || echoed.Get("MS-CorrelationId") != correlation {
		t.Errorf("The ids are not echoed: %v", echoed)
	}
	for _, path := range []string{"/v1/customers?size=1", "/v1/customers?size=501", "/unknown"} {
		header := c.get(path).Header()
		for _, name := range []string{"MS-RequestId", "MS-CorrelationId"} {
			if len(header.Get(name)) != len(request) {
				t.Errorf("%s comes with the %s %q", path, name, header.Get(name))
			}
		}
		if header.Get("MS-CV") == "" || header.Get("MS-ServerId") != "202010406" || header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s comes with %v", path, header)
		}
	}
}

// Who asks is told whether the sign-in had MFA, in a header.
func TestValidateMFA(t *testing.T) {
	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(1)})
	c := newCaller(t, sim)
	if got := c.get("/v1/customers?size=1", "ValidateMfa: true").Header().Get("isMfaCompliant"); got != "true" {
		t.Errorf("The header is %q, want true", got)
	}
	if got := c.get("/v1/customers?size=1").Header().Values("isMfaCompliant"); got != nil {
		t.Errorf("Unasked, the header is %q", got)
	}
	for without, want := range map[bool][2]bool{false: {true, true}, true: {false, true}} {
		sim.SetFaults(simulator.Faults{WithoutMFA: without})
		compliant, known, err := newClient(t, sim, "").ValidateMFA(t.Context())
		if got := [2]bool{compliant, known}; err != nil || got != want {
			t.Errorf("Without MFA %v, the client learns %v and %v, want %v", without, got, err, want)
		}
	}
}

// Customers can come and go.
func TestSetCustomers(t *testing.T) {
	fleet := simulator.Fleet(3)
	sim := simulator.New(simulator.Config{Customers: fleet[:2]})
	c := newCaller(t, sim)
	sim.SetCustomers(fleet[1:])
	page := read[listed](t, c.get("/v1/customers?size=500"))
	if len(page.Items) != 2 || page.Items[0].ID != fleet[1].ID || page.Items[1].ID != fleet[2].ID {
		t.Errorf("The list is %+v, want the last two", page.Items)
	}
	for i, want := range []int{http.StatusNotFound, http.StatusOK, http.StatusOK} {
		if got := c.get("/v1/customers/" + fleet[i].ID + "/usagesummary").Code; got != want {
			t.Errorf("Customer %d is answered with %d, want %d", i, got, want)
		}
	}
}
