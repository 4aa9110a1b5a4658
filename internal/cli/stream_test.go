package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strconv"
	"testing"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/usage"
)

// invented returns pages with a number of customers, made on demand.
func invented(customers int) func(context.Context) iter.Seq2[[]client.Customer, error] {
	return func(context.Context) iter.Seq2[[]client.Customer, error] {
		return func(yield func([]client.Customer, error) bool) {
			for first := 0; first < customers; first += 500 {
				var page []client.Customer
				for i := first; i < first+500; i++ {
					page = append(page, client.Customer{ID: strconv.Itoa(i), Name: fmt.Sprintf("customer %d", i)})
				}
				if !yield(page, nil) {
					return
				}
			}
		}
	}
}

// gauge measures the heap when the last row is printed. By then the other rows are
// garbage.
type gauge struct {
	last string
	rows int
	heap uint64
}

func (g *gauge) Write(p []byte) (int, error) {
	g.rows++
	if bytes.Contains(p, []byte(g.last)) {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		g.heap = stats.HeapAlloc
	}
	return len(p), nil
}

// heapOf returns the heap size at the last of a number of rows.
func heapOf(t *testing.T, customers int, flags outputFlags) uint64 {
	t.Helper()
	g := &gauge{last: fmt.Sprintf("customer %d\"", customers-1)}
	if flags.format == "csv" {
		g.last = fmt.Sprintf("customer %d,", customers-1)
	}
	c := &usageCommand{output: flags}
	e := &usage.Fetcher{Source: everything{}, Customers: invented(customers), Selects: flags.selects, Concurrency: 8, PagesAhead: 1, FailFast: cache.NewFailFast(8)}
	if err := c.show(t.Context(), &environment{stdout: g, stderr: io.Discard}, e); err != nil {
		t.Fatal(err)
	}
	if g.rows < customers || g.heap == 0 {
		t.Fatalf("%d rows were printed of %d, and the heap was %d", g.rows, customers, g.heap)
	}
	return g.heap
}

// Memory does not depend on the number of customers when rows are streamed. Sorting
// keeps all rows, which proves that the test notices.
func TestStreamingTakesConstantMemory(t *testing.T) {
	const few, many, slack = 1000, 10000, 500 << 10
	for _, flags := range []outputFlags{{format: "csv"}, {format: "json"}, {format: "csv", sort: "name"}} {
		heapOf(t, few, flags) // The first run allocates what is allocated once.
		before, after := heapOf(t, few, flags), heapOf(t, many, flags)
		if grown := after > before+slack; grown != (flags.sort != "") {
			t.Errorf("With %v, %d customers take %d bytes and %d take %d", flags, few, before, many, after)
		}
	}
}
