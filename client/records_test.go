package client_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

func TestUsageRecordsOfPublishedSample(t *testing.T) {
	s := newServer(t)
	s.on(recordsPath, answer(200, "\ufeff"+fixture(t, "customers_usagerecords.json")))
	got, err := s.client().UsageRecords(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	modified := time.Date(2019, 9, 17, 17, 8, 11, 143333300, time.UTC)
	want := []client.UsageRecord{
		{
			Usage: client.Usage{
				CustomerID:   "11111111-1843-4b3b-872f-206e08a08e51",
				CustomerName: "LEGACY AZURE CUSTOMER SE",
				USDTotalCost: new(0.0),
				Currency:     "EUR",
				LastModified: time.Date(2019, 8, 1, 23, 0, 16, 570000000, time.UTC),
			},
		},
		{
			Usage: client.Usage{
				CustomerID:   "11111111-6fb9-4b05-8f15-b3d72e0596e6",
				CustomerName: "Modern Azure Customer SE",
				TotalCost:    120.5682999999995904716,
				USDTotalCost: new(12.39999999999999985235),
				Budget:       new(20.0),
				Currency:     "SEK",
				LastModified: modified,
			},
			PercentUsed: 602.84,
			AzurePlan:   true,
		},
		{
			Usage: client.Usage{
				CustomerID:   "11111111-5892-4326-8541-9da1fdb233fb",
				CustomerName: "Test_Test_MA20190829_14",
				USDTotalCost: new(0.0),
				Currency:     "GBP",
				LastModified: modified,
			},
			AzurePlan: true,
		},
		{
			Usage: client.Usage{
				CustomerID:   "11111111-641b-4c53-b7fc-0f2bfca8a581",
				CustomerName: "Modern Azure Customer UK",
				TotalCost:    27.23292827625710931604,
				USDTotalCost: new(33.280000000000001044),
				Budget:       new(97.0),
				Currency:     "GBP",
				LastModified: modified,
			},
			PercentUsed: 28.08,
			AzurePlan:   true,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The contract of the records is that of a list with pages.
func TestUsageRecordsOfSeveralPages(t *testing.T) {
	s := newServer(t)
	s.on(recordsPath,
		answer(200, `{"items":[{"id":"A","totalCost":1},{"id":"b","totalCost":2}],"links":{"next":{"uri":"/customers/usagerecords?page=2","headers":[{"key":"MS-ContinuationToken","value":"fake-page-2"}]}}}`),
		answer(200, `{"items":[{"id":"a","totalCost":1},{"id":"c","totalCost":3}]}`),
	)
	got, err := s.client().UsageRecords(t.Context())
	want := []client.UsageRecord{
		{Usage: client.Usage{CustomerID: "A", TotalCost: 1}},
		{Usage: client.Usage{CustomerID: "b", TotalCost: 2}},
		{Usage: client.Usage{CustomerID: "c", TotalCost: 3}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("got the error %v and (-want +got):\n%s", err, diff)
	}
	calls := s.calls(recordsPath)
	if len(calls) != 2 || calls[0].URI != recordsPath || calls[1].URI != recordsPath+"?page=2&seekOperation=next" {
		t.Errorf("got the calls %v", calls)
	}
}

func TestUsageRecordsThatCannotBeRead(t *testing.T) {
	for body, want := range map[string]string{
		`{"items":[{"id":"a","totalCost":1},{"id":"b"}]}`: `item 1: totalCost is missing`,
		`{"items":[null]}`: `item 0: the id is missing`,
		`{"items":[{"id":"a","totalCost":1,"attributes":{"objectType":"SubscriptionMonthlyUsageRecord"}}]}`: `item 0: the body is a "SubscriptionMonthlyUsageRecord", not a CustomerMonthlyUsageRecord`,
		`{"items":null}`:             `items are missing, so it is not a list`,
		`{"totalCount":0}`:           `items are missing, so it is not a list`,
		`{"items":{"totalCost":1}}`:  `the body does not have the documented form: items are not a list`,
		`{"items":[{"totalCost":1}]`: `the body is broken JSON at byte 26: unexpected end of JSON input`,
		`{"items":[],"links":{"next":{"uri":"https://fake.example:x/"}}}`: `the link to the next page is not an address`,
	} {
		s := newServer(t)
		s.on(recordsPath, answer(200, body))
		_, err := s.client().UsageRecords(t.Context())
		e := failure(t, err)
		if e.Endpoint != client.EndpointUsageRecords || e.Reason != client.ReasonDecode || e.Err == nil {
			t.Errorf("%s: got %v for %s", body, err, e.Reason)
			continue
		}
		if got := e.Err.Error(); len(got) < len(want) || got[:len(want)] != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}

// A small response cannot cost much memory: the items of a page are bounded.
func TestItemsOfAPageAreBounded(t *testing.T) {
	for name, test := range map[string]struct {
		path, item string
		max        int
		call       func(*client.Client) (int, error)
	}{
		"customers": {customersPath, `{"id":"%d"}`, 10_000, func(c *client.Client) (int, error) {
			customers, err := c.Customers(t.Context())
			return len(customers), err
		}},
		"records": {recordsPath, `{"id":"%d","totalCost":1}`, 100_000, func(c *client.Client) (int, error) {
			records, err := c.UsageRecords(t.Context())
			return len(records), err
		}},
	} {
		for _, n := range []int{test.max, test.max + 1} {
			var items strings.Builder
			for i := range n {
				fmt.Fprintf(&items, ","+test.item, i)
			}
			s := newServer(t)
			s.on(test.path, answer(200, `{"items":[`+items.String()[1:]+`]}`))
			got, err := test.call(s.client())
			if n == test.max && (got != n || err != nil) {
				t.Errorf("%s: got %d of %d and %v", name, got, n, err)
			}
			if n > test.max && (got != 0 || client.ReasonOf(err) != client.ReasonDecode) {
				t.Errorf("%s: got %d of %d and %v, want a bad response", name, got, n, err)
			}
		}
	}
}
