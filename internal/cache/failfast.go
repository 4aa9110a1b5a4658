package cache

import (
	"cmp"
	"sync"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// FailFast counts failures in a row. It is safe for concurrent use.
type FailFast struct {
	limit int

	mu      sync.Mutex
	failing int // failures in a row
	err     error
}

// NewFailFast returns a FailFast for calls of which so many are in flight at once.
func NewFailFast(concurrency int) *FailFast { return &FailFast{limit: max(20, 2*concurrency)} }

// Stopped returns why no more calls are to be made, nil as long as they are.
func (f *FailFast) Stopped() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Trip ends the calls for a reason. The first one stays.
func (f *FailFast) Trip(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = cmp.Or(f.err, err)
}

// Suspect records that every request may fail: the next one that fails for a cause that
// every request would meet ends them, unless one succeeds before.
func (f *FailFast) Suspect() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failing = max(f.failing, f.limit-1)
}

// Note takes note of how a call went. No token to be had ends the calls at once,
// other partner-wide failures end them when there were many in a row.
func (f *FailFast) Note(err error) {
	if client.ScopeOf(err) == client.ScopeToken {
		f.Trip(err)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if client.ScopeOf(err) != client.ScopePartner {
		f.failing = 0
		return
	}
	if f.failing++; f.failing >= f.limit {
		f.err = cmp.Or(f.err, err)
	}
}
