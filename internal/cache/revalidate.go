package cache

import (
	"errors"
	"maps"
	"time"

	"github.com/go-kit/log/level"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// revalidate fetches the usage records of all customers, which take one request, and
// counts those as fetched whose record has the figures that are cached.
// The others are fetched as if there were no records, and so are all if the records
// cannot be fetched or used.
func (c *Cache) revalidate(began time.Time) {
	if !c.cfg.UsageRecords || !c.shouldRevalidate(began) {
		return
	}
	records, err := c.source.UsageRecords(c.ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return
	}
	byID, err := c.indexRecords(records, err)
	c.logRecords(err)
	if err != nil {
		return
	}
	now := time.Now()
	for id, e := range c.entries {
		if record, ok := byID[id]; ok && e.isRevalidatedBy(record, now, c.cfg.FullRefresh) {
			e.fetchedAt, e.retryAt = now, now.Add(jittered(c.cfg.TTL))
		}
	}
	c.changed()
}

// shouldRevalidate reports whether the records can save requests.
func (c *Cache) shouldRevalidate(began time.Time) bool {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	saved := 0
	for _, e := range c.entries {
		if e.attemptedAt.Before(began) && e.isDue(now) && e.isRevalidatable(now, c.cfg.FullRefresh) {
			saved++
		}
	}
	return saved > 1
}

// indexRecords returns the records by customer, or why they cannot be used. A customer
// with several records has none, and is fetched.
func (c *Cache) indexRecords(records []client.UsageRecord, err error) (map[string]client.UsageRecord, error) {
	if err != nil {
		c.errors[client.ReasonOf(err)]++
		return nil, err
	}
	byID := make(map[string]client.UsageRecord, len(records))
	ambiguous := map[string]bool{}
	known := 0
	for _, record := range records {
		id := client.CanonicalID(record.CustomerID)
		if _, twice := byID[id]; twice {
			ambiguous[id] = true
		}
		byID[id] = record
		if c.entries[id] != nil {
			known++
		}
	}
	if known == 0 {
		return nil, errors.New("the usage records have no customer who is listed")
	}
	maps.DeleteFunc(byID, func(id string, _ client.UsageRecord) bool { return ambiguous[id] })
	return byID, nil
}

// logRecords logs when the records stop to be usable, and when they are again.
func (c *Cache) logRecords(err error) {
	if failed := err != nil; failed == c.withoutRecords {
		return
	}
	c.withoutRecords = err != nil
	if err == nil {
		_ = level.Info(c.cfg.Logger).Log("msg", "the usage records can be used again")
		return
	}
	_ = level.Warn(c.cfg.Logger).Log("msg", "the usage records cannot be used, fetching customer by customer", "reason", client.ReasonOf(err), "err", err)
}

// isRevalidatable reports whether a record can take the place of a request: there are
// figures of the present billing period, and they were fetched not too long ago.
func (e *entry) isRevalidatable(now time.Time, fullRefresh time.Duration) bool {
	return e.status == StatusOK && !e.periodEnded(now) && now.Sub(e.summarizedAt) < fullRefresh
}

func (e *entry) isRevalidatedBy(record client.UsageRecord, now time.Time, fullRefresh time.Duration) bool {
	f := e.figures
	return e.isRevalidatable(now, fullRefresh) &&
		record.TotalCost == f.TotalCost &&
		record.Currency == f.Currency &&
		record.LastModified.Equal(f.LastModified) &&
		sameAmount(record.Budget, f.Budget) &&
		sameUSD(record.USDTotalCost, f.USDTotalCost)
}

func sameAmount(a, b *float64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// sameUSD takes no amount in dollars for 0, which is what records of legacy
// customers state in its place.
func sameUSD(record, summary *float64) bool {
	if summary == nil {
		return record == nil || *record == 0
	}
	return sameAmount(record, summary)
}
