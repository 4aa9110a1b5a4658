package simulator

import (
	"bytes"
	"errors"
	"io"
	"net/http"
)

// Transport is an [http.RoundTripper] that calls a handler in place of a network. It
// works in a bubble of testing/synctest, which has no sockets:
//
//	cfg.Transport = simulator.Transport{Handler: sim}
type Transport struct{ Handler http.Handler }

// ErrDropped is returned for a request whose handler panics, as a server closes the
// connection then.
var ErrDropped = errors.New("connection dropped")

// RoundTrip implements [http.RoundTripper].
func (t Transport) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	defer func() {
		if recover() != nil {
			resp, err = nil, ErrDropped
		}
	}()
	w := &recorder{header: http.Header{}}
	t.Handler.ServeHTTP(w, req.Clone(req.Context()))
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	w.WriteHeader(http.StatusOK)
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: req,
	}, nil
}

// recorder is the response of a handler. Its first status counts.
type recorder struct {
	header, sent http.Header
	status       int
	body         bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements [http.ResponseWriter].
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status, r.sent = status, r.header.Clone()
	}
}

// Write implements [http.ResponseWriter].
func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}
