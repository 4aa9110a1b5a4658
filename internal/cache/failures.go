package cache

import (
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// failures counts failures, and logs their causes.
type failures struct {
	logger log.Logger
	causes map[string]cause // as last logged, used by the refresh under way only

	mu     sync.Mutex // guards counts
	counts map[client.Reason]uint64
}

func newFailures(logger log.Logger) *failures {
	return &failures{logger: logger, counts: map[client.Reason]uint64{}}
}

// count counts a failure, if there is one.
func (f *failures) count(err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[client.ReasonOf(err)]++
}

// totals returns the number of failures by reason.
func (f *failures) totals() map[client.Reason]uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.counts)
}

// cause is one reason of failures, however many customers have it.
type cause struct {
	err         error // of the first one
	customers   int   // how many have it
	partnerWide bool  // whether it failed the refresh
}

// log writes a line for each cause of failures that has appeared since the last refresh,
// and one for each that is over. A cause that lasts is not repeated: the metrics show
// that it lasts.
func (f *failures) log(refresh error, customers []error) {
	now := causesOf(refresh, customers)
	for key, cause := range now {
		if _, known := f.causes[key]; !known {
			f.logCause(cause)
		}
	}
	for key, cause := range f.causes {
		if _, lasts := now[key]; !lasts {
			_ = level.Info(f.logger).Log("msg", "a failure is over", "failure", cause.err)
		}
	}
	f.causes = now
}

func (f *failures) logCause(cause cause) {
	msg := "the usage of customers cannot be fetched"
	if cause.partnerWide {
		msg = "the customers cannot be refreshed"
	}
	keyvals := []any{"msg", msg, "customers", cause.customers, "reason", client.ReasonOf(cause.err), "err", cause.err}
	if e, ok := errors.AsType[*client.Error](cause.err); ok {
		keyvals = append(keyvals, "hint", e.Hint())
	}
	_ = level.Warn(f.logger).Log(keyvals...)
}

func causesOf(refresh error, customers []error) map[string]cause {
	causes := map[string]cause{}
	if refresh != nil {
		causes[CauseKey(refresh)] = cause{err: refresh, partnerWide: true}
	}
	for _, err := range customers {
		key := CauseKey(err)
		known, ok := causes[key]
		if !ok {
			known.err = err
		}
		known.customers++
		causes[key] = known
	}
	return causes
}

// CauseKey returns what failures of the same cause have in common. It leaves out what
// differs from request to request.
func CauseKey(err error) string {
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		return err.Error()
	}
	return fmt.Sprintf("%s %s %d %s", e.Endpoint, e.Reason, e.StatusCode, e.Code)
}
