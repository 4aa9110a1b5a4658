package cli

import (
	"context"
	"iter"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
)

// lookahead is how many customers may be asked for beyond the one whose answer is
// printed next, for each call in flight: one slow answer does not stop the others.
const lookahead = 8

// usageSource is where customers' usage comes from; a [client.Client] is one.
type usageSource interface {
	UsageSummary(ctx context.Context, customerID string) (client.UsageSummary, error)
}

// outcome is what became of a customer, or why the list of customers ended.
type outcome struct {
	row cache.Customer
	err error
}

// enquiry asks for the usage of customers, and tells the outcomes in their order.
// What it holds at once does not depend on how many there are.
type enquiry struct {
	source      usageSource
	customers   func(context.Context) iter.Seq2[[]client.Customer, error] // page by page
	selects     func(customerName string) bool
	concurrency int
	// pagesAhead is how far the list may be ahead of the enquiry.
	pagesAhead int
	progress   *progress
	breaker    *cache.FailFast
}

// page is a part of the list of customers, or why it ended.
type page struct {
	customers []client.Customer
	err       error
}

// outcomes yields an outcome for each customer until the context or the breaker
// ends the enquiry. Nothing is under way any more when it returns.
func (e *enquiry) outcomes(ctx context.Context) iter.Seq[outcome] {
	return func(yield func(outcome) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var works sync.WaitGroup
		defer works.Wait()
		defer cancel()
		pages := make(chan page, e.pagesAhead)
		queue := make(chan chan outcome, lookahead*e.concurrency)
		works.Go(func() { e.list(ctx, pages) })
		works.Go(func() { e.ask(ctx, pages, queue) })
		for next := range queue {
			if !yield(<-next) {
				return
			}
		}
	}
}

// list passes the pages on.
func (e *enquiry) list(ctx context.Context, pages chan<- page) {
	defer close(pages)
	defer e.progress.listedAll()
	for listed, err := range e.customers(ctx) {
		var wanted []client.Customer
		for _, customer := range listed {
			if e.selects(customer.Name) {
				wanted = append(wanted, customer)
			}
		}
		e.progress.list(len(wanted))
		select {
		case pages <- page{wanted, err}:
		case <-ctx.Done():
			return
		}
	}
}

// ask has the customers of the pages asked for, each with its place in the queue.
func (e *enquiry) ask(ctx context.Context, pages <-chan page, queue chan<- chan outcome) {
	defer close(queue)
	var calls errgroup.Group
	calls.SetLimit(e.concurrency)
	defer func() { _ = calls.Wait() }() // No call returns an error: each is in its outcome.
	for page := range pages {
		for _, customer := range page.customers {
			next := make(chan outcome, 1)
			if e.breaker.Stopped() != nil || !send(ctx, queue, next) {
				return
			}
			calls.Go(func() error {
				next <- e.fetch(ctx, customer)
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

func send(ctx context.Context, queue chan<- chan outcome, next chan outcome) bool {
	select {
	case queue <- next:
		return true
	case <-ctx.Done():
		return false
	}
}

func (e *enquiry) fetch(ctx context.Context, customer client.Customer) outcome {
	summary, err := e.source.UsageSummary(ctx, customer.ID)
	e.breaker.Note(err)
	row := cache.Customer{Customer: customer, Attempted: true, Success: true}
	switch {
	case client.IsNoUsage(err):
		row.Status = cache.StatusNoUsage
		return outcome{row: row}
	case err != nil:
		return outcome{row: row, err: err}
	}
	if row.Name == "" { // The customer was asked for by id.
		row.Name = summary.CustomerName
	}
	row.Status, row.Figures, row.Fetched = cache.StatusOK, &summary, time.Now()
	return outcome{row: row}
}
