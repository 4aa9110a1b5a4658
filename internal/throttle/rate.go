package throttle

import (
	"math"
	"time"
)

const (
	// cautious is the share of the measured rate at which the pace starts after a
	// 429, and plateau the seconds of requests until it reaches all of it.
	cautious = 0.97
	plateau  = 30.0
	// decrease is what remains of the pace after a 429 that comes too soon to
	// measure the rate.
	decrease = 0.9
	// minRate is the least pace, in requests a second.
	minRate = 1.0
	// slowClimb and fastClimb are how fast a guessed rate grows, a second; the
	// latter where fewer than minAccepted requests support the guess.
	slowClimb, fastClimb = 0.1, 1.0
	// minAccepted is how many requests have to be accepted for a measurement.
	minAccepted = 10
)

// estimate is the estimated refill rate of the server's token bucket.
type estimate struct {
	rate  float64 // requests a second; 0 if unknown
	climb float64 // how fast a guessed rate grows, a second; 0 if it is measured
	burst float64 // the bucket's size: requests accepted at once after idleness

	sinceRefusal int // requests accepted since the last 429

	// The measurement.
	began    time.Time
	rested   bool // whether the bucket was full when it began
	sent     int
	accepted int
	paused   time.Duration // the time for which the gate was closed
}

// known reports whether there was a 429.
func (e *estimate) known() bool { return e.rate > 0 }

// restart begins a new measurement.
func (e *estimate) restart(now time.Time, rested bool) {
	e.began, e.rested, e.sent, e.accepted, e.paused = now, rested, 0, 0, 0
}

// pace returns how many requests a second may be sent. A guessed rate grows
// exponentially. A measured one is approached slowly, kept for a while, and then
// passed ever faster. Time is counted in requests, so that nothing is forgotten
// while the client is idle.
func (e *estimate) pace() float64 {
	if !e.known() {
		return math.Inf(1)
	}
	seconds := float64(e.sinceRefusal) / e.rate
	if e.climb > 0 {
		return e.rate * (1 + e.climb*seconds)
	}
	passed := seconds / plateau
	return e.rate * (cautious + (1-cautious)*passed*passed*passed)
}

// updateRate re-estimates the refill rate on a 429: the server's bucket is empty
// then, so the requests accepted since the last 429 equal the tokens added since.
func (e *estimate) updateRate(pace float64, now time.Time, pause time.Duration) {
	span := now.Sub(e.began).Seconds()
	sinceRefusal := float64(e.sinceRefusal)
	e.sinceRefusal = 0
	switch {
	case e.rested && !e.known():
		// The bucket was full, so this measures its size. The server's pause is
		// likely to be about the time that the bucket takes to fill again.
		e.burst = max(float64(e.accepted), 1)
		e.rate = max(e.burst/(span+pause.Seconds()), minRate)
		e.climb = slowClimb
		if e.accepted < minAccepted {
			e.climb = fastClimb
		}
	case e.climb > 0 && e.accepted >= minAccepted:
		// The pace passed the rate, and the surplus has emptied the bucket since.
		// The surplus of an exponential is about half the square of its exponent.
		e.rate = max(pace*math.Exp(-math.Sqrt(2*e.climb*(e.burst-1)/pace)), minRate)
		e.climb = 0
	case e.accepted < minAccepted:
		e.rate = max(decrease*pace, minRate)
		e.paused += pause
		return // The measurement goes on until enough requests are accepted.
	case sinceRefusal > plateau*e.rate:
		// The pace has passed the known rate, so the bucket may have been full for
		// long, and the accepted requests are fewer than the tokens.
		e.rate = max(e.measured(span), decrease*pace, minRate)
	default:
		e.rate = max(e.measured(span), minRate)
	}
	e.restart(now, false)
	e.paused = pause
}

// measured returns the rate between two 429s: the accepted requests over the
// time. The tokens added while the gate was closed are at most the bucket's size.
func (e *estimate) measured(span float64) float64 {
	rate := float64(e.accepted) / span
	paused := e.paused.Seconds()
	if rate*paused <= e.burst || span-paused < 1e-3 {
		return rate
	}
	return max((float64(e.accepted)-e.burst)/(span-paused), rate)
}
