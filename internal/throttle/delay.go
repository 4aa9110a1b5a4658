package throttle

import (
	"math/rand/v2"
	"time"
)

const (
	firstDelay   = 5 * time.Second
	longestDelay = 15 * time.Minute
)

// Delay is the least time between attempts of one kind that fail: 5 seconds after
// the first failure, doubled with each up to 15 minutes, less a jitter of up to a
// tenth. Its zero value delays nothing. It is not safe for concurrent use.
type Delay struct {
	failures int
	until    time.Time
}

// Fail records a failure. The delay is at least Retry-After, of which it takes 15
// minutes at most.
func (d *Delay) Fail(retryAfter time.Duration) {
	delay := longestDelay
	if d.failures < 8 {
		delay = min(firstDelay<<d.failures, longestDelay)
	}
	delay -= rand.N(delay / 10) //nolint:gosec // A delay need not be unpredictable.
	d.failures++
	d.until = time.Now().Add(max(delay, min(retryAfter, longestDelay)))
}

// Reset records a success.
func (d *Delay) Reset() { *d = Delay{} }

// Left returns how long the next attempt is delayed.
func (d *Delay) Left() time.Duration { return max(time.Until(d.until), 0) }
