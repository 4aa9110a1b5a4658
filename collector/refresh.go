package collector

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// refresh lists the customers if that is due, has the usage records confirm what
// is cached, and then asks for the usage of every customer who is due still. It is the one goroutine that the cache
// starts, and ends with the cache's context. What was learnt is saved when those
// who wait for the refresh have been let go.
func (c *Cache) refresh() {
	defer c.save()
	began := time.Now()
	breaker := &breaker{limit: max(20, 2*c.cfg.Concurrency)}
	listErr := c.list()
	if isPartnerWide(listErr) {
		breaker.trip(listErr)
	}
	if breaker.stopped() == nil {
		c.confirm()
	}
	answers := c.fetchDue(breaker)
	c.finish(began, listErr, breaker.err, answers)
}

// finish draws the conclusions of a refresh. It was a whole one if the customers
// are listed, nothing ended it early, and not everybody who was asked for
// failed.
func (c *Cache) finish(began time.Time, listErr, stopped error, answers tally) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.running)
	c.running = nil
	if c.ctx.Err() != nil {
		return
	}
	if isToken(stopped) {
		c.listed, c.listDue = false, now
	}
	if stopped != nil && isPermanent(stopped) {
		c.held = now.Add(c.cfg.TTL)
	}
	c.ready = c.ready || c.listed && !c.pending()
	if c.listed && stopped == nil && answers.good() {
		c.success, c.took = now, now.Sub(began)
	}
	c.failure = cmp.Or(stopped, listErr)
	c.logCauses()
}

// pending says whether anybody has never been asked for.
func (c *Cache) pending() bool {
	return slices.ContainsFunc(c.all(), func(e *entry) bool { return e.status == StatusPending })
}

// list fetches the list of customers if it is due. Only a complete list removes
// anybody.
func (c *Cache) list() error {
	c.mu.Lock()
	due := !time.Now().Before(c.listDue)
	c.mu.Unlock()
	if !due {
		return nil
	}
	customers, err := c.source.Customers(c.ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return err
	}
	c.merge(customers, err == nil)
	c.listed = err == nil || errors.Is(err, client.ErrTruncated)
	if err != nil {
		c.errors[client.ReasonOf(err)]++
	}
	if c.listed || isPermanent(err) {
		c.listDue = time.Now().Add(c.cfg.TTL)
	}
	return err
}

// merge takes over a list of customers. Of customers listed twice, the last one
// counts.
func (c *Cache) merge(customers []client.Customer, complete bool) {
	known := map[string]bool{}
	for _, customer := range customers {
		if !c.cfg.selects(customer) {
			continue
		}
		customer.Name, customer.Domain, customer.Relationship = clean(customer.Name), clean(customer.Domain), clean(customer.Relationship)
		id := clean(client.CanonicalID(customer.ID))
		known[id] = true
		if c.entries[id] == nil {
			c.entries[id] = &entry{status: StatusPending}
		}
		c.entries[id].customer = customer
	}
	for id := range c.entries {
		if complete && !known[id] {
			delete(c.entries, id)
		}
	}
}

// tally counts the customers that a refresh asked for.
type tally struct{ asked, failed int }

// good says whether not everybody failed.
func (t tally) good() bool { return t.asked == 0 || t.asked > t.failed }

// fetchDue asks for the usage of every customer who is due, until the breaker
// trips: those left then have failed for its reason.
func (c *Cache) fetchDue(breaker *breaker) tally {
	due := c.due()
	var group errgroup.Group
	group.SetLimit(c.cfg.Concurrency)
	for _, e := range due {
		if c.ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			c.fetch(e, breaker)
			return nil
		})
	}
	// The functions return no errors: each customer's is in its entry.
	_ = group.Wait()
	answers := tally{asked: len(due)}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range due {
		if e.err != nil {
			answers.failed++
		}
	}
	return answers
}

// due returns the entries to ask for, those first who were asked longest ago, so
// that a refresh which ends early does not always leave out the same ones.
func (c *Cache) due() []*entry {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	entries := slices.DeleteFunc(c.all(), func(e *entry) bool { return !e.isDue(now) })
	slices.SortFunc(entries, func(a, b *entry) int {
		return cmp.Or(a.asked.Compare(b.asked), cmp.Compare(a.customer.ID, b.customer.ID))
	})
	return entries
}

// fetch asks for one customer's usage.
func (c *Cache) fetch(e *entry, breaker *breaker) {
	if stopped := breaker.stopped(); stopped != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		e.passedOver(stopped)
		return
	}
	figures, err := c.source.UsageSummary(c.ctx, e.customer.ID)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return // The cache was closed, which says nothing about the customer.
	}
	breaker.note(err)
	e.answered(figures, err, time.Now(), c.cfg.TTL)
	if e.err != nil {
		c.errors[client.ReasonOf(err)]++
	}
}

// breaker ends a refresh in which calls fail one after another for reasons that
// lie with the partner or the network, so that ten thousand customers do not
// mean ten thousand calls in vain.
type breaker struct {
	limit int

	mu      sync.Mutex
	failing int // failures in a row
	err     error
}

func (b *breaker) stopped() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

func (b *breaker) trip(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = cmp.Or(b.err, err)
}

func (b *breaker) note(err error) {
	if isToken(err) {
		b.trip(err)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !isPartnerWide(err) {
		b.failing = 0
		return
	}
	if b.failing++; b.failing >= b.limit {
		b.err = cmp.Or(b.err, err)
	}
}

// isToken says whether there was no access token to be had.
func isToken(err error) bool {
	e, ok := errors.AsType[*client.Error](err)
	return ok && e.Endpoint == client.EndpointToken
}

// isPartnerWide says whether a failure, if it is not this customer's alone, is
// everybody's.
func isPartnerWide(err error) bool {
	if err == nil || client.IsNoUsage(err) || client.IsNotFound(err) {
		return false
	}
	switch client.ReasonOf(err) {
	case client.ReasonAuth, client.ReasonMFA, client.ReasonThrottled, client.ReasonTimeout, client.ReasonNetwork:
		return true
	case client.ReasonPermission:
		return client.IsEverybodys(err)
	case client.ReasonServer, client.ReasonDecode, client.ReasonClient:
	}
	return false
}
