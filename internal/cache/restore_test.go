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

func TestFileWithAbsurdFailures(t *testing.T) {
	for _, failures := range []string{"9223372036854775807", "-9223372036854775808"} {
		synctest.Test(t, func(t *testing.T) {
			source := cachetest.New(2)
			source.FailWith(cachetest.ErrServer)
			c, _ := restoredWith(t, source, `"status":"error","failures":`+failures)
			cachetest.Scrape(t, c)
			if got := cachetest.Status(c, "id-0000"); got != cache.StatusError {
				t.Errorf("the status is %s, want error", got)
			}
		})
	}
}
