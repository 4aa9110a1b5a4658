package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/throttle"
)

// transport is the round tripper between the tokens and the network: it lets the
// throttle decide when a request is sent, and has it traced until its answer has
// been read.
type transport struct {
	base      http.RoundTripper
	throttle  *throttle.Throttle
	clockSkew *clockSkew
	trace     func(Endpoint) func(int)
}

// endpointKey is the context's key of the endpoint that a request is for.
type endpointKey struct{}

func withEndpoint(ctx context.Context, endpoint Endpoint) context.Context {
	return context.WithValue(ctx, endpointKey{}, endpoint)
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	pass, err := t.throttle.Enter(req.Context())
	if err != nil {
		return nil, err
	}
	endpoint, _ := req.Context().Value(endpointKey{}).(Endpoint)
	done := t.trace(endpoint)
	sent := time.Now()
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		done(0)
		t.throttle.Leave(pass, throttle.Outcome{Missing: true})
		return nil, err
	}
	t.clockSkew.note(resp.Header, sent, time.Now())
	resp.Body = &tracedBody{ReadCloser: resp.Body, end: func(whole bool) {
		if whole {
			done(resp.StatusCode)
		} else {
			done(0)
		}
		t.throttle.Leave(pass, throttle.OutcomeOf(resp))
	}}
	return resp, nil
}

// tracedBody reports once, when it is closed, whether it was read without an error.
type tracedBody struct {
	io.ReadCloser
	failed bool
	end    func(whole bool)
}

// Read implements [io.Reader].
func (b *tracedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.failed = b.failed || err != nil && !errors.Is(err, io.EOF)
	return n, err
}

// Close implements [io.Closer].
func (b *tracedBody) Close() error {
	err := b.ReadCloser.Close()
	if b.end != nil {
		b.end(!b.failed)
		b.end = nil
	}
	return err
}

// CloseIdleConnections lets [http.Client] close those of the transport below.
func (t *transport) CloseIdleConnections() {
	if base, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}
