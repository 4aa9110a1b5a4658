// Package usage fetches what customers have spent, and describes how it is printed.
package usage

import (
	"context"
	"iter"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/output"
)

// lookahead is the number of customers, for each concurrent request, that may be
// fetched ahead of the next row to print: one slow response does not stop the rest.
const lookahead = 8

// Source fetches usage summaries. A [client.Client] is one.
type Source interface {
	UsageSummary(ctx context.Context, customerID string) (client.UsageSummary, error)
}

// Outcome is the result for one customer, or an error of the list.
type Outcome struct {
	// Row is the customer. Its status is valid, and that of a failure if Err is set.
	Row cache.Customer
	Err error
}

// Fetcher fetches the usage of customers concurrently and yields the outcomes in
// order. Its memory does not depend on the number of customers.
type Fetcher struct {
	Source Source
	// Customers yields the customers page by page.
	Customers func(context.Context) iter.Seq2[[]client.Customer, error]
	// Selects reports whether a customer is fetched.
	Selects func(client.Customer) bool
	// Concurrency is the maximum number of concurrent requests.
	Concurrency int
	// PagesAhead is the number of pages of customers to read ahead.
	PagesAhead int
	// Progress shows how many customers are done. It may be nil.
	Progress *output.Progress
	// FailFast stops the requests when the remaining ones would fail.
	FailFast *cache.FailFast

	// Listed and Selected count the customers before and after selection. They are
	// valid once Outcomes has returned.
	Listed, Selected int
}

// page is a page of the list of customers, or the error that ended the list.
type page struct {
	customers []client.Customer
	err       error
}

// Outcomes yields an outcome for each customer, until FailFast stops it. Once the
// context is done, it yields the outcomes of the requests that were sent. No goroutine
// is left when it returns.
func (f *Fetcher) Outcomes(ctx context.Context) iter.Seq[Outcome] {
	return func(yield func(Outcome) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var workers sync.WaitGroup
		defer workers.Wait()
		defer cancel()
		pages := make(chan page, f.PagesAhead)
		queue := make(chan chan Outcome, lookahead*f.Concurrency)
		workers.Go(func() { f.list(ctx, pages) })
		workers.Go(func() { f.start(ctx, pages, queue) })
		for next := range queue {
			if !yield(<-next) {
				return
			}
		}
	}
}

// list sends the selected customers of each page.
func (f *Fetcher) list(ctx context.Context, pages chan<- page) {
	defer close(pages)
	defer f.Progress.Complete()
	for listed, err := range f.Customers(ctx) {
		var selected []client.Customer
		for _, customer := range listed {
			if f.Selects(customer) {
				selected = append(selected, customer)
			}
		}
		f.Listed, f.Selected = f.Listed+len(listed), f.Selected+len(selected)
		f.Progress.Grow(len(selected))
		select {
		case pages <- page{selected, err}:
		case <-ctx.Done():
			return
		}
	}
}

// start starts a request for each customer, and queues its outcome in the order of
// the list.
func (f *Fetcher) start(ctx context.Context, pages <-chan page, queue chan<- chan Outcome) {
	defer close(queue)
	var requests errgroup.Group
	requests.SetLimit(f.Concurrency)
	defer func() { _ = requests.Wait() }() // Errors are part of the outcomes.
	for page := range pages {
		for _, customer := range page.customers {
			next := make(chan Outcome, 1)
			if f.FailFast.Stopped() != nil || !send(ctx, queue, next) {
				return
			}
			requests.Go(func() error {
				next <- f.fetch(ctx, customer)
				return nil
			})
		}
		if page.err != nil {
			next := make(chan Outcome, 1)
			next <- Outcome{Err: page.err}
			send(ctx, queue, next)
		}
	}
}

// send reports whether the outcome was queued before the context was done.
func send(ctx context.Context, queue chan<- chan Outcome, next chan Outcome) bool {
	select {
	case queue <- next:
		return true
	case <-ctx.Done():
		return false
	}
}

func (f *Fetcher) fetch(ctx context.Context, customer client.Customer) Outcome {
	summary, err := f.Source.UsageSummary(ctx, customer.ID)
	f.FailFast.Note(err)
	row := cache.Customer{Customer: customer}
	switch {
	case client.IsNoUsage(err):
		row.Status = cache.StatusNoUsage
		return Outcome{Row: row}
	case err != nil:
		row.Status = cache.FailureStatus(err)
		return Outcome{Row: row, Err: err}
	}
	if row.Name == "" { // The customer was given by id.
		row.Name = summary.CustomerName
	}
	row.Status, row.Figures, row.Fetched = cache.StatusOK, &summary, time.Now()
	return Outcome{Row: row}
}
