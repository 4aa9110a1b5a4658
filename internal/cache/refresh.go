package cache

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
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
		r.finish(list.err, attempted, failed)
	}
	return nil
}

// stage is a part of a refresh in a goroutine of its own.
type stage struct {
	done chan struct{} // closed at its end
	err  error         // set by then
}

func (r *refresh) start(run func() error) *stage {
	s := &stage{done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.err = r.guard(run)
		if r.ctx.Err() == nil {
			r.failures.count(s.err)
		}
	}()
	return s
}

// await waits for the end of the stage, for a limited time.
func (s *stage) await(limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-s.done:
	case <-timer.C:
	}
}

// limited returns the context of a stage that sends one request after the other.
func (r *refresh) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.ctx, max(r.cfg.TTL/2, timeouts*r.cfg.Timeout))
}

// panicError is a panic in a refresh.
type panicError struct{ value any }

// Error implements error. It quotes only what the runtime states: another value may
// contain anything.
func (e *panicError) Error() string {
	if err, ok := e.value.(runtime.Error); ok {
		return "panic: " + err.Error()
	}
	return fmt.Sprintf("panic: %T", e.value)
}

// guard runs a part of a refresh, and returns its error or its panic. The first panic of
// a refresh is logged with its stack, and sets aside the cache file, whose content may
// be the cause.
func (r *refresh) guard(run func() error) (err error) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		err = &panicError{value}
		if r.panicked.Swap(true) {
			return
		}
		_ = level.Error(r.cfg.Logger).Log("msg", "a refresh panicked: report it as a bug", "err", err, "stack", string(debug.Stack()))
		if r.store != nil {
			r.store.setAside(err)
		}
	}()
	return run()
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
		page = slices.DeleteFunc(page, func(c client.Customer) bool { return !r.cfg.matches(c) })
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
func (r *refresh) finish(listErr error, attempted, failed int) {
	now := time.Now()
	stopped := r.fetcher.failFast.Stopped()
	if client.ScopeOf(stopped) == client.ScopeToken {
		r.list.loseToken(now)
	}
	listed, _ := r.list.state()
	pending, denied := r.entries.pending(), r.entries.denied()
	failure := cmp.Or(stopped, listErr)
	errs := r.entries.errs()
	r.failures.log(failure, errs)
	r.log.end(r.entries.count(), int(r.requests.Load())+attempted, now.Sub(r.began), errs)

	r.mu.Lock()
	defer r.mu.Unlock()
	r.hold(stopped, now)
	r.ready = r.ready || listed && !pending
	r.usageDenied = denied
	if stopped == nil && (attempted == 0 || attempted > failed) && listed && !denied {
		r.lastSuccessAt, r.lastDuration = now, now.Sub(r.began)
	}
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

// quietFor is how long a refresh that ends as the one before is not logged.
const quietFor = time.Minute

// refreshLog logs what refreshes do. The refresh under way uses it, and nothing else.
type refreshLog struct {
	logger log.Logger
	nobody bool // whether the last list had no customer of the selection
	// withoutRecords reports whether the last usage records were unusable.
	withoutRecords bool

	loggedAt time.Time
	last     string
}

// end logs the end of a refresh, unless the last line was the same not long ago.
func (l *refreshLog) end(customers, requests int, took time.Duration, errs []error) {
	now := time.Now()
	failures := countReasons(errs)
	result := fmt.Sprint(customers, failures)
	if result == l.last && now.Sub(l.loggedAt) < quietFor {
		return
	}
	l.last, l.loggedAt = result, now
	_ = level.Info(l.logger).Log("msg", "refresh ended", "customers", customers, "requests", requests, "duration", took.Round(time.Millisecond), "failures", failures)
}

// countReasons returns the number of failures by reason, such as "network:2,server:1".
func countReasons(errs []error) string {
	counts := map[client.Reason]int{}
	for _, err := range errs {
		counts[client.ReasonOf(err)]++
	}
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s:%d", reason, counts[reason]))
	}
	return cmp.Or(strings.Join(parts, ","), "none")
}

// listed logs when a list has no customer of the selection, and not again while that
// lasts.
func (l *refreshLog) listed(total, selected int, cfg *Config) {
	nobody := selected == 0
	if nobody == l.nobody {
		return
	}
	l.nobody = nobody
	switch {
	case !nobody:
	case total == 0:
		_ = level.Warn(l.logger).Log("msg", "the partner has no customers")
	case cfg.Include != nil || cfg.Exclude != nil:
		_ = level.Warn(l.logger).Log("msg", "the selection matches no customer", "include", cfg.Include, "exclude", cfg.Exclude, "customers", total)
	}
}

// records logs when the usage records stop to be usable, and when they are again.
func (l *refreshLog) records(err error) {
	if failed := err != nil; failed == l.withoutRecords {
		return
	}
	l.withoutRecords = err != nil
	if err == nil {
		_ = level.Info(l.logger).Log("msg", "the usage records can be used again")
		return
	}
	_ = level.Warn(l.logger).Log("msg", "the usage records cannot be used, fetching customer by customer", "reason", client.ReasonOf(err), "err", err)
}
