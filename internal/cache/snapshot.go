package cache

import (
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// Snapshot is what a [Cache] holds at one moment. It may be kept: nothing in it
// changes.
type Snapshot struct {
	Stats

	// Customers are all customers, in no order.
	Customers []Customer

	version uint64    // of the cache's entries
	expires time.Time // when the first figures reach the maximal age, zero if none do
}

// Stats is how a [Cache] fares, besides what it holds of the customers.
type Stats struct {
	// Up reports whether the last refresh got a token and listed the customers.
	Up bool
	// Missing is the number of known customers that the last list lacks, while the
	// list is not yet believed; 0 else.
	Missing int
	// UsageAccessible is false while more than half of the fetched customers are
	// denied to the partner, other than by an ended relationship.
	UsageAccessible bool
	// LastSuccess is when the last whole refresh ended, zero before the first.
	LastSuccess time.Time
	// LastDuration is how long it took.
	LastDuration time.Duration
	// RefreshTokenIssued is when the stored refresh token was issued.
	RefreshTokenIssued time.Time
	// CertificateExpiry is when the application's certificate expires, zero if it
	// has none.
	CertificateExpiry time.Time
	// ConcurrencyLimit is how many calls throttling allows in flight now.
	ConcurrencyLimit int
	// Lookups counts the customers looked up by scrapes, Hits those of them that
	// needed no call.
	Lookups, Hits uint64
	// Errors counts the failures by reason.
	Errors map[client.Reason]uint64
}

// Customer is what is known of one customer.
type Customer struct {
	client.Customer
	// Status is the customer's state.
	Status Status
	// Figures are the last known ones, nil if there are none that are younger
	// than [Config.MaxAge].
	Figures *client.UsageSummary
	// Fetched is when the figures were last known to be current.
	Fetched time.Time
}

// Snapshot returns the content of the cache. It does not wait for a refresh.
func (c *Cache) Snapshot() Snapshot {
	s := Snapshot{Stats: c.Stats()}
	s.Customers, s.version, s.expires = c.entries.snapshot(time.Now())
	return s
}

// Stats returns the state of the cache. It does not wait for a refresh.
func (c *Cache) Stats() Stats {
	s := Stats{
		RefreshTokenIssued: c.source.RefreshTokenIssued(),
		CertificateExpiry:  c.source.CertificateExpiry(),
		ConcurrencyLimit:   c.source.ConcurrencyLimit(),
		Errors:             c.failures.totals(),
	}
	s.Up, s.Missing = c.list.state()
	s.Lookups, s.Hits = c.entries.counters()
	c.mu.Lock()
	defer c.mu.Unlock()
	s.UsageAccessible, s.LastSuccess, s.LastDuration = !c.usageDenied, c.lastSuccessAt, c.lastDuration
	return s
}

// IsCurrent reports whether a snapshot's customers are what the cache would return
// now.
func (c *Cache) IsCurrent(s *Snapshot) bool {
	return c.entries.isVersion(s.version) && (s.expires.IsZero() || !time.Now().After(s.expires))
}

func (e *entry) snapshot(now time.Time, maxAge time.Duration) Customer {
	s := Customer{Customer: e.customer, Status: e.status}
	if e.figures != nil && now.Sub(e.fetchedAt) <= maxAge {
		s.Figures, s.Fetched = e.figures, e.fetchedAt
	}
	return s
}
