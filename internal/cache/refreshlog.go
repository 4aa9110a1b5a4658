package cache

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// quietFor is how long a refresh that ends as the one before is not logged.
const quietFor = time.Minute

// refreshLog logs what refreshes do. The refresh under way uses it, and nothing else.
type refreshLog struct {
	logger log.Logger
	nobody bool // whether the last list had no customer of the selection
	// withoutRecords reports whether the last usage records were unusable.
	withoutRecords bool

	loggedAt time.Time
	last     string
}

// end logs the end of a refresh, unless the last line was the same not long ago.
func (l *refreshLog) end(tally tally, requests int, took time.Duration) {
	now := time.Now()
	failures := countReasons(tally.errs)
	result := fmt.Sprint(tally.customers, failures)
	if result == l.last && now.Sub(l.loggedAt) < quietFor {
		return
	}
	l.last, l.loggedAt = result, now
	_ = level.Info(l.logger).Log("msg", "refresh ended", "customers", tally.customers, "requests", requests, "duration", took.Round(time.Millisecond), "failures", failures)
}

// countReasons returns the number of failures by reason, such as "network:2,server:1".
func countReasons(errs []error) string {
	counts := map[client.Reason]int{}
	for _, err := range errs {
		counts[client.ReasonOf(err)]++
	}
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s:%d", reason, counts[reason]))
	}
	return cmp.Or(strings.Join(parts, ","), "none")
}

// listed logs when a list has no customer of the selection, and not again while that
// lasts.
func (l *refreshLog) listed(total, selected int, cfg *Config) {
	nobody := selected == 0
	if nobody == l.nobody {
		return
	}
	l.nobody = nobody
	switch {
	case !nobody:
	case total == 0:
		_ = level.Warn(l.logger).Log("msg", "the partner has no customers")
	case cfg.Include != nil || cfg.Exclude != nil:
		_ = level.Warn(l.logger).Log("msg", "the selection matches no customer", "include", cfg.Include, "exclude", cfg.Exclude, "customers", total)
	}
}

// records logs when the usage records stop to be usable, and when they are again.
func (l *refreshLog) records(err error) {
	if failed := err != nil; failed == l.withoutRecords {
		return
	}
	l.withoutRecords = err != nil
	if err == nil {
		_ = level.Info(l.logger).Log("msg", "the usage records can be used again")
		return
	}
	_ = level.Warn(l.logger).Log("msg", "the usage records cannot be used, fetching customer by customer", "reason", client.ReasonOf(err), "err", err)
}
