package throttle_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/throttle"
)

// server is an API in a bubble that responds at random with a 429 and a Retry-After
// of a second.
type server struct {
	latency time.Duration
	random  float64 // the share of requests that are refused at random

	mu      sync.Mutex
	dice    *rand.Rand
	calls   int
	refused int
}

func (s *server) serve() throttle.Outcome {
	time.Sleep(s.latency) // in a bubble
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.dice.Float64() < s.random {
		s.refused++
		return throttle.Outcome{Refused: true, After: time.Second}
	}
	return throttle.Outcome{}
}

// fetch sends requests until so many are accepted, at most concurrency at once,
// and returns how long that took.
func (s *server) fetch(t *testing.T, requests, concurrency int) time.Duration {
	t.Helper()
	th := throttle.New(concurrency, nil)
	queue := make(chan struct{}, requests)
	for range requests {
		queue <- struct{}{}
	}
	close(queue)
	began := time.Now()
	var group sync.WaitGroup
	for range concurrency {
		group.Go(func() {
			for range queue {
				for refused := true; refused; {
					p, err := th.Enter(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					o := s.serve()
					th.Leave(p, o)
					refused = o.Refused
				}
			}
		})
	}
	group.Wait()
	return time.Since(began)
}

func newServer(seed uint64, latency time.Duration) *server {
	return &server{latency: latency, dice: rand.New(rand.NewPCG(seed, 0))} //nolint:gosec // Deterministic.
}

// A twentieth of 300 requests is refused at random, as where other programs use up
// the limit. In nine of ten runs they take at most twice the least possible time:
// that of the requests in flight, and a second for each of the 16 refusals to be
// expected. The others have up to 26 refusals.
func TestRandomRefusals(t *testing.T) {
	const requests, refusals = 300, 16
	for _, concurrency := range []int{8, 32} {
		for _, latency := range []time.Duration{time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond} {
			t.Run(fmt.Sprintf("concurrency %d latency %s", concurrency, latency), func(t *testing.T) {
				var ratios []float64
				for seed := range uint64(30) {
					synctest.Test(t, func(t *testing.T) {
						s := newServer(seed, latency)
						s.random = 0.05
						took := s.fetch(t, requests, concurrency)
						least := requests*latency/time.Duration(concurrency) + refusals*time.Second
						ratios = append(ratios, float64(took)/float64(least))
					})
				}
				slices.Sort(ratios)
				median, ninth, most := ratios[15], ratios[26], ratios[29]
				t.Logf("median %.2f, nine of ten %.2f, most %.2f x least", median, ninth, most)
				if median > 1.5 || ninth > 2.0 || most > 2.1 {
					t.Error("want a median of at most 1.5, nine of ten at most 2.0, and none above 2.1")
				}
			})
		}
	}
}
