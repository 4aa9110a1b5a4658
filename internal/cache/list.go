package cache

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/throttle"
)

// A list that lacks all known customers, or more than half of at least manyCustomers,
// is suspect: it removes no customer until another list, suspectDelay later or more,
// lacks the same one.
const (
	suspectDelay  = time.Minute
	manyCustomers = 10
)

// list is what the last lists of customers showed.
type list struct {
	ttl time.Duration

	mu        sync.Mutex // guards the fields below
	dueAt     time.Time  // from when the list is fetched again
	succeeded bool       // whether the last attempt did
	failures  int        // attempts in a row that failed
	// missing are the known customers that suspect lists lack, kept until another list
	// confirms it, each with the time of the first such list.
	missing map[string]time.Time
	err     error // why the last attempt failed, nil if it did not
}

func (l *list) isDue(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !now.Before(l.dueAt)
}

// show ends the suspicion for the customers of a page, even of a list that fails.
func (l *list) show(page []client.Customer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, customer := range page {
		delete(l.missing, client.CanonicalID(customer.ID))
	}
}

// complete records a complete list. It returns which of the known customers the list
// removes, how many it lacks but keeps because it is suspect, and whether it is the first
// such list. Known are the customers from before the list, so that a list of other
// customers only is suspect too.
func (l *list) complete(known []string, listed map[string]bool, now time.Time) (removed []string, kept int, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.succeeded, l.failures, l.dueAt, l.err = true, 0, now.Add(l.ttl), nil
	lacking := slices.DeleteFunc(slices.Clone(known), func(id string) bool { return listed[id] })
	if !isSuspect(len(lacking), len(known)) {
		l.missing = nil
		return lacking, 0, false
	}
	first = len(l.missing) == 0
	missing := map[string]time.Time{}
	for _, id := range lacking {
		since, before := l.missing[id]
		switch {
		case !before:
			missing[id] = now
		case now.Sub(since) < suspectDelay:
			missing[id] = since
		default:
			removed = append(removed, id)
		}
	}
	l.missing = missing
	if len(missing) > 0 {
		l.dueAt = now.Add(min(suspectDelay, l.ttl))
	}
	return removed, len(missing), first
}

// isSuspect reports whether a list that lacks so many of the known customers is more
// likely wrong than true.
func isSuspect(lacking, known int) bool {
	return lacking > 0 && (lacking == known || known >= manyCustomers && 2*lacking > known)
}

// fail records a list that failed, which removes no customer. One without an end has
// shown all customers, so that it is fetched again after the TTL only.
func (l *list) fail(err error, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.succeeded, l.err = errors.Is(err, client.ErrTruncated), err
	if l.succeeded || isPermanent(err) {
		l.failures, l.dueAt = 0, now.Add(l.ttl)
		return
	}
	l.failures++
	l.dueAt = now.Add(throttle.RetryDelay(l.failures, l.ttl))
}

// loseToken records that there is no token any more. The next refresh lists the
// customers, whether or not that is due.
func (l *list) loseToken(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.succeeded, l.dueAt = false, now
}

// state returns whether the last list succeeded, and how many customers are missing.
func (l *list) state() (succeeded bool, missing int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.succeeded, len(l.missing)
}

// failure returns why the last list failed, or nil.
func (l *list) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// save adds what is known of the list to the content of a file. It reports whether there
// was a list at all.
func (l *list) save(s *saved) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Up, s.ListDue = l.succeeded, l.dueAt
	s.Missing = slices.Sorted(maps.Keys(l.missing))
	for _, since := range l.missing {
		s.SuspectedAt = later(s.SuspectedAt, since)
	}
	return !l.dueAt.IsZero()
}

// restore takes over what a file had.
func (l *list) restore(s *saved, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.succeeded, l.dueAt = s.Up, notFarAhead(s.ListDue, now, l.ttl)
	l.missing = make(map[string]time.Time, len(s.Missing))
	for _, id := range s.Missing {
		l.missing[id] = earlier(s.SuspectedAt, now)
	}
}

// expire makes the list due.
func (l *list) expire(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dueAt = now
}
