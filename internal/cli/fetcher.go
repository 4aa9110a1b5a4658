package cli

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

// usageSource fetches usage summaries. A [client.Client] is one.
type usageSource interface {
	UsageSummary(ctx context.Context, customerID string) (client.UsageSummary, error)
}

// outcome is the result for one customer, or the error that ended the list.
type outcome struct {
	row cache.Customer
	err error
}

// fetcher fetches the usage of customers concurrently and yields the outcomes in
// order. Its memory does not depend on the number of customers.
type fetcher struct {
	source      usageSource
	customers   func(context.Context) iter.Seq2[[]client.Customer, error] // page by page
	selects     func(customerName string) bool
	concurrency int
	// pagesAhead is the number of pages of customers to read ahead.
	pagesAhead int
	progress   *output.Progress
	failFast   *cache.FailFast

	// listed and chosen count the customers before and after selection. They are
	// valid once outcomes has returned.
	listed, chosen int
}

// page is a page of the list of customers, or the error that ended the list.
type page struct {
	customers []client.Customer
	err       error
}

// outcomes yields an outcome for each customer, until the context is done or
// failFast stops it. No goroutine is left when it returns.
func (f *fetcher) outcomes(ctx context.Context) iter.Seq[outcome] {
	return func(yield func(outcome) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var workers sync.WaitGroup
		defer workers.Wait()
		defer cancel()
		pages := make(chan page, f.pagesAhead)
		queue := make(chan chan outcome, lookahead*f.concurrency)
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
func (f *fetcher) list(ctx context.Context, pages chan<- page) {
	defer close(pages)
	defer f.progress.Complete()
	for listed, err := range f.customers(ctx) {
		var selected []client.Customer
		for _, customer := range listed {
			if f.selects(customer.Name) {
				selected = append(selected, customer)
			}
		}
		f.listed, f.chosen = f.listed+len(listed), f.chosen+len(selected)
		f.progress.Grow(len(selected))
		select {
		case pages <- page{selected, err}:
		case <-ctx.Done():
			return
		}
	}
}

// start starts a request for each customer, and queues its outcome in the order of
// the list.
func (f *fetcher) start(ctx context.Context, pages <-chan page, queue chan<- chan outcome) {
	defer close(queue)
	var requests errgroup.Group
	requests.SetLimit(f.concurrency)
	defer func() { _ = requests.Wait() }() // Errors are part of the outcomes.
	for page := range pages {
		for _, customer := range page.customers {
			next := make(chan outcome, 1)
			if f.failFast.Stopped() != nil || !send(ctx, queue, next) {
				return
			}
			requests.Go(func() error {
				next <- f.fetch(ctx, customer)
				return nil
			})
		}
		if page.err != nil {
			next := make(chan outcome, 1)
			next <- outcome{err: page.err}
			send(ctx, queue, next)
		}
	}
}

// send reports whether the outcome was queued before the context was done.
func send(ctx context.Context, queue chan<- chan outcome, next chan outcome) bool {
	select {
	case queue <- next:
		return true
	case <-ctx.Done():
		return false
	}
}

func (f *fetcher) fetch(ctx context.Context, customer client.Customer) outcome {
	summary, err := f.source.UsageSummary(ctx, customer.ID)
	f.failFast.Note(err)
	row := cache.Customer{Customer: customer}
	switch {
	case client.IsNoUsage(err):
		row.Status = cache.StatusNoUsage
		return outcome{row: row}
	case err != nil:
		return outcome{row: row, err: err}
	}
	if row.Name == "" { // The customer was given by id.
		row.Name = summary.CustomerName
	}
	row.Status, row.Figures, row.Fetched = cache.StatusOK, &summary, time.Now()
	return outcome{row: row}
}
