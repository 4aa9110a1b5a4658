package throttle

import "time"

const (
	// leastGuess is the least rate after the first 429, and minRate that after any
	// other, in requests a second.
	leastGuess = 10.0
	minRate    = 1.0
	// guessCut is what remains of a guessed rate, and cut what remains of any other
	// after a 429.
	guessCut, cut = 0.85, 0.95
	// guessStep and unrelatedStep are what one response adds to the rate after the
	// first 429, and while 429s are unrelated to the rate. It adds 1/quiet after
	// quiet seconds of requests without a 429.
	guessStep, unrelatedStep = 0.05, 0.2
	quiet                    = 30.0
	// related is how many requests are accepted at least between two 429s that
	// depend on the rate. Those are at least the share tolerated of the responses,
	// smoothed exponentially by the factor smoothing.
	related              = 40
	tolerated, smoothing = 0.14, 0.02
)

// pace is the rate at which requests are sent.
type pace struct {
	rate      float64 // requests a second; 0 before the first 429
	guessed   bool    // there was only one 429
	unrelated bool    // the last 429s did not depend on the rate
	refused   float64 // smoothed share of 429s

	began    time.Time // of the requests before the first 429
	accepted int       // since the last 429
}

// known reports whether there was a 429.
func (p *pace) known() bool { return p.rate > 0 }

// gap returns the least time between two requests.
func (p *pace) gap() time.Duration {
	if !p.known() {
		return 0
	}
	return time.Duration(float64(time.Second) / p.rate)
}

// restart begins a new count of the requests that a full bucket accepts.
func (p *pace) restart(now time.Time) {
	if !p.known() {
		p.began, p.accepted = now, 0
	}
}

// accept records a response other than a 429. It raises the rate if the rate, not
// the caller or the limit of requests in flight, held the request back.
func (p *pace) accept(held bool) {
	p.accepted++
	p.refused -= smoothing * p.refused
	if p.known() && held {
		p.rate += p.step()
	}
}

// step returns what a response adds to the rate. Time is counted in requests, so
// that nothing is forgotten while the client is idle.
func (p *pace) step() float64 {
	switch {
	case p.unrelated:
		return unrelatedStep
	case p.guessed:
		return guessStep
	case float64(p.accepted) > quiet*p.rate:
		return 1 / quiet
	}
	return 1 / (p.rate * p.rate)
}

// refuse records a 429.
func (p *pace) refuse() { p.refused += smoothing * (1 - p.refused) }

// decrease lowers the rate after the first 429 of an epoch, unless the rate is not
// the cause. If it is, a lower rate has fewer 429s. If they come soon all the same,
// and are few, other clients use up the limit, and a lower rate would gain nothing.
func (p *pace) decrease(now time.Time, pause time.Duration) {
	accepted := p.accepted
	p.accepted = 0
	if !p.known() {
		p.guess(accepted, now.Add(pause).Sub(p.began))
		return
	}
	before := p.unrelated
	soon := accepted < related && !p.guessed
	p.unrelated = p.refused < tolerated && (before || soon)
	switch {
	case p.unrelated:
	case before:
		p.rate /= 2
	case p.guessed:
		p.rate *= guessCut
	default:
		p.rate *= cut
	}
	p.guessed = false
	p.rate = max(p.rate, minRate)
}

// guess sets the rate after the first 429. The server's bucket is empty then, and
// the server's pause is likely to be about the time that it takes to fill again.
func (p *pace) guess(accepted int, refill time.Duration) {
	p.rate = max(guessCut*float64(accepted)/refill.Seconds(), leastGuess)
	p.guessed = true
}
