package cache_test

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache/cachetest"
)

// pass lets time go by in the bubble.
func pass(d time.Duration) { time.Sleep(d) }

func TestFreshCustomersAreNotFetchedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(3)
		c, _ := cachetest.NewCache(t, source)
		cachetest.Scrape(t, c)
		pass(54*time.Minute - time.Second) // the least that jitter leaves of the TTL
		cachetest.Scrape(t, c)
		if lists, asked := source.TakeCalls(); lists != 1 || len(asked) != 3 {
			t.Errorf("before the TTL: %d lists, %d usages, want 1 and 3", lists, len(asked))
		}
		pass(6*time.Minute + time.Second)
		cachetest.Scrape(t, c)
		if lists, asked := source.TakeCalls(); lists != 1 || len(asked) != 3 {
			t.Errorf("after the TTL: %d lists, %d usages, want 1 and 3", lists, len(asked))
		}
		if s := c.Snapshot(); s.Lookups != 6 || s.Hits != 3 {
			t.Errorf("%d lookups and %d hits, want 6 and 3", s.Lookups, s.Hits)
		}
	})
}

func TestNoScrapeNoCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(3)
		c, _ := cachetest.NewCache(t, source)
		pass(48 * time.Hour)
		if lists, asked := source.TakeCalls(); lists+len(asked) != 0 {
			t.Errorf("%d lists and %d usages without a scrape", lists, len(asked))
		}
		c.StartRefresh()
		synctest.Wait()
		pass(48 * time.Hour)
		if lists, asked := source.TakeCalls(); lists != 1 || len(asked) != 3 {
			t.Errorf("%d lists and %d usages to warm up, want 1 and 3", lists, len(asked))
		}
	})
}

// The bound of a cold start is the calls' time divided by the concurrency.
func TestConcurrencyIsUsedAndKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(200)
		source.Delay = 100 * time.Millisecond
		c, _ := cachetest.NewCache(t, source, func(c *cache.Config) { c.Concurrency = 20 })
		began := time.Now()
		cachetest.Scrape(t, c)
		if took := time.Since(began); took != 1100*time.Millisecond {
			t.Errorf("a list and 200 calls of 100 ms, 20 at a time, took %s, want 1.1s", took)
		}
		if source.Peak != 20 {
			t.Errorf("%d calls in flight, want 20", source.Peak)
		}
		if n := len(cachetest.Costs(c)); n != 200 {
			t.Errorf("%d customers with figures, want 200", n)
		}
	})
}

func TestOverlappingScrapesShareARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(200)
		source.Delay = 100 * time.Millisecond
		c, _ := cachetest.NewCache(t, source)
		done := make(chan int)
		for range 2 {
			go func() {
				c.Refresh(t.Context())
				done <- len(cachetest.Costs(c))
			}()
		}
		if a, b := <-done, <-done; a != 200 || b != 200 {
			t.Errorf("the scrapes saw %d and %d customers, want 200", a, b)
		}
		if lists, asked := source.TakeCalls(); lists != 1 || len(asked) != 200 {
			t.Errorf("%d lists and %d usages for two scrapes, want 1 and 200", lists, len(asked))
		}
	})
}

// A failure leaves the figures until they are too old, and says so.
func TestAPIDownForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(2)
		c, _ := cachetest.NewCache(t, source)
		cachetest.Scrape(t, c)
		source.Change(func(s *cachetest.Source) { s.ListErr, s.Customers = cachetest.ErrNetwork, nil })
		source.FailWith(cachetest.ErrNetwork)
		pass(time.Hour)
		for range 23 {
			cachetest.Scrape(t, c)
			if got := len(cachetest.Costs(c)); got != 2 {
				t.Fatalf("%d customers with figures, want both", got)
			}
			pass(time.Hour)
		}
		compare(t, c, `
# HELP azure_csp_customer_fetch_success Whether the last attempt to fetch the customer's usage succeeded; a customer without usage counts as a success.
# TYPE azure_csp_customer_fetch_success gauge
azure_csp_customer_fetch_success{customer_id="id-0000",customer_name="Customer 0"} 0
azure_csp_customer_fetch_success{customer_id="id-0001",customer_name="Customer 1"} 0
# HELP azure_csp_customer_usage_fetched_timestamp_seconds When the exporter last knew the cached figures to be current, in seconds since the epoch.
# TYPE azure_csp_customer_usage_fetched_timestamp_seconds gauge
azure_csp_customer_usage_fetched_timestamp_seconds{customer_id="id-0000",customer_name="Customer 0"} 9.466848e+08
azure_csp_customer_usage_fetched_timestamp_seconds{customer_id="id-0001",customer_name="Customer 1"} 9.466848e+08
# HELP azure_csp_refresh_last_success_timestamp_seconds When the last whole refresh ended, in seconds since the epoch.
# TYPE azure_csp_refresh_last_success_timestamp_seconds gauge
azure_csp_refresh_last_success_timestamp_seconds 9.466848e+08
# HELP azure_csp_up Whether the last refresh got a token and listed the customers.
# TYPE azure_csp_up gauge
azure_csp_up 0
`, "azure_csp_customer_fetch_success", "azure_csp_customer_usage_fetched_timestamp_seconds", "azure_csp_refresh_last_success_timestamp_seconds", "azure_csp_up")
		pass(time.Second)
		cachetest.Scrape(t, c)
		s := c.Snapshot()
		if got := len(cachetest.Costs(c)); got != 0 || len(s.Customers) != 2 {
			t.Errorf("past the maximal age %d of %d customers have figures, want 0 of 2", got, len(s.Customers))
		}
		if !c.Ready() {
			t.Error("a later failure made the cache unready")
		}
	})
}

func TestAPIComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(2)
		c, logged := cachetest.NewCache(t, source)
		source.Change(func(s *cachetest.Source) { s.ListErr = cachetest.ErrNetwork })
		cachetest.Scrape(t, c)
		if c.Ready() {
			t.Error("the cache is ready although nobody could be listed")
		}
		source.Change(func(s *cachetest.Source) { s.ListErr = nil })
		pass(5 * time.Second)
		cachetest.Scrape(t, c)
		if got := cachetest.Costs(c); len(got) != 2 || !c.Snapshot().Up || !c.Ready() {
			t.Errorf("after the API came back: %v", got)
		}
		lines := logged.Take()
		if len(lines) != 2 || !strings.Contains(lines[0], "the customers cannot be refreshed") || !strings.Contains(lines[1], "a failure is over") {
			t.Errorf("logged %q", lines)
		}
	})
}

func TestOneCustomersFailureIsItsOwn(t *testing.T) {
	failures := map[string]struct {
		err  error
		want cache.Status
	}{
		"server":     {cachetest.ErrServer, cache.StatusError},
		"network":    {cachetest.ErrNetwork, cache.StatusError},
		"decode":     {cachetest.APIError(200, "", client.ReasonDecode), cache.StatusError},
		"auth":       {cachetest.APIError(401, "400", client.ReasonAuth), cache.StatusError},
		"mfa":        {cachetest.APIError(401, "900421", client.ReasonMFA), cache.StatusError},
		"role":       {cachetest.APIError(403, "900150", client.ReasonPermission), cache.StatusNoAccess},
		"no access":  {cachetest.APIError(403, "20002", client.ReasonPermission), cache.StatusNoAccess},
		"not found":  {cachetest.APIError(404, "1000", client.ReasonClient), cache.StatusNotFound},
		"throttled":  {cachetest.APIError(429, "", client.ReasonThrottled), cache.StatusError},
		"unexpected": {errors.New("unexpected"), cache.StatusError},
	}
	for name, test := range failures {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := cachetest.New(30)
				c, _ := cachetest.NewCache(t, source)
				cachetest.Scrape(t, c)
				source.FailWith(test.err, "id-0000")
				pass(time.Hour)
				cachetest.Scrape(t, c)
				want := map[string]float64{}
				for i := range 30 {
					want[fmt.Sprintf("id-%04d", i)] = 2
				}
				want["id-0000"] = 1 // the last known
				if diff := cmp.Diff(want, cachetest.Costs(c)); diff != "" {
					t.Error(diff)
				}
				if got := cachetest.Status(c, "id-0000"); got != test.want {
					t.Errorf("status %s, want %s", got, test.want)
				}
				if s := c.Snapshot(); !s.Up || !s.LastSuccess.Equal(time.Now()) {
					t.Error("one customer's failure made the whole refresh fail")
				}
			})
		})
	}
}

func TestNoUsageIsAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(1)
		source.FailWith(cachetest.ErrNoUsage)
		c, logged := cachetest.NewCache(t, source)
		cachetest.Scrape(t, c)
		pass(time.Hour)
		cachetest.Scrape(t, c)
		cachetest.Scrape(t, c)
		only := c.Snapshot().Customers[0]
		if only.Status != cache.StatusNoUsage || !only.Status.Succeeded() || only.Figures != nil {
			t.Errorf("%+v, want no figures and a success", only)
		}
		if _, asked := source.TakeCalls(); len(asked) != 2 {
			t.Errorf("asked %d times, want once in each hour", len(asked))
		}
		if lines := logged.Take(); len(lines) != 0 {
			t.Errorf("logged %q", lines)
		}
	})
}

func TestWhoIsListed(t *testing.T) {
	others := []client.Customer{cachetest.Customer(1), cachetest.Customer(2)}
	tests := map[string]struct {
		customers []client.Customer
		err       error
		want      []string
		up        bool
	}{
		"a complete list removes":  {others, nil, []string{"id-0001", "id-0002"}, true},
		"an empty list is suspect": {nil, nil, []string{"id-0000", "id-0001"}, true},
		"a failed list removes nobody": {
			nil, cachetest.APIError(500, "", client.ReasonServer),
			[]string{"id-0000", "id-0001"},
			false,
		},
		"a list that breaks off adds": {
			others, cachetest.APIError(500, "", client.ReasonServer),
			[]string{"id-0000", "id-0001", "id-0002"},
			false,
		},
		"a list without end adds": {
			others,
			&client.Error{Endpoint: client.EndpointCustomers, Reason: client.ReasonDecode, Err: client.ErrTruncated},
			[]string{"id-0000", "id-0001", "id-0002"},
			true,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := cachetest.New(2)
				c, _ := cachetest.NewCache(t, source)
				cachetest.Scrape(t, c)
				source.Change(func(s *cachetest.Source) { s.Customers, s.ListErr = test.customers, test.err })
				pass(time.Hour)
				cachetest.Scrape(t, c)
				// Their usage is fetched also where the list failed.
				if diff := cmp.Diff(test.want, slices.Sorted(maps.Keys(cachetest.Costs(c)))); diff != "" {
					t.Error(diff)
				}
				s := c.Snapshot()
				if s.Up != test.up {
					t.Errorf("up %v, want %v", s.Up, test.up)
				}
				for _, c := range s.Customers {
					if !c.Fetched.Equal(time.Now()) {
						t.Errorf("%s was not fetched again", c.ID)
					}
				}
			})
		})
	}
}

func TestTwinsInTheListAreOneCustomer(t *testing.T) {
	source := cachetest.New(0)
	source.Customers = []client.Customer{{ID: "ABC", Name: "old"}, {ID: "abc", Name: "new"}}
	c, _ := cachetest.NewCache(t, source)
	cachetest.Scrape(t, c)
	compare(t, c, `
# HELP azure_csp_customer_info The customer's domain and its relationship to the partner. Always 1.
# TYPE azure_csp_customer_info gauge
azure_csp_customer_info{customer_id="abc",customer_name="new",domain="",relationship=""} 1
`, "azure_csp_customer_info")
}

// A refusal that only a person can mend is said once and not repeated.
func TestPermanentRefusal(t *testing.T) {
	refusals := map[string]func(*cachetest.Source){
		"of the list": func(s *cachetest.Source) { s.ListErr, s.Customers = cachetest.ErrMFA, nil },
		"of a token":  func(s *cachetest.Source) { s.ListErr, s.Customers = cachetest.ErrToken, nil },
		"of every usage": func(s *cachetest.Source) {
			s.Usage = refuse(cachetest.APIError(403, "900150", client.ReasonPermission))
		},
		"of a new token":  func(s *cachetest.Source) { s.Usage = refuse(cachetest.ErrToken) },
		"of every usage,": func(s *cachetest.Source) { s.Usage = refuse(cachetest.APIError(401, "900421", client.ReasonMFA)) },
	}
	for name, refusal := range refusals {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := cachetest.New(1000)
				c, logged := cachetest.NewCache(t, source)
				cachetest.Scrape(t, c)
				pass(time.Hour)
				source.TakeCalls()
				source.Change(refusal)
				for range 59 {
					cachetest.Scrape(t, c)
					pass(time.Minute)
				}
				if lists, asked := source.TakeCalls(); lists != 1 || len(asked) > 24 {
					t.Errorf("%d lists and %d usages within the TTL, want 1 and at most 24", lists, len(asked))
				}
				if got := len(cachetest.Costs(c)); got != 1000 {
					t.Errorf("%d customers have figures, want all", got)
				}
				if lines := logged.Take(); len(lines) != 1 || !strings.Contains(lines[0], "hint=") {
					t.Errorf("logged %q, want one line with a remedy", lines)
				}
				pass(2 * time.Minute)
				cachetest.Scrape(t, c)
				if lists, _ := source.TakeCalls(); lists != 1 {
					t.Errorf("%d lists after the TTL, want 1", lists)
				}
			})
		})
	}
}

func refuse(err error) func(string) (client.UsageSummary, error) {
	return func(string) (client.UsageSummary, error) { return client.UsageSummary{}, err }
}

// A token that dies in a refresh is not asked for once more per customer, and is
// no answer about the customers who were not asked for.
func TestTokenDiesDuringRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(100)
		c, _ := cachetest.NewCache(t, source)
		source.FailWith(cachetest.ErrToken)
		cachetest.Scrape(t, c)
		if _, asked := source.TakeCalls(); len(asked) > 4 {
			t.Errorf("%d usages without a token, want at most one for each worker", len(asked))
		}
		if s := c.Snapshot(); s.Up || c.Ready() {
			t.Error("up or ready without a token")
		}
		source.Change(func(s *cachetest.Source) { s.Usage = cachetest.New(0).Usage })
		pass(time.Hour)
		cachetest.Scrape(t, c)
		if got := len(cachetest.Costs(c)); got != 100 || !c.Snapshot().Up || !c.Ready() {
			t.Errorf("with a new token %d customers have figures, want 100", got)
		}
	})
}

// Where nobody answers, twenty calls are enough to see it. The next refresh
// begins with those who have waited longest.
func TestNetworkDiesDuringRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(1000)
		c, logged := cachetest.NewCache(t, source)
		cachetest.Scrape(t, c)
		pass(time.Hour)
		source.TakeCalls()
		source.FailWith(cachetest.ErrNetwork)
		cachetest.Scrape(t, c)
		_, first := source.TakeCalls()
		if len(first) < 20 || len(first) > 24 {
			t.Errorf("%d calls into the void, want about 20", len(first))
		}
		cachetest.Scrape(t, c)
		if _, second := source.TakeCalls(); slices.ContainsFunc(second, func(id string) bool { return slices.Contains(first, id) }) {
			t.Errorf("asked for the same ones again: %q, %q", first, second)
		}
		if s := c.Snapshot(); s.LastSuccess.Equal(time.Now()) {
			t.Error("a refresh that reached nobody counts as a success")
		}
		if lines := logged.Take(); len(lines) != 1 || !strings.Contains(lines[0], "customers=1000") {
			t.Errorf("logged %q, want one line that counts the customers", lines)
		}
	})
}

// Calls that fail now and then are no reason to give up.
func TestNetworkIsBad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(400)
		c, _ := cachetest.NewCache(t, source)
		var bad []string
		for i := range 400 {
			if i%2 == 0 {
				bad = append(bad, cachetest.Customer(i).ID)
			}
		}
		source.FailWith(cachetest.ErrNetwork, bad...)
		cachetest.Scrape(t, c)
		if got := len(cachetest.Costs(c)); got != 200 || !c.Ready() {
			t.Errorf("%d customers have figures, want 200", got)
		}
	})
}

// Where everybody failed everybody has been asked for, but nothing succeeded.
func TestEveryUsageFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(30)
		source.FailWith(cachetest.ErrServer)
		c, _ := cachetest.NewCache(t, source)
		cachetest.Scrape(t, c)
		if s := c.Snapshot(); !c.Ready() || !s.LastSuccess.IsZero() || !s.Up {
			t.Errorf("ready %v, last success %v, up %v, want true, none, true", c.Ready(), s.LastSuccess, s.Up)
		}
		if _, asked := source.TakeCalls(); len(asked) != 30 {
			t.Errorf("asked for %d customers, want all: errors of the server may be one customer's", len(asked))
		}
	})
}

// Customers whom the partner may not see are no reason to give up on the others,
// however many stand in a row.
func TestManyWithoutAccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(60)
		var denied []string
		for i := range 40 {
			denied = append(denied, cachetest.Customer(i).ID)
		}
		source.FailWith(cachetest.APIError(403, "2032", client.ReasonPermission), denied...)
		c, _ := cachetest.NewCache(t, source)
		cachetest.Scrape(t, c)
		if got := len(cachetest.Costs(c)); got != 20 || !c.Ready() {
			t.Errorf("%d customers have figures, ready %v, want 20 and true", got, c.Ready())
		}
	})
}

// A list that is refused as wrong stays wrong until somebody does something.
func TestListIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(2)
		c, _ := cachetest.NewCache(t, source)
		cachetest.Scrape(t, c)
		pass(time.Hour)
		source.TakeCalls()
		source.Change(func(s *cachetest.Source) {
			s.ListErr, s.Customers = cachetest.APIError(404, "", client.ReasonClient), nil
		})
		for range 3 {
			cachetest.Scrape(t, c)
			pass(time.Minute)
		}
		if lists, asked := source.TakeCalls(); lists != 1 || len(asked) != 2 {
			t.Errorf("%d lists and %d usages, want 1 and 2", lists, len(asked))
		}
	})
}

// Who has not been asked for has neither succeeded nor failed.
func TestPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(5)
		source.Delay = time.Second
		c, _ := cachetest.NewCache(t, source)
		c.StartRefresh()
		pass(2500 * time.Millisecond)
		compare(t, c, `
# HELP azure_csp_customer_fetch_success Whether the last attempt to fetch the customer's usage succeeded; a customer without usage counts as a success.
# TYPE azure_csp_customer_fetch_success gauge
azure_csp_customer_fetch_success{customer_id="id-0000",customer_name="Customer 0"} 1
azure_csp_customer_fetch_success{customer_id="id-0001",customer_name="Customer 1"} 1
azure_csp_customer_fetch_success{customer_id="id-0002",customer_name="Customer 2"} 1
azure_csp_customer_fetch_success{customer_id="id-0003",customer_name="Customer 3"} 1
`, "azure_csp_customer_fetch_success")
		if got := cachetest.Status(c, "id-0004"); got != cache.StatusPending || c.Ready() {
			t.Errorf("status %s, ready %v, want pending and false", got, c.Ready())
		}
	})
}

func customerNamed(id string) client.Customer { return client.Customer{ID: id} }

func expression(s string) *regexp.Regexp { return regexp.MustCompile("^(?:" + s + ")$") }

func TestIncludeAndExclude(t *testing.T) {
	tests := map[string]struct {
		include, exclude *regexp.Regexp
		want             []string
	}{
		"everybody":        {nil, nil, []string{"id-0000", "id-0001", "id-0002"}},
		"by id":            {expression("id-000[01]"), nil, []string{"id-0000", "id-0001"}},
		"by name":          {expression("Customer 2"), nil, []string{"id-0002"}},
		"by domain":        {expression(`c1\.example`), nil, []string{"id-0001"}},
		"not in part":      {expression("Customer"), nil, nil},
		"but not":          {nil, expression("Customer 0|c1.*"), []string{"id-0002"}},
		"exclude is final": {expression(".*"), expression("id-0001"), []string{"id-0000", "id-0002"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			source := cachetest.New(3)
			c, _ := cachetest.NewCache(t, source, func(c *cache.Config) { c.Include, c.Exclude = test.include, test.exclude })
			cachetest.Scrape(t, c)
			if diff := cmp.Diff(test.want, slices.Sorted(maps.Keys(cachetest.Costs(c)))); diff != "" {
				t.Error(diff)
			}
			if _, asked := source.TakeCalls(); len(asked) != len(test.want) {
				t.Errorf("asked for %q", asked)
			}
		})
	}
}

// A scrape that finds nothing to do does nothing, after however many refreshes.
func TestIdleScrapes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := cachetest.NewCache(t, cachetest.New(3))
		for range 3 {
			pass(time.Hour)
			cachetest.Scrape(t, c)
			refreshed := c.Snapshot().LastSuccess
			if !refreshed.Equal(time.Now()) {
				t.Errorf("the last refresh was at %s, want now", refreshed)
			}
			pass(time.Minute)
			cachetest.Scrape(t, c)
			if again := c.Snapshot().LastSuccess; !again.Equal(refreshed) {
				t.Errorf("a minute after the refresh at %s there is one at %s", refreshed, again)
			}
		}
	})
}

// Customers who were fetched together are not all fetched together again.
func TestTTLIsJittered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(1000)
		c, _ := cachetest.NewCache(t, source)
		cachetest.Scrape(t, c)
		pass(53 * time.Minute)
		source.TakeCalls()
		var minutes []int
		for range 8 {
			cachetest.Scrape(t, c)
			_, asked := source.TakeCalls()
			minutes = append(minutes, len(asked))
			pass(time.Minute)
		}
		total := 0
		for _, n := range minutes {
			total += n
		}
		if slices.Max(minutes) > 250 || total != 1000 || minutes[0] != 0 {
			t.Errorf("fetched again minute by minute: %v, want 1000 in all, about 167 in each of six", minutes)
		}
	})
}

// A customer that keeps failing is not asked for at every scrape, but at once
// after the first failure, which may have been an accident.
func TestFailingCustomerIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(2)
		source.FailWith(cachetest.ErrServer, "id-0000")
		c, _ := cachetest.NewCache(t, source)
		var at []int
		for second := range 600 {
			cachetest.Scrape(t, c)
			if _, asked := source.TakeCalls(); slices.Contains(asked, "id-0000") {
				at = append(at, second)
			}
			pass(time.Second)
		}
		if len(at) < 8 || len(at) > 10 || at[1] != 1 {
			t.Errorf("asked for at the seconds %v, want 0, 1 and then ever more seldom", at)
		}
		for i := 2; i+1 < len(at); i++ {
			if at[i+1]-at[i] <= at[i]-at[i-1] {
				t.Errorf("asked for at the seconds %v, want growing distances", at)
			}
		}
		source.Change(func(s *cachetest.Source) { s.Usage = cachetest.New(0).Usage })
		pass(time.Hour)
		cachetest.Scrape(t, c)
		if got := cachetest.Status(c, "id-0000"); got != cache.StatusOK {
			t.Errorf("status %s after the customer works again", got)
		}
	})
}

// Figures of a billing period that has ended say nothing of the present one,
// however young they are. The end may be the first instant after the period, or
// its last day.
func TestEndedPeriodIsFetchedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(1)
		end := time.Now().Add(time.Minute)
		source.Usage = func(string) (client.UsageSummary, error) {
			f := cachetest.Figures(1)
			f.BillingEnd = end // The API goes on stating it.
			return f, nil
		}
		c, _ := cachetest.NewCache(t, source, func(c *cache.Config) { c.TTL, c.MaxAge = 48*time.Hour, 96*time.Hour })
		var at []time.Duration
		began := time.Now()
		for range 25 * 60 {
			cachetest.Scrape(t, c)
			if _, asked := source.TakeCalls(); len(asked) > 0 {
				at = append(at, time.Since(began))
			}
			pass(time.Minute)
		}
		if diff := cmp.Diff([]time.Duration{0, time.Minute, time.Minute + 24*time.Hour}, at); diff != "" {
			t.Error(diff)
		}
	})
}

// Close must not wait for calls that hang, and what they would have said is not
// known.
func TestCloseEndsARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(10)
		c, logged := cachetest.NewCache(t, source)
		cachetest.Scrape(t, c)
		pass(time.Hour)
		source.Delay = time.Hour
		waiting := make(chan struct{})
		go func() {
			defer close(waiting)
			c.Refresh(t.Context())
		}()
		synctest.Wait()
		began := time.Now()
		c.Close()
		<-waiting
		if took := time.Since(began); took != 0 {
			t.Errorf("closing took %s", took)
		}
		c.Refresh(t.Context())
		if got := len(cachetest.Costs(c)); got != 10 || cachetest.Status(c, "id-0000") != cache.StatusOK {
			t.Errorf("%d customers have figures after closing, want 10", got)
		}
		if lines := logged.Take(); len(lines) != 0 {
			t.Errorf("logged %q", lines)
		}
	})
}
