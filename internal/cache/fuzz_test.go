package cache

import (
	"bytes"
	"context"
	"iter"
	"testing"
	"time"

	"github.com/go-kit/log"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// fileSource has the customers of a file, with records of what the file has of them.
type fileSource struct{ customers []savedCustomer }

func (s fileSource) CustomerPages(context.Context) iter.Seq2[[]client.Customer, error] {
	return func(yield func([]client.Customer, error) bool) {
		for _, saved := range s.customers {
			if !yield([]client.Customer{saved.Customer}, nil) {
				return
			}
		}
	}
}

func (s fileSource) UsageRecords(context.Context) ([]client.UsageRecord, error) {
	var records []client.UsageRecord
	for _, saved := range s.customers {
		var record client.UsageRecord
		if saved.Figures != nil {
			record.Usage = saved.Figures.Usage
		}
		record.CustomerID = saved.Customer.ID
		records = append(records, record)
	}
	return records, nil
}

func (fileSource) UsageSummary(context.Context, string) (client.UsageSummary, error) {
	return client.UsageSummary{}, nil
}

func (fileSource) ConcurrencyLimit() int         { return 1 }
func (fileSource) RefreshTokenIssued() time.Time { return time.Time{} }
func (fileSource) CertificateExpiry() time.Time  { return time.Time{} }

// A file is either rejected as a whole, or leaves a cache whose times are in the past
// and whose customers have a state, and which can be refreshed and saved.
func FuzzCacheFile(f *testing.F) {
	f.Add([]byte(`{"format":1,"owner":"o","customers":[{"customer":{"id":"A"},"status":"ok","figures":{"total_cost":1}}]}`))
	f.Add([]byte(`{"format":1,"owner":"o","list_due":"9999-12-31T23:59:59Z","last_success":"2500-01-01T00:00:00Z","customers":null}`))
	f.Add([]byte(`{"format":1,"owner":"o","customers":[{"customer":{"id":"A"},"status":"error","failures":9223372036854775807},{"customer":{"id":"B"},"status":"ok","figures":{"total_cost":1,"billing_end":"2026-12-31T00:00:00Z"},"failures":-9223372036854775808}]}`))
	f.Add([]byte(`{"format":2,"owner":"o"}`))
	f.Add([]byte(`{"format":`))
	f.Fuzz(func(t *testing.T, content []byte) {
		s, err := decodeSaved(content, "o")
		if err != nil {
			if s != nil {
				t.Error("a rejected file was not dropped")
			}
			return
		}
		var logged bytes.Buffer
		c := New(fileSource{s.Customers}, Config{
			TTL: time.Hour, MaxAge: time.Hour, UsageRecords: true, FullRefresh: 24 * time.Hour,
			Logger: log.NewLogfmtLogger(log.NewSyncWriter(&logged)),
		})
		now := time.Now()
		c.restore(s, now)
		snapshot := c.Snapshot()
		if snapshot.LastSuccess.After(now) || c.list.dueAt.After(now.Add(time.Hour)) {
			t.Errorf("last success %v, list due %v", snapshot.LastSuccess, c.list.dueAt)
		}
		for _, c := range snapshot.Customers {
			if c.ID == "" || c.Status == "" || c.Fetched.After(now) {
				t.Errorf("%+v", c)
			}
		}
		c.Refresh(t.Context())
		c.Close()
		if bytes.Contains(logged.Bytes(), []byte("panic")) {
			t.Errorf("logged %s", &logged)
		}
		if c.saved() == nil {
			t.Error("there is nothing to save after a refresh")
		}
	})
}
