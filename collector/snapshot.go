package collector

import (
	"maps"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// Snapshot is what a [Cache] holds at one moment. It may be kept: nothing in it
// changes.
type Snapshot struct {
	// Customers are all customers, in no order.
	Customers []Customer
	// Up says whether the last refresh got a token and listed the customers.
	Up bool
	// LastSuccess is when the last whole refresh ended, zero before the first.
	LastSuccess time.Time
	// LastDuration is how long it took.
	LastDuration time.Duration
	// RefreshTokenIssued is when the stored refresh token was issued.
	RefreshTokenIssued time.Time
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
	// Attempted says whether the customer's usage has been asked for.
	Attempted bool
	// Success says whether the last attempt succeeded. To learn that there is no
	// usage is a success.
	Success bool
	// Figures are the last known ones, nil if there are none that are younger
	// than [Config.MaxAge].
	Figures *client.UsageSummary
	// Fetched is when the figures were last known to be current.
	Fetched time.Time
}

// Snapshot returns what the cache holds, without asking or waiting for anybody.
func (c *Cache) Snapshot() Snapshot {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Snapshot{
		Customers:          make([]Customer, 0, len(c.entries)),
		Up:                 c.listed,
		LastSuccess:        c.success,
		LastDuration:       c.took,
		RefreshTokenIssued: c.source.RefreshTokenIssued(),
		ConcurrencyLimit:   c.source.ConcurrencyLimit(),
		Lookups:            c.lookups,
		Hits:               c.hits,
		Errors:             maps.Clone(c.errors),
	}
	for _, e := range c.entries {
		s.Customers = append(s.Customers, e.snapshot(now, c.cfg.MaxAge))
	}
	return s
}

func (e *entry) snapshot(now time.Time, maxAge time.Duration) Customer {
	s := Customer{
		Customer:  e.customer,
		Status:    e.status,
		Attempted: e.status != StatusPending,
		Success:   e.status == StatusOK || e.status == StatusNoUsage,
	}
	if e.figures != nil && now.Sub(e.fetched) <= maxAge {
		s.Figures, s.Fetched = e.figures, e.fetched
	}
	return s
}
