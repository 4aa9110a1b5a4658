package cache

import (
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/throttle"
)

// revalidate fetches the usage records of all customers, which take one request, and
// counts those as fetched whose record has the figures that are cached. The others are
// fetched as if there were no records, and so are all if the records cannot be fetched
// or used.
func (r *refresh) revalidate() error {
	if !r.cfg.UsageRecords || r.fetcher.failFast.Stopped() != nil || !r.records.isDue() || r.entries.revalidatable(r.began, time.Now()) < 2 {
		return nil
	}
	ctx, cancel := r.limited()
	defer cancel()
	r.requests.Add(1)
	records, err := r.source.UsageRecords(ctx)
	if r.ctx.Err() != nil {
		return nil
	}
	unusable := err
	if err == nil {
		unusable = r.entries.revalidate(indexRecords(records), time.Now())
	}
	r.records.conclude(unusable, r.cfg.TTL)
	r.log.records(unusable)
	return err
}

// recordsDelay delays usage records after some that failed. The refresh under way uses
// it, and nothing else.
type recordsDelay struct {
	failures int // in a row
	until    time.Time
}

func (d *recordsDelay) isDue() bool { return !time.Now().Before(d.until) }

// conclude records the result of an attempt.
func (d *recordsDelay) conclude(err error, ttl time.Duration) {
	if err == nil {
		*d = recordsDelay{}
		return
	}
	d.failures++
	d.until = time.Now().Add(throttle.RetryDelay(d.failures, ttl))
}

// indexRecords returns the record of each customer, nil for a customer with several,
// which do not show what is current.
func indexRecords(records []client.UsageRecord) map[string]*client.UsageRecord {
	byID := make(map[string]*client.UsageRecord, len(records))
	for i := range records {
		id := client.CanonicalID(records[i].CustomerID)
		if _, twice := byID[id]; twice {
			byID[id] = nil
			continue
		}
		byID[id] = &records[i]
	}
	return byID
}

// isRevalidatable reports whether a record can take the place of a request: there are
// figures of the present billing period, and they were fetched not too long ago.
func (e *entry) isRevalidatable(now time.Time, fullRefresh time.Duration) bool {
	return e.status == StatusOK && !e.periodEnded(now) && now.Sub(e.summarizedAt) < fullRefresh
}

// isRevalidatedBy reports whether a record has the cached figures.
func (e *entry) isRevalidatedBy(record *client.UsageRecord, now time.Time, fullRefresh time.Duration) bool {
	f := e.figures
	return record != nil && e.isRevalidatable(now, fullRefresh) &&
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
