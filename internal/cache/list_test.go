package cache_test

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache/cachetest"
)

// The promise that a failure never empties the graph: a list that lacks all known
// customers, or more than half of ten, removes none until a second one agrees.
func TestListThatLiesRemovesNobody(t *testing.T) {
	for name, test := range map[string]struct{ known, listed, kept int }{
		"none of three":  {3, 0, 3},
		"one of three":   {3, 1, 1},
		"none of twelve": {12, 0, 12},
		"five of twelve": {12, 5, 12},
		"six of twelve":  {12, 6, 6},
		"none of one":    {1, 0, 1},
		"four of nine":   {9, 4, 4},
		"four of ten":    {10, 4, 10},
		"all":            {12, 12, 12},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := cachetest.New(test.known)
				c, logged := cachetest.NewCache(t, source)
				cachetest.Scrape(t, c)
				all := source.Customers
				source.Change(func(s *cachetest.Source) { s.Customers = all[:test.listed] })
				pass(time.Hour)
				cachetest.Scrape(t, c)
				want := 0
				if test.kept != test.listed {
					want = test.known - test.listed
				}
				if got := len(cachetest.Costs(c)); got != test.kept || c.Stats().Missing != want {
					t.Errorf("%d customers, %d missing, want %d and %d", got, c.Stats().Missing, test.kept, want)
				}
				warned := strings.Count(strings.Join(logged.Take(), "\n"), "the list lacks most known customers")
				if warned != min(want, 1) {
					t.Errorf("%d warnings", warned)
				}
				pass(59 * time.Second)
				cachetest.Scrape(t, c)
				if got := len(cachetest.Costs(c)); got != test.kept {
					t.Errorf("%d customers before a minute has passed, want %d", got, test.kept)
				}
				pass(time.Second)
				cachetest.Scrape(t, c)
				if got := len(cachetest.Costs(c)); got != test.listed || c.Stats().Missing != 0 {
					t.Errorf("%d customers, %d missing after a second list, want %d and 0", got, c.Stats().Missing, test.listed)
				}
				if lines := logged.Take(); len(lines) != 0 {
					t.Errorf("%q is logged again", lines)
				}
			})
		})
	}
}

// A list that was wrong for a moment changes nothing, and one that lies again later
// needs another list again.
func TestListThatWasWrongForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(12)
		c, _ := cachetest.NewCache(t, source)
		cachetest.Scrape(t, c)
		all := source.Customers
		for range 2 {
			source.Change(func(s *cachetest.Source) { s.Customers = nil })
			pass(time.Hour)
			cachetest.Scrape(t, c)
			if got := c.Stats().Missing; got != 12 {
				t.Errorf("%d are missing, want 12", got)
			}
			source.Change(func(s *cachetest.Source) { s.Customers = all })
			pass(time.Minute)
			cachetest.Scrape(t, c)
			if got := c.Stats().Missing; got != 0 || len(cachetest.Costs(c)) != 12 {
				t.Errorf("%d are missing of %d, want 0 of 12", got, len(cachetest.Costs(c)))
			}
		}
	})
}

// A failed list between two suspect ones neither confirms nor ends the suspicion, and
// a restart does not either.
func TestSuspectListAcrossARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := inFile(filepath.Join(t.TempDir(), "cache.json"))
		source := cachetest.New(12)
		first, _ := cachetest.NewCache(t, source, file)
		cachetest.Scrape(t, first)
		source.Change(func(s *cachetest.Source) { s.Customers = nil })
		pass(time.Hour)
		cachetest.Scrape(t, first)
		first.Close()
		source.Change(func(s *cachetest.Source) { s.ListErr = cachetest.ErrServer })
		second, _ := cachetest.NewCache(t, source, file)
		if got := len(cachetest.Costs(second)); got != 12 || second.Stats().Missing != 12 {
			t.Errorf("%d customers, %d missing after a restart, want 12 and 12", got, second.Stats().Missing)
		}
		pass(time.Minute)
		cachetest.Scrape(t, second)
		if got := len(cachetest.Costs(second)); got != 12 || second.Stats().Missing != 12 {
			t.Errorf("%d customers, %d missing after a failed list, want 12 and 12", got, second.Stats().Missing)
		}
		source.Change(func(s *cachetest.Source) { s.ListErr = nil })
		pass(time.Minute)
		cachetest.Scrape(t, second)
		if got := len(cachetest.Costs(second)); got != 0 || second.Stats().Missing != 0 {
			t.Errorf("%d customers, %d missing after a second list, want 0 and 0", got, second.Stats().Missing)
		}
	})
}

// A list of other customers only, as of another partner, is suspect as well. Its
// customers are added, and removed again when the list was wrong.
func TestListOfOtherCustomers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(24)
		all := source.Customers
		source.Customers = all[:12]
		c, _ := cachetest.NewCache(t, source)
		cachetest.Scrape(t, c)
		source.Change(func(s *cachetest.Source) { s.Customers = all[12:] })
		pass(time.Hour)
		cachetest.Scrape(t, c)
		if got := len(cachetest.Costs(c)); got != 24 || c.Stats().Missing != 12 {
			t.Errorf("%d customers, %d missing, want 24 and 12", got, c.Stats().Missing)
		}
		source.Change(func(s *cachetest.Source) { s.Customers = all[:12] })
		pass(time.Minute)
		cachetest.Scrape(t, c)
		if got := len(cachetest.Costs(c)); got != 12 || c.Stats().Missing != 0 || cachetest.Status(c, "id-0000") != "ok" {
			t.Errorf("%d customers, %d missing, want the 12 first ones and 0", got, c.Stats().Missing)
		}
	})
}

// Each customer is removed only when two lists lack it: lists that disagree prove one
// another wrong.
func TestSuspectListsThatDisagree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(12)
		all := source.Customers
		c, _ := cachetest.NewCache(t, source)
		cachetest.Scrape(t, c)
		for _, list := range [][]client.Customer{all[:5], all[7:]} {
			source.Change(func(s *cachetest.Source) { s.Customers = list })
			pass(time.Hour)
			cachetest.Scrape(t, c)
		}
		// The customers 5 and 6 are in neither list.
		if got := len(cachetest.Costs(c)); got != 10 || cachetest.Status(c, "id-0004") != "ok" || cachetest.Status(c, "id-0005") != "absent" {
			t.Errorf("%d customers, want all but two", got)
		}
	})
}

// A suspicion ends for the customers that a list shows, even one without an end.
func TestSuspicionEndsWithAnyList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(12)
		all := source.Customers
		c, _ := cachetest.NewCache(t, source)
		cachetest.Scrape(t, c)
		scrapeList := func(customers []client.Customer, err error) {
			source.Change(func(s *cachetest.Source) { s.Customers, s.ListErr = customers, err })
			pass(time.Hour)
			cachetest.Scrape(t, c)
		}
		scrapeList(nil, nil)
		scrapeList(all, &client.Error{Endpoint: client.EndpointCustomers, Reason: client.ReasonDecode, Err: client.ErrTruncated})
		if got := c.Stats().Missing; got != 0 {
			t.Errorf("%d are missing after a list that shows them, want 0", got)
		}
		scrapeList(nil, nil)
		if got := len(cachetest.Costs(c)); got != 12 {
			t.Errorf("%d customers after the first of the new suspect lists, want 12", got)
		}
	})
}

// A short TTL does not shorten the time between the two lists.
func TestSuspectListsAreAMinuteApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(12)
		c, _ := cachetest.NewCache(t, source, func(c *cache.Config) { c.TTL = 0 })
		cachetest.Scrape(t, c)
		source.Change(func(s *cachetest.Source) { s.Customers = nil })
		for _, want := range []int{12, 12, 12, 0} {
			pass(20 * time.Second)
			cachetest.Scrape(t, c)
			if got := len(cachetest.Costs(c)); got != want {
				t.Errorf("%d customers, want %d", got, want)
			}
		}
	})
}

// A customer that a later suspect list lacks first has its own minute, whatever the TTL.
func TestEachMissingCustomerHasAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(12)
		all := source.Customers
		c, _ := cachetest.NewCache(t, source, func(c *cache.Config) { c.TTL = 20 * time.Second })
		cachetest.Scrape(t, c)
		for i, list := range [][]client.Customer{all[7:], all[7:], all[8:], all[8:]} {
			source.Change(func(s *cachetest.Source) { s.Customers = list })
			pass(20 * time.Second)
			cachetest.Scrape(t, c)
			if got := cachetest.Status(c, "id-0007"); got == "absent" {
				t.Errorf("list %d removes a customer that one list before lacked", i)
			}
		}
	})
}
