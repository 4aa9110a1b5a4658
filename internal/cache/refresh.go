package cache

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-kit/log/level"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/throttle"
)

const (
	// headStart is how long the fetches of stale customers wait for the list, and then
	// for the usage records, both of which spare requests.
	headStart = 10 * time.Second
	// timeouts is how many requests' time the list and the usage records have at least.
	timeouts = 10
)

// refresh is one refresh of a cache. It owns the goroutines of its stages and fetches,
// and ends when they have ended.
type refresh struct {
	*Cache
	began    time.Time
	fetcher  *fetcher
	requests atomic.Int64 // for pages and usage records
	panicked atomic.Bool
}

// runRefresh runs a refresh. The file is written after the waiting scrapes are released.
func (c *Cache) runRefresh() {
	r := &refresh{Cache: c, began: time.Now()}
	r.fetcher = newFetcher(c, r.guard)
	err := r.guard(r.run)
	c.failures.count(err)
	c.release(err, r.panicked.Load())
	c.save()
}

// run lists the customers if the list is stale, revalidates the entries by the usage
// records, and fetches every entry that is still stale. New customers are fetched while
// the list is read. Neither a slow list nor slow records hold up the fetches.
func (r *refresh) run() error {
	list := r.start(r.listCustomers)
	list.await(headStart)
	records := r.start(r.revalidate)
	records.await(headStart)
	r.fetcher.enqueue(r.entries.due(time.Now()))
	<-list.done
	<-records.done
	r.fetcher.enqueue(r.entries.due(time.Now()))
	attempted, failed := r.fetcher.wait()
	if r.ctx.Err() == nil {
		r.finish(attempted, failed)
	}
	return nil
}

// listCustomers fetches the list of customers if it is stale. A failure that every
// request would meet ends the refresh: at once where only a person can mend it, and
// otherwise if the next request fails as well.
func (r *refresh) listCustomers() error {
	if !r.list.isDue(time.Now()) {
		return nil
	}
	err := r.guard(r.readList)
	if err == nil || r.ctx.Err() != nil {
		return err
	}
	r.list.fail(err, time.Now())
	switch scope := client.ScopeOf(err); {
	case scope == client.ScopeToken, scope == client.ScopePartner && isPermanent(err):
		r.fetcher.failFast.Trip(err)
	case scope == client.ScopePartner:
		r.fetcher.failFast.Suspect()
	}
	return err
}

// readList reads the list, and queues fetches of the new customers meanwhile: a long
// list takes many requests, one after the other. Only a complete list removes customers.
func (r *refresh) readList() error {
	ctx, cancel := r.limited()
	defer cancel()
	known := r.entries.ids()
	listed := map[string]bool{}
	total, matched := 0, 0
	for page, err := range r.source.CustomerPages(ctx) {
		r.requests.Add(1)
		if err != nil {
			return err
		}
		total += len(page)
		page = slices.DeleteFunc(page, func(c client.Customer) bool { return !r.cfg.Selects(c) })
		matched += len(page)
		page = slices.DeleteFunc(page, func(c client.Customer) bool { return !r.cfg.Shard.owns(c.ID) })
		for _, customer := range page {
			listed[client.CanonicalID(customer.ID)] = true
		}
		r.list.show(page)
		r.fetcher.enqueue(r.entries.merge(page))
	}
	if r.ctx.Err() != nil {
		return nil
	}
	removed, kept, first := r.list.complete(known, listed, time.Now())
	r.entries.remove(removed)
	if first {
		_ = level.Warn(r.cfg.Logger).Log("msg", "the list lacks most known customers: keeping them until another list confirms it",
			"missing", kept, "known", len(known))
	}
	r.log.listed(total, matched, &r.cfg)
	return nil
}

// finish records the result of a refresh. The refresh is a success if the customers are
// listed and their usage is not denied, it was not aborted, and at least one fetch
// succeeded or none was due.
func (r *refresh) finish(attempted, failed int) {
	now := time.Now()
	stopped := r.fetcher.failFast.Stopped()
	if client.ScopeOf(stopped) == client.ScopeToken {
		r.list.loseToken(now)
	}
	listed, _ := r.list.state()
	tally := r.entries.tally()
	r.failures.log(cmp.Or(stopped, r.list.failure()), tally.errs)
	r.log.end(tally, int(r.requests.Load())+attempted, now.Sub(r.began))

	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failsForFew(stopped, tally) {
		r.aborted = 0
	}
	r.hold(stopped, now)
	r.ready = r.ready || listed && tally.pending == 0
	r.usageDenied = tally.mostDenied()
	if stopped == nil && (attempted == 0 || attempted > failed) && listed && !r.usageDenied {
		r.lastSuccessAt, r.lastDuration = now, now.Sub(r.began)
	}
}

// failsForFew reports whether a refresh was aborted although most customers do not fail.
// That must not hold back the others for longer each time.
func (r *refresh) failsForFew(stopped error, tally tally) bool {
	return client.ScopeOf(stopped) == client.ScopePartner && r.list.failure() == nil && 2*len(tally.errs) < tally.customers
}

// hold delays the next refresh after one that was aborted. The caller holds the mutex.
func (c *Cache) hold(err error, now time.Time) {
	switch {
	case err == nil:
		c.aborted, c.heldUntil = 0, time.Time{}
	case isPermanent(err):
		c.aborted, c.heldUntil = 0, now.Add(c.cfg.TTL)
	default:
		c.aborted++
		c.heldUntil = now.Add(throttle.RetryDelay(c.aborted, c.cfg.TTL))
	}
}

// release ends the refresh under way for those who wait for it. After a panic the file
// is not written until a refresh went well: its content may be the cause.
func (c *Cache) release(err error, panicked bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.running)
	c.running = nil
	c.unsavable = panicked
	if err != nil {
		c.hold(err, time.Now())
	}
}
