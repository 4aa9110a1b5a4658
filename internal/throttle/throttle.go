// Package throttle paces requests to an API that publishes no limits.
package throttle

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// How the throttle learns. Microsoft publishes no limits, so that it has to find
// them, and every refused call counts against them.
const (
	// firstLimit is how many calls may be in flight before any was answered, and
	// growth is how much each good answer then adds, up to what is allowed.
	firstLimit = 20
	growth     = 0.2
	// probes is how many calls after a pause keep probeGap between them, so that
	// a refusal is noticed before many more calls are out.
	probes   = 64
	probeGap = 2 * time.Millisecond
	// cautious is the share of the measured rate that is asked for after a
	// refusal, and plateau how many seconds of calls pass until all of it is.
	cautious = 0.97
	plateau  = 30.0
	// lessen is what remains of the rate after a refusal that comes too soon to
	// measure it.
	lessen = 0.9
	// leastPace is the fewest calls a second, however little was measured.
	leastPace = 1.0
	// slowClimb and fastClimb are how fast a guessed rate grows, a second: the
	// latter where the guess rests on less than meaningful calls.
	slowClimb, fastClimb = 0.1, 1.0
	// meaningful is how many calls have to be accepted for a rate to be measured.
	meaningful = 10
	// idle is how long nothing must be in flight for a measurement to begin anew.
	idle = 2 * time.Second
	// firstPause and longestPause bound the pause after a refusal that does not
	// say how long to wait.
	firstPause   = time.Second
	longestPause = time.Minute
)

// Throttle lets calls through no faster than Partner Center takes them. One gate
// holds all of them back while the server asks for it; between that, the calls
// in flight follow additive increase and multiplicative decrease, and the pace
// settles just under the rate at which calls were accepted before the last
// refusal.
type Throttle struct {
	most float64 // calls in flight that are allowed

	// turn is held by the one call that is next; the others queue for it. It is
	// a channel so that whoever waits can leave.
	turn chan struct{}
	// freed wakes the call whose turn it is, when it may have to wait no more.
	freed chan struct{}

	mu       sync.Mutex
	limit    float64 // calls in flight that are wise now, at least 1
	inFlight int
	refusals int           // in a row, each counted once however many calls it hit
	gate     time.Time     // before which nothing is sent
	epoch    int           // counts the refusals: calls of an earlier one say nothing new
	last     time.Time     // when the last call was sent
	sent     int           // since the measurement began
	began    time.Time     // when the measurement began
	rested   bool          // whether the API was idle before that
	accepted int           // calls accepted since then
	since    int           // calls accepted since the last refusal
	rate     float64       // measured, calls a second; 0 if unknown
	climb    float64       // how fast a guessed rate grows, a second; 0 if it is measured
	burst    float64       // calls that are accepted at once after a rest
	paused   time.Duration // of the measurement
}

func New(most int) *Throttle {
	return &Throttle{
		most:  float64(most),
		limit: float64(min(most, firstLimit)),
		turn:  make(chan struct{}, 1),
		freed: make(chan struct{}, 1),
	}
}

// Error says that a call was not made, because its turn would have come too
// late.
type Error struct{ Wait time.Duration }

func (e *Error) Error() string {
	return "not called: Partner Center takes no more calls for " + e.Wait.Round(time.Second).String()
}

// Enter waits for a call's turn. It fails at once if that comes after the
// context's deadline.
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

// Permit is what a call was let through with.
type Permit struct {
	epoch int
	pace  float64 // that was kept then
}

// admit counts a call as sent, or says how long to wait before trying again; 0
// is until a call ends.
func (t *Throttle) admit(now time.Time) (*Permit, time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if wait := t.gate.Sub(now); wait > 0 {
		return nil, wait
	}
	if float64(t.inFlight+1) > max(t.limit, 1) {
		return nil, 0
	}
	if t.inFlight == 0 && now.Sub(t.last) > idle && now.Sub(t.gate) > idle {
		t.measure(now, true)
	}
	if wait := t.last.Add(t.gap()).Sub(now); wait > 0 {
		return nil, wait
	}
	t.inFlight++
	t.sent++
	t.last = now
	return &Permit{t.epoch, t.pace()}, 0
}

// measure begins a new measurement of the rate.
func (t *Throttle) measure(now time.Time, rested bool) {
	t.began, t.rested, t.sent, t.accepted, t.paused = now, rested, 0, 0, 0
}

// gap is the time between two calls.
func (t *Throttle) gap() time.Duration {
	gap := time.Duration(0)
	if t.sent < probes {
		gap = probeGap
	}
	return max(gap, time.Duration(float64(time.Second)/t.pace()))
}

// pace is how many calls a second are asked for. A guessed rate grows
// exponentially. A measured one is approached slowly, kept for a while, and
// passed ever faster, in case the limit has gone up. Time counts in calls, so
// that nothing is forgotten while nothing is asked.
func (t *Throttle) pace() float64 {
	if t.rate == 0 {
		return math.Inf(1)
	}
	seconds := float64(t.since) / t.rate
	if t.climb > 0 {
		return t.rate * (1 + t.climb*seconds)
	}
	passed := seconds / plateau
	return t.rate * (cautious + (1-cautious)*passed*passed*passed)
}

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

// Outcome is what an answer says about the limits.
type Outcome struct {
	Refused bool
	After   time.Duration // how long the server asks to wait, 0 if it does not say
	Missing bool          // there was no answer
}

// Leave counts a call as ended.
func (t *Throttle) Leave(p Permit, o Outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inFlight--
	switch {
	case o.Refused:
		t.refuse(p, time.Now(), o.After)
	case !o.Missing && p.epoch == t.epoch:
		t.accept()
	}
	select {
	case t.freed <- struct{}{}:
	default:
	}
}

// accept takes note of an answer that was no refusal.
func (t *Throttle) accept() {
	t.accepted++
	t.since++
	t.refusals = 0
	step := growth
	if t.rate > 0 {
		step = 1 / t.limit
	}
	t.limit = min(t.limit+step, t.most)
}

// refuse closes the gate. The first refusal of those that were out together also
// halves the calls in flight and settles the pace.
func (t *Throttle) refuse(p Permit, now time.Time, after time.Duration) {
	if after <= 0 {
		after = Backoff(firstPause, t.refusals, longestPause)
	}
	if gate := now.Add(after); gate.After(t.gate) {
		t.gate = gate
	}
	if p.epoch != t.epoch {
		return
	}
	t.limit = max(t.limit/2, 1)
	t.refusals++
	t.settle(p, now, after)
	t.epoch++
	t.since = 0
}

// settle concludes from a refusal at what rate a bucket is refilled that has just
// become empty.
func (t *Throttle) settle(p Permit, now time.Time, after time.Duration) {
	span := now.Sub(t.began).Seconds()
	switch {
	case t.rested && t.rate == 0:
		// The bucket was full. How many calls it held is known now; the pause is
		// likely to be about the time that it takes to fill again.
		t.burst = max(float64(t.accepted), 1)
		t.rate = max(t.burst/(span+after.Seconds()), leastPace)
		t.climb = slowClimb
		if t.accepted < meaningful {
			t.climb = fastClimb
		}
	case t.climb > 0 && t.accepted >= meaningful:
		// The pace grew past the rate until the surplus emptied the bucket: the
		// surplus of an exponential is about half its square, in its exponent.
		t.rate = max(p.pace*math.Exp(-math.Sqrt(2*t.climb*(t.burst-1)/p.pace)), leastPace)
		t.climb = 0
	case t.accepted < meaningful:
		t.rate = max(lessen*p.pace, leastPace)
		t.paused += after
		return // The measurement goes on until it says something.
	case float64(t.since) > plateau*t.rate:
		// The pace has passed the rate that was known, so that the bucket may have
		// been full for long, and what was accepted says too little.
		t.rate = max(t.measured(span), lessen*p.pace, leastPace)
	default:
		t.rate = max(t.measured(span), leastPace)
	}
	t.measure(now, false)
	t.paused = after
}

// measured returns the rate between two refusals. Both times the bucket was
// empty, so that what was accepted is what was refilled; in pauses that is no
// more than what the bucket holds.
func (t *Throttle) measured(span float64) float64 {
	rate := float64(t.accepted) / span
	paused := t.paused.Seconds()
	if rate*paused <= t.burst || span-paused < 1e-3 {
		return rate
	}
	return max((float64(t.accepted)-t.burst)/(span-paused), rate)
}

// Limit returns how many calls in flight are wise now.
func (t *Throttle) Limit() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int(t.limit)
}

// Backoff is an exponential backoff with full jitter.
func Backoff(first time.Duration, attempt int, longest time.Duration) time.Duration {
	bound := longest
	if attempt < 10 {
		bound = min(first<<attempt, longest)
	}
	return rand.N(bound) + 1 //nolint:gosec // Nobody gains by foreseeing a pause.
}

// OutcomeOf tells the answers that ask to be called less.
func OutcomeOf(resp *http.Response) Outcome {
	after := RetryAfter(resp.Header.Get("Retry-After"))
	return Outcome{
		Refused: resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable && after > 0,
		After:   after,
	}
}

// RetryAfter reads a Retry-After header, seconds or an HTTP date.
func RetryAfter(value string) time.Duration {
	const longest = 24 * time.Hour
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, uint64(longest/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(time.Until(at), 0), longest)
	}
	return 0
}
