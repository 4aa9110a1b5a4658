package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// firstCustomers is what every list has to begin with.
const firstCustomers = customersPath + "?size=500"

// page is a page of customers with these ids, and what else its body has, such
// as a link.
func page(more string, ids ...string) http.HandlerFunc {
	items := make([]string, len(ids))
	for i, id := range ids {
		items[i] = fmt.Sprintf(`{"id":%q,"companyProfile":{"companyName":"Company %[1]s"}}`, id)
	}
	return answer(200, "\ufeff"+`{"items":[`+strings.Join(items, ",")+`]`+more+`}`)
}

// link is the documented way to the next page.
func link(uri, token string) string {
	return fmt.Sprintf(`,"links":{"next":{"uri":%q,"method":"GET","headers":[{"key":"MS-ContinuationToken","value":%q}]}}`, uri, token)
}

// idsOf reduces customers to what the cases of paging tell apart.
func idsOf(customers []client.Customer) string {
	var ids []string
	for _, customer := range customers {
		ids = append(ids, customer.ID)
	}
	return strings.Join(ids, " ")
}

func TestCustomersOfPublishedSamples(t *testing.T) {
	for name, want := range map[string][]client.Customer{
		"customers_list_size40.json": {
			{ID: "b44bb1fb-c595-45b0-9e09-d657365580bf", Name: "companyName", Domain: "domain", Relationship: "reseller"},
			{ID: "45c44870-ef77-4fdd-b6fe-3dacb075cff2", Name: "companyName", Domain: "domain", Relationship: "reseller"},
		},
		"customers_list_filter.json": {
			{ID: "c5757d70-06f3-4f23-8367-5a9e55019f94", Name: "Contoso190", Domain: "contoso190.onmicrosoft.com", Relationship: "reseller"},
			{ID: "7b26b357-9ca3-48b8-a58e-4febe2662a5d", Name: "Contoso", Domain: "ContosoCorpCo.onmicrosoft.com", Relationship: "reseller"},
			{ID: "bfbd6ef0-311f-47ec-bbd7-0fcb7846661b", Name: "Contoso", Domain: "contosocorpdemo.onmicrosoft.com", Relationship: "reseller"},
		},
	} {
		s := newServer(t)
		s.on(customersPath, answer(200, fixture(t, name)))
		got, err := s.client().Customers(t.Context())
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: got the error %v and (-want +got):\n%s", name, err, diff)
		}
		if calls := s.calls(customersPath); len(calls) != 1 || calls[0].URI != firstCustomers {
			t.Errorf("%s: got the calls %v", name, calls)
		}
	}
}

// A customer needs no field but an id, which has an older twin.
func TestCustomersWithMissingFields(t *testing.T) {
	s := newServer(t)
	s.on(customersPath, answer(200, `{"items":[
		{"id":"ABCDEF12-C208-40FD-9735-8C85AC9CAC68","companyProfile":{"domain":"upper.example"}},
		{"companyProfile":{"tenantId":"only-a-tenant","companyName":"Ünïcode 公司","domain":"d.example"},"relationshipToPartner":"advisor"},
		{"id":"last"}]}`))
	got, err := s.client().Customers(t.Context())
	want := []client.Customer{
		{ID: "ABCDEF12-C208-40FD-9735-8C85AC9CAC68", Name: "upper.example", Domain: "upper.example"},
		{ID: "only-a-tenant", Name: "Ünïcode 公司", Domain: "d.example", Relationship: "advisor"},
		{ID: "last"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("got the error %v and (-want +got):\n%s", err, diff)
	}
	if got := client.CanonicalID(" " + want[0].ID + "\n"); got != "abcdef12-c208-40fd-9735-8c85ac9cac68" {
		t.Errorf("got the canonical id %q", got)
	}
}

// The link to the second page comes in all forms that Microsoft's documents and
// clients show, and leads to the same place behind a proxy with a path.
func TestCustomersFollowTheLink(t *testing.T) {
	const query = "?size=500&seekOperation=next"
	const here = "{server}" // stands for the server's own address
	for name, test := range map[string]struct {
		prefix, more, uri, token string
	}{
		"relative":                      {"", link("/customers"+query, "fake-page"), "/v1/customers" + query, "fake-page"},
		"relative with version":         {"", link("/v1/customers"+query, "fake-page"), "/v1/customers" + query, "fake-page"},
		"without a slash":               {"", link("customers"+query, "fake-page"), "/v1/customers" + query, "fake-page"},
		"absolute":                      {"", link(here+"/v1/customers"+query, "fake-page"), "/v1/customers" + query, "fake-page"},
		"absolute without version":      {"", link(here+"/customers"+query, "fake-page"), "/v1/customers" + query, "fake-page"},
		"other case of seekOperation":   {"", link("/customers?SeekOperation=Next", "fake-page"), "/v1/customers?SeekOperation=Next", "fake-page"},
		"no seekOperation":              {"", link("/customers?size=500", "fake-page"), "/v1/customers" + query, "fake-page"},
		"no query":                      {"", link("/customers", "fake-page"), "/v1/customers?seekOperation=next", "fake-page"},
		"second question mark":          {"", link("/customers?size=500?seekOperation=next", "fake-page"), "/v1/customers" + query, "fake-page"},
		"escaped query":                 {"", link("/customers?size=500&filter=%7B%22a%22%3A%22%3F%22%7D&seekOperation=next", "fake-page"), "/v1/customers?size=500&filter=%7B%22a%22%3A%22%3F%22%7D&seekOperation=next", "fake-page"},
		"link without token":            {"", `,"links":{"next":{"uri":"/customers?page=2"}}`, "/v1/customers?page=2", ""},
		"link with the other token":     {"", `,"links":{"next":{"uri":"/customers?size=500","headers":[]}},"continuationToken":"fake-other"`, "/v1/customers" + query, "fake-other"},
		"header in lower case":          {"", `,"links":{"next":{"uri":"/customers?size=500","headers":[{"key":"x"},{"key":"ms-continuationtoken","value":"fake-page"}]}}`, "/v1/customers" + query, "fake-page"},
		"only the other token":          {"", `,"continuationToken":"fake-other"`, "/v1/customers" + query, "fake-other"},
		"proxy and relative":            {"/csp/proxy", link("/customers"+query, "fake-page"), "/csp/proxy/v1/customers" + query, "fake-page"},
		"proxy and version":             {"/csp/proxy", link("/v1/customers"+query, "fake-page"), "/csp/proxy/v1/customers" + query, "fake-page"},
		"proxy that rewrites":           {"/csp/proxy", link(here+"/csp/proxy/v1/customers"+query, "fake-page"), "/csp/proxy/v1/customers" + query, "fake-page"},
		"proxy and only the token":      {"/csp/proxy", `,"continuationToken":"fake-other"`, "/csp/proxy/v1/customers" + query, "fake-other"},
		"proxy whose path begins alike": {"/c", link("/customers"+query, "fake-page"), "/c/v1/customers" + query, "fake-page"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			path := test.prefix + customersPath
			s.on(path, page(strings.ReplaceAll(test.more, here, s.URL), "a", "b"), page("", "c"))
			cfg := s.config()
			cfg.Cloud.APIURL += test.prefix + "/"
			got, err := newClient(t, cfg).Customers(t.Context())
			if err != nil || idsOf(got) != "a b c" {
				t.Errorf("got %q and the error %v", idsOf(got), err)
			}
			calls := s.calls(path)
			if len(calls) != 2 {
				t.Fatalf("got the calls %v", calls)
			}
			if calls[1].URI != test.uri || calls[1].Header.Get("MS-ContinuationToken") != test.token {
				t.Errorf("got the second call %s with the token %q", calls[1].URI, calls[1].Header.Get("MS-ContinuationToken"))
			}
		})
	}
}

// The access token would go where the link leads.
func TestCustomersRefuseLinkToForeignHost(t *testing.T) {
	foreign := newServer(t)
	foreign.on(customersPath, page("", "stolen"))
	for _, uri := range []string{
		foreign.URL + "/v1/customers?size=500",
		strings.TrimPrefix(foreign.URL, "http:") + "/v1/customers",
		"http://evil-{host}/v1/customers",
		"http://{host}.example/v1/customers",
		"http://user@{host}/v1/customers",
		"http://{host}:80/v1/customers",
	} {
		s := newServer(t)
		uri = strings.ReplaceAll(uri, "{host}", strings.TrimPrefix(s.URL, "http://"))
		s.on(customersPath, page(link(uri, "fake-page"), "a"))
		got, err := s.client().Customers(t.Context())
		if e := failure(t, err); e.Reason != client.ReasonDecode || errors.Is(err, client.ErrTruncated) {
			t.Errorf("%s: got %q and %v for %s", uri, idsOf(got), err, e.Reason)
		}
		if n := len(s.calls(customersPath)); n != 1 {
			t.Errorf("%s: got %d calls, want no call after the page with the link", uri, n)
		}
	}
	if calls := foreign.calls(customersPath); len(calls) != 0 {
		t.Errorf("The foreign host was called: %v", calls)
	}
}

// A list of another resource, as a cache on the way may return it, is a bad response.
func TestCustomersOfAnotherResource(t *testing.T) {
	s := newServer(t)
	s.on(customersPath, answer(200, `{"items":[{"id":"a","attributes":{"objectType":"customer"}},{"id":"b","attributes":{"objectType":"Subscription"}}]}`))
	_, err := s.client().Customers(t.Context())
	if e := failure(t, err); e.Reason != client.ReasonDecode || e.Err.Error() != `item 1: the body is a "Subscription", not a Customer` {
		t.Errorf("got %v for %s", err, e.Reason)
	}
}

// Lists end cleanly whatever their pages say.
func TestCustomersEnd(t *testing.T) {
	next := link("/customers?size=500", "fake-page")
	other := link("/customers?size=500", "fake-other-page")
	badQuery := answer(400, fixture(t, "error_2000_dotnet_unittest.json"))
	for name, test := range map[string]struct {
		pages     []http.HandlerFunc
		want      string
		truncated bool
		calls     int
	}{
		"code 2000 after the last page":    {[]http.HandlerFunc{page(next, "a"), badQuery}, "a", false, 2},
		"code 2000 as a number":            {[]http.HandlerFunc{page(next, "a"), answer(400, "\ufeff"+`{"code":2000}`)}, "a", false, 2},
		"code 2000 after two pages":        {[]http.HandlerFunc{page(next, "a"), page(other, "b"), badQuery}, "a b", false, 3},
		"empty last page":                  {[]http.HandlerFunc{page(next, "a"), page("")}, "a", false, 2},
		"no customers":                     {[]http.HandlerFunc{page("")}, "", false, 1},
		"page repeats under its token":     {[]http.HandlerFunc{page(next, "a", "b"), page(next, "c")}, "a b c", true, 3},
		"first page repeats":               {[]http.HandlerFunc{page(next, "a", "b")}, "a b", true, 2},
		"one token moves on":               {[]http.HandlerFunc{page(next, "a"), page(next, "b"), page(next, "c"), page("", "d")}, "a b c d", false, 4},
		"a page repeats in other case":     {[]http.HandlerFunc{page(next, "a", "b"), page("", "B", "C")}, "a b C", false, 2},
		"a known page, then another token": {[]http.HandlerFunc{page(next, "a"), page(other, "a"), page("", "b")}, "a b", false, 3},
		"empty page in the middle":         {[]http.HandlerFunc{page(next, "a"), page(other), page("", "b")}, "a b", false, 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.on(customersPath, test.pages...)
			got, err := s.client().Customers(t.Context())
			if idsOf(got) != test.want || errors.Is(err, client.ErrTruncated) != test.truncated || !test.truncated && err != nil {
				t.Errorf("got %q and %v, want %q", idsOf(got), err, test.want)
			}
			if n := len(s.calls(customersPath)); n != test.calls {
				t.Errorf("got %d calls, want %d", n, test.calls)
			}
		})
	}
}

// A chain whose every page has a new token comes to an end, sooner if it brings
// nobody new.
func TestCustomersOfEndlessChain(t *testing.T) {
	for name, test := range map[string]struct {
		id       string
		most     int
		complete bool
	}{
		"nobody new":       {"same", 20, false},
		"always customers": {"customer-%d", 1000, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, n := newServer(t), 0
			s.on(customersPath, func(w http.ResponseWriter, r *http.Request) {
				n++
				id := strings.ReplaceAll(test.id, "%d", strconv.Itoa(n))
				page(link("/customers?size=500", fmt.Sprint("fake-page-", n)), id)(w, r)
			})
			got, err := s.client().Customers(t.Context())
			if e := failure(t, err); !errors.Is(err, client.ErrTruncated) || e.Reason != client.ReasonDecode || e.Endpoint != client.EndpointCustomers {
				t.Errorf("got %v", err)
			}
			if len(got) == 0 || test.complete && len(got) != n || n > test.most {
				t.Errorf("got %d customers by %d calls, want at most %d calls", len(got), n, test.most)
			}
		})
	}
}

// What was found before a page failed is worth having.
func TestCustomersWithFailingPage(t *testing.T) {
	next := page(link("/customers?size=500", "fake-page"), "a", "b")
	for name, test := range map[string]struct {
		pages []http.HandlerFunc
		want  string
		code  string
	}{
		"server error in the middle":  {[]http.HandlerFunc{next, answer(500, `{"code":"900192"}`)}, "a b", "900192"},
		"another 400 in the middle":   {[]http.HandlerFunc{next, answer(400, `{"code":"900118"}`)}, "a b", "900118"},
		"2000 but not 400":            {[]http.HandlerFunc{next, answer(404, `{"code":"2000"}`)}, "a b", "2000"},
		"broken page in the middle":   {[]http.HandlerFunc{next, answer(200, `{"items":`)}, "a b", ""},
		"no items in the middle":      {[]http.HandlerFunc{next, answer(200, `{"totalCount":1}`)}, "a b", ""},
		"code 2000 at the first page": {[]http.HandlerFunc{answer(400, `{"code":"2000"}`)}, "", "2000"},
		"no items at the first page":  {[]http.HandlerFunc{answer(200, `{"totalCount":1}`)}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.on(customersPath, test.pages...)
			got, err := s.client().Customers(t.Context())
			if e := failure(t, err); e.Code != test.code || e.Endpoint != client.EndpointCustomers || idsOf(got) != test.want {
				t.Errorf("got %q and %v, want %q and code %q", idsOf(got), err, test.want, test.code)
			}
		})
	}
}

// A list that cannot be true is a bad response, so that nobody is removed for it.
func TestListThatLies(t *testing.T) {
	for name, body := range map[string]string{
		"empty, and claims three": `{"totalCount":3,"items":[]}`,
		"two, and claims three":   `{"totalCount":3,"items":[{"id":"a"},{"id":"b"}]}`,
		"null items":              `{"items":[null,null]}`,
		"an item without an id":   `{"items":[{"id":"a"},{}]}`,
		"the id of a folder":      `{"items":[{"id":"a"},{"id":".."}]}`,
		"the id of this folder":   `{"items":[{"id":"."}]}`,
		"an item with a blank id": `{"items":[{"id":" "}]}`,
		"the id .":                `{"items":[{"id":"."}]}`,
		"the id ..":               `{"items":[{"id":"a"},{"id":".."}]}`,
		"a token with a new line": `{"items":[{"id":"a"}],"continuationToken":"a\r\nX-Header: b"}`,
		"a token of 9 KiB":        `{"items":[{"id":"a"}],"continuationToken":"` + strings.Repeat("x", 9<<10) + `"}`,
		"a link of 9 KiB":         `{"items":[{"id":"a"}],"links":{"next":{"uri":"/customers?x=` + strings.Repeat("x", 9<<10) + `"}}}`,
		"an error with items":     `{"code":"900150","description":"no","items":[]}`,
		"an error with a name":    `{"code":"UserNotFound","items":[]}`,
		"an error of number type": `{"code":2000,"items":[{"id":"a"}]}`,
		"no items at all":         `{"totalCount":0}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.on("/v1/customers", answer(200, body))
			customers, err := s.client().Customers(t.Context())
			if len(customers) != 0 || client.ReasonOf(err) != client.ReasonDecode {
				t.Errorf("got %v and %v, want a bad response", customers, err)
			}
		})
	}
	for body, want := range map[string]int{
		`{"totalCount":0,"items":[]}`:                0,
		`{"totalCount":"many","items":[{"id":"a"}]}`: 1,
		`{"totalCount":null,"items":[{"id":"a"}]}`:   1,
		`{"totalCount":1,"items":[{"id":"a..b"}]}`:   1,
	} {
		s := newServer(t)
		s.on("/v1/customers", answer(200, body))
		if customers, err := s.client().Customers(t.Context()); len(customers) != want || err != nil {
			t.Errorf("%s: got %v and %v, want %d customers", body, customers, err, want)
		}
	}
}

// Nine pages in a row may bring nothing new, the tenth ends the list.
func TestPagesThatBringNothingNew(t *testing.T) {
	for repeated, truncated := range map[int]bool{9: false, 10: true} {
		s := newServer(t)
		var pages []http.HandlerFunc
		for i := range repeated + 1 {
			pages = append(pages, page(link("/customers?size=500", fmt.Sprint("fake-page-", i)), "a"))
		}
		s.on(customersPath, append(pages, page("", "b"))...)
		got, err := s.client().Customers(t.Context())
		want := map[bool]string{false: "a b", true: "a"}[truncated]
		if idsOf(got) != want || errors.Is(err, client.ErrTruncated) != truncated {
			t.Errorf("%d pages: got %q and %v, want %q", repeated, idsOf(got), err, want)
		}
	}
}
