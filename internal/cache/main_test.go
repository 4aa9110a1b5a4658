package cache_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/azure-csp-exporter/azure_csp_exporter/collector"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// compare compares metrics of the cache with what is expected.
func compare(t *testing.T, c *cache.Cache, want string, names ...string) {
	t.Helper()
	if err := testutil.CollectAndCompare(collector.NewExporter(c), strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}
