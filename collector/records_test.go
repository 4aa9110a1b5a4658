package collector_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/collector"
)

// withRecords makes a cache ask for the usage records.
func withRecords(c *collector.Config) { c.UsageRecords, c.FullRefresh = true, 24*time.Hour }

// recorded returns a source whose records say what its summaries do.
func recorded(n int) *fakeSource {
	s := newFake(n)
	for _, c := range s.customers {
		s.records = append(s.records, client.UsageRecord{Usage: figures(1).Usage})
		s.records[len(s.records)-1].CustomerID = strings.ToUpper(c.ID)
	}
	return s
}

// callsAfter returns the calls of a refresh after a change of a source in which
// everybody was fetched an hour ago.
func callsAfter(t *testing.T, source *fakeSource, change func(*fakeSource)) (records int, asked []string, logged []string) {
	t.Helper()
	cache, log := newCache(t, source, withRecords)
	scrape(t, cache)
	pass(time.Hour)
	source.takeCalls()
	source.change(func(s *fakeSource) { s.recordCalls = 0 })
	source.change(change)
	scrape(t, cache)
	lists, asked := source.takeCalls()
	if lists != 1 {
		t.Errorf("%d lists, want 1", lists)
	}
	slices.Sort(asked)
	return source.recordCalls, asked, log.take()
}

// A cold start has nothing that could be confirmed, even if what it fetched while
// the list went on is old already.
func TestColdStartAsksForNoRecords(t *testing.T) {
	for _, ttl := range []time.Duration{time.Hour, 0} {
		synctest.Test(t, func(t *testing.T) {
			source := recorded(4)
			source.delay, source.paged = time.Second, true
			cache, _ := newCache(t, source, withRecords, func(c *collector.Config) { c.TTL = ttl })
			scrape(t, cache)
			if _, asked := source.takeCalls(); source.recordCalls != 0 || len(asked) != 4 {
				t.Errorf("TTL %s: %d records and %d usages, want 0 and 4", ttl, source.recordCalls, len(asked))
			}
		})
	}
}

// Where nothing changed, one call takes the place of a thousand, and the figures
// are known to be current.
func TestNothingChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := recorded(1000)
		records, asked, _ := callsAfter(t, source, func(*fakeSource) {})
		if records != 1 || len(asked) != 0 {
			t.Errorf("%d records and %d usages, want 1 and 0", records, len(asked))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		cache, _ := newCache(t, recorded(2), withRecords)
		scrape(t, cache)
		pass(time.Hour)
		scrape(t, cache)
		for _, c := range cache.Snapshot().Customers {
			if !c.Fetched.Equal(time.Now()) || c.Figures == nil || c.Figures.TotalCost != 1 {
				t.Errorf("%+v, want figures that are current", c)
			}
		}
	})
}

// Those who changed are fetched, and nobody else.
func TestSomeChanged(t *testing.T) {
	usd, zero, budget := 1.5, 0.0, 100.0
	changes := map[string]struct {
		change func(r *client.UsageRecord)
		want   bool
	}{
		"cost":                  {func(r *client.UsageRecord) { r.TotalCost = 2 }, true},
		"budget":                {func(r *client.UsageRecord) { r.Budget = &budget }, true},
		"currency":              {func(r *client.UsageRecord) { r.Currency = "USD" }, true},
		"time of change":        {func(r *client.UsageRecord) { r.LastModified = time.Unix(1, 0) }, true},
		"dollars":               {func(r *client.UsageRecord) { r.USDTotalCost = &usd }, true},
		"no dollars":            {func(r *client.UsageRecord) { r.USDTotalCost = &zero }, false},
		"what is not exported":  {func(r *client.UsageRecord) { r.PercentUsed, r.AzurePlan = 12, true }, false},
		"absent from the list":  {func(r *client.UsageRecord) { r.CustomerID = "somebody else" }, true},
		"name of the same case": {func(r *client.UsageRecord) { r.CustomerName = "other" }, false},
	}
	for name, test := range changes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, asked, _ := callsAfter(t, recorded(20), func(s *fakeSource) { test.change(&s.records[7]) })
				var want []string
				if test.want {
					want = []string{"id-0007"}
				}
				if !slices.Equal(asked, want) {
					t.Errorf("asked for %q, want %q", asked, want)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		records, asked, _ := callsAfter(t, recorded(10_000), func(s *fakeSource) {
			for i := range 500 {
				s.records[i*20].TotalCost = 2
			}
		})
		if records != 1 || len(asked) != 500 || asked[1] != fmt.Sprintf("id-%04d", 20) {
			t.Errorf("%d records and %d usages, want 1 and exactly the 500 that changed", records, len(asked))
		}
	})
}

// Records that cannot be relied on cost one call, and then it goes on as if there
// were none.
func TestUnusableRecords(t *testing.T) {
	for name, change := range map[string]func(*fakeSource){
		"refused":    func(s *fakeSource) { s.recordsErr = errors.New("refused") },
		"endless":    func(s *fakeSource) { s.recordsErr = client.ErrTruncated },
		"empty":      func(s *fakeSource) { s.records = nil },
		"of nobody":  func(s *fakeSource) { s.records = []client.UsageRecord{{}} },
		"duplicates": func(s *fakeSource) { s.records[3].CustomerID = s.records[4].CustomerID },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				records, asked, logged := callsAfter(t, recorded(20), change)
				if records != 1 || len(asked) != 20 {
					t.Errorf("%d records and %d usages, want 1 and 20", records, len(asked))
				}
				if len(logged) != 1 || !strings.Contains(logged[0], "the usage records cannot be used") {
					t.Errorf("logged %q, want one warning", logged)
				}
			})
		})
	}
}

// However often the records confirm the figures, once a day they are fetched.
func TestFullRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := recorded(10)
		cache, _ := newCache(t, source, withRecords)
		var hours []int
		for hour := range 50 {
			scrape(t, cache)
			if _, asked := source.takeCalls(); len(asked) == 10 {
				hours = append(hours, hour)
			}
			pass(time.Hour)
		}
		if !slices.Equal(hours, []int{0, 24, 48}) {
			t.Errorf("everybody was fetched in the hours %v, want 0, 24 and 48", hours)
		}
	})
}

// A record says nothing of a billing period, so that it cannot confirm figures
// of one that has ended.
func TestRecordsAfterThePeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := recorded(10)
		end := time.Now().Add(30 * time.Minute)
		source.usage = func(string) (client.UsageSummary, error) {
			f := figures(1)
			f.BillingEnd = end
			return f, nil
		}
		if _, asked, _ := callsAfter(t, source, func(*fakeSource) {}); len(asked) != 10 {
			t.Errorf("%d usages, want 10", len(asked))
		}
	})
}
