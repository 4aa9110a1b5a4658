package throttle_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/throttle"
)

var (
	accepted = throttle.Outcome{}
	missing  = throttle.Outcome{Missing: true}
)

func refused(after time.Duration) throttle.Outcome {
	return throttle.Outcome{Refused: true, After: after}
}

// enter returns n permits.
func enter(t *testing.T, th *throttle.Throttle, n int) []throttle.Permit {
	t.Helper()
	permits := make([]throttle.Permit, n)
	for i := range permits {
		var err error
		if permits[i], err = th.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return permits
}

// grown returns a throttle whose limit has grown to so many requests.
func grown(t *testing.T, limit int) *throttle.Throttle {
	t.Helper()
	th := throttle.New(limit, nil)
	for th.Limit() < limit {
		th.Leave(enter(t, th, 1)[0], accepted)
	}
	return th
}

func TestLimitBoundsRequestsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := throttle.New(2, nil)
		permits := enter(t, th, 2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := th.Enter(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a third request of 2 got %v, want %v", err, context.DeadlineExceeded)
		}
		th.Leave(permits[0], accepted)
		enter(t, th, 1)
	})
}

func TestRefusalClosesTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := throttle.New(8, nil)
		th.Leave(enter(t, th, 1)[0], refused(7*time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := th.Enter(ctx)
		if e, ok := errors.AsType[*throttle.Error](err); !ok || e.Wait != 7*time.Second {
			t.Errorf("a request with a deadline before the gate opens got %v, want a wait of 7s", err)
		}
		began := time.Now()
		enter(t, th, 1)
		if waited := time.Since(began); waited != 7*time.Second {
			t.Errorf("the gate was closed for %s, want 7s", waited)
		}
	})
}

func TestLimitHalvesOncePerEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := grown(t, 16)
		for _, p := range enter(t, th, 5) {
			th.Leave(p, refused(time.Second))
		}
		if got := th.Limit(); got != 8 {
			t.Errorf("the limit is %d after five refusals of one epoch, want 8", got)
		}
		th.Leave(enter(t, th, 1)[0], refused(time.Second))
		if got := th.Limit(); got != 4 {
			t.Errorf("the limit is %d after a refusal of the next epoch, want 4", got)
		}
	})
}

// Responses to requests that were sent before a refusal do not raise the limit.
func TestEarlierEpochIsNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := grown(t, 16)
		permits := enter(t, th, 16)
		th.Leave(permits[0], refused(time.Second))
		for _, p := range permits[1:] {
			th.Leave(p, accepted)
		}
		if got := th.Limit(); got != 8 {
			t.Errorf("the limit is %d, want 8", got)
		}
	})
}

// The limit is 2 at first. A response adds 0.15 to it, or 3 % of it if that is more:
// 21 responses make 5 of it, 24 more make 10, and 61 more the 60 of the throttle.
func TestLimitStartsSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := throttle.New(60, nil)
		var got []int
		for _, responses := range []int{0, 21, 24, 61} {
			for range responses {
				th.Leave(enter(t, th, 1)[0], accepted)
			}
			got = append(got, th.Limit())
		}
		if diff := cmp.Diff([]int{2, 5, 10, 60}, got); diff != "" {
			t.Errorf("limits (-want +got):\n%s", diff)
		}
	})
}

func TestMissingResponseIsNotAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := throttle.New(40, nil)
		for range 20 {
			th.Leave(enter(t, th, 1)[0], missing)
		}
		if got := th.Limit(); got != 2 {
			t.Errorf("the limit is %d after requests without a response, want 2", got)
		}
	})
}

// An accepted response resets the backoff to at most a second.
func TestAcceptedResponseResetsBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := throttle.New(1, nil)
		for range 8 {
			th.Leave(enter(t, th, 1)[0], refused(0))
		}
		for range 5 {
			th.Leave(enter(t, th, 1)[0], accepted)
			th.Leave(enter(t, th, 1)[0], refused(0))
			began := time.Now()
			p := enter(t, th, 1)[0]
			// The pace of one request a second may add to the backoff.
			if waited := time.Since(began); waited > 2*time.Second {
				t.Errorf("the gate was closed for %s after an accepted response, want at most 1s", waited)
			}
			th.Leave(p, accepted)
		}
	})
}

func TestBackoff(t *testing.T) {
	for attempt, bound := range map[int]time.Duration{0: time.Second, 1: 2 * time.Second, 3: 8 * time.Second, 6: time.Minute, 1000: time.Minute} {
		for range 100 {
			if got := throttle.Backoff(time.Second, attempt, time.Minute); got <= 0 || got > bound {
				t.Errorf("attempt %d waits %s, want at most %s", attempt, got, bound)
			}
		}
	}
}

func TestOutcomeOf(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		after  string
		want   throttle.Outcome
	}{
		"200":                   {200, "", accepted},
		"500":                   {500, "", accepted},
		"503 no Retry-After":    {503, "", accepted},
		"503 with Retry-After":  {503, "57", throttle.Outcome{After: 57 * time.Second}},
		"429 no Retry-After":    {429, "", refused(0)},
		"429 with Retry-After":  {429, "57", refused(57 * time.Second)},
		"429 with much to wait": {429, "999999999999999999999", refused(24 * time.Hour)},
		"429 with no number":    {429, "-1", refused(0)},
	} {
		resp := &http.Response{StatusCode: test.status, Header: http.Header{}}
		if test.after != "" {
			resp.Header.Set("Retry-After", test.after)
		}
		if got := throttle.OutcomeOf(resp); got != test.want {
			t.Errorf("%s: got %+v, want %+v", name, got, test.want)
		}
	}
}

func TestRetryAfterDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := time.Now().Add(-2 * time.Hour) // A clock two hours behind.
		header := http.Header{
			"Date":        {server.UTC().Format(http.TimeFormat)},
			"Retry-After": {server.Add(7 * time.Second).UTC().Format(http.TimeFormat)},
		}
		if got := throttle.RetryAfter(header); got != 7*time.Second {
			t.Errorf("got %s with the server's clock behind, want 7s", got)
		}
		header.Set("Retry-After", time.Now().Add(9*time.Second).UTC().Format(http.TimeFormat))
		header.Del("Date")
		if got := throttle.RetryAfter(header); got != 9*time.Second {
			t.Errorf("got %s without a Date, want 9s", got)
		}
	})
}

// A Retry-After of a day closes the gate for 15 minutes. One request then probes
// the server, and the others wait for its response.
func TestGateLastsAtMostFifteenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := throttle.New(8, nil)
		th.Leave(enter(t, th, 1)[0], refused(24*time.Hour))
		began := time.Now()
		probe := enter(t, th, 1)[0]
		if waited := time.Since(began); waited != 15*time.Minute {
			t.Errorf("the gate was closed for %s, want 15m", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := th.Enter(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a second request beside the probe got %v, want %v", err, context.DeadlineExceeded)
		}
		th.Leave(probe, accepted)
		enter(t, th, 2)
	})
}

func TestOnGateReportsBeginAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type event struct {
			Closed bool
			Wait   time.Duration
		}
		var got []event
		th := throttle.New(3, func(closed bool, wait time.Duration) { got = append(got, event{closed, wait}) })
		for th.Limit() < 3 {
			th.Leave(enter(t, th, 1)[0], accepted)
		}
		permits := enter(t, th, 3)
		th.Leave(permits[0], refused(7*time.Second))
		th.Leave(permits[1], refused(7*time.Second))
		th.Leave(permits[2], accepted) // It was sent before the refusal.
		for _, p := range enter(t, th, 2) {
			th.Leave(p, accepted)
		}
		want := []event{{true, 7 * time.Second}, {false, 0}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}
