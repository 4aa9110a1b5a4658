package client_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

func summaryPathOf(id string) string { return "/v1/customers/" + id + "/usagesummary" }

// Customers come in the order of the list, each with its figures or its own failure,
// and a failure of the list comes last.
func TestSummaries(t *testing.T) {
	s := newServer(t)
	s.on(customersPath, page(link("/customers?size=500&seekOperation=Next", "token"), "a", "b", "c"), answer(403, `{"code":900150}`))
	s.on(summaryPathOf("a"), answer(200, `{"totalCost":1,"currencyCode":"SEK"}`))
	s.on(summaryPathOf("b"), answer(404, `{"code":"3000"}`))
	s.on(summaryPathOf("c"), answer(200, `{"totalCost":3,"currencyCode":"EUR"}`))
	var got []string
	for one, err := range s.client().Summaries(t.Context()) {
		got = append(got, fmt.Sprintf("%q %v %s no usage: %v, failed: %v", one.Customer.Name, one.Summary.TotalCost, one.Summary.Currency, client.IsNoUsage(err), err != nil))
	}
	want := []string{
		`"Company a" 1 SEK no usage: false, failed: false`,
		`"Company b" 0  no usage: true, failed: true`,
		`"Company c" 3 EUR no usage: false, failed: false`,
		`"" 0  no usage: false, failed: true`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// As many summaries are fetched at once as the configuration allows, and no more,
// also while the loop is busy.
func TestSummariesAreBounded(t *testing.T) {
	// The throttle starts with two requests in flight.
	for concurrency, want := range map[int]time.Duration{1: 12 * time.Second, 2: 6 * time.Second} {
		bubble(t, func(s *server) {
			var mu sync.Mutex
			var inFlight, peak int
			count := func(change int) {
				mu.Lock()
				defer mu.Unlock()
				inFlight += change
				peak = max(peak, inFlight)
			}
			ids := strings.Split("abcdefghijkl", "")
			s.on(customersPath, page("", ids...))
			for _, id := range ids {
				s.on(summaryPathOf(id), func(w http.ResponseWriter, r *http.Request) {
					count(1)
					defer count(-1)
					time.Sleep(time.Second) // in the bubble
					answer(200, `{"totalCost":1}`)(w, r)
				})
			}
			cfg := s.config()
			cfg.Concurrency = concurrency
			c, began, n := newClient(s.t, cfg), time.Now(), 0
			for _, err := range c.Summaries(s.t.Context()) {
				if err != nil {
					s.t.Error(err)
				}
				n++
			}
			if took := time.Since(began).Round(time.Second); n != 12 || took != want || peak != min(concurrency, 12) {
				s.t.Errorf("%d at once: %d summaries in %v, %d in flight, want 12 in %v", concurrency, n, took, peak, want)
			}
		})
	}
}

// A loop that is busy gets no more summaries fetched ahead than are fetched at once.
func TestSummariesWaitForTheLoop(t *testing.T) {
	bubble(t, func(s *server) {
		ids := strings.Split("abcdefghijkl", "")
		s.on(customersPath, page("", ids...))
		for _, id := range ids {
			s.on(summaryPathOf(id), answer(200, `{"totalCost":1}`))
		}
		cfg := s.config()
		cfg.Concurrency = 3
		for _, err := range newClient(s.t, cfg).Summaries(s.t.Context()) {
			if err != nil {
				s.t.Error(err)
			}
			time.Sleep(time.Hour) // in the bubble
			break
		}
		var fetched []string
		for _, id := range ids {
			if len(s.calls(summaryPathOf(id))) > 0 {
				fetched = append(fetched, id)
			}
		}
		if diff := cmp.Diff([]string{"a", "b", "c"}, fetched); diff != "" {
			s.t.Error(diff)
		}
	})
}

// A loop that is left, and a context that ends, end what was begun.
func TestSummariesEnd(t *testing.T) {
	bubble(t, func(s *server) {
		t := s.t
		ids := strings.Split("abcdefghijkl", "")
		s.on(customersPath, page("", ids...))
		for _, id := range ids {
			s.on(summaryPathOf(id), answer(200, `{"totalCost":1}`))
		}
		s.on(summaryPathOf("c"), func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		cfg := s.config()
		cfg.Concurrency = 4
		c := newClient(t, cfg)
		for one, err := range c.Summaries(t.Context()) {
			if err != nil {
				t.Error(err)
			}
			if one.Customer.ID == "b" {
				break
			}
		}
		if n := len(s.calls(summaryPathOf("l"))); n != 0 {
			t.Errorf("the last customer was fetched %d times after the loop was left", n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var failed int
		for one, err := range c.Summaries(ctx) {
			if one.Customer.ID == "b" {
				cancel()
			}
			if err != nil {
				failed++
			}
		}
		if failed == 0 {
			t.Error("no error states that the context ended")
		}
	})
}
