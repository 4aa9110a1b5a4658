package cache_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache/cachetest"
)

func TestLostRoleIsNoSuccess(t *testing.T) {
	denied := cachetest.APIError(403, "900150", client.ReasonPermission)
	tests := map[string]struct {
		denied     []string
		accessible bool
	}{
		"half of the customers": {[]string{"id-0000", "id-0001"}, true},
		"most of the customers": {[]string{"id-0000", "id-0001", "id-0002"}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := cachetest.New(4)
				c, _ := cachetest.NewCache(t, source)
				cachetest.Scrape(t, c)
				first := c.Stats()
				if !first.UsageAccessible {
					t.Error("the usage is not accessible after a good refresh")
				}
				source.FailWith(denied, test.denied...)
				pass(time.Hour)
				cachetest.Scrape(t, c)
				if got := c.Stats().UsageAccessible; got != test.accessible {
					t.Errorf("the usage is accessible: %v, want %v", got, test.accessible)
				}
				if got := c.Stats().LastSuccess.After(first.LastSuccess); got != test.accessible {
					t.Errorf("the refresh is a success: %v, want %v", got, test.accessible)
				}
				if got := len(cachetest.Costs(c)); got != 4 {
					t.Errorf("%d customers with figures, want 4", got)
				}
			})
		})
	}
}
