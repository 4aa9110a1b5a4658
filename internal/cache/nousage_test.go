package cache_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache/cachetest"
)

// The promise: a failure never empties the graph.
func TestNoUsageInMidPeriodKeepsTheFigures(t *testing.T) {
	for name, test := range map[string]struct {
		end   time.Duration // of the billing period, from the first fetch
		after time.Duration // when the figures are gone
	}{
		"until the period ends":     {5*time.Hour + 30*time.Minute, 8 * time.Hour},
		"until the figures are old": {20 * 24 * time.Hour, 27 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := cachetest.New(1)
				end := time.Now().Add(test.end)
				source.Usage = func(string) (client.UsageSummary, error) {
					f := cachetest.Figures(7)
					f.BillingEnd = end
					return f, nil
				}
				c, _ := cachetest.NewCache(t, source)
				cachetest.Scrape(t, c)
				source.FailWith(cachetest.ErrNoUsage)
				pass(2 * time.Hour)
				cachetest.Scrape(t, c)
				customer := c.Snapshot().Customers[0]
				if customer.Status.Succeeded() || customer.Figures == nil || customer.Figures.TotalCost != 7 {
					t.Errorf("success %v, figures %v, want false and a cost of 7", customer.Status.Succeeded(), customer.Figures)
				}
				pass(test.after - 2*time.Hour)
				cachetest.Scrape(t, c)
				customer = c.Snapshot().Customers[0]
				if customer.Status != cache.StatusNoUsage || !customer.Status.Succeeded() || customer.Figures != nil {
					t.Errorf("status %s, success %v, figures %v, want no_usage, true and none", customer.Status, customer.Status.Succeeded(), customer.Figures)
				}
			})
		})
	}
}
