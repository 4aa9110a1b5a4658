// Package throttle paces requests to an API that rejects too many of them with
// 429 but publishes no limits.
//
// Every request takes a [Permit] with Enter and returns it with Leave, together
// with the [Outcome] of its response. Three mechanisms decide when Enter returns:
//
//   - A gate. A 429 closes it for all requests until the time that Retry-After
//     states, at most 15 minutes, or else for an exponential backoff with full
//     jitter. After a longer Retry-After, one request at a time probes the server.
//   - A limit of the requests in flight: slow start, then additive increase and
//     multiplicative decrease (AIMD), as for the congestion window of TCP. A 429
//     halves it, accepted responses let it grow.
//   - A pace, the least time between two requests. Its rate follows AIMD as well,
//     with an increase in inverse proportion to the rate, as in binomial congestion
//     control: of several clients that share a limit, the slower ones gain faster.
//     The first rate is a guess: the burst that the server's token bucket accepted
//     over the time that it takes to fill again. After a while without a 429 the
//     rate grows exponentially, in case the limit has grown. 429s that do not depend
//     on the rate do not lower it.
//
// A 429 counts once for all requests that were in flight together: each starts an
// epoch, and responses to requests of an earlier epoch change nothing.
package throttle

import (
	"context"
	"sync"
	"time"
)

const (
	// leastLimit is the limit of requests in flight before the first response, and
	// the least after 429s.
	leastLimit = 2
	// firstStep is what one response adds to the limit before the first 429, or the
	// share firstShare of the limit if that is more.
	firstStep, firstShare = 0.15, 0.03
	// idle is how long no request must be in flight for the server's bucket to
	// count as full.
	idle = 2 * time.Second
	// firstPause and longestPause bound the backoff after a 429 without
	// Retry-After.
	firstPause   = time.Second
	longestPause = time.Minute
	// maxGate is the longest time for which the gate is closed. A single request
	// then probes whether a longer Retry-After still holds.
	maxGate = 15 * time.Minute
)

// Throttle decides when requests are sent. Create it with [New]. Its methods may
// be called concurrently.
type Throttle struct {
	maxLimit float64
	onGate   func(closed bool, wait time.Duration)

	// turn is held by the request that is sent next; the others queue for it. It
	// is a channel so that a waiting request can end with its context.
	turn chan struct{}
	// freed wakes the holder of turn when a permit was returned.
	freed chan struct{}

	mu       sync.Mutex // guards the fields below
	limit    float64    // of requests in flight
	inFlight int
	refusals int       // epochs in a row without an accepted response
	gate     time.Time // no request is sent before it
	epoch    int
	closed   bool // since the last 429, no response was accepted
	lastSent time.Time
	pace     pace
}

// New returns a throttle that allows at most limit requests in flight. If onGate
// is not nil, it is called when throttling begins, with the time until the gate
// opens, and when the first response after that is accepted. It must not call the
// throttle.
func New(limit int, onGate func(closed bool, wait time.Duration)) *Throttle {
	if onGate == nil {
		onGate = func(bool, time.Duration) {}
	}
	return &Throttle{
		maxLimit: float64(limit),
		onGate:   onGate,
		limit:    float64(min(limit, leastLimit)),
		turn:     make(chan struct{}, 1),
		freed:    make(chan struct{}, 1),
	}
}

// Limit returns how many requests may be in flight now.
func (t *Throttle) Limit() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int(t.limit)
}

// Error is returned for a request that was not sent, because the gate opens after
// its deadline.
type Error struct{ Wait time.Duration }

// Error implements the error interface.
func (e *Error) Error() string {
	return "not called: Partner Center takes no more calls for " + e.Wait.Round(time.Second).String()
}

// Permit allows one request. It is returned with [Throttle.Leave].
type Permit struct {
	epoch int
	held  bool // by the pace
}

// Outcome is what the response to a request states about the limits.
type Outcome struct {
	Refused bool          // too many requests
	After   time.Duration // Retry-After, 0 if absent
	Missing bool          // no response
}

// Enter waits until a request may be sent. It returns an [*Error] at once if that
// is after the deadline of ctx, and the error of ctx if that ends first.
func (t *Throttle) Enter(ctx context.Context) (Permit, error) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return Permit{}, ctx.Err()
	}
	for {
		p, wait := t.admit(time.Now())
		if p != nil {
			return *p, nil
		}
		if deadline, bound := ctx.Deadline(); bound && time.Until(deadline) < wait {
			return Permit{}, &Error{wait}
		}
		if err := t.pause(ctx, wait); err != nil {
			return Permit{}, err
		}
	}
}

// admit returns a permit, or how long to wait before the next attempt; 0 stands
// for until a permit is returned.
func (t *Throttle) admit(now time.Time) (*Permit, time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if wait := t.gate.Sub(now); wait > 0 {
		return nil, wait
	}
	if float64(t.inFlight+1) > max(t.limit, 1) {
		return nil, 0
	}
	if t.inFlight == 0 && now.Sub(t.lastSent) > idle {
		t.pace.restart(now)
	}
	gap := t.pace.gap()
	if wait := t.lastSent.Add(gap).Sub(now); wait > 0 {
		return nil, wait
	}
	held := now.Sub(t.lastSent) < 2*gap
	t.inFlight++
	t.lastSent = now
	return &Permit{t.epoch, held}, 0
}

// pause waits for the time, or until a permit is returned.
func (t *Throttle) pause(ctx context.Context, wait time.Duration) error {
	var timeout <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-timeout:
	case <-t.freed:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// Leave returns the permit of a request that has ended.
func (t *Throttle) Leave(p Permit, o Outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inFlight--
	switch {
	case o.Refused:
		t.refuse(p, time.Now(), o.After)
	case !o.Missing && p.epoch == t.epoch:
		t.accept(p.held)
	}
	select {
	case t.freed <- struct{}{}:
	default:
	}
}

// accept records a response other than a 429.
func (t *Throttle) accept(held bool) {
	t.pace.accept(held)
	t.refusals = 0
	t.report(false, 0)
	step := max(firstStep, t.limit*firstShare)
	if t.pace.known() {
		step = 1 / t.limit
	}
	t.limit = min(t.limit+step, t.maxLimit)
}

// refuse closes the gate after a 429. The first one of an epoch also lowers the limit
// and the pace.
func (t *Throttle) refuse(p Permit, now time.Time, after time.Duration) {
	if after <= 0 {
		after = Backoff(firstPause, t.refusals, longestPause)
	}
	probing := after > maxGate
	after = min(after, maxGate)
	if gate := now.Add(after); gate.After(t.gate) {
		t.gate = gate
	}
	t.report(true, after)
	if probing {
		t.limit = 1
	}
	t.pace.refuse()
	if p.epoch != t.epoch {
		return
	}
	t.limit = max(t.limit/2, min(t.limit, leastLimit))
	t.refusals++
	t.pace.decrease(now, after)
	t.epoch++
}

// report calls the hook when throttling begins or ends.
func (t *Throttle) report(closed bool, wait time.Duration) {
	if closed == t.closed {
		return
	}
	t.closed = closed
	t.onGate(closed, wait)
}
