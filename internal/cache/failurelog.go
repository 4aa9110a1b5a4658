package cache

import (
	"errors"
	"fmt"

	"github.com/go-kit/log/level"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// cause is one reason of failures, however many customers it hits.
type cause struct {
	err         error // of the first one hit
	customers   int   // how many are hit
	partnerWide bool  // whether it ended the refresh
}

// logCauses writes a line for each cause of failures that has appeared since the
// last time, and one for each that is over. A cause that lasts is not repeated:
// the metrics tell that it lasts.
func (c *Cache) logCauses() {
	now := c.currentCauses()
	for key, cause := range now {
		if _, known := c.causes[key]; !known {
			c.logCause(cause)
		}
	}
	for key, cause := range c.causes {
		if _, lasts := now[key]; !lasts {
			_ = level.Info(c.cfg.Logger).Log("msg", "a failure is over", "failure", cause.err)
		}
	}
	c.causes = now
}

func (c *Cache) logCause(cause cause) {
	msg := "the usage of customers cannot be fetched"
	if cause.partnerWide {
		msg = "the customers cannot be refreshed"
	}
	keyvals := []any{"msg", msg, "customers", cause.customers, "reason", client.ReasonOf(cause.err), "err", cause.err}
	if e, ok := errors.AsType[*client.Error](cause.err); ok {
		keyvals = append(keyvals, "hint", e.Hint())
	}
	_ = level.Warn(c.cfg.Logger).Log(keyvals...)
}

func (c *Cache) currentCauses() map[string]cause {
	causes := map[string]cause{}
	if c.failure != nil {
		causes[CauseKey(c.failure)] = cause{err: c.failure, partnerWide: true}
	}
	for _, e := range c.entries {
		if e.err == nil {
			continue
		}
		key := CauseKey(e.err)
		known, ok := causes[key]
		if !ok {
			known.err = e.err
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
