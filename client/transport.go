package client

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"path"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/throttle"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/wire"
)

// throttled is a round tripper that sends a request when the throttle permits it. The
// permit is returned when the response has been read.
type throttled struct {
	base     http.RoundTripper
	throttle *throttle.Throttle
}

// RoundTrip implements [http.RoundTripper].
func (t *throttled) RoundTrip(req *http.Request) (*http.Response, error) {
	permit, err := t.throttle.Enter(req.Context())
	if err != nil {
		return nil, err
	}
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		t.throttle.Leave(permit, throttle.Outcome{Missing: true})
		return nil, err
	}
	resp.Body = &watchedBody{ReadCloser: resp.Body, end: func(bool) { t.throttle.Leave(permit, throttle.OutcomeOf(resp)) }}
	return resp, nil
}

// CloseIdleConnections lets [http.Client] close those of the transport below.
func (t *throttled) CloseIdleConnections() { closeIdle(t.base) }

// observer is a round tripper that traces and logs each request, and compares the
// clocks.
type observer struct {
	base      http.RoundTripper
	clockSkew *clockSkew
	trace     func(Endpoint) func(int)
	logger    log.Logger
	secrets   func() []string // to be kept out of the log, nil if there are none
}

// endpointKey is the context's key of the endpoint of a request.
type endpointKey struct{}

func withEndpoint(ctx context.Context, endpoint Endpoint) context.Context {
	return context.WithValue(ctx, endpointKey{}, endpoint)
}

// endpointOf returns the endpoint of a request. Those of the authority are the last
// segment of its path.
func endpointOf(req *http.Request) Endpoint {
	endpoint, _ := req.Context().Value(endpointKey{}).(Endpoint)
	return cmp.Or(endpoint, Endpoint(path.Base(req.URL.Path)))
}

// RoundTrip implements [http.RoundTripper].
func (o *observer) RoundTrip(req *http.Request) (*http.Response, error) {
	traced := o.trace(endpointOf(req))
	sent := time.Now()
	done := func(status int, header http.Header) {
		traced(status)
		o.log(req, status, header, time.Since(sent))
	}
	resp, err := o.base.RoundTrip(req)
	if err != nil {
		done(0, nil)
		return nil, err
	}
	o.clockSkew.note(resp.Header, sent, time.Now())
	resp.Body = &watchedBody{ReadCloser: resp.Body, end: func(whole bool) {
		if whole {
			done(resp.StatusCode, resp.Header)
		} else {
			done(0, resp.Header)
		}
	}}
	return resp, nil
}

// CloseIdleConnections lets [http.Client] close those of the transport below.
func (o *observer) CloseIdleConnections() { closeIdle(o.base) }

// log writes a line at level debug. The query is left out: it may come from a server.
func (o *observer) log(req *http.Request, status int, header http.Header, duration time.Duration) {
	id := cmp.Or(req.Header.Get("MS-RequestId"), wire.UUID(header.Get("x-ms-request-id"), ""))
	_ = level.Debug(o.logger).Log("msg", "request", "endpoint", endpointOf(req), "method", req.Method, "path", loggedPath{req.URL.Path, o.secrets},
		"status", status, "duration", duration, "request_id", id, "correlation_id", req.Header.Get("MS-CorrelationId"))
}

// loggedPath is a path that may come from a server. It is redacted when it is printed,
// since most loggers drop the lines of level debug.
type loggedPath struct {
	path    string
	secrets func() []string // nil if there are none
}

// String implements [fmt.Stringer].
func (p loggedPath) String() string {
	if p.secrets == nil {
		return wire.Redact(p.path)
	}
	return wire.Redact(p.path, p.secrets()...)
}

func closeIdle(transport http.RoundTripper) {
	if t, ok := transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// watchedBody reports once, when it is closed, whether it was read without an error.
type watchedBody struct {
	io.ReadCloser
	failed bool
	end    func(whole bool)
}

// Read implements [io.Reader].
func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.failed = b.failed || err != nil && !errors.Is(err, io.EOF)
	return n, err
}

// Close implements [io.Closer].
func (b *watchedBody) Close() error {
	err := b.ReadCloser.Close()
	if b.end != nil {
		b.end(!b.failed)
		b.end = nil
	}
	return err
}

// clockSkew compares this machine's clock with Microsoft's.
type clockSkew struct {
	mu    sync.Mutex
	ahead time.Duration
	known bool
}

// note records the Date header of a response, which was set between when its request
// was sent and now, and has no fractions of a second.
func (c *clockSkew) note(header http.Header, sent, now time.Time) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = true
	switch {
	case date.After(now):
		c.ahead = now.Sub(date)
	case date.Before(sent.Add(-time.Second)):
		c.ahead = sent.Sub(date)
	default:
		c.ahead = 0
	}
}

// ClockSkew returns how far this machine's clock is ahead of Microsoft's, or
// behind it if negative, by the Date header of the last response. What may be
// due to the header's resolution of a second, or to the call's length, is none.
// known is false before the first response with such a header.
func (c *Client) ClockSkew() (ahead time.Duration, known bool) {
	c.clockSkew.mu.Lock()
	defer c.clockSkew.mu.Unlock()
	return c.clockSkew.ahead, c.clockSkew.known
}
