package cache

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// noSource is asked for nothing.
type noSource struct{ Source }

func (noSource) CustomerPages(context.Context) iter.Seq2[[]client.Customer, error] {
	return func(func([]client.Customer, error) bool) {}
}
func (noSource) UsageRecords(context.Context) ([]client.UsageRecord, error) { return nil, nil }

func (noSource) ConcurrencyLimit() int         { return 1 }
func (noSource) RefreshTokenIssued() time.Time { return time.Time{} }
func (noSource) CertificateExpiry() time.Time  { return time.Time{} }

// What a file holds is either refused as a whole, or leaves a cache whose times
// lie in the past and whose customers have a state.
func FuzzCacheFile(f *testing.F) {
	f.Add([]byte(`{"format":1,"owner":"o","customers":[{"customer":{"id":"A"},"status":"ok","figures":{"total_cost":1}}]}`))
	f.Add([]byte(`{"format":1,"owner":"o","list_due":"9999-12-31T23:59:59Z","last_success":"2500-01-01T00:00:00Z","customers":null}`))
	f.Add([]byte(`{"format":2,"owner":"o"}`))
	f.Add([]byte(`{"format":`))
	f.Fuzz(func(t *testing.T, content []byte) {
		s, err := decodeSaved(content, "o")
		if err != nil {
			if s != nil {
				t.Error("a refused file was not dropped")
			}
			return
		}
		c := New(noSource{}, Config{TTL: time.Hour, MaxAge: time.Hour})
		now := time.Now()
		c.restore(s, now)
		snapshot := c.Snapshot()
		if snapshot.LastSuccess.After(now) || c.listDueAt.After(now.Add(time.Hour)) {
			t.Errorf("last success %v, list due %v", snapshot.LastSuccess, c.listDueAt)
		}
		for _, c := range snapshot.Customers {
			if c.ID == "" || c.Status == "" || c.Fetched.After(now) {
				t.Errorf("%+v", c)
			}
		}
	})
}
