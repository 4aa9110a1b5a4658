package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// The errors of a scrape are one log line, however many metrics they concern: a line for
// each of ten thousand customers would hide everything else.
func TestGatherErrorsAreOneLine(t *testing.T) {
	tests := map[string]struct {
		errors []any
		want   string
	}{
		"many":   {[]any{"error gathering metrics:", prometheus.MultiError{errors.New("first"), errors.New("second")}}, `level=error msg="gathering metrics failed" errors=2 first=first`},
		"single": {[]any{"error encoding", errors.New("broken pipe")}, `level=error msg="serving a scrape failed" err="error encoding broken pipe"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			scrapeLog{(&logFlags{level: "info", format: "logfmt"}).logger(&out)}.Println(test.errors...)
			_, got, _ := strings.Cut(out.String(), " ")
			if got != test.want+"\n" {
				t.Errorf("It logged %q, want %q", got, test.want)
			}
		})
	}
}
