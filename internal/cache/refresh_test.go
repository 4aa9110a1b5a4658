package cache_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache/cachetest"
)

// A list or records without an end hold up no customer, and end at half of the TTL.
func TestSlowListsHoldUpNoCustomer(t *testing.T) {
	tests := map[string]struct {
		change func(*cachetest.Source)
		up     bool
		warned string
	}{
		"a page that never arrives": {
			func(s *cachetest.Source) { s.ListDelay = 1000 * time.Hour },
			false, "the customers cannot be refreshed",
		},
		"pages of a minute": {
			func(s *cachetest.Source) { s.Paged, s.ListDelay = true, time.Minute },
			false, "the customers cannot be refreshed",
		},
		"records that never arrive": {
			func(s *cachetest.Source) { s.RecordDelay = 1000 * time.Hour },
			true, "the usage records cannot be used",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := recorded(100)
				c, logged := cachetest.NewCache(t, source, cachetest.WithRecords)
				cachetest.Scrape(t, c)
				source.Change(test.change)
				source.Change(func(s *cachetest.Source) {
					for i := range s.Records {
						s.Records[i].TotalCost = 2
					}
				})
				source.FailWith(nil, "nobody")
				pass(time.Hour)
				began := time.Now()
				c.StartRefresh()
				pass(21 * time.Second) // a head start of 10 s for the list, and one for the records
				synctest.Wait()
				for id, cost := range cachetest.Costs(c) {
					if cost != 2 {
						t.Fatalf("%s costs %v after 21 s, want the new 2", id, cost)
					}
				}
				cachetest.Scrape(t, c)
				if took := time.Since(began); took > 31*time.Minute {
					t.Errorf("the refresh took %v, want at most half an hour", took)
				}
				if got := c.Stats().Up; got != test.up {
					t.Errorf("up is %v, want %v", got, test.up)
				}
				if lines := logged.Take(); len(lines) != 1 || !strings.Contains(lines[0], test.warned) {
					t.Errorf("logged %q, want %q", lines, test.warned)
				}
			})
		})
	}
}

// Records that arrive after the head start spare the requests that are still queued.
func TestLateRecordsSpareRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := recorded(100)
		c, _ := cachetest.NewCache(t, source, cachetest.WithRecords)
		cachetest.Scrape(t, c)
		source.TakeCalls()
		pass(time.Hour)
		source.Change(func(s *cachetest.Source) { s.Delay, s.RecordDelay = time.Second, 14*time.Second })
		cachetest.Scrape(t, c)
		// Four at a time from the 11th second to the 16th, in which the records arrive.
		if _, asked := source.TakeCalls(); len(asked) < 16 || len(asked) > 24 {
			t.Errorf("%d requests for 100 customers, want about 20", len(asked))
		}
	})
}

// A short TTL leaves the list time for ten requests.
func TestListHasTimeForTenRequests(t *testing.T) {
	for timeout, want := range map[time.Duration]bool{time.Second: false, 10 * time.Second: true} {
		synctest.Test(t, func(t *testing.T) {
			source := cachetest.New(2)
			source.ListDelay = 99 * time.Second
			c, _ := cachetest.NewCache(t, source, func(c *cache.Config) { c.TTL, c.Timeout = time.Minute, timeout })
			cachetest.Scrape(t, c)
			if got := c.Stats().Up; got != want {
				t.Errorf("with a timeout of %v, a list of 99 s succeeds: %v, want %v", timeout, got, want)
			}
		})
	}
}

// The promise that who scrapes does not set the pace: whatever fails, the next attempt is
// 5 s later or more, and the delay doubles up to the TTL.
func TestFailuresAreNotRepeatedAtScrapeSpeed(t *testing.T) {
	html := &client.Error{Endpoint: client.EndpointCustomers, StatusCode: 200, Reason: client.ReasonDecode}
	token := &client.Error{Endpoint: client.EndpointToken, StatusCode: 200, Reason: client.ReasonDecode}
	limited := &client.Error{Endpoint: client.EndpointCustomers, StatusCode: 429, Reason: client.ReasonThrottled}
	for name, err := range map[string]error{"a list that is HTML": html, "a token that is HTML": token, "a limited list": limited, "the network": cachetest.ErrNetwork} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := cachetest.New(0)
				source.ListErr = err
				c, _ := cachetest.NewCache(t, source)
				began := time.Now()
				var times []float64
				for time.Since(began) < 3*time.Hour {
					cachetest.Scrape(t, c)
					if lists, _ := source.TakeCalls(); lists > 0 {
						times = append(times, time.Since(began).Seconds())
					}
					pass(500 * time.Millisecond)
				}
				want := []float64{0, 5, 15, 35, 75, 155, 315, 635, 1275, 2555, 5115, 8715}
				if len(times) < len(want) || len(times) > len(want)+1 {
					t.Fatalf("lists after %v s, want about %v", times, want)
				}
				for i, at := range want {
					if times[i] > at+6 || times[i] < at*0.9-1 {
						t.Errorf("list %d after %v s, want about %v", i, times[i], at)
					}
				}
			})
		})
	}
}

// A list that fails for a while does not end the fetches that succeed.
func TestOnlyTheListIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(100)
		c, _ := cachetest.NewCache(t, source)
		cachetest.Scrape(t, c)
		source.FailWith(nil, "nobody")
		source.Change(func(s *cachetest.Source) {
			s.ListErr = &client.Error{Endpoint: client.EndpointCustomers, StatusCode: 429, Reason: client.ReasonThrottled}
		})
		pass(time.Hour)
		cachetest.Scrape(t, c)
		for id, cost := range cachetest.Costs(c) {
			if cost != 2 {
				t.Fatalf("%s costs %v, want the new 2", id, cost)
			}
		}
	})
}

// A list that fails with all requests costs one for each worker besides.
func TestNothingIsReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(100)
		c, _ := cachetest.NewCache(t, source)
		cachetest.Scrape(t, c)
		source.TakeCalls()
		source.Change(func(s *cachetest.Source) { s.ListErr, s.Customers = cachetest.ErrNetwork, nil })
		source.FailWith(cachetest.ErrNetwork)
		pass(time.Hour)
		cachetest.Scrape(t, c)
		if lists, asked := source.TakeCalls(); lists != 1 || len(asked) > 4 {
			t.Errorf("%d lists and %d usages, want 1 and at most 4", lists, len(asked))
		}
	})
}

// A failing customer whose billing period ended is not fetched by each scrape.
func TestFailureAtThePeriodsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(1)
		end := time.Now().Add(30 * time.Minute)
		source.Usage = func(string) (client.UsageSummary, error) {
			f := cachetest.Figures(1)
			f.BillingEnd = end
			return f, nil
		}
		c, _ := cachetest.NewCache(t, source)
		cachetest.Scrape(t, c)
		source.TakeCalls()
		source.FailWith(cachetest.ErrServer)
		pass(30 * time.Minute)
		for range 60 {
			cachetest.Scrape(t, c)
			pass(time.Second)
		}
		// At once, at once again, and then after 5, 10, 20 and 40 s.
		if _, asked := source.TakeCalls(); len(asked) < 5 || len(asked) > 6 {
			t.Errorf("%d requests in a minute, want 5 or 6", len(asked))
		}
	})
}

// A customer that a later page spells differently while it is fetched is one customer.
func TestSpellingChangesDuringAFetch(t *testing.T) {
	source := cachetest.New(0)
	for i := range 50 {
		source.Customers = append(source.Customers, client.Customer{ID: "ABC", Name: strconv.Itoa(i)}, client.Customer{ID: "abc", Name: strconv.Itoa(i)})
	}
	source.Paged = true
	c, _ := cachetest.NewCache(t, source)
	cachetest.Scrape(t, c)
	if _, asked := source.TakeCalls(); len(asked) != 1 || !strings.EqualFold(asked[0], "abc") {
		t.Errorf("asked for %q, want one request for abc", asked)
	}
}

// panics is a source that panics in one of its methods.
type panics struct {
	*cachetest.Source
	usageOf string
	records bool
}

func (p panics) UsageSummary(ctx context.Context, id string) (client.UsageSummary, error) {
	if id == p.usageOf {
		var none []int
		_ = none[len(id)] //nolint:gosec // It panics.
	}
	return p.Source.UsageSummary(ctx, id)
}

func (p panics) UsageRecords(ctx context.Context) ([]client.UsageRecord, error) {
	if p.records {
		panic("fake-secret")
	}
	return p.Source.UsageRecords(ctx)
}

// The promise that one customer's failure is its own, for a panic: it is counted and
// logged, sets the cache file aside, and ends neither the process nor the refresh.
func TestPanicEndsNothing(t *testing.T) {
	for name, test := range map[string]struct {
		source panics
		fresh  int
		status cache.Status // of the second customer
		logged string
	}{
		"in a fetch":     {panics{usageOf: "id-0001"}, 3, "error", "index out of range [7]"},
		"in the records": {panics{records: true}, 4, "ok", "panic: string"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "cache.json")
				healthy := recorded(4)
				first, _ := cachetest.NewCache(t, healthy, inFile(path), cachetest.WithRecords)
				cachetest.Scrape(t, first)
				first.Close()
				pass(time.Hour)
				test.source.Source = recorded(4)
				test.source.Records = nil
				test.source.FailWith(nil, "nobody")
				c, logged := cachetest.NewCache(t, test.source, inFile(path), cachetest.WithRecords)
				cachetest.Scrape(t, c)
				fresh := 0
				for _, cost := range cachetest.Costs(c) {
					if cost == 2 {
						fresh++
					}
				}
				if fresh != test.fresh || len(cachetest.Costs(c)) != 4 {
					t.Errorf("%d of %d customers are fresh, want %d of 4", fresh, len(cachetest.Costs(c)), test.fresh)
				}
				if got := cachetest.Status(c, "id-0001"); got != test.status {
					t.Errorf("status %s, want %s", got, test.status)
				}
				if got := c.Stats().Errors[client.ReasonClient]; got != 1 {
					t.Errorf("%d failures are counted, want 1", got)
				}
				lines := strings.Join(logged.Take(), "\n")
				if strings.Count(lines, "a refresh panicked") != 1 || !strings.Contains(lines, test.logged) || strings.Contains(lines, "fake-secret") {
					t.Errorf("logged %s", lines)
				}
				synctest.Wait()
				if _, err := os.Stat(path + ".set-aside"); err != nil {
					t.Error(err)
				}
				if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("the file is written again: %v", err)
				}
			})
		})
	}
}

// A refresh that ends is logged, but not twice a minute with the same result.
func TestRefreshesAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(3)
		c, logged := cachetest.NewCache(t, source, func(c *cache.Config) { c.TTL = 10 * time.Second })
		refreshes := func(n int) (lines []string) {
			for range n {
				cachetest.Scrape(t, c)
				pass(10 * time.Second)
			}
			for _, line := range logged.TakeAll() {
				if strings.Contains(line, `msg="refresh ended"`) {
					lines = append(lines, line)
				}
			}
			return lines
		}
		want := []string{`level=info msg="refresh ended" customers=3 requests=4 duration=0s failures=none`}
		if got := refreshes(6); !slices.Equal(got, want) {
			t.Errorf("logged %q in a minute, want %q", got, want)
		}
		if got := refreshes(6); !slices.Equal(got, want) {
			t.Errorf("logged %q in the next minute, want %q", got, want)
		}
		source.FailWith(cachetest.ErrServer, "id-0000", "id-0002")
		want = []string{`level=info msg="refresh ended" customers=3 requests=4 duration=0s failures=server:2`}
		if got := refreshes(1); !slices.Equal(got, want) {
			t.Errorf("logged %q after a failure, want %q", got, want)
		}
	})
}

// A selection without a customer is logged once, and so is a partner without one.
func TestNobodyIsSelected(t *testing.T) {
	for name, test := range map[string]struct {
		customers int
		change    func(*cache.Config)
		want      []string
	}{
		"a selection of nobody": {3, func(c *cache.Config) { c.Include = expression("nobody") }, []string{`level=warn msg="the selection matches no customer" include=^(?:nobody)$ exclude=null customers=3`}},
		"a partner of nobody":   {0, func(*cache.Config) {}, []string{`level=warn msg="the partner has no customers"`}},
		"a shard of nobody":     {1, func(c *cache.Config) { c.Shard = cache.Shard{Index: 7, Total: 64} }, nil},
		"a selection of some":   {3, func(c *cache.Config) { c.Include = expression("id-0001") }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, logged := cachetest.NewCache(t, cachetest.New(test.customers), test.change)
				for range 3 {
					cachetest.Scrape(t, c)
					pass(time.Hour)
				}
				if got := logged.Take(); !slices.Equal(got, test.want) {
					t.Errorf("logged %q, want %q", got, test.want)
				}
			})
		})
	}
}

// The promise that figures of a period that has ended are replaced: a refresh that is
// aborted at that moment does not keep them for a TTL.
func TestAbortedRefreshAtThePeriodsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(100)
		end := time.Now().Add(2 * time.Minute)
		source.Usage = func(string) (client.UsageSummary, error) {
			f := cachetest.Figures(1)
			f.BillingEnd = end
			return f, nil
		}
		c, _ := cachetest.NewCache(t, source)
		cachetest.Scrape(t, c)
		pass(2 * time.Minute)
		source.FailWith(cachetest.ErrNetwork)
		cachetest.Scrape(t, c)
		source.FailWith(nil, "nobody")
		pass(5 * time.Second)
		cachetest.Scrape(t, c)
		for id, cost := range cachetest.Costs(c) {
			if cost != 2 {
				t.Fatalf("%s costs %v, of the period before, want the new 2", id, cost)
			}
		}
	})
}

// Customers that always time out do not keep the others from being fetched.
func TestFailingCustomersStarveNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(300)
		source.Delay = 100 * time.Millisecond
		c, _ := cachetest.NewCache(t, source)
		cachetest.Scrape(t, c)
		var bad []string
		for i := range 60 {
			bad = append(bad, cachetest.Customer(i*5).ID)
		}
		source.FailWith(cachetest.APIError(0, "", client.ReasonTimeout), bad...)
		for range 6 * 60 {
			cachetest.Scrape(t, c)
			pass(time.Minute)
		}
		for _, customer := range c.Snapshot().Customers {
			if age := time.Since(customer.Fetched); !slices.Contains(bad, customer.ID) && age > 70*time.Minute {
				t.Errorf("the figures of %s are %v old", customer.ID, age)
			}
		}
	})
}

// Usage records that fail are not repeated at scrape speed.
func TestFailingRecordsAreNotRepeatedAtScrapeSpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := recorded(1000)
		c, _ := cachetest.NewCache(t, source, cachetest.WithRecords)
		cachetest.Scrape(t, c)
		source.Change(func(s *cachetest.Source) { s.RecordsErr = cachetest.ErrServer })
		pass(54 * time.Minute)
		for range 720 { // while the customers become stale, one after the other
			cachetest.Scrape(t, c)
			pass(500 * time.Millisecond)
		}
		if n := source.RecordCalls; n < 2 || n > 8 {
			t.Errorf("%d requests for the records in 6 minutes, want 2 to 8", n)
		}
	})
}

// A failure of the list is over when a list succeeds, not when none is due.
func TestFailureOfTheListLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(20)
		c, logged := cachetest.NewCache(t, source)
		cachetest.Scrape(t, c)
		source.Change(func(s *cachetest.Source) { s.ListErr = cachetest.APIError(500, "", client.ReasonServer) })
		for range 5 * 60 {
			pass(time.Minute)
			cachetest.Scrape(t, c)
		}
		if lines := logged.Take(); len(lines) != 1 || !strings.Contains(lines[0], "cannot be refreshed") {
			t.Errorf("logged %q, want one warning", lines)
		}
	})
}

// A customer whose request names a wait is not fetched before.
func TestRetryAfterHoldsBackTheCustomer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(2)
		busy := cachetest.APIError(503, "", client.ReasonServer)
		busy.RetryAfter = 10 * time.Minute
		source.FailWith(busy, "id-0000")
		c, _ := cachetest.NewCache(t, source)
		for range 9 {
			cachetest.Scrape(t, c)
			pass(time.Minute)
		}
		if _, asked := source.TakeCalls(); len(asked) != 2 {
			t.Errorf("%d requests in nine minutes, want 2", len(asked))
		}
	})
}
