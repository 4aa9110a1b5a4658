package cache

import (
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// fetches are the calls of one refresh for customers' usage, never more at once
// than configured. Every customer is fetched at most once.
type fetcher struct {
	cache   *Cache
	breaker *FailFast
	asked   map[*entry]bool
	queues  sync.WaitGroup
	calls   errgroup.Group
}

func newFetcher(c *Cache) *fetcher {
	f := &fetcher{cache: c, breaker: NewFailFast(c.cfg.Concurrency), asked: map[*entry]bool{}}
	f.calls.SetLimit(c.cfg.Concurrency)
	return f
}

// enqueue queues a fetch for every entry that this refresh has not fetched yet; it does
// not block.
func (f *fetcher) enqueue(entries []*entry) {
	queue := make([]*entry, 0, len(entries))
	for _, e := range entries {
		if !f.asked[e] {
			f.asked[e] = true
			queue = append(queue, e)
		}
	}
	f.queues.Go(func() {
		for _, e := range queue {
			if f.cache.ctx.Err() != nil {
				return
			}
			// No error is returned: each customer's is in its entry.
			f.calls.Go(func() error {
				f.fetch(e)
				return nil
			})
		}
	})
}

// result counts the customers that a refresh fetched.
type result struct{ attempted, failed int }

// good reports whether at least one customer was fetched, or none had to be.
func (t result) good() bool { return t.attempted == 0 || t.attempted > t.failed }

// wait waits until every queued customer is fetched, or skipped because the refresh
// was aborted, and returns the counts.
func (f *fetcher) wait() result {
	f.queues.Wait()
	_ = f.calls.Wait()
	answers := result{attempted: len(f.asked)}
	f.cache.mu.Lock()
	defer f.cache.mu.Unlock()
	for e := range f.asked {
		if e.err != nil {
			answers.failed++
		}
	}
	return answers
}

// fetch fetches one customer's usage. Once the refresh is aborted it sends no request,
// and the customer has failed with the cause.
func (f *fetcher) fetch(e *entry) {
	c := f.cache
	if stopped := f.breaker.Stopped(); stopped != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		e.skip(stopped)
		c.changed()
		return
	}
	figures, err := c.source.UsageSummary(c.ctx, c.idOf(e))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return // The cache was closed, which is no failure of the customer.
	}
	f.breaker.Note(err)
	e.update(figures, err, time.Now(), c.cfg.TTL, c.cfg.MaxAge)
	c.changed()
	if e.err != nil {
		c.errors[client.ReasonOf(err)]++
	}
}

// idOf returns a customer's id as the API spells it, which a later page of the
// list may spell differently.
func (c *Cache) idOf(e *entry) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return e.customer.ID
}
