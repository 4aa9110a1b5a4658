package cache_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache/cachetest"
)

// Renew lists the customers and fetches those whose last fetch failed, and no others,
// in the middle of their TTL.
func TestRenew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(3)
		source.FailWith(cachetest.APIError(403, "", "permission"), "id-0001")
		c, _ := cachetest.NewCache(t, source)
		cachetest.Scrape(t, c)
		source.TakeCalls()
		source.Change(func(s *cachetest.Source) { s.Customers = append(s.Customers, cachetest.Customer(3)) })
		cachetest.Scrape(t, c)
		if lists, asked := source.TakeCalls(); lists != 0 || len(asked) != 0 {
			t.Errorf("a scrape made %d lists and fetched %v", lists, asked)
		}
		c.Renew(t.Context())
		synctest.Wait()
		lists, asked := source.TakeCalls()
		slices.Sort(asked)
		if diff := cmp.Diff([]string{"id-0001", "id-0003"}, asked); diff != "" || lists != 1 {
			t.Errorf("%d lists, want 1; fetched: %s", lists, diff)
		}
	})
}

// After a permanent failure of the list, which holds back all requests for a TTL, Renew
// tries again.
func TestRenewAfterAPermanentFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(1)
		source.ListErr = cachetest.ErrMFA
		c, _ := cachetest.NewCache(t, source)
		cachetest.Scrape(t, c)
		source.Change(func(s *cachetest.Source) { s.ListErr = nil })
		c.Renew(t.Context())
		synctest.Wait()
		if diff := cmp.Diff(map[string]float64{"id-0000": 1}, cachetest.Costs(c)); diff != "" {
			t.Error(diff)
		}
	})
}

// Renew waits for the refresh in progress, so that what it renews is fetched after the
// call, unless its context ends.
func TestRenewDuringARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(1)
		source.Delay = time.Minute
		c, _ := cachetest.NewCache(t, source)
		c.StartRefresh()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c.Renew(ctx)
		time.Sleep(3 * time.Minute)
		if lists, _ := source.TakeCalls(); lists != 1 {
			t.Errorf("%d lists after a call that ended early, want 1", lists)
		}
		time.Sleep(time.Hour)
		c.StartRefresh()
		c.Renew(t.Context())
		time.Sleep(3 * time.Minute)
		if lists, _ := source.TakeCalls(); lists != 2 {
			t.Errorf("%d lists, want 2: of the refresh and of the call", lists)
		}
	})
}
