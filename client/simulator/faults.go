package simulator

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// Faults are what a Simulator does wrong, besides what its customers ask for.
// The shares lie between 0 and 1, are of Partner Center's calls, and add up: 0.1
// throttled and 0.1 dropped leave 0.8 of the calls well.
type Faults struct {
	// Latency is how long each call takes.
	Latency time.Duration
	// Throttled is the share that gets 429 and RetryAfter.
	Throttled float64
	// RetryAfter is the wait that a 429 asks for, in whole seconds, none if 0.
	RetryAfter time.Duration
	// Limiter, if set, throttles the usage summaries with 429 and RetryAfter.
	Limiter *rate.Limiter
	// Failing is the share that gets 500.
	Failing float64
	// Unavailable is the share that gets 503 by a gateway, in HTML.
	Unavailable float64
	// Dropped is the share whose connection is closed without a response.
	Dropped float64
	// Truncated is the share whose body ends in the middle.
	Truncated float64
	// Slow is the share that takes SlowFor longer.
	Slow    float64
	SlowFor time.Duration
	// WithoutMFA makes Partner Center refuse every call for want of MFA.
	WithoutMFA bool
}

// SetFaults replaces the faults, for the calls from now on.
func (s *Simulator) SetFaults(faults Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = faults
}

func (s *Simulator) currentFaults() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}

// dice decides whom a fault hits, the same in every run.
type dice struct{ random *rand.Rand }

func newDice() dice { return dice{rand.New(rand.NewPCG(1, 2))} }

func (s *Simulator) roll() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dice.random.Float64()
}

// disturb plays a fault, and reports whether it responded in the endpoint's place.
func (s *Simulator) disturb(w http.ResponseWriter, r *http.Request) bool {
	faults := s.currentFaults()
	if !wait(r, faults.Latency) {
		return true
	}
	plays := []struct {
		share float64
		play  func()
	}{
		{faults.Throttled, func() { throttle(w, faults.RetryAfter) }},
		{faults.Failing, func() {
			(&apiError{http.StatusInternalServerError, "900192", "Something went wrong. Retry."}).write(w)
		}},
		{faults.Unavailable, func() { unavailable(w) }},
		{faults.Dropped, func() { panic(http.ErrAbortHandler) }},
		{faults.Truncated, func() { truncate(w) }},
	}
	if faults.Limiter != nil && strings.HasSuffix(r.URL.Path, "/usagesummary") && !faults.Limiter.Allow() {
		throttle(w, faults.RetryAfter)
		return true
	}
	rolled := s.roll()
	for _, p := range plays {
		if rolled < p.share {
			p.play()
			return true
		}
		rolled -= p.share
	}
	return rolled < faults.Slow && !wait(r, faults.SlowFor)
}

// wait returns false if the client left before the time was over.
func wait(r *http.Request, latency time.Duration) bool {
	timer := time.NewTimer(latency)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// throttle responds as the gateway does, without Partner Center's ids.
func throttle(w http.ResponseWriter, retryAfter time.Duration) {
	seconds := strconv.Itoa(int(retryAfter.Seconds()))
	w.Header().Del("MS-RequestId")
	w.Header().Del("MS-CorrelationId")
	if retryAfter > 0 {
		w.Header().Set("Retry-After", seconds)
	}
	writeJSON(w, http.StatusTooManyRequests, map[string]any{
		"statusCode": http.StatusTooManyRequests,
		"message":    "Rate limit is exceeded. Try again in " + seconds + " seconds.",
	})
}

func unavailable(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write([]byte("<html><body>Service Unavailable</body></html>"))
}

// truncate promises more than it sends.
func truncate(w http.ResponseWriter) {
	w.Header().Set("Content-Length", "400")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte(`{"totalCost": 12`))
	_ = http.NewResponseController(w).Flush() // What cannot be flushed is sent at the end.
	panic(http.ErrAbortHandler)
}
