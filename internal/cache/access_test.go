package cache_test

import (
	"path/filepath"
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

// A relationship that ended is the customer's own, and a customer without usage is no
// denied one. A role that was missing from the start is the partner's.
func TestWhoseDenialItIs(t *testing.T) {
	ended := cachetest.APIError(403, "20002", client.ReasonPermission)
	role := cachetest.APIError(403, "900150", client.ReasonPermission)
	for name, test := range map[string]struct {
		usage      func(id string) error
		accessible bool
	}{
		"all relationships ended":        {func(string) error { return ended }, true},
		"one denied, the rest unused":    {func(id string) error { return map[bool]error{true: role, false: cachetest.ErrNoUsage}[id == "id-0000"] }, true},
		"one unused, the rest denied":    {func(id string) error { return map[bool]error{false: role, true: cachetest.ErrNoUsage}[id == "id-0000"] }, false},
		"all denied, and never anything": {func(string) error { return role }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := cachetest.New(50)
				source.Usage = func(id string) (client.UsageSummary, error) { return client.UsageSummary{}, test.usage(id) }
				path := filepath.Join(t.TempDir(), "cache.json")
				c, _ := cachetest.NewCache(t, source, inFile(path))
				cachetest.Scrape(t, c)
				if got := c.Stats().UsageAccessible; got != test.accessible {
					t.Errorf("the usage is accessible: %v, want %v", got, test.accessible)
				}
				c.Close()
				restarted, _ := cachetest.NewCache(t, source, inFile(path))
				if got := restarted.Stats().UsageAccessible; got != test.accessible {
					t.Errorf("the usage is accessible after a restart: %v, want %v", got, test.accessible)
				}
			})
		})
	}
}
