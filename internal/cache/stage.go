package cache

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/go-kit/log/level"
)

// stage is a part of a refresh in a goroutine of its own.
type stage struct {
	done chan struct{} // closed at its end
	err  error         // set by then
}

func (r *refresh) start(run func() error) *stage {
	s := &stage{done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.err = r.guard(run)
		if r.ctx.Err() == nil {
			r.failures.count(s.err)
		}
	}()
	return s
}

// await waits for the end of the stage, for a limited time.
func (s *stage) await(limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-s.done:
	case <-timer.C:
	}
}

// limited returns the context of a stage that sends one request after the other.
func (r *refresh) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.ctx, max(r.cfg.TTL/2, timeouts*r.cfg.Timeout))
}

// panicError is a panic in a refresh.
type panicError struct{ value any }

// Error implements error. It quotes only what the runtime states: another value may
// contain anything.
func (e *panicError) Error() string {
	if err, ok := e.value.(runtime.Error); ok {
		return "panic: " + err.Error()
	}
	return fmt.Sprintf("panic: %T", e.value)
}

// guard runs a part of a refresh, and returns its error or its panic. The first panic of
// a refresh is logged with its stack, and sets aside the cache file, whose content may
// be the cause.
func (r *refresh) guard(run func() error) (err error) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		err = &panicError{value}
		if r.panicked.Swap(true) {
			return
		}
		_ = level.Error(r.cfg.Logger).Log("msg", "a refresh panicked: report it as a bug", "err", err, "stack", string(debug.Stack()))
		if r.store != nil {
			r.store.setAside(err)
		}
	}()
	return run()
}
