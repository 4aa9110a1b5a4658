package simulator

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// forever is longer than any client waits.
const forever = 24 * time.Hour

var listFaults = []namedFault{
	{
		"empty-list", "the list of customers has no items and a `totalCount` of 0", onList,
		rewrite(setItems(func([]any) []any { return []any{} }, true)),
	},
	{
		"empty-list-with-count", "the list of customers has no items and keeps its `totalCount`", onList,
		rewrite(setItems(func([]any) []any { return []any{} }, false)),
	},
	{
		"null-items", "each item of the list of customers is `null`", onList,
		rewrite(setItems(func(list []any) []any { return make([]any, len(list)) }, true)),
	},
	{
		"empty-items", "each item of the list of customers is `{}`", onList,
		rewrite(setItems(withoutFields, true)),
	},
	{
		"items-without-id", "no item of the list of customers has an `id`", onList,
		rewrite(setItems(withoutIDs, true)),
	},
	{
		"dot-ids", "the first customer of each page has the id `..`", onList,
		rewrite(setItems(func(list []any) []any { return setFirst(list, "id", "..") }, true)),
	},
	{
		"error-body-with-items", "the list of customers is a body with an error code and no items, and the status 200", onList,
		rewrite(setAll(object{"code": "2000", "description": "Something went wrong.", "items": []object{}})),
	},
	{
		"half-the-list", "each page of the list lacks more than half of its customers, and `totalCount` agrees", onList,
		rewrite(setItems(func(list []any) []any { return list[:max(len(list)-1, 0)/2] }, true)),
	},
	{"list-breaks-off", "each page of the list after the first is a 204", onList, func(e exchange) bool {
		if e.r.Header.Get("MS-ContinuationToken") == "" {
			return false
		}
		e.w.WriteHeader(http.StatusNoContent)
		return true
	}},
	{
		"crlf-continuation", "each page of the list continues by a token with a line break", onList,
		rewrite(setNext("/customers?size=500&seekOperation=Next", "token\r\nX-Injected: 1")),
	},
	{
		"next-link-elsewhere", "each page of the list continues on a host that ends in that of the API", onList,
		rewrite(func(e exchange, body object) {
			setNext("/customers?size=500&seekOperation=Next", continuation(0))(e, body)
			nextOf(body)["uri"] = "https://elsewhere-" + e.r.Host + "/v1/customers?size=500&seekOperation=Next"
		}),
	},
	{
		"endless-list", "each page of the list is empty and continues on another", onList,
		rewrite(func(e exchange, body object) {
			body["items"], body["totalCount"] = []object{}, 0
			setNext("/customers?size=500&seekOperation=Next", continuation(0))(e, body)
		}),
	},
	{"slow-list", "no page of the list arrives before the client leaves", onList, slow},
	{"gzip-bomb-list", "the list of customers is 60 MB of empty items, compressed to less than 100 KB", onList, gzipBomb},
}

// setItems returns a change of the items of a list, and of its count if counted.
func setItems(change func([]any) []any, counted bool) func(exchange, object) {
	return func(_ exchange, body object) {
		list := change(items(body))
		body["items"] = list
		if counted {
			body["totalCount"] = len(list)
		}
	}
}

func withoutFields(list []any) []any {
	for i := range list {
		list[i] = object{}
	}
	return list
}

func withoutIDs(list []any) []any {
	for _, item := range list {
		if fields, ok := item.(object); ok {
			delete(fields, "id")
		}
	}
	return list
}

func setFirst(list []any, name string, value any) []any {
	if len(list) == 0 {
		return list
	}
	if fields, ok := list[0].(object); ok {
		fields[name] = value
	}
	return list
}

// setNext returns a change that lets a page continue.
func setNext(uri, token string) func(exchange, object) {
	return func(_ exchange, body object) {
		next := link(uri)
		next["headers"] = []object{{"key": "MS-ContinuationToken", "value": token}}
		body["links"] = object{"next": next}
	}
}

// nextOf returns the link that [setNext] has set.
func nextOf(body object) object {
	links, _ := body["links"].(object)
	next, _ := links["next"].(object)
	return next
}

func slow(e exchange) bool { return !wait(e.r, forever) }

func gzipBomb(e exchange) bool {
	if !strings.Contains(e.r.Header.Get("Accept-Encoding"), "gzip") {
		return false
	}
	e.w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(e.w)
	_, _ = io.WriteString(z, `{"totalCount":20000001,"items":[`)
	chunk := strings.Repeat("{},", 20_000)
	for range 1000 {
		if _, err := io.WriteString(z, chunk); err != nil {
			return true // The client has left.
		}
	}
	_, _ = io.WriteString(z, "{}]}")
	_ = z.Close()
	return true
}

// pathCustomer returns the customer whom a request is about.
func (e exchange) pathCustomer() (c Customer, index int, ok bool) {
	id := client.CanonicalID(e.r.PathValue("id"))
	for i, c := range e.sim.snapshot() {
		if client.CanonicalID(c.ID) == id {
			return c, i, true
		}
	}
	return Customer{}, 0, false
}
