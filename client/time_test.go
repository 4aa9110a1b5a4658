package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// transport answers in the server's place where a test has a clock of its own:
// real sockets do not keep to it.
type transport func(*http.Request) *http.Response

// RoundTrip waits for the request's end where there is no answer.
func (f transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if answer := f(r); answer != nil {
		return answer, nil
	}
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func response(body string, headers ...string) *http.Response {
	header := http.Header{"Content-Type": {"application/json"}}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		header.Set(name, value)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(body))}
}

// withTransport is a client that no socket belongs to.
func withTransport(t *testing.T, answer transport) *client.Client {
	t.Helper()
	// The address answers nobody: a call that goes round the transport fails.
	cfg := newConfig(t, "http://fake.invalid")
	cfg.Transport = answer
	return newClient(t, cfg)
}

// hangs is a transport that never answers.
func hangs(*http.Request) *http.Response { return nil }

// An access token is used until a minute before its end, or for half of its life
// if that is short, and without end if it does not tell one.
func TestAccessTokenIsRenewedInTime(t *testing.T) {
	for lifetime, want := range map[string][]time.Duration{
		`"expires_in":3599`:   {3539 * time.Second, 2 * 3539 * time.Second},
		`"expires_in":"3600"`: {59 * time.Minute, 2 * 59 * time.Minute},
		`"expires_in":90`:     {45 * time.Second, 90 * time.Second},
		`"expires_in":120`:    {60 * time.Second, 120 * time.Second},
		`"scope":""`:          nil,
		`"expires_in":0`:      nil,
	} {
		t.Run(lifetime, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var exchanges []time.Time
				c := withTransport(t, func(*http.Request) *http.Response {
					exchanges = append(exchanges, time.Now())
					return response(fmt.Sprintf(`{"access_token":"fake-access-token-1","refresh_token":"fake-refresh-token-2",%s}`, lifetime))
				})
				start := time.Now()
				for len(exchanges) < 1+len(want) || time.Since(start) < 10*time.Second {
					if err := c.Authenticate(t.Context()); err != nil {
						t.Fatal(err)
					}
					if time.Since(start) > 3*time.Hour {
						t.Fatal("The token is not renewed.")
					}
					<-time.After(time.Second)
				}
				var got []time.Duration
				for _, at := range exchanges[1:] {
					got = append(got, at.Sub(start))
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if got, last := c.RefreshTokenIssued(), exchanges[0]; !got.Equal(last) {
					t.Errorf("The refresh token is of %v, want %v, since it has not changed", got, last)
				}
			})
		})
	}
}

// An exchange may not block for ever a caller who has all the time in the world.
func TestTokenTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := withTransport(t, hangs)
		start := time.Now()
		err := c.Authenticate(context.Background())
		e := failure(t, err)
		if e.Reason != client.ReasonTimeout || e.Endpoint != client.EndpointToken || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v for %s", err, e.Reason)
		}
		if got := time.Since(start); got != 20*time.Second {
			t.Errorf("It took %v, want 20 seconds", got)
		}
	})
}

// Every call ends with its context, also while the token endpoint hangs, and
// also if it is only in the queue for it.
func TestCallEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := withTransport(t, hangs)
		done := make(chan time.Duration, 2)
		start := time.Now()
		for range cap(done) {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := c.UsageSummary(ctx, customerID)
				if client.ReasonOf(err) != client.ReasonTimeout {
					t.Errorf("got %v for %s", err, client.ReasonOf(err))
				}
				done <- time.Since(start)
			}()
		}
		for range cap(done) {
			if got := <-done; got != time.Second {
				t.Errorf("A call took %v, want a second", got)
			}
		}
		// The exchange has to be done before the test is.
		<-time.After(time.Minute)
	})
}

// A call that waits in the queue for the token leaves it when it is cancelled.
func TestQueueForTokenIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := withTransport(t, hangs)
		go func() { _ = c.Authenticate(context.Background()) }()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := c.Authenticate(ctx)
		if e := failure(t, err); !errors.Is(err, context.Canceled) || e.Reason != client.ReasonNetwork {
			t.Errorf("got %v for %s", err, e.Reason)
		}
		// The first caller has to be done before the test is.
		<-time.After(time.Minute)
	})
}

// The timeout of the configuration bounds a call with its retries, and a call
// that ran into it is not made again.
func TestCallTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := withTransport(t, func(r *http.Request) *http.Response {
			if strings.HasSuffix(r.URL.Path, "/token") {
				return response(`{"access_token":"fake-access-token-1","expires_in":3599}`)
			}
			calls++
			return nil
		})
		start := time.Now()
		_, err := c.UsageSummary(context.Background(), customerID)
		if e := failure(t, err); e.Reason != client.ReasonTimeout || e.StatusCode != 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v for %s", err, e.Reason)
		}
		if got := time.Since(start); got != client.DefaultTimeout || calls != 1 {
			t.Errorf("%d calls took %v, want one of %v", calls, got, client.DefaultTimeout)
		}
	})
}

// A date of Retry-After is a wait from now on.
func TestRetryAfterDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := withTransport(t, func(r *http.Request) *http.Response {
			if strings.HasSuffix(r.URL.Path, "/token") {
				return response(`{"access_token":"fake-access-token-1"}`)
			}
			throttled := response("", "Retry-After: "+time.Now().Add(90*time.Second).UTC().Format(http.TimeFormat))
			throttled.StatusCode = http.StatusTooManyRequests
			return throttled
		})
		_, err := c.UsageSummary(t.Context(), customerID)
		if got := failure(t, err).RetryAfter; got != 90*time.Second {
			t.Errorf("got %v", got)
		}
	})
}

// A date whose offset passes a day is the instant that it names, in UTC, so that it
// can be written to a file again.
func TestDateWithAnOffsetOfADay(t *testing.T) {
	summary, err := summaryOf(t, `{"totalCost":1,"lastModifiedDate":"2026-03-02T00:00:00+24:00"}`)
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC); summary.LastModified != want {
		t.Errorf("got %v, want %v", summary.LastModified, want)
	}
	if _, err := json.Marshal(summary); err != nil {
		t.Error(err)
	}
}
