package cache

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/go-kit/log/level"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// refresh lists the customers if the list is stale, revalidates the entries by the
// usage records, and fetches every entry that is still stale. New customers are fetched
// while the list is read. It is the one goroutine that the cache starts, and ends with
// the cache's context. The store is written after the waiting scrapes are released.
func (c *Cache) refresh() {
	defer c.save()
	began := time.Now()
	fetches := newFetcher(c)
	listErr := c.list(fetches)
	if scope := client.ScopeOf(listErr); scope == client.ScopePartner || scope == client.ScopeToken {
		fetches.breaker.Trip(listErr)
	}
	if fetches.breaker.Stopped() == nil {
		c.revalidate(began)
	}
	fetches.enqueue(c.dueEntries())
	answers := fetches.wait()
	c.finish(began, listErr, fetches.breaker.Stopped(), answers)
}

// finish records the result of a refresh. The refresh is a success if the customers
// are listed, it was not aborted, and at least one fetch succeeded or none was due.
func (c *Cache) finish(began time.Time, listErr, stopped error, answers result) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.running)
	c.running = nil
	if c.ctx.Err() != nil {
		return
	}
	if client.ScopeOf(stopped) == client.ScopeToken {
		c.listed, c.listDueAt = false, now
		c.changed()
	}
	if stopped != nil && isPermanent(stopped) {
		c.heldUntil = now.Add(c.cfg.TTL)
	}
	c.ready = c.ready || c.listed && !c.pending()
	c.usageDenied = c.deniesUsage()
	if stopped == nil && answers.good() && c.isAccessible() {
		c.lastSuccessAt, c.lastDuration = now, now.Sub(began)
	}
	c.failure = cmp.Or(stopped, listErr)
	c.logCauses()
}

// isAccessible reports whether the customers are listed and their usage is not denied.
func (c *Cache) isAccessible() bool { return c.listed && !c.usageDenied }

// deniesUsage reports whether more than half of the customers that were fetched are
// denied to the partner, other than by the end of their relationship: the user has lost
// its role then. A customer without usage is not denied.
func (c *Cache) deniesUsage() bool {
	fetched, denied := 0, 0
	for _, e := range c.entries {
		if e.status == StatusPending && e.err == nil {
			continue
		}
		fetched++
		if client.IsPermission(e.err) && client.ScopeOf(e.err) != client.ScopeCustomer {
			denied++
		}
	}
	return 2*denied > fetched
}

// pending reports whether a customer has never been fetched.
func (c *Cache) pending() bool {
	return slices.ContainsFunc(c.all(), func(e *entry) bool { return e.status == StatusPending })
}

// list fetches the list of customers if it is stale, and queues fetches of the new
// customers meanwhile: a long list takes many requests, one after the other.
// Only a complete list removes customers.
func (c *Cache) list(fetches *fetcher) error {
	c.mu.Lock()
	due := !time.Now().Before(c.listDueAt)
	known := slices.Collect(maps.Keys(c.entries))
	c.mu.Unlock()
	if !due {
		return nil
	}
	listed := map[string]bool{}
	var err error
	for page, failure := range c.source.CustomerPages(c.ctx) {
		fetches.enqueue(c.merge(page, listed))
		err = failure
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return err
	}
	now := time.Now()
	suspect := false
	if err == nil {
		suspect = c.removeUnlisted(known, listed, now)
	} else {
		c.errors[client.ReasonOf(err)]++
	}
	c.listed = err == nil || errors.Is(err, client.ErrTruncated)
	switch {
	case suspect:
		c.listDueAt = now.Add(min(suspectDelay, c.cfg.TTL))
	case c.listed || isPermanent(err):
		c.listDueAt = now.Add(c.cfg.TTL)
	}
	c.changed()
	return err
}

// A list that lacks all known customers, or more than half of at least manyCustomers,
// is suspect: it removes no customer until another list, suspectDelay later or more,
// lacks the same one.
const (
	suspectDelay  = time.Minute
	manyCustomers = 10
)

// removeUnlisted removes the customers that a complete list lacks, and reports
// whether it has kept some, since the list is suspect. Known are the customers from
// before the list, so that one of other customers only is suspect too. The caller holds
// the mutex.
func (c *Cache) removeUnlisted(known []string, listed map[string]bool, now time.Time) (suspect bool) {
	missing := slices.DeleteFunc(slices.Clone(known), func(id string) bool { return listed[id] })
	if !isSuspect(len(missing), len(known)) {
		c.missing = nil
		maps.DeleteFunc(c.entries, func(id string, _ *entry) bool { return !listed[id] })
		return false
	}
	if len(c.missing) == 0 {
		c.suspectedAt = now
		_ = level.Warn(c.cfg.Logger).Log("msg", "the list lacks most known customers: keeping them until another list confirms it",
			"missing", len(missing), "known", len(known))
	}
	if now.Sub(c.suspectedAt) >= suspectDelay {
		missing = slices.DeleteFunc(missing, c.removeIfMissing)
		c.suspectedAt = now
	}
	c.missing = idSet(missing)
	return len(missing) > 0
}

// removeIfMissing removes a customer that an earlier list lacked too, and reports
// whether it did.
func (c *Cache) removeIfMissing(id string) bool {
	if !c.missing[id] {
		return false
	}
	delete(c.entries, id)
	return true
}

func idSet(ids []string) map[string]bool {
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}

// isSuspect reports whether a list that lacks so many of the known customers is more
// likely wrong than true.
func isSuspect(missing, known int) bool {
	return missing > 0 && (missing == known || known >= manyCustomers && 2*missing > known)
}

// merge takes over a page of customers, adds them to those listed, and returns
// who is new. Of customers listed twice, the last one counts.
func (c *Cache) merge(page []client.Customer, listed map[string]bool) []*entry {
	var newcomers []*entry
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, customer := range page {
		if !c.cfg.Selects(customer) {
			continue
		}
		customer.Name, customer.Domain, customer.Relationship = clean(customer.Name), clean(customer.Domain), clean(customer.Relationship)
		id := client.CanonicalID(customer.ID)
		listed[id] = true
		delete(c.missing, id)
		if c.entries[id] == nil {
			c.entries[id] = &entry{status: StatusPending}
			newcomers = append(newcomers, c.entries[id])
		}
		c.entries[id].customer = customer
	}
	c.changed()
	return newcomers
}

// dueEntries returns the entries to ask for, those first who were asked longest ago, so
// that a refresh which ends early does not always leave out the same ones.
func (c *Cache) dueEntries() []*entry {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	entries := slices.DeleteFunc(c.all(), func(e *entry) bool { return !e.isDue(now) })
	slices.SortFunc(entries, func(a, b *entry) int {
		return cmp.Or(a.attemptedAt.Compare(b.attemptedAt), cmp.Compare(a.customer.ID, b.customer.ID))
	})
	return entries
}
