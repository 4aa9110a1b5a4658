package panels_test

import (
	"testing"

	"github.com/azure-csp-exporter/azure_csp_exporter/test/e2e/panels"
)

func TestFill(t *testing.T) {
	got := panels.Fill(`$a ${a} ${a:regex} $ab [$__rate_interval] $b`, map[string]string{"a": "1", "ab": "2"})
	if want := `1 1 1 2 [5m] $b`; got != want {
		t.Errorf("Fill() = %q, want %q", got, want)
	}
}
