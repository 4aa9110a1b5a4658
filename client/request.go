package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Limits of what is read of an answer, in bytes. A record of the usage records
// takes about 700, and a provider may have fifty thousand customers.
const (
	maxError      = 64 << 10
	maxResource   = 1 << 20
	maxCollection = 64 << 20
)

// request is one call of the API.
type request struct {
	endpoint   Endpoint
	customerID string      // whom it is about, or ""
	path       string      // below the base, with the query
	header     http.Header // besides what every call has
	limit      int64       // bytes read of the answer
}

// answer is a body with status 200, read to its end.
type answer struct {
	body   []byte
	header http.Header
	ids    ids
}

// ids are what Microsoft traces a call by. The request id makes a call
// idempotent: it stays the same until there is an answer.
type ids struct{ request, correlation string }

// fetch makes a call. A call that got no answer is made once more, and so is
// one whose token was refused, with a new token.
func (c *Client) fetch(ctx context.Context, r request) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	id := ids{request: uuid.NewString(), correlation: uuid.NewString()}
	var resent, renewed bool
	for {
		token, err := c.tokens.get(ctx)
		if err != nil {
			return nil, err
		}
		a, failure := c.send(ctx, r, token, id)
		switch {
		case failure == nil:
			return a, nil
		case failure.StatusCode == 0 && !resent && ctx.Err() == nil:
			resent = true
		case failure.mayRenew() && !renewed:
			renewed = true
			c.tokens.drop(token)
			id.request = uuid.NewString()
		default:
			return nil, failure
		}
	}
}

// mayRenew says whether a new access token may help. It cannot where the
// sign-in itself lacks MFA or the audience is wrong.
func (e *Error) mayRenew() bool {
	return e.StatusCode == http.StatusUnauthorized && e.Reason == ReasonAuth && e.Code != codeOldAudience
}

// send sends one request and reads its answer to the end.
func (c *Client) send(ctx context.Context, r request, token string, id ids) (*answer, *Error) {
	req, err := c.newRequest(ctx, r, token, id)
	if err != nil {
		return nil, c.failure(r, &Error{Reason: ReasonClient, Err: err})
	}
	done := c.trace(r.endpoint)
	status, body, header, err := c.roundTrip(req, r.limit)
	done(status)
	e := &Error{StatusCode: status, RequestID: id.request, CorrelationID: id.correlation}
	switch {
	case err != nil && status == 0:
		e.Reason, e.Err = reasonOfCause(err), c.tokens.scrubError(err, token)
	case err != nil:
		e.Reason, e.Err = ReasonDecode, err
	case status != http.StatusOK:
		c.readError(e, body, header, token)
	default:
		return &answer{body: body, header: header, ids: id}, nil
	}
	return nil, c.failure(r, e)
}

func (c *Client) newRequest(ctx context.Context, r request, token string, id ids) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.String()+r.path, nil)
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
// where the answer did not arrive whole.
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
		return 0, nil, nil, fmt.Errorf("the answer broke off: %w", err)
	}
	if int64(len(body)) > limit && resp.StatusCode == http.StatusOK {
		return resp.StatusCode, nil, nil, fmt.Errorf("the body is larger than %d bytes", limit)
	}
	return resp.StatusCode, body, resp.Header, nil
}

// readError fills in what the answer says of its failure.
func (c *Client) readError(e *Error, body []byte, header http.Header, token string) {
	var description string
	e.Code, description = decodeError(body)
	e.Description = c.tokens.scrub(description, token)
	if e.Description == "" {
		e.Description = http.StatusText(e.StatusCode)
	}
	e.RequestID = uuidOr(header.Get("MS-RequestId"), e.RequestID)
	e.CorrelationID = uuidOr(header.Get("MS-CorrelationId"), e.CorrelationID)
	e.RetryAfter = retryAfter(header.Get("Retry-After"))
	e.Reason = reasonOfStatus(e.StatusCode, e.Code, description)
}

// decodeError reads Partner Center's error body, whose code is a string or a
// number, or the gateway's, which has a message. Other bodies say nothing that
// can be trusted.
func decodeError(body []byte) (code, description string) {
	var w struct {
		Code        json.RawMessage `json:"code"`
		Description json.RawMessage `json:"description"`
		Message     json.RawMessage `json:"message"`
	}
	if decode(body, &w) != nil {
		return "", ""
	}
	return decodeCode(w.Code), firstOf(text(w.Description), text(w.Message))
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

// retryAfter reads a Retry-After header, seconds or an HTTP date.
func retryAfter(value string) time.Duration {
	const longest = 24 * time.Hour
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, uint64(longest/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(time.Until(at), 0), longest)
	}
	return 0
}

func (c *Client) badAnswer(r request, a *answer, err error) error {
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

// uuidOr keeps ids of the server only if they are ids, since they are printed.
func uuidOr(s, fallback string) string {
	id, err := uuid.Parse(s)
	if err != nil {
		return fallback
	}
	return id.String()
}
