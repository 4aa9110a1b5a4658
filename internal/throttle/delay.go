package throttle

import (
	"math/rand/v2"
	"time"
)

const (
	firstDelay   = 5 * time.Second
	longestDelay = 15 * time.Minute
	// doublings is how often a delay is doubled at most: it is a month then.
	doublings = 19
)

// RetryDelay returns the least time between an attempt that has failed, so many times
// in a row, and the next one: 5 seconds after the first failure, doubled with each, at
// most longest, less a jitter of up to a tenth.
func RetryDelay(failures int, longest time.Duration) time.Duration {
	delay := min(firstDelay<<min(max(failures-1, 0), doublings), longest)
	return delay - rand.N(delay/10+1) //nolint:gosec // A delay need not be unpredictable.
}

// Delay is the least time between attempts of one kind that fail, up to 15 minutes. Its
// zero value delays nothing. It is not safe for concurrent use.
type Delay struct {
	failures int
	until    time.Time
}

// Fail records a failure. The delay is at least Retry-After, of which it takes 15
// minutes at most.
func (d *Delay) Fail(retryAfter time.Duration) {
	d.failures++
	d.until = time.Now().Add(max(RetryDelay(d.failures, longestDelay), min(retryAfter, longestDelay)))
}

// Reset records a success.
func (d *Delay) Reset() { *d = Delay{} }

// Left returns how long the next attempt is delayed.
func (d *Delay) Left() time.Duration { return max(time.Until(d.until), 0) }
