package cache_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache/cachetest"
)

// restoredWith returns a cache whose file states a customer with these fields.
func restoredWith(t *testing.T, source cache.Source, fields string) (*cache.Cache, []string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cache.json")
	record := func(id, fields string) string { return `{"customer":{"ID":"` + id + `"},` + fields + `}` }
	content := `{"format":1,"owner":"","customers":[` + record("id-0000", fields) + `,` + record("id-0001", fields) + `]}`
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	c, logged := cachetest.NewCache(t, source, func(c *cache.Config) { c.File = path }, cachetest.WithRecords)
	return c, logged.Take()
}

func TestFileWithoutFiguresIsSetAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cachetest.New(2)
		c, lines := restoredWith(t, source, `"status":"ok"`)
		if len(lines) != 1 || !strings.Contains(lines[0], "its customer 0 makes no sense") {
			t.Errorf("the log is %q", lines)
		}
		cachetest.Scrape(t, c)
		if got := len(cachetest.Costs(c)); got != 2 {
			t.Errorf("%d customers with figures, want 2", got)
		}
	})
}

// A failing customer is left alone for the retry delay, whatever number of failures
// the file states.
func TestFileWithAbsurdFailures(t *testing.T) {
	for failures, want := range map[string]int{
		"9223372036854775807":  2, // once each, and not before the TTL
		"-9223372036854775808": 4, // the second attempt follows at once, as after a first failure
	} {
		synctest.Test(t, func(t *testing.T) {
			source := cachetest.New(2)
			source.FailWith(cachetest.ErrServer)
			c, _ := restoredWith(t, source, `"status":"error","failures":`+failures)
			for range 5 {
				cachetest.Scrape(t, c)
			}
			if _, asked := source.TakeCalls(); len(asked) != want {
				t.Errorf("after %s failures, %d requests in five scrapes, want %d", failures, len(asked), want)
			}
		})
	}
}
