package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

// simulated returns a client of a simulator, in memory or at an address.
func simulated(tb testing.TB, sim *simulator.Simulator, address string, concurrency int) *client.Client {
	tb.Helper()
	folder := tb.TempDir()
	cfg := client.Config{
		Cloud:            client.Cloud{APIURL: address, LoginURL: address, Scope: simulator.Scope},
		TenantID:         simulator.TenantID,
		ClientID:         simulator.ClientID,
		ClientSecretFile: filepath.Join(folder, "secret"),
		RefreshTokenFile: filepath.Join(folder, "token"),
		Concurrency:      concurrency,
	}
	if address == "" {
		cfg.Transport = simulator.Transport{Handler: sim}
		cfg.Cloud.APIURL, cfg.Cloud.LoginURL = "http://simulator.example", "http://simulator.example"
	}
	for file, content := range map[string]string{cfg.ClientSecretFile: simulator.ClientSecret, cfg.RefreshTokenFile: simulator.RefreshToken} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	c, err := client.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

// billed returns n customers who all have figures.
func billed(n int) []simulator.Customer {
	customers := simulator.Fleet(n)
	for i := range customers {
		customers[i].Answer = simulator.Usage
	}
	return customers
}

// fetchAll asks for the usage of all customers, and returns how many failed.
func fetchAll(ctx context.Context, c *client.Client, customers []simulator.Customer, concurrency int) (failed int) {
	var group errgroup.Group
	var mu sync.Mutex
	group.SetLimit(concurrency)
	for _, customer := range customers {
		group.Go(func() error {
			if _, err := c.UsageSummary(ctx, customer.ID); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed++
			}
			return nil
		})
	}
	_ = group.Wait()
	return failed
}

// An API that takes twenty calls a second, and asks to wait a second.
const (
	limitedCustomers   = 1000
	limitedRate        = 20
	limitedConcurrency = 32
	limitedLeast       = limitedCustomers * time.Second / limitedRate
)

// result is what a limited API makes of a thousand customers.
type result struct {
	took    time.Duration
	refused float64 // share of all calls
	failed  int
}

func (r result) ratio() float64 { return float64(r.took) / float64(limitedLeast) }

// limited fetches all customers from an API with a token bucket of that size.
// Without serve it is in memory.
func limited(tb testing.TB, burst int, latency time.Duration, serve func(http.Handler) string) result {
	tb.Helper()
	customers := billed(limitedCustomers)
	sim := simulator.New(simulator.Config{Customers: customers})
	sim.SetFaults(simulator.Faults{
		Latency:    latency,
		Limiter:    rate.NewLimiter(limitedRate, burst),
		RetryAfter: time.Second,
	})
	address := ""
	if serve != nil {
		address = serve(sim)
	}
	c := simulated(tb, sim, address, limitedConcurrency)
	began := time.Now()
	failed := fetchAll(tb.Context(), c, customers, limitedConcurrency)
	took := time.Since(began)
	calls := sim.Stats().Calls[client.EndpointUsageSummary]
	return result{took, float64(calls-limitedCustomers+failed) / float64(calls), failed}
}

// In simulated time, the bounds hold for buckets of any usual size, however fast
// the API answers. The benchmark below does the same for real.
func TestLimitedAPI(t *testing.T) {
	for _, burst := range []int{5, 20, 40} {
		for _, latency := range []time.Duration{time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond} {
			t.Run(fmt.Sprintf("burst %d latency %s", burst, latency), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					got := limited(t, burst, latency, nil)
					t.Logf("%.3f x least, %.2f %% refused", got.ratio(), 100*got.refused)
					if got.failed > 0 || got.ratio() > 1.15 || got.refused > 0.03 {
						t.Errorf("%+v, want no failure, at most 1.15 x least and 3 %% refused", got)
					}
				})
			})
		}
	}
}

// BenchmarkLimitedAPI prints how many times the least possible time it takes, and
// the share of calls that are refused. It takes about a minute.
func BenchmarkLimitedAPI(b *testing.B) {
	for b.Loop() {
		got := limited(b, limitedRate, 20*time.Millisecond, func(handler http.Handler) string {
			server := httptest.NewServer(handler)
			b.Cleanup(server.Close)
			return server.URL
		})
		b.ReportMetric(got.ratio(), "times-the-least")
		b.ReportMetric(100*got.refused, "%-refused")
		if got.failed > 0 {
			b.Errorf("%d customers failed", got.failed)
		}
	}
}

// scripted is a round tripper for a bubble: it issues tokens, and answers each
// call of the API by its number.
type scripted struct {
	delay  time.Duration
	answer func(n int) *http.Response

	mu       sync.Mutex
	calls    []time.Time
	inFlight int
	peak     int
}

func (s *scripted) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Path, "/token") {
		return respond(200, `{"access_token":"fake-access-token","expires_in":86400}`), nil
	}
	s.mu.Lock()
	n := len(s.calls)
	s.calls = append(s.calls, time.Now())
	s.inFlight++
	s.peak = max(s.peak, s.inFlight)
	s.mu.Unlock()
	if s.delay > 0 {
		time.Sleep(s.delay) // in a bubble
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
	if resp := s.answer(n); resp != nil {
		return resp, nil
	}
	return nil, simulator.ErrDropped
}

func respond(status int, body string, headers ...string) *http.Response {
	w := httptest.NewRecorder()
	answer(status, body, headers...)(w, nil)
	return w.Result()
}

func ok() *http.Response { return respond(200, `{"totalCost":1}`) }

// scriptedClient returns a client of a script.
func scriptedClient(t *testing.T, s *scripted, change ...func(*client.Config)) *client.Client {
	t.Helper()
	cfg := newConfig(t, "http://fake.example")
	cfg.Transport = s
	for _, c := range change {
		c(&cfg)
	}
	return newClient(t, cfg)
}

// Temporary failures are tried again at most three times, permanent ones never.
func TestRetries(t *testing.T) {
	for status, calls := range map[int]int{
		0: 4, 408: 4, 500: 4, 502: 4, 503: 4, 504: 4,
		400: 1, 403: 1, 404: 1, 409: 1, 412: 1, 501: 1, 505: 1,
	} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &scripted{answer: func(int) *http.Response {
					if status == 0 {
						return nil
					}
					return respond(status, "")
				}}
				if _, err := scriptedClient(t, s).UsageSummary(t.Context(), customerID); err == nil {
					t.Error("The call succeeded.")
				}
				if len(s.calls) != calls {
					t.Errorf("got %d calls, want %d", len(s.calls), calls)
				}
			})
		})
	}
}

// What is temporary is over at the next attempt, and the caller sees nothing of
// it.
func TestRetrySucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{answer: func(n int) *http.Response {
			return []*http.Response{nil, respond(500, ""), respond(503, "<html>"), ok()}[n]
		}}
		got, err := scriptedClient(t, s).UsageSummary(t.Context(), customerID)
		if err != nil || got.TotalCost != 1 {
			t.Errorf("got %v and %v", got.TotalCost, err)
		}
	})
}

// One refusal holds back every call until the time that the server names, in
// either of its forms, and nobody fails for it.
func TestGate(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		header func(now time.Time) string
	}{
		"429, seconds": {429, func(time.Time) string { return "Retry-After: 7" }},
		"429, date": {429, func(now time.Time) string {
			return "Retry-After: " + now.Add(7*time.Second).UTC().Format(http.TimeFormat)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				s := &scripted{delay: 100 * time.Millisecond}
				s.answer = func(n int) *http.Response {
					if n == 10 {
						return respond(test.status, "", test.header(began))
					}
					return ok()
				}
				c := scriptedClient(t, s, func(cfg *client.Config) { cfg.Concurrency = 4 })
				if failed := fetchAll(t.Context(), c, billed(40), 4); failed != 0 {
					t.Errorf("%d customers failed", failed)
				}
				if len(s.calls) != 41 {
					t.Errorf("got %d calls, want 41", len(s.calls))
				}
				refused := s.calls[10].Add(s.delay)
				for _, at := range s.calls {
					if at.After(refused) && at.Before(began.Add(7*time.Second)) {
						t.Errorf("a call was made %s after the start, while the gate was closed", at.Sub(began))
					}
				}
			})
		})
	}
}

// A 503 with a Retry-After holds back the customer whose resource it is about, and
// no other. One that ends after the call's deadline fails at once.
func TestUnavailableCustomerHoldsBackItselfOnly(t *testing.T) {
	for retryAfter, want := range map[string]struct {
		took   time.Duration
		failed int
		calls  int
	}{
		"Retry-After: 7":     {7200 * time.Millisecond, 0, 41},
		"Retry-After: 86400": {1 * time.Second, 1, 40},
	} {
		t.Run(retryAfter, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const before = 30 // calls in which the limit grows to 5
				s := &scripted{delay: 100 * time.Millisecond}
				s.answer = func(n int) *http.Response {
					if n == before {
						return respond(503, "", retryAfter)
					}
					return ok()
				}
				c := scriptedClient(t, s, func(cfg *client.Config) { cfg.Concurrency = 5 })
				fetchAll(t.Context(), c, billed(before), 5)
				began := time.Now()
				failed := fetchAll(t.Context(), c, billed(40), 5)
				if took := time.Since(began); took > want.took+100*time.Millisecond || failed != want.failed {
					t.Errorf("%d failed after %s, want %d after about %s", failed, took, want.failed, want.took)
				}
				if got := len(s.calls) - before; got != want.calls {
					t.Fatalf("got %d calls, want %d", got, want.calls)
				}
				if others := s.calls[before+39].Sub(began); others > 1200*time.Millisecond {
					t.Errorf("the other customers took %s, want about 1s", others)
				}
				if c.ConcurrencyLimit() != 5 {
					t.Errorf("the limit is %d, want 5", c.ConcurrencyLimit())
				}
			})
		})
	}
}

// Nothing upstream stops the client for longer than 15 minutes: one call then
// probes the API, whatever Retry-After states.
func TestRetryAfterADayIsProbedAfterFifteenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{answer: func(n int) *http.Response {
			if n == 0 {
				return respond(429, "", "Retry-After: 86400")
			}
			return ok()
		}}
		c := scriptedClient(t, s)
		_, _ = c.UsageSummary(t.Context(), customerID)
		time.Sleep(14*time.Minute + 59*time.Second)
		began := time.Now()
		if failed := fetchAll(t.Context(), c, billed(8), 8); failed != 0 || time.Since(began) < time.Second {
			t.Errorf("%d of 8 failed, and they took %s", failed, time.Since(began))
		}
	})
}

// Throttling is logged at info when it begins and when it ends.
func TestThrottlingIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{answer: func(n int) *http.Response {
			if n == 0 {
				return respond(429, "", "Retry-After: 7")
			}
			return ok()
		}}
		var lines strings.Builder
		c := scriptedClient(t, s, func(cfg *client.Config) { cfg.Logger = level.NewFilter(log.NewLogfmtLogger(&lines), level.AllowInfo()) })
		if failed := fetchAll(t.Context(), c, billed(3), 1); failed != 0 {
			t.Errorf("%d failed", failed)
		}
		want := "level=info msg=\"throttling began\" wait=7s\nlevel=info msg=\"throttling ended\"\n"
		if got := lines.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// A refusal that names no time is answered with pauses of random length, which
// grow with each refusal in a row.
func TestGateWithoutRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const refusals = 6
		s := &scripted{answer: func(n int) *http.Response {
			if n < refusals {
				return respond(429, "")
			}
			return ok()
		}}
		c := scriptedClient(t, s, func(cfg *client.Config) { cfg.Timeout = time.Hour })
		if _, err := c.UsageSummary(t.Context(), customerID); err != nil {
			t.Fatal(err)
		}
		bound := time.Second
		for i := 1; i < len(s.calls); i++ {
			if pause := s.calls[i].Sub(s.calls[i-1]); pause <= 0 || pause > bound+time.Second {
				t.Errorf("pause %d is %s, want at most %s", i, pause, bound)
			}
			bound *= 2
		}
	})
}

// Nobody waits an hour: neither whoever was refused, nor whoever comes later, who
// does not even call.
func TestRetryAfterAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{answer: func(int) *http.Response { return respond(429, "", "Retry-After: 3600") }}
		c := scriptedClient(t, s)
		began := time.Now()
		_, first := c.UsageSummary(t.Context(), customerID)
		_, second := c.UsageSummary(t.Context(), customerID)
		if took := time.Since(began); took != 0 {
			t.Errorf("the calls took %s", took)
		}
		if e := failure(t, first); e.StatusCode != http.StatusTooManyRequests || e.RetryAfter != time.Hour {
			t.Errorf("got %v, want the server's own answer", first)
		}
		e := failure(t, second)
		if e.StatusCode != 0 || !client.IsThrottled(second) || !client.IsTemporary(second) || len(s.calls) != 1 {
			t.Errorf("got %v after %d calls, want not called", second, len(s.calls))
		}
		time.Sleep(time.Hour)
		s.answer = func(int) *http.Response { return ok() }
		if _, err := c.UsageSummary(t.Context(), customerID); err != nil {
			t.Error(err)
		}
	})
}

// A call that waits for its turn ends with its context, as a shutdown wants it.
func TestGateEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{answer: func(int) *http.Response { return respond(429, "", "Retry-After: 30") }}
		c := scriptedClient(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan int)
		go func() { done <- fetchAll(ctx, c, billed(8), 8) }()
		synctest.Wait()
		began := time.Now()
		cancel()
		if failed := <-done; failed != 8 || time.Since(began) != 0 {
			t.Errorf("%d calls failed after %s, want all 8 at once", failed, time.Since(began))
		}
	})
}

// The calls in flight start at two and grow to the concurrency. They are halved by a
// refusal, once however many calls it hit, and grow back by about one a round.
func TestCallsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{delay: time.Second}
		s.answer = func(n int) *http.Response {
			if n >= 100 && n < 108 {
				return respond(429, "", "Retry-After: 1")
			}
			return ok()
		}
		c := scriptedClient(t, s, func(cfg *client.Config) { cfg.Concurrency = 16 })
		if got := c.ConcurrencyLimit(); got != 2 {
			t.Errorf("the limit is %d at the start, want 2", got)
		}
		fetchAll(t.Context(), c, billed(100), 16)
		if s.peak != 16 {
			t.Errorf("%d calls were in flight, want 16", s.peak)
		}
		fetchAll(t.Context(), c, billed(8), 8)
		if got := c.ConcurrencyLimit(); got < 8 || got > 9 {
			t.Errorf("the limit is %d after a refusal, want half of 16 and what eight answers add", got)
		}
		fetchAll(t.Context(), c, billed(16), 16)
		if got := c.ConcurrencyLimit(); got < 10 || got > 12 {
			t.Errorf("the limit is %d after about two rounds, want two more", got)
		}
		fetchAll(t.Context(), c, billed(200), 16)
		if got := c.ConcurrencyLimit(); got != 16 {
			t.Errorf("the limit is %d in the end, want 16", got)
		}
	})
}

// Refusals in a row from which nothing can be learnt do not slow the client down
// for long.
func TestRefusalsInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{delay: 50 * time.Millisecond}
		s.answer = func(n int) *http.Response {
			if n < 3 {
				return respond(429, "", "Retry-After: 1")
			}
			return ok()
		}
		c := scriptedClient(t, s)
		if _, err := c.UsageSummary(t.Context(), customerID); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if failed := fetchAll(t.Context(), c, billed(200), 8); failed > 0 || time.Since(began) > 10*time.Second {
			t.Errorf("%d of 200 customers failed, and it took %s", failed, time.Since(began))
		}
	})
}

// A limit that goes up is found again, and so is one that goes down.
func TestPaceFollowsTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := simulator.New(simulator.Config{Customers: billed(6000)})
		limiter := rate.NewLimiter(limitedRate, limitedRate)
		sim.SetFaults(simulator.Faults{Latency: 20 * time.Millisecond, Limiter: limiter, RetryAfter: time.Second})
		c := simulated(t, sim, "", limitedConcurrency)
		pace := func(customers int) float64 {
			began := time.Now()
			if failed := fetchAll(t.Context(), c, billed(customers), limitedConcurrency); failed > 0 {
				t.Errorf("%d customers failed", failed)
			}
			return float64(customers) / time.Since(began).Seconds()
		}
		pace(1000)
		limiter.SetLimit(100)
		limiter.SetBurst(100)
		pace(3000)
		if got := pace(3000); got < 80 {
			t.Errorf("%.1f calls a second of 100 that are allowed", got)
		}
		limiter.SetLimit(5)
		limiter.SetBurst(5)
		pace(200)
		if got := pace(300); got < 4 {
			t.Errorf("%.1f calls a second of 5 that are allowed", got)
		}
	})
}
