package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/throttle"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/wire"
)

// Limits of a response. The list of customers has pages of 500, with about 800 bytes
// each. The usage records, of about 700 bytes, are one page, and a provider may have
// fifty thousand customers.
const (
	maxError       = 64 << 10
	maxResource    = 1 << 20
	maxPage        = 16 << 20
	maxPageItems   = 10_000
	maxRecords     = 64 << 20
	maxRecordItems = 100_000
)

// request is one call of the API.
type request struct {
	endpoint   Endpoint
	customerID string      // whom it is about, or ""
	path       string      // below the base, with the query
	header     http.Header // besides what every call has
	limit      int64       // bytes read of the response
	maxItems   int         // decoded of a page
}

// response is a body with status 200, read to its end.
type response struct {
	body   []byte
	header http.Header
	ids    ids
}

// ids are what Microsoft traces a call by. The request id makes a call
// idempotent: it stays the same until there is a response.
type ids struct{ request, correlation string }

// maxRetries is how often a call is made again after a temporary failure, and
// firstRetry bounds the random wait before the first one.
const (
	maxRetries = 3
	firstRetry = 500 * time.Millisecond
	maxRetry   = 5 * time.Second
)

// fetch makes a call until it succeeds, fails for good, or has no time left.
func (c *Client) fetch(ctx context.Context, r request) (*response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	id := ids{request: uuid.NewString(), correlation: uuid.NewString()}
	var tries tries
	for {
		token, err := c.source.Token(ctx)
		if err != nil {
			failure := tokenError(err)
			if failure.RetryAfter == 0 && tries.retries == 0 && tries.retryAfter(ctx, failure, c.source.RetryIn()) {
				continue
			}
			return nil, failure
		}
		a, failure := c.send(ctx, r, token, id)
		if failure == nil {
			if tries.renewed {
				c.source.Accept()
			}
			return a, nil
		}
		if !c.again(ctx, &tries, failure, token) {
			return nil, tries.mostTelling(failure)
		}
		if failure.StatusCode != 0 {
			id.request = uuid.NewString()
		}
	}
}

// tries is what has been tried of one call.
type tries struct {
	renewed bool   // whether the token was
	retries int    // after temporary failures
	last    *Error // of the server's own
}

// again reports whether to send the request once more. A token that was rejected is
// renewed once. Temporary failures are tried again after a while; a refusal for
// too many calls is, when the gate opens.
func (c *Client) again(ctx context.Context, t *tries, failure *Error, token string) bool {
	if failure.StatusCode != 0 {
		t.last = failure
	}
	switch {
	case failure.StatusCode == http.StatusTooManyRequests:
		return true
	case failure.mayRenew() && !t.renewed && c.source.Reject(token):
		t.renewed = true
		return true
	}
	return t.retryAfter(ctx, failure, failure.RetryAfter)
}

// retryAfter waits before a retry, at least for a delay, and reports whether there
// is one.
func (t *tries) retryAfter(ctx context.Context, failure *Error, delay time.Duration) bool {
	if !failure.mayRetry() || t.retries == maxRetries {
		return false
	}
	t.retries++
	return wait(ctx, max(throttle.Backoff(firstRetry, t.retries-1, maxRetry), delay))
}

// mostTelling prefers what the server said to a call that was not made.
func (t *tries) mostTelling(failure *Error) *Error {
	if _, late := errors.AsType[*throttle.Error](failure.Err); late && t.last != nil {
		return t.last
	}
	return failure
}

// wait returns false if the context ends first.
func wait(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// mayRetry reports whether the same request may succeed in a moment.
func (e *Error) mayRetry() bool {
	switch e.StatusCode {
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	case 0:
		return e.Reason == ReasonNetwork || e.Reason == ReasonTimeout
	}
	return false
}

// mayRenew reports whether a new access token may help. It cannot where the
// sign-in itself lacks MFA or the audience is wrong.
func (e *Error) mayRenew() bool {
	return e.StatusCode == http.StatusUnauthorized && e.Reason == ReasonAuth && e.Code != codeOldAudience
}

// send sends one request and reads its response to the end.
func (c *Client) send(ctx context.Context, r request, token string, id ids) (*response, *Error) {
	req, err := c.newRequest(ctx, r, token, id)
	if err != nil {
		return nil, c.failure(r, &Error{Reason: ReasonClient, Err: err})
	}
	status, body, header, err := c.roundTrip(req, r.limit)
	e := &Error{StatusCode: status, RequestID: id.request, CorrelationID: id.correlation}
	gate, late := errors.AsType[*throttle.Error](err)
	switch {
	case late:
		e.Reason, e.Err, e.RetryAfter = ReasonThrottled, gate, gate.Wait
	case err != nil && status == 0:
		e.Reason, e.Err = reasonOfCause(err), wire.RedactError(err, c.secrets(token)...)
	case err != nil:
		e.Reason, e.Err = ReasonDecode, err
	case status != http.StatusOK:
		c.readError(e, body, header, token)
	default:
		return &response{body: body, header: header, ids: id}, nil
	}
	return nil, c.failure(r, e)
}

func (c *Client) newRequest(ctx context.Context, r request, token string, id ids) (*http.Request, error) {
	req, err := http.NewRequestWithContext(withEndpoint(ctx, r.endpoint), http.MethodGet, c.base.String()+r.path, nil)
	if err != nil {
		return nil, errors.New("the address cannot be called")
	}
	for name, values := range r.header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("MS-RequestId", id.request)
	req.Header.Set("MS-CorrelationId", id.correlation)
	if c.agent != "" {
		req.Header.Set("User-Agent", c.agent)
	}
	return req, nil
}

// roundTrip returns the status and the body, up to a limit. The status is 0
// where the response did not arrive whole.
func (c *Client) roundTrip(req *http.Request, limit int64) (int, []byte, http.Header, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		limit = maxError
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("the response broke off: %w", err)
	}
	if int64(len(body)) > limit && resp.StatusCode == http.StatusOK {
		return resp.StatusCode, nil, nil, fmt.Errorf("the body is larger than %d bytes", limit)
	}
	return resp.StatusCode, body, resp.Header, nil
}

// readError fills in the error that the response states.
func (c *Client) readError(e *Error, body []byte, header http.Header, token string) {
	code, description, err := decodeError(body)
	if err == nil && len(bytes.TrimSpace(body)) == 0 && e.StatusCode != http.StatusUnauthorized {
		err = errors.New("the body is empty")
	}
	if err != nil && wire.IsRejection(e.StatusCode) && header.Get("MS-RequestId") == "" && header.Get("MS-CorrelationId") == "" {
		e.Reason, e.Err = ReasonDecode, fmt.Errorf("not a response of Partner Center: %w", err)
		return
	}
	e.Code, e.Description = code, wire.Redact(description, c.secrets(token)...)
	if e.Description == "" {
		e.Description = http.StatusText(e.StatusCode)
	}
	e.RequestID = wire.UUID(header.Get("MS-RequestId"), e.RequestID)
	e.CorrelationID = wire.UUID(header.Get("MS-CorrelationId"), e.CorrelationID)
	e.RetryAfter = throttle.RetryAfter(header)
	e.Reason = reasonOfStatus(e.StatusCode, e.Code, description)
}

// decodeError decodes Partner Center's error body, whose code is a string or a
// number, or the gateway's, which has a message. It returns an error for another
// body, unless that is empty.
func decodeError(body []byte) (code, description string, err error) {
	var w struct {
		Code        json.RawMessage `json:"code"`
		Description json.RawMessage `json:"description"`
		Message     json.RawMessage `json:"message"`
	}
	if len(bytes.TrimSpace(wire.TrimBOM(body))) == 0 {
		return "", "", nil
	}
	if err := wire.Decode(body, &w); err != nil {
		return "", "", err
	}
	if w.Code == nil && w.Description == nil && w.Message == nil {
		return "", "", wire.ErrNoError
	}
	return decodeCode(w.Code), cmp.Or(text(w.Description), text(w.Message)), nil
}

// text returns a string, or "" for anything else, which may not hide the code.
func text(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s)
	return s
}

// decodeCode accepts digits only, since the code is a key and is printed.
func decodeCode(raw json.RawMessage) string {
	code := strings.Trim(string(raw), `"`)
	if len(code) > 10 || strings.Trim(code, "0123456789") != "" {
		return ""
	}
	return code
}

// secrets returns all secrets that a response may repeat. The token of its request may
// have been replaced meanwhile.
func (c *Client) secrets(token string) []string { return append(c.source.Secrets(), token) }

func (c *Client) badResponse(r request, a *response, err error) error {
	return c.failure(r, &Error{
		StatusCode:    http.StatusOK,
		RequestID:     a.ids.request,
		CorrelationID: a.ids.correlation,
		Reason:        ReasonDecode,
		Err:           err,
	})
}

func (c *Client) failure(r request, e *Error) *Error {
	e.Endpoint, e.CustomerID = r.endpoint, r.customerID
	return e
}
