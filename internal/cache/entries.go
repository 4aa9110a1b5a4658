package cache

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// entries are the customers of a cache. Nothing else reads or changes an entry.
type entries struct {
	ttl, maxAge, fullRefresh time.Duration

	mu      sync.Mutex // guards the fields below and those of every entry
	byID    map[string]*entry
	version uint64 // counts the changes
	// nextDueAt is when the first entry becomes stale, zero if that is to be computed.
	nextDueAt     time.Time
	lookups, hits uint64 // customers looked up by scrapes, and those of them that were fresh
}

func newEntries(cfg Config) *entries {
	return &entries{ttl: cfg.TTL, maxAge: cfg.MaxAge, fullRefresh: cfg.FullRefresh, byID: map[string]*entry{}}
}

// never is later than any time at which an entry becomes stale.
var never = time.Unix(1<<40, 0)

// isDue reports whether an entry is stale.
func (t *entries) isDue(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !now.Before(t.dueAt())
}

// dueAt returns when the first entry becomes stale. It keeps the result until an entry
// changes, so that a scrape that finds nothing stale costs nothing.
func (t *entries) dueAt() time.Time {
	if t.nextDueAt.IsZero() {
		t.nextDueAt = never
		for _, e := range t.byID {
			if due := e.dueAt(); due.Before(t.nextDueAt) {
				t.nextDueAt = due
			}
		}
	}
	return t.nextDueAt
}

// changed is called with every change of the entries.
func (t *entries) changed() {
	t.version++
	t.nextDueAt = time.Time{}
}

// lookUp counts a scrape's lookup of all entries.
func (t *entries) lookUp(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lookups += uint64(len(t.byID))
	t.hits += uint64(len(t.byID))
	if now.Before(t.dueAt()) {
		return
	}
	for _, e := range t.byID {
		if e.isDue(now) {
			t.hits--
		}
	}
}

// ids returns the canonical ids of all customers.
func (t *entries) ids() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Keys(t.byID))
}

// merge takes over a page of customers, and returns the entries of the new ones. Of
// customers that are listed twice, the last one counts.
func (t *entries) merge(page []client.Customer) []*entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	var added []*entry
	for _, customer := range page {
		customer.Name, customer.Domain, customer.Relationship = clean(customer.Name), clean(customer.Domain), clean(customer.Relationship)
		id := client.CanonicalID(customer.ID)
		if t.byID[id] == nil {
			t.byID[id] = &entry{status: StatusPending}
			added = append(added, t.byID[id])
		}
		t.byID[id].customer = customer
	}
	t.changed()
	return added
}

func (t *entries) remove(ids []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range ids {
		delete(t.byID, id)
	}
	t.changed()
}

// due returns the stale entries. Those that fail come last, so that they do not end a
// refresh before the others are fetched. Of equals, those whose last attempt is the
// oldest come first, so that such refreshes do not always leave out the same ones.
func (t *entries) due(now time.Time) []*entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	var due []*entry
	for _, e := range t.byID {
		if e.isDue(now) {
			due = append(due, e)
		}
	}
	slices.SortFunc(due, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.failures, b.failures), a.attemptedAt.Compare(b.attemptedAt), cmp.Compare(a.customer.ID, b.customer.ID))
	})
	return due
}

// claim returns the id of a customer, as the API spells it, whose usage is to be fetched.
// While it was queued, the customer may have been removed, or its figures revalidated.
func (t *entries) claim(e *entry, now time.Time) (id string, stale bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	id = e.customer.ID
	return id, t.byID[client.CanonicalID(id)] == e && e.isDue(now)
}

// update records the result of an attempt, and returns why it is a failure, or nil.
func (t *entries) update(e *entry, figures client.UsageSummary, err error, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	e.update(figures, err, now, t.ttl, t.maxAge)
	t.changed()
	return e.err
}

// skip records why a customer was not fetched.
func (t *entries) skip(e *entry, err error, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e.skip(err, now)
	t.changed()
}

// expire makes every customer due whose last attempt failed.
func (t *entries) expire(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.byID {
		if e.err != nil {
			e.retryAt = now
		}
	}
	t.changed()
}

// revalidatable returns how many stale entries usage records can spare a request.
// Entries that were fetched since a refresh began are not counted.
func (t *entries) revalidatable(began, now time.Time) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, e := range t.byID {
		if e.attemptedAt.Before(began) && e.isDue(now) && e.isRevalidatable(now, t.fullRefresh) {
			n++
		}
	}
	return n
}

// revalidate counts the figures as current that a usage record confirms. It fails if
// there is no record of any customer.
func (t *entries) revalidate(records map[string]*client.UsageRecord, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := 0
	for id, e := range t.byID {
		record, ok := records[id]
		if !ok {
			continue
		}
		known++
		if e.isRevalidatedBy(record, now, t.fullRefresh) {
			e.fetchedAt, e.retryAt = now, now.Add(jittered(t.ttl))
		}
	}
	if known == 0 {
		return errors.New("the usage records have no customer who is listed")
	}
	t.changed()
	return nil
}

// tally is what the last attempts of all customers amount to.
type tally struct {
	customers int
	pending   int     // customers that were never fetched
	denied    int     // customers denied to the partner, other than by the end of their relationship
	unknown   int     // pending customers without an error
	errs      []error // of the customers that failed
}

// mostDenied reports whether more than half of the customers are denied, of those of
// which something is known: the user has lost its role then. A customer without usage
// is not denied.
func (n tally) mostDenied() bool { return 2*n.denied > n.customers-n.unknown }

func (t *entries) tally() tally {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := tally{customers: len(t.byID)}
	for _, e := range t.byID {
		switch {
		case e.err != nil:
			n.errs = append(n.errs, e.err)
		case e.status == StatusPending:
			n.unknown++
		}
		if e.status == StatusPending {
			n.pending++
		}
		if client.IsPermission(e.err) && client.ScopeOf(e.err) != client.ScopeCustomer {
			n.denied++
		}
	}
	return n
}

// counters returns how many lookups there were, and how many found a fresh entry.
func (t *entries) counters() (lookups, hits uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lookups, t.hits
}

// snapshot returns the customers, the version, and when the first figures become older
// than the maximal age, zero if none do.
func (t *entries) snapshot(now time.Time) (customers []Customer, version uint64, expires time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	customers = make([]Customer, 0, len(t.byID))
	for _, e := range t.byID {
		customer := e.snapshot(now, t.maxAge)
		customers = append(customers, customer)
		if age := customer.Fetched.Add(t.maxAge); customer.Figures != nil && (expires.IsZero() || age.Before(expires)) {
			expires = age
		}
	}
	return customers, t.version, expires
}

// isVersion reports whether nothing has changed since a version.
func (t *entries) isVersion(version uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.version == version
}

// saved returns the records for the file.
func (t *entries) saved() []savedCustomer {
	t.mu.Lock()
	defer t.mu.Unlock()
	saved := make([]savedCustomer, 0, len(t.byID))
	for _, e := range t.byID {
		saved = append(saved, e.saved())
	}
	return saved
}

// restore adds the customer of a record.
func (t *entries) restore(saved savedCustomer, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byID[client.CanonicalID(saved.Customer.ID)] = saved.entry(now, t.ttl)
	t.changed()
}
