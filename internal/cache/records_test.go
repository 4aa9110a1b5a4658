package cache_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache/cachetest"
)

// recorded returns a source whose records say what its summaries do.
func recorded(n int) *cachetest.Source {
	s := cachetest.New(n)
	for _, c := range s.Customers {
		s.Records = append(s.Records, client.UsageRecord{Usage: cachetest.Figures(1).Usage})
		s.Records[len(s.Records)-1].CustomerID = strings.ToUpper(c.ID)
	}
	return s
}

// callsAfter returns the calls of a refresh after a change of a source in which
// everybody was fetched an hour ago.
func callsAfter(t *testing.T, source *cachetest.Source, change func(*cachetest.Source)) (records int, asked []string, logged []string) {
	t.Helper()
	c, log := cachetest.NewCache(t, source, cachetest.WithRecords)
	cachetest.Scrape(t, c)
	pass(time.Hour)
	source.TakeCalls()
	source.Change(func(s *cachetest.Source) { s.RecordCalls = 0 })
	source.Change(change)
	cachetest.Scrape(t, c)
	lists, asked := source.TakeCalls()
	if lists != 1 {
		t.Errorf("%d lists, want 1", lists)
	}
	slices.Sort(asked)
	return source.RecordCalls, asked, log.Take()
}

// A cold start has nothing that could be confirmed, even if what it fetched while
// the list went on is old already.
func TestColdStartAsksForNoRecords(t *testing.T) {
	for _, ttl := range []time.Duration{time.Hour, 0} {
		synctest.Test(t, func(t *testing.T) {
			source := recorded(4)
			source.Delay, source.Paged = time.Second, true
			c, _ := cachetest.NewCache(t, source, cachetest.WithRecords, func(c *cache.Config) { c.TTL = ttl })
			cachetest.Scrape(t, c)
			if _, asked := source.TakeCalls(); source.RecordCalls != 0 || len(asked) != 4 {
				t.Errorf("TTL %s: %d records and %d usages, want 0 and 4", ttl, source.RecordCalls, len(asked))
			}
		})
	}
}

// Where nothing changed, one call takes the place of a thousand, and the figures
// are known to be current.
func TestNothingChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := recorded(1000)
		records, asked, _ := callsAfter(t, source, func(*cachetest.Source) {})
		if records != 1 || len(asked) != 0 {
			t.Errorf("%d records and %d usages, want 1 and 0", records, len(asked))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c, _ := cachetest.NewCache(t, recorded(2), cachetest.WithRecords)
		cachetest.Scrape(t, c)
		pass(time.Hour)
		cachetest.Scrape(t, c)
		for _, c := range c.Snapshot().Customers {
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
				_, asked, _ := callsAfter(t, recorded(20), func(s *cachetest.Source) { test.change(&s.Records[7]) })
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
		records, asked, _ := callsAfter(t, recorded(10_000), func(s *cachetest.Source) {
			for i := range 500 {
				s.Records[i*20].TotalCost = 2
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
	for name, change := range map[string]func(*cachetest.Source){
		"refused":   func(s *cachetest.Source) { s.RecordsErr = errors.New("refused") },
		"endless":   func(s *cachetest.Source) { s.RecordsErr = client.ErrTruncated },
		"empty":     func(s *cachetest.Source) { s.Records = nil },
		"of nobody": func(s *cachetest.Source) { s.Records = []client.UsageRecord{{}} },
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
		c, _ := cachetest.NewCache(t, source, cachetest.WithRecords)
		var hours []int
		for hour := range 50 {
			cachetest.Scrape(t, c)
			if _, asked := source.TakeCalls(); len(asked) == 10 {
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
		source.Usage = func(string) (client.UsageSummary, error) {
			f := cachetest.Figures(1)
			f.BillingEnd = end
			return f, nil
		}
		if _, asked, _ := callsAfter(t, source, func(*cachetest.Source) {}); len(asked) != 10 {
			t.Errorf("%d usages, want 10", len(asked))
		}
	})
}

// Two records of one customer do not show which one is current.
func TestCustomerWithTwoRecordsIsFetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		records, asked, logged := callsAfter(t, recorded(20), func(s *cachetest.Source) {
			s.Records = append(s.Records, s.Records[4])
		})
		if records != 1 || !slices.Equal(asked, []string{"id-0004"}) || len(logged) != 0 {
			t.Errorf("%d records, usages %q, logged %q, want 1, id-0004 and nothing", records, asked, logged)
		}
	})
}
