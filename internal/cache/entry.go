package cache

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/throttle"
)

// Status is the state of a customer: the result of the last attempt to fetch its usage.
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

// Succeeded reports whether the last attempt succeeded. A customer without usage counts
// as a success.
func (s Status) Succeeded() bool { return s == StatusOK || s == StatusNoUsage }

// entry is what the cache holds of one customer.
type entry struct {
	customer    client.Customer
	status      Status
	figures     *client.UsageSummary // the last known, never changed once set
	fetchedAt   time.Time            // when the figures were last known to be current
	attemptedAt time.Time            // the last attempt
	// summarizedAt is when the figures were fetched. A usage record that confirms them
	// moves fetchedAt only.
	summarizedAt time.Time
	retryAt      time.Time // from when there is to be another attempt
	failures     int       // attempts in a row that failed
	err          error     // why the last attempt failed, nil if it did not
}

// isDue reports whether the entry is stale.
func (e *entry) isDue(now time.Time) bool { return !now.Before(e.dueAt()) }

// dueAt returns when the entry becomes stale: at its expiry, or at the end of its
// billing period if that comes first. After a failure only the retry delay counts.
func (e *entry) dueAt() time.Time {
	if end := e.periodEnd(); e.err == nil && !end.IsZero() && end.Before(e.retryAt) {
		return end
	}
	return e.retryAt
}

func (e *entry) periodEnded(now time.Time) bool {
	end := e.periodEnd()
	return !end.IsZero() && !now.Before(end)
}

// periodEnd returns when the figures are no longer of the current billing period: the
// first end of the period after they were fetched, or zero if that is not known.
func (e *entry) periodEnd() time.Time {
	if e.figures == nil {
		return time.Time{}
	}
	for _, end := range e.figures.PeriodEnds() {
		if e.fetchedAt.Before(end) {
			return end
		}
	}
	return time.Time{}
}

// update records the result of an attempt. A failure leaves the figures as
// they are.
func (e *entry) update(figures client.UsageSummary, err error, now time.Time, ttl, maxAge time.Duration) {
	e.attemptedAt = now
	if client.IsNoUsage(err) && e.isCurrent(now, maxAge) {
		err = errUsageVanished
	}
	switch {
	case err == nil:
		figures.Currency = clean(figures.Currency)
		e.succeeded(StatusOK, &figures, now, ttl)
	case client.IsNoUsage(err):
		e.succeeded(StatusNoUsage, nil, now, ttl)
	default:
		e.failures++
		e.failed(err)
		e.retryAt = now.Add(max(retryDelay(err, e.failures, ttl), min(client.RetryAfterOf(err), ttl)))
	}
}

// errUsageVanished is the failure of a customer whose usage is gone in mid-period.
var errUsageVanished = errors.New("no usage, though the billing period has figures: keeping them until it ends or they are too old")

// isCurrent reports whether there are figures of the present billing period that are
// still exposed: usage does not vanish in the middle of a period.
func (e *entry) isCurrent(now time.Time, maxAge time.Duration) bool {
	return e.figures != nil && !e.periodEnded(now) && now.Sub(e.fetchedAt) <= maxAge
}

func (e *entry) succeeded(status Status, figures *client.UsageSummary, now time.Time, ttl time.Duration) {
	e.status, e.figures, e.err, e.failures = status, figures, nil, 0
	e.fetchedAt, e.summarizedAt, e.retryAt = now, now, now.Add(jittered(ttl))
}

// failed takes over a failure to fetch this customer's usage.
func (e *entry) failed(err error) { e.err, e.status = err, FailureStatus(err) }

// skip records why the customer, which is stale, was not fetched. It stays stale, and a
// customer that was never fetched stays pending.
func (e *entry) skip(err error, now time.Time) {
	e.err, e.retryAt = err, now
	if e.status != StatusPending {
		e.status = StatusError
	}
}

// jittered shortens a TTL by up to a tenth, so that customers who were fetched
// together do not all become stale together.
func jittered(ttl time.Duration) time.Duration { return ttl - jitter(ttl/10) }

// maxFailures bounds the failures that a file may state.
const maxFailures = 20

// retryDelay returns how long a customer is not fetched after so many failures: not at
// all after the first, and then ever longer up to the TTL. Only a person can mend a
// permanent failure, so that it is not worth another request before the TTL.
func retryDelay(err error, failures int, ttl time.Duration) time.Duration {
	switch {
	case isPermanent(err):
		return jittered(ttl)
	case failures <= 1:
		return 0
	}
	return throttle.RetryDelay(failures-1, ttl)
}

// jitter returns a random duration up to a bound.
func jitter(bound time.Duration) time.Duration {
	return rand.N(bound + 1) //nolint:gosec // A refresh time need not be unpredictable.
}

// FailureStatus returns the status of a customer whose last attempt failed.
func FailureStatus(err error) Status {
	switch {
	case client.IsNoAccess(err):
		return StatusNoAccess
	case client.IsNotFound(err):
		return StatusNotFound
	}
	return StatusError
}

// isPermanent reports whether a person must mend the failure. A response that cannot
// be decoded is not permanent: the next one may be whole. Nor is a panic.
func isPermanent(err error) bool {
	_, panicked := errors.AsType[*panicError](err)
	return !panicked && !client.IsTemporary(err) && client.ReasonOf(err) != client.ReasonDecode
}

// saved returns the entry's record for the file.
func (e *entry) saved() savedCustomer {
	return savedCustomer{
		Customer: e.customer, Status: e.status, Figures: e.figures,
		Fetched: e.fetchedAt, Asked: e.attemptedAt, Summarized: e.summarizedAt, Due: e.retryAt, Failures: e.failures,
	}
}
