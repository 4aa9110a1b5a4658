package collector

import (
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// Status is the state of a customer, told by the last attempt to fetch its
// usage.
type Status string

// The states of a customer.
const (
	StatusOK       Status = "ok"        // There are figures.
	StatusNoUsage  Status = "no_usage"  // The customer has no Azure usage.
	StatusNoAccess Status = "no_access" // The partner may not see the customer's usage.
	StatusNotFound Status = "not_found" // Partner Center does not know the customer.
	StatusError    Status = "error"     // The attempt failed.
	StatusPending  Status = "pending"   // There has been no attempt yet.
)

// Statuses returns every state.
func Statuses() []Status {
	return []Status{StatusOK, StatusNoUsage, StatusNoAccess, StatusNotFound, StatusError, StatusPending}
}

// entry is what the cache holds of one customer.
type entry struct {
	customer client.Customer
	status   Status
	figures  *client.UsageSummary // the last known, never changed once set
	fetched  time.Time            // when the figures were last known to be current
	asked    time.Time            // the last attempt
	due      time.Time            // from when there is to be another one
	err      error                // why the last attempt failed, nil if it did not
}

func (e *entry) isDue(now time.Time) bool { return !now.Before(e.due) }

// answered takes over the answer to an attempt. A failure leaves the figures as
// they are. Nothing but a person can mend a permanent failure, so that it is not
// worth another call before the TTL.
func (e *entry) answered(figures client.UsageSummary, err error, now time.Time, ttl time.Duration) {
	e.asked, e.due, e.err = now, now.Add(ttl), nil
	switch {
	case err == nil:
		figures.Currency = clean(figures.Currency)
		e.status, e.figures, e.fetched = StatusOK, &figures, now
	case client.IsNoUsage(err):
		e.status, e.figures = StatusNoUsage, nil
	default:
		e.failed(err, now)
	}
}

// failed takes over a failure, which may be everybody's and not come from asking
// for this customer.
func (e *entry) failed(err error, now time.Time) {
	e.err, e.status = err, failureStatus(err)
	if !isPermanent(err) {
		e.due = now
	}
}

func failureStatus(err error) Status {
	switch {
	case client.IsNoAccess(err):
		return StatusNoAccess
	case client.IsNotFound(err):
		return StatusNotFound
	}
	return StatusError
}

// isPermanent says whether it takes a person to mend the failure. An answer that
// cannot be read is not: the next one may be whole.
func isPermanent(err error) bool {
	return !client.IsTemporary(err) && client.ReasonOf(err) != client.ReasonDecode
}
