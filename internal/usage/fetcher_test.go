package usage

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
)

// everything is a source of which every customer has usage.
type everything struct{}

func (everything) UsageSummary(context.Context, string) (client.UsageSummary, error) {
	return client.UsageSummary{Usage: client.Usage{TotalCost: 1, Currency: "EUR"}}, nil
}

func newFetcher(source Source, concurrency int) *Fetcher {
	return &Fetcher{
		Source: source, Customers: invented(5000), Selects: func(client.Customer) bool { return true },
		Concurrency: concurrency, PagesAhead: 1, FailFast: cache.NewFailFast(concurrency),
	}
}

// invented returns pages with a number of customers, made on demand.
func invented(customers int) func(context.Context) iter.Seq2[[]client.Customer, error] {
	return func(context.Context) iter.Seq2[[]client.Customer, error] {
		return func(yield func([]client.Customer, error) bool) {
			for first := 0; first < customers; first += 500 {
				var page []client.Customer
				for i := first; i < first+500; i++ {
					page = append(page, client.Customer{ID: strconv.Itoa(i), Name: fmt.Sprintf("customer %d", i)})
				}
				if !yield(page, nil) {
					return
				}
			}
		}
	}
}

// A fetcher that is stopped early leaves no goroutine: the bubble waits for all.
func TestFetcherStopsEarly(t *testing.T) {
	for _, after := range []int{1, 2, 700} {
		synctest.Test(t, func(t *testing.T) {
			e := newFetcher(everything{}, 3)
			rows := 0
			for range e.Outcomes(t.Context()) {
				if rows++; rows == after {
					break
				}
			}
			if rows != after {
				t.Errorf("It yielded %d, want %d", rows, after)
			}
		})
	}
}

// hesitant delays the response for the first customer until it is released.
type hesitant struct {
	everything

	asked   atomic.Int64
	release chan struct{}
}

func (h *hesitant) UsageSummary(ctx context.Context, id string) (client.UsageSummary, error) {
	if h.asked.Add(1); id == "0" {
		<-h.release
	}
	return h.everything.UsageSummary(ctx, id)
}

// The number of outcomes that wait behind a slow response is bounded.
func TestFetcherLookahead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const concurrency = 4
		h := &hesitant{release: make(chan struct{})}
		e := newFetcher(h, concurrency)
		go func() {
			synctest.Wait()
			// The first one has left the queue, and waits for its response.
			if asked := h.asked.Load(); asked != 1+lookahead*concurrency {
				t.Errorf("%d requests were started beside a slow one, want %d", asked, 1+lookahead*concurrency)
			}
			close(h.release)
		}()
		rows := 0
		for range e.Outcomes(t.Context()) {
			rows++
		}
		if rows != 5000 {
			t.Errorf("%d rows came, want 5000", rows)
		}
	})
}
