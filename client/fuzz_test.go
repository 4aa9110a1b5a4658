package client

import (
	"cmp"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/throttle"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/wire"
)

// addFixtures seeds with every body of the test data, whatever it is of: the
// decoders have to cope with each other's bodies.
func addFixtures(f *testing.F) {
	f.Helper()
	names, err := filepath.Glob("testdata/*.json")
	if err != nil || len(names) == 0 {
		f.Fatalf("There are no fixtures: %v", err)
	}
	for _, name := range names {
		body, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
		f.Add(append([]byte("\xef\xbb\xbf"), body...))
		f.Add(body[:len(body)/2])
	}
	for _, body := range []string{"", "\xef\xbb\xbf", "null", "[]", "{}", "<html>", `{"totalCost":-1e308}`, `{"items":[null]}`} {
		f.Add([]byte(body))
	}
}

// checkUsage fails where figures cannot be exposed as they are.
func checkUsage(t *testing.T, u Usage) {
	t.Helper()
	for _, amount := range []*float64{&u.TotalCost, u.USDTotalCost, u.Budget} {
		if amount != nil && (math.IsNaN(*amount) || math.IsInf(*amount, 0)) {
			t.Errorf("An amount is %v", *amount)
		}
	}
	if u.Currency != "" && !regexp.MustCompile(`^[A-Z]{3}$`).MatchString(u.Currency) {
		t.Errorf("The currency is %q", u.Currency)
	}
	checkYear(t, u.LastModified)
}

func checkYear(t *testing.T, at time.Time) {
	t.Helper()
	if !at.IsZero() && (at.Year() < 2 || at.Year() > 9998) {
		t.Errorf("The date %v stands for none", at)
	}
}

// statedID returns the customer that a body names, so that it is not refused for it.
func statedID(body []byte) string {
	var o wire.Object
	var w wireUsage
	_ = wire.Decode(body, &o)
	_ = w.decode(o)
	return cmp.Or(w.ResourceID, w.ID)
}

func FuzzDecodeSummary(f *testing.F) {
	addFixtures(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		got, _, err := decodeSummary(body, statedID(body))
		if err != nil && !reflect.DeepEqual(got, UsageSummary{}) {
			t.Errorf("There is %+v beside the error %v", got, err)
		}
		checkUsage(t, got.Usage)
		checkYear(t, got.BillingStart)
		checkYear(t, got.BillingEnd)

		// The order mark changes nothing but what begins with one already.
		again, _, errAgain := decodeSummary(append([]byte("\xef\xbb\xbf"), wire.TrimBOM(body)...), statedID(body))
		if (err == nil) != (errAgain == nil) || !reflect.DeepEqual(got, again) {
			t.Errorf("got %+v and %v, with an order mark %+v and %v", got, err, again, errAgain)
		}
	})
}

func FuzzDecodePage(f *testing.F) {
	addFixtures(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		records, err := decodePage[wireRecord](body, maxRecordItems)
		if err == nil {
			for i := range records.Items.list {
				checkUsage(t, records.Items.list[i].usage())
			}
		}
		customers, err := decodePage[wireCustomer](body, maxPageItems)
		if err != nil {
			return
		}
		if customers.Items.list == nil {
			t.Error("A page without items is not a page.")
		}
		for _, item := range customers.Items.list {
			if got := item.customer(); got.Name == "" && got.Domain != "" || got.ID != item.id() {
				t.Errorf("got %+v of %+v", got, item)
			}
		}
	})
}

func FuzzDecodeError(f *testing.F) {
	addFixtures(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		code, _, err := decodeError(body)
		if err != nil && code != "" {
			t.Errorf("There is the code %q beside the error %v", code, err)
		}
		if len(code) > 10 || strings.Trim(code, "0123456789") != "" {
			t.Errorf("The code is %q", code)
		}
		for status := 100; status < 600; status++ {
			if reason := reasonOfStatus(status, code, ""); hintsByReason[reason] == "" {
				t.Errorf("%d with code %q is counted under %q", status, code, reason)
			}
		}
	})
}

func FuzzParseDate(f *testing.F) {
	for _, s := range []string{
		"2016-02-26T09:42:54.5130558+00:00", "2016-02-06T00:00:00-08:00", "2020-04-21T22:09:53.051",
		"9999-12-04T00:00:00Z", "0001-01-01T00:00:00", "2019-09-18T17:09:26.16Z", "", "yesterday",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseDate(s)
		if err != nil {
			if !got.IsZero() {
				t.Errorf("There is %v beside the error %v", got, err)
			}
			return
		}
		if _, err := got.MarshalJSON(); err != nil && (got.Year() > 0 && got.Year() < 10000) {
			t.Errorf("%q cannot be marshaled: %v", s, err)
		}
		again, err := parseDate(got.Format(time.RFC3339Nano))
		if err != nil || !again.Equal(got) {
			t.Errorf("%q is %v, which reads as %v and %v", s, got, again, err)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"57", "0", "-1", "2147483648", "99999999999999999999", "1.5", "Tue, 21 Jul 2020 04:10:58 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", ""} {
		f.Add(s)
	}
	digits := regexp.MustCompile(`^[0-9]+$`)
	f.Fuzz(func(t *testing.T, s string) {
		got := throttle.RetryAfter(http.Header{"Retry-After": {s}})
		if got < 0 || got > 24*time.Hour {
			t.Errorf("%q is a wait of %v", s, got)
		}
		if digits.MatchString(s) && strings.Trim(s, "0") != "" && got == 0 {
			t.Errorf("%q is no wait", s)
		}
	})
}

// FuzzNextPage shows that no link leads the access token to another host, and
// that every link becomes an address of the API.
func FuzzNextPage(f *testing.F) {
	for _, uri := range []string{
		"/customers?size=500&seekOperation=next", "/v1/customers?size=500", "customers", "?size=500", "#x",
		"https://api.example/v1/customers", "https://api.example/csp/v1/customers", "https://foreign.example/v1/customers",
		"//foreign.example/v1", "http:customers", "https://api.example@foreign.example/", `\\foreign.example\v1`,
		"/customers?size=500?seekOperation=Next", "/v1/../../admin", "/%2e%2e/%2F/", "/v1", "/cspx", "javascript:alert(1)",
	} {
		f.Add(uri, "fake-page")
		f.Add(uri, "")
	}
	first := request{endpoint: EndpointCustomers, path: "/v1/customers?size=500", limit: maxPage}
	f.Fuzz(func(t *testing.T, uri, token string) {
		for _, prefix := range []string{"", "/csp"} {
			c := &Client{base: &url.URL{Scheme: "https", Host: "api.example", Path: prefix}}
			next, err := c.nextPage(first, uri, token)
			if err != nil || next == nil {
				if next != nil || err == nil && uri+token != "" {
					t.Errorf("got %v and %v", next, err)
				}
				continue
			}
			if !strings.HasPrefix(next.path, "/v1/") || strings.Count(next.path, "?") > 1 {
				t.Errorf("%q leads to %q", uri, next.path)
			}
			if strings.ContainsFunc(next.path, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Errorf("%q leads to %q, which cannot be sent", uri, next.path)
			}
			if token != "" && !strings.Contains(strings.ToLower(next.path), "seekoperation=") {
				t.Errorf("%q leads to %q, which does not page", uri, next.path)
			}
			composed, err := url.Parse(c.base.String() + next.path)
			if err != nil || composed.Scheme != "https" || composed.Host != "api.example" || composed.User != nil || !strings.HasPrefix(composed.Path, prefix+"/v1/") {
				t.Errorf("%q leads to %v, %v", uri, composed, err)
			}
			if again, err := c.linkPath(request{path: "/v1/customers?size=500"}, next.path); err != nil || again != next.path {
				t.Errorf("%q leads to %q, and that to %q, %v", uri, next.path, again, err)
			}
		}
	})
}
