// Package breaker ends a row of calls that fail one after another for reasons that
// lie with the partner or the network, so that ten thousand customers do not mean
// ten thousand calls in vain.
package breaker

import (
	"cmp"
	"errors"
	"sync"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// Breaker counts failures in a row. It is safe for concurrent use.
type Breaker struct {
	limit int

	mu      sync.Mutex
	failing int // failures in a row
	err     error
}

// New returns a Breaker for calls of which so many are in flight at once.
func New(concurrency int) *Breaker { return &Breaker{limit: max(20, 2*concurrency)} }

// Stopped returns why no more calls are to be made, nil as long as they are.
func (b *Breaker) Stopped() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// Trip ends the calls for a reason. The first one stays.
func (b *Breaker) Trip(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = cmp.Or(b.err, err)
}

// Note takes note of how a call went. No token to be had ends the calls at once,
// other failures that are everybody's end them when there were many in a row.
func (b *Breaker) Note(err error) {
	if IsToken(err) {
		b.Trip(err)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !IsPartnerWide(err) {
		b.failing = 0
		return
	}
	if b.failing++; b.failing >= b.limit {
		b.err = cmp.Or(b.err, err)
	}
}

// IsToken says whether there was no access token to be had.
func IsToken(err error) bool {
	e, ok := errors.AsType[*client.Error](err)
	return ok && e.Endpoint == client.EndpointToken
}

// IsPartnerWide says whether a failure, if it is not this customer's alone, is
// everybody's.
func IsPartnerWide(err error) bool {
	if err == nil || client.IsNoUsage(err) || client.IsNotFound(err) {
		return false
	}
	switch client.ReasonOf(err) {
	case client.ReasonAuth, client.ReasonMFA, client.ReasonThrottled, client.ReasonTimeout, client.ReasonNetwork:
		return true
	case client.ReasonPermission:
		return client.IsEverybodys(err)
	case client.ReasonServer, client.ReasonDecode, client.ReasonClient:
	}
	return false
}
