package cache

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// fetcher fetches customers' usage in one refresh, a bounded number at a time, and each
// customer at most once.
type fetcher struct {
	ctx      context.Context //nolint:containedctx // It is the refresh's own.
	source   Source
	entries  *entries
	failures *failures
	failFast *FailFast
	guard    func(stage func() error) error

	requests errgroup.Group
	queues   sync.WaitGroup

	mu                sync.Mutex // guards the fields below
	queued            map[*entry]bool
	attempted, failed int
}

func newFetcher(c *Cache, guard func(stage func() error) error) *fetcher {
	f := &fetcher{
		ctx:      c.ctx,
		source:   c.source,
		entries:  c.entries,
		failures: c.failures,
		failFast: NewFailFast(c.cfg.Concurrency),
		guard:    guard,
		queued:   map[*entry]bool{},
	}
	f.requests.SetLimit(c.cfg.Concurrency)
	return f
}

// enqueue queues a fetch for each entry that was not queued before. It does not block.
func (f *fetcher) enqueue(entries []*entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	queue := make([]*entry, 0, len(entries))
	for _, e := range entries {
		if !f.queued[e] {
			f.queued[e] = true
			queue = append(queue, e)
		}
	}
	f.queues.Go(func() {
		for _, e := range queue {
			if f.ctx.Err() != nil {
				return
			}
			// No error is returned: the entry has it.
			f.requests.Go(func() error {
				f.fetch(e)
				return nil
			})
		}
	})
}

// wait waits until each customer that was queued is fetched, or skipped because the
// refresh was aborted. It returns how many were fetched, and how many of these failed.
func (f *fetcher) wait() (attempted, failed int) {
	f.queues.Wait()
	_ = f.requests.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.attempted, f.failed
}

// fetch fetches one customer's usage. Once the refresh is aborted it sends no request,
// and the customer has failed with the cause.
func (f *fetcher) fetch(e *entry) {
	id, stale := f.entries.claim(e, time.Now())
	if !stale {
		return
	}
	if stopped := f.failFast.Stopped(); stopped != nil {
		f.entries.skip(e, stopped, time.Now())
		return
	}
	err := f.guard(func() error { return f.fetchSummary(e, id) })
	if _, panicked := errors.AsType[*panicError](err); panicked {
		err = f.entries.update(e, client.UsageSummary{}, err, time.Now())
	}
	f.failures.count(err)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attempted++
	if err != nil {
		f.failed++
	}
}

// fetchSummary returns why the customer's usage is not known now, or nil.
func (f *fetcher) fetchSummary(e *entry, id string) error {
	summary, err := f.source.UsageSummary(f.ctx, id)
	if f.ctx.Err() != nil {
		return nil //nolint:nilerr // The cache was closed, which is no failure of the customer.
	}
	f.failFast.Note(err)
	return f.entries.update(e, summary, err, time.Now())
}
