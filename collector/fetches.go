package collector

import (
	"cmp"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// fetches are the calls of one refresh for customers' usage, never more at once
// than configured. Every customer is asked for at most once.
type fetches struct {
	cache   *Cache
	breaker breaker
	asked   map[*entry]bool
	queues  sync.WaitGroup
	calls   errgroup.Group
}

func newFetches(c *Cache) *fetches {
	f := &fetches{cache: c, breaker: breaker{limit: max(20, 2*c.cfg.Concurrency)}, asked: map[*entry]bool{}}
	f.calls.SetLimit(c.cfg.Concurrency)
	return f
}

// ask has the usage of those fetched who were not asked for yet, without waiting
// for it.
func (f *fetches) ask(entries []*entry) {
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

// tally counts the customers that a refresh asked for.
type tally struct{ asked, failed int }

// good says whether not everybody failed.
func (t tally) good() bool { return t.asked == 0 || t.asked > t.failed }

// wait returns how it went when everybody has been asked for, or passed over
// because the breaker tripped.
func (f *fetches) wait() tally {
	f.queues.Wait()
	_ = f.calls.Wait()
	answers := tally{asked: len(f.asked)}
	f.cache.mu.Lock()
	defer f.cache.mu.Unlock()
	for e := range f.asked {
		if e.err != nil {
			answers.failed++
		}
	}
	return answers
}

// fetch asks for one customer's usage. Once the breaker has tripped it asks
// nobody, and the customer has failed for the breaker's reason.
func (f *fetches) fetch(e *entry) {
	c := f.cache
	if stopped := f.breaker.stopped(); stopped != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		e.passedOver(stopped)
		c.changed()
		return
	}
	figures, err := c.source.UsageSummary(c.ctx, c.idOf(e))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return // The cache was closed, which says nothing about the customer.
	}
	f.breaker.note(err)
	e.answered(figures, err, time.Now(), c.cfg.TTL)
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
