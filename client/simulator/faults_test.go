package simulator_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

// Each fault answers as its counterpart in the field does.
func TestFaultsThatAnswer(t *testing.T) {
	tests := map[string]struct {
		faults     simulator.Faults
		status     int
		retryAfter string
		requestID  string
		body       string
	}{
		"throttled": {
			simulator.Faults{Throttled: 1, RetryAfter: 57 * time.Second},
			429, "57", "",
			bom + `{"message":"Rate limit is exceeded. Try again in 57 seconds.","statusCode":429}`,
		},
		"throttled without a time": {
			simulator.Faults{Throttled: 1},
			429, "", "",
			bom + `{"message":"Rate limit is exceeded. Try again in 0 seconds.","statusCode":429}`,
		},
		"failing": {
			simulator.Faults{Failing: 1},
			500, "", "11111111-1111-4111-8111-111111111111",
			bom + `{"code":"900192","data":[],"description":"Something went wrong. Retry.","source":"PartnerFD"}`,
		},
		"unavailable": {
			simulator.Faults{Unavailable: 1},
			503, "", "11111111-1111-4111-8111-111111111111",
			`<html><body>Service Unavailable</body></html>`,
		},
		"without MFA": {
			simulator.Faults{WithoutMFA: true},
			401, "", "11111111-1111-4111-8111-111111111111",
			bom + `{"code":"900421","data":[],"description":"The token has no MFA claim.","source":"PartnerFD"}`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sim := simulator.New(simulator.Config{Customers: simulator.Fleet(1)})
			c := newCaller(t, sim)
			sim.SetFaults(test.faults)
			recorder := c.get("/v1/customers?size=1", "MS-RequestId: 11111111-1111-4111-8111-111111111111")
			if diff := cmp.Diff(test.body, recorder.Body.String()); diff != "" {
				t.Error(diff)
			}
			if got := recorder.Header().Get("Retry-After"); recorder.Code != test.status || got != test.retryAfter {
				t.Errorf("It answered %d and Retry-After %q, want %d and %q", recorder.Code, got, test.status, test.retryAfter)
			}
			if got := recorder.Header().Get("MS-RequestId"); got != test.requestID {
				t.Errorf("It came with the request id %q, want %q", got, test.requestID)
			}
			sim.SetFaults(simulator.Faults{})
			if got := c.get("/v1/customers?size=1").Code; got != 200 {
				t.Errorf("Without faults, it answered %d, want 200", got)
			}
		})
	}
}

// A dropped connection gives no answer, a truncated one not all of it. The
// client tells them from answers, and tries such a call once more.
func TestFaultsThatBreakOff(t *testing.T) {
	tests := map[string]struct {
		faults simulator.Faults
		want   error
	}{
		"dropped":   {simulator.Faults{Dropped: 1}, io.EOF},
		"truncated": {simulator.Faults{Truncated: 1}, io.ErrUnexpectedEOF},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sim := simulator.New(simulator.Config{Customers: simulator.Fleet(1)})
			server := httptest.NewServer(sim)
			defer server.Close()
			c := newClient(t, sim, server.URL)
			sim.SetFaults(test.faults)
			_, err := c.Customers(t.Context())
			if !errors.Is(err, test.want) || client.ReasonOf(err) != client.ReasonNetwork {
				t.Errorf("It failed with %v, counted under %s, want %v under network", err, client.ReasonOf(err), test.want)
			}
			// The transport adds one of its own where an idle connection was dropped.
			if got := sim.Stats().Calls[client.EndpointCustomers]; got < 2 {
				t.Errorf("There were %d calls, want 2 at least", got)
			}
		})
	}
}

// Shares add up, the rest of the calls go well, and who is hit is the same in
// every run, so that a failing test can be looked into.
func TestShares(t *testing.T) {
	play := func() (codes []int) {
		sim := simulator.New(simulator.Config{Customers: simulator.Fleet(1)})
		c := newCaller(t, sim)
		sim.SetFaults(simulator.Faults{Throttled: 0.1, Failing: 0.2, Unavailable: 0.3})
		for range 1000 {
			codes = append(codes, c.get("/v1/customers?size=1").Code)
		}
		return codes
	}
	codes, counts := play(), map[int]int{}
	for _, code := range codes {
		counts[code]++
	}
	for code, want := range map[int]int{429: 100, 500: 200, 503: 300, 200: 400} {
		if got := counts[code]; got < want-50 || got > want+50 {
			t.Errorf("%d calls are answered with %d, want about %d", got, code, want)
		}
	}
	if diff := cmp.Diff(codes, play()); diff != "" {
		t.Error(diff)
	}
}

// Latency takes its time from every call of the API, whatever comes of it, and
// ends when the client leaves.
func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := simulator.New(simulator.Config{Customers: simulator.Fleet(1)})
		sim.SetFaults(simulator.Faults{Latency: 3 * time.Second})
		began := time.Now()
		c := newCaller(t, sim)
		if took := time.Since(began); took != 0 {
			t.Errorf("A token took %v, which is not a call of the API", took)
		}
		for _, faults := range []simulator.Faults{{Latency: 3 * time.Second}, {Latency: 3 * time.Second, Failing: 1}} {
			sim.SetFaults(faults)
			began := time.Now()
			c.get("/v1/customers?size=1")
			if took := time.Since(began); took != 3*time.Second {
				t.Errorf("With %+v, a call took %v, want 3s", faults, took)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		recorder := c.do(ctx, http.MethodGet, "/v1/customers?size=1")
		if took := time.Since(began); took != time.Second || recorder.Body.Len() != 0 {
			t.Errorf("A client that left after 1s was answered after %v with %q", took, recorder.Body)
		}
	})
}

// The statistics count every call, and how many usage summaries are asked for at
// once.
func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet := simulator.Fleet(5)
		sim := simulator.New(simulator.Config{Customers: fleet})
		c := newCaller(t, sim)
		sim.SetFaults(simulator.Faults{Latency: time.Second})
		var calls sync.WaitGroup
		for _, customer := range fleet {
			calls.Go(func() { c.get("/v1/customers/" + customer.ID + "/usagesummary") })
		}
		synctest.Wait()
		if got := sim.Stats(); got.InFlight != 5 || got.PeakInFlight != 5 {
			t.Errorf("While 5 wait, %d are in flight and %d were", got.InFlight, got.PeakInFlight)
		}
		calls.Wait()
		c.get("/v1/customers?size=1")
		c.get("/v1/customers/usagerecords")
		c.get("/v1/customers?size=1", "Authorization: ")
		want := simulator.Stats{PeakInFlight: 5, Calls: map[client.Endpoint]int{
			client.EndpointToken: 1, client.EndpointCustomers: 2, client.EndpointUsageSummary: 5, client.EndpointUsageRecords: 1,
		}}
		got := sim.Stats()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		got.Calls[client.EndpointToken] = 100
		if diff := cmp.Diff(want, sim.Stats()); diff != "" {
			t.Errorf("What was returned is not the caller's own: %s", diff)
		}
	})
}

// A simulator may be changed and asked by anybody at any time.
func TestConcurrentUse(t *testing.T) {
	fleet := simulator.Fleet(20)
	sim := simulator.New(simulator.Config{Customers: fleet})
	var calls sync.WaitGroup
	for i := range 20 {
		calls.Go(func() {
			c := newCaller(t, sim)
			sim.SetFaults(simulator.Faults{Throttled: float64(i) / 40})
			sim.SetCustomers(fleet[:10+i%10])
			if got := c.get("/v1/customers?size=5").Code; got != 200 && got != 429 {
				t.Errorf("It answered %d", got)
			}
			if strings.Contains(c.get("/v1/customers/usagerecords").Body.String(), "Access denied") {
				t.Error("A good token is refused")
			}
		})
	}
	calls.Wait()
}
