package cache_test

import (
	"errors"
	"testing"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
)

func failure(reason client.Reason, code string) error {
	return &client.Error{Endpoint: client.EndpointUsageSummary, CustomerID: "c", Reason: reason, Code: code}
}

// Failures that would meet every customer end the calls when there were twenty in
// a row, or twice as many as are in flight. Single customers' failures do not.
func TestFailuresInARow(t *testing.T) {
	tests := map[string]struct {
		err         error
		concurrency int
		want        int // failures until it stops, 0 for never
	}{
		"the network":               {failure(client.ReasonNetwork, ""), 8, 20},
		"the network, many calls":   {failure(client.ReasonNetwork, ""), 64, 128},
		"throttling":                {failure(client.ReasonThrottled, ""), 1, 20},
		"the user's role":           {failure(client.ReasonPermission, "900150"), 8, 20},
		"the customer's refusal":    {failure(client.ReasonPermission, "20002"), 8, 0},
		"an answer that is no JSON": {failure(client.ReasonDecode, ""), 8, 0},
		"no usage":                  {&client.Error{StatusCode: 400, Code: "3000", CustomerID: "c"}, 8, 0},
		"no token":                  {&client.Error{Endpoint: client.EndpointToken, Reason: client.ReasonServer}, 8, 1},
		"success":                   {nil, 8, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b, got := cache.NewFailFast(test.concurrency), 0
			for i := 1; i <= 200 && got == 0; i++ {
				if b.Note(test.err); b.Stopped() != nil {
					got = i
				}
			}
			if got != test.want {
				t.Errorf("It stopped after %d failures, want %d", got, test.want)
			}
		})
	}
}

// A customer who can be read shows that not everything is broken.
func TestSuccessBegetsPatience(t *testing.T) {
	b := cache.NewFailFast(8)
	for range 19 {
		b.Note(failure(client.ReasonNetwork, ""))
	}
	b.Note(nil)
	for range 19 {
		b.Note(failure(client.ReasonNetwork, ""))
	}
	if err := b.Stopped(); err != nil {
		t.Errorf("It stopped for %v", err)
	}
}

func TestTheFirstReasonStays(t *testing.T) {
	b, first := cache.NewFailFast(8), errors.New("first")
	b.Trip(first)
	b.Trip(errors.New("second"))
	if got := b.Stopped(); !errors.Is(got, first) {
		t.Errorf("It stopped for %v, want %v", got, first)
	}
}
