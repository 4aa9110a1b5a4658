package usage

import (
	"errors"
	"strings"
	"testing"
)

// A failure is one line without control characters, whatever its message contains.
func TestFailuresAreOneLine(t *testing.T) {
	var b strings.Builder
	f := NewFailures(&b, "azure_csp_exporter", false)
	f.Add("", errors.New("proxy said:\n\x1b[2J  no"))
	_ = f.Result()
	if got, want := b.String(), "azure_csp_exporter: failed: proxy said: \uFFFD[2J no\n"; got != want {
		t.Errorf("It says %q, want %q", got, want)
	}
}
