package throttle_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/throttle"
)

// gap returns the time between two requests. The outcome is that of the second.
func gap(t *testing.T, th *throttle.Throttle, o throttle.Outcome) time.Duration {
	t.Helper()
	first := enter(t, th, 1)[0]
	began := time.Now()
	second := enter(t, th, 1)[0]
	took := time.Since(began)
	th.Leave(first, missing)
	th.Leave(second, o)
	return took.Round(time.Millisecond)
}

// The first pace is 85 % of the requests accepted before the 429, over the time until
// the gate opens, and at least 10 requests a second.
func TestFirstRefusalGuessesThePace(t *testing.T) {
	for accepts, want := range map[int]time.Duration{
		0:  100 * time.Millisecond,
		10: 100 * time.Millisecond,
		40: 59 * time.Millisecond, // 17 requests a second
	} {
		synctest.Test(t, func(t *testing.T) {
			th := throttle.New(8, nil)
			for range accepts {
				th.Leave(enter(t, th, 1)[0], accepted)
			}
			th.Leave(enter(t, th, 1)[0], refused(2*time.Second))
			if got := gap(t, th, missing); got != want {
				t.Errorf("%d accepted requests and a pause of 2s make a gap of %s, want %s", accepts, got, want)
			}
		})
	}
}

// A burst after idleness is not spread over the time before it.
func TestIdlenessIsNotPartOfTheGuess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := throttle.New(8, nil)
		th.Leave(enter(t, th, 1)[0], accepted)
		time.Sleep(time.Hour) // in a bubble
		for range 40 {
			th.Leave(enter(t, th, 1)[0], accepted)
		}
		th.Leave(enter(t, th, 1)[0], refused(2*time.Second))
		if got := gap(t, th, missing); got != 59*time.Millisecond {
			t.Errorf("the gap is %s, want 59ms", got)
		}
	})
}

// The second 429 lowers the pace. Those that come soon after it do not, as their
// cause is another, until 14 % of the responses are 429s: then the pace is halved.
func TestSoonRefusalsKeepThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := throttle.New(8, nil)
		th.Leave(enter(t, th, 1)[0], refused(time.Second))
		for i, want := range []int64{100, 118, 118, 118, 118, 118, 118, 235} {
			if got := gap(t, th, refused(time.Second)).Milliseconds(); got != want {
				t.Errorf("the gap is %d ms after %d 429s, want %d ms", got, i+1, want)
			}
		}
	})
}

// A pace above the requests of the caller does not grow further, so that the next
// 429 finds a pace near what was sent.
func TestPaceGrowsOnlyWhereItHoldsRequestsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := throttle.New(8, nil)
		th.Leave(enter(t, th, 1)[0], refused(time.Second))
		for range 1000 {
			time.Sleep(time.Second) // in a bubble
			th.Leave(enter(t, th, 1)[0], accepted)
		}
		if got := gap(t, th, missing); got != 100*time.Millisecond {
			t.Errorf("the gap is %s after 1000 requests of one a second, want 100ms", got)
		}
	})
}

// After the second 429, responses raise the pace slowly, at 8.5 requests a second by
// 0.014 each. A 429 after 40 of them takes a twentieth of it, and one after 39 nothing.
// After 30 s of requests without a 429, a response adds a 30th.
func TestPaceBetweenRefusals(t *testing.T) {
	for accepts, want := range map[int][2]time.Duration{ // the gap before and after the 429
		39:  {111 * time.Millisecond, 111 * time.Millisecond},
		40:  {111 * time.Millisecond, 117 * time.Millisecond},
		300: {87 * time.Millisecond, 92 * time.Millisecond},
		500: {60 * time.Millisecond, 63 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			th := throttle.New(8, nil)
			for range 2 {
				th.Leave(enter(t, th, 1)[0], refused(time.Second))
			}
			enter(t, th, 1) // It is not held back, so that it does not raise the pace.
			for range accepts {
				th.Leave(enter(t, th, 1)[0], accepted)
			}
			before := gap(t, th, refused(time.Second))
			if got := [2]time.Duration{before, gap(t, th, missing)}; got != want {
				t.Errorf("the gaps are %s after %d requests, want %s", got, accepts, want)
			}
		})
	}
}

// However many 429s there are, a request is sent each second.
func TestLeastPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := throttle.New(8, nil)
		for range 100 {
			th.Leave(enter(t, th, 1)[0], refused(time.Second))
		}
		if got := gap(t, th, missing); got != time.Second {
			t.Errorf("the gap is %s after 100 429s, want 1s", got)
		}
	})
}
