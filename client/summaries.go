package client

import (
	"context"
	"iter"
	"sync"
)

// CustomerSummary is a customer with its usage summary.
type CustomerSummary struct {
	// Customer is the customer, or zero beside an error of the list of customers.
	Customer Customer
	// Summary is zero beside an error.
	Summary UsageSummary
}

// Summaries yields each customer with its usage summary, in the order of
// [Client.CustomerPages]. An error beside a customer is that of
// [Client.UsageSummary], and the others follow; one beside none is that of the list,
// and comes last. At most [Config.Concurrency] summaries are fetched ahead, while
// the list is still being read. All of them have ended when the loop has.
func (c *Client) Summaries(ctx context.Context) iter.Seq2[CustomerSummary, error] {
	return func(yield func(CustomerSummary, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		s := summaries{client: c, queue: make(chan chan summary, c.concurrency-1), left: make(chan struct{})}
		defer s.fetches.Wait()
		defer cancel()
		defer close(s.left)
		s.fetches.Go(func() { s.list(ctx) })
		for next := range s.queue {
			if one := <-next; !yield(one.CustomerSummary, one.err) {
				return
			}
		}
	}
}

// summary is what [Client.Summaries] yields.
type summary struct {
	CustomerSummary

	err error
}

// summaries fetches the summaries of one loop. The queue has a channel for each that
// is fetched or not yet yielded; the loop has taken one more from it.
type summaries struct {
	client  *Client
	queue   chan chan summary
	left    chan struct{} // closed when the loop ends
	fetches sync.WaitGroup
}

// list lists the customers, and starts a fetch for each.
func (s *summaries) list(ctx context.Context) {
	defer close(s.queue)
	for page, err := range s.client.CustomerPages(ctx) {
		if err != nil {
			s.add(func() summary { return summary{err: err} })
			return
		}
		for _, customer := range page {
			fetch := func() summary {
				usage, err := s.client.UsageSummary(ctx, customer.ID)
				return summary{CustomerSummary{customer, usage}, err}
			}
			if !s.add(fetch) {
				return
			}
		}
	}
}

// add waits for room in the queue and starts a fetch. It reports whether the loop goes
// on.
func (s *summaries) add(fetch func() summary) bool {
	next := make(chan summary, 1)
	select {
	case s.queue <- next:
		s.fetches.Go(func() { next <- fetch() })
		return true
	case <-s.left:
		return false
	}
}
