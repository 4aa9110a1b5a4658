package cache_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache/cachetest"
)

// shardsOf returns the shards that serve each of n customers.
func shardsOf(t *testing.T, n, total int) map[string][]int {
	t.Helper()
	shards := map[string][]int{}
	for index := range total {
		source := cachetest.New(0)
		for _, c := range simulator.Fleet(n) {
			id := c.ID
			if index%2 == 1 {
				id = strings.ToUpper(id) // Partner Center is free to change the case.
			}
			source.Customers = append(source.Customers, customerNamed(id))
		}
		c, _ := cachetest.NewCache(t, source, func(c *cache.Config) { c.Shard = cache.Shard{Index: index, Total: total} })
		cachetest.Scrape(t, c)
		for id := range cachetest.Costs(c) {
			shards[strings.ToLower(id)] = append(shards[strings.ToLower(id)], index)
		}
	}
	return shards
}

// Every customer is on exactly one shard, and the shards are of about one size.
func TestShards(t *testing.T) {
	const n, total = 4000, 4
	sizes := make([]int, total)
	shards := shardsOf(t, n, total)
	for id, served := range shards {
		if len(served) != 1 {
			t.Errorf("customer %s is on the shards %v", id, served)
		}
		sizes[served[0]]++
	}
	if len(shards) != n || slices.Min(sizes) < 900 || slices.Max(sizes) > 1100 {
		t.Errorf("%d customers on shards of the sizes %v", len(shards), sizes)
	}
}

// A fifth shard takes a fifth of the customers, and nobody moves elsewhere.
func TestShardsGrow(t *testing.T) {
	const n = 4000
	before, after := shardsOf(t, n, 4), shardsOf(t, n, 5)
	moved := 0
	for id := range before {
		if from, to := before[id][0], after[id][0]; from != to {
			moved++
			if to != 4 {
				t.Errorf("customer %s moved from %d to %d", id, from, to)
			}
		}
	}
	if moved < n*18/100 || moved > n*22/100 {
		t.Errorf("%d of %d customers moved, want about a fifth", moved, n)
	}
}

// Where a customer is must not change with the version of the exporter.
func TestShardsAreStable(t *testing.T) {
	want := map[string]int{"id-0000": 1, "id-0001": 1, "id-0002": 0, "id-0003": 0}
	got := map[string]int{}
	for index := range 4 {
		c, _ := cachetest.NewCache(t, cachetest.New(4), func(c *cache.Config) { c.Shard = cache.Shard{Index: index, Total: 4} })
		cachetest.Scrape(t, c)
		for id := range cachetest.Costs(c) {
			got[id] = index
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
