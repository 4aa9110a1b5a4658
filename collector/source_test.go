package collector_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/collector"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeSource is a Partner Center whose answers a test decides on.
type fakeSource struct {
	delay time.Duration // of each call
	paged bool          // whether each customer has a page of its own

	mu          sync.Mutex
	customers   []client.Customer
	listErr     error
	usage       func(id string) (client.UsageSummary, error)
	records     []client.UsageRecord
	recordsErr  error
	recordCalls int
	certificate time.Time // when it expires
	lists       int
	asked       []string // the customers asked for, in order
	inFlight    int
	peak        int
}

// newFake returns a source of n customers with figures.
func newFake(n int) *fakeSource {
	s := &fakeSource{usage: func(string) (client.UsageSummary, error) { return figures(1), nil }}
	for i := range n {
		s.customers = append(s.customers, customer(i))
	}
	return s
}

func customer(i int) client.Customer {
	return client.Customer{ID: fmt.Sprintf("id-%04d", i), Name: fmt.Sprintf("Customer %d", i), Domain: fmt.Sprintf("c%d.example", i), Relationship: "reseller"}
}

func figures(cost float64) client.UsageSummary {
	return client.UsageSummary{Usage: client.Usage{TotalCost: cost, Currency: "EUR"}}
}

func (s *fakeSource) CustomerPages(ctx context.Context) iter.Seq2[[]client.Customer, error] {
	return func(yield func([]client.Customer, error) bool) {
		customers, err := s.list(ctx)
		size := len(customers)
		if s.paged {
			size = 1
		}
		for page := range slices.Chunk(customers, max(size, 1)) {
			if !yield(page, nil) {
				return
			}
			if s.paged {
				err = cmp.Or(s.wait(ctx), err)
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func (s *fakeSource) list(ctx context.Context) ([]client.Customer, error) {
	s.mu.Lock()
	s.lists++
	s.mu.Unlock()
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.customers), s.listErr
}

func (s *fakeSource) UsageSummary(ctx context.Context, id string) (client.UsageSummary, error) {
	s.mu.Lock()
	s.asked = append(s.asked, id)
	s.inFlight++
	s.peak = max(s.peak, s.inFlight)
	s.mu.Unlock()
	err := s.wait(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
	if err != nil {
		return client.UsageSummary{}, err
	}
	return s.usage(id)
}

func (s *fakeSource) UsageRecords(ctx context.Context) ([]client.UsageRecord, error) {
	s.mu.Lock()
	s.recordCalls++
	s.mu.Unlock()
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.records), s.recordsErr
}

func (s *fakeSource) ConcurrencyLimit() int { return 6 }

func (s *fakeSource) RefreshTokenIssued() time.Time { return time.Unix(946684000, 0) }

func (s *fakeSource) CertificateExpiry() time.Time { return s.certificate }

func (s *fakeSource) wait(ctx context.Context) error {
	// Thousands of timers that fire at once crash the race detector in a bubble
	// (golang/go#78156), so that no time is no timer.
	if s.delay == 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(s.delay):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// change changes the source between two scrapes.
func (s *fakeSource) change(change func(*fakeSource)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// takeCalls returns how often customers were listed and whom the usage was asked
// of since the last time.
func (s *fakeSource) takeCalls() (lists int, asked []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lists, asked = s.lists, s.asked
	s.lists, s.asked = 0, nil
	return lists, asked
}

// failWith makes the usage of some customers fail, of all where none is named.
func (s *fakeSource) failWith(err error, ids ...string) {
	s.change(func(s *fakeSource) {
		s.usage = func(id string) (client.UsageSummary, error) {
			if len(ids) == 0 || slices.Contains(ids, id) {
				return client.UsageSummary{}, err
			}
			return figures(2), nil
		}
	})
}

func apiError(status int, code string, reason client.Reason) *client.Error {
	return &client.Error{Endpoint: client.EndpointUsageSummary, CustomerID: "some", StatusCode: status, Code: code, Reason: reason}
}

var (
	errServer  = apiError(500, "900192", client.ReasonServer)
	errNetwork = apiError(0, "", client.ReasonNetwork)
	errNoUsage = apiError(400, "3000", client.ReasonClient)
	errMFA     = &client.Error{Endpoint: client.EndpointCustomers, StatusCode: 401, Code: "900421", Reason: client.ReasonMFA}
	errToken   = &client.Error{Endpoint: client.EndpointToken, StatusCode: 400, Code: "AADSTS700082", Reason: client.ReasonAuth}
)

// newCache returns a cache with a TTL of an hour and a maximal age of a day, and
// what it logs.
func newCache(t *testing.T, source collector.Source, change ...func(*collector.Config)) (*collector.Cache, *syncBuffer) {
	t.Helper()
	logged := &syncBuffer{}
	cfg := collector.Config{Concurrency: 4, TTL: time.Hour, MaxAge: 24 * time.Hour, Logger: log.NewLogfmtLogger(logged)}
	for _, c := range change {
		c(&cfg)
	}
	cache := collector.NewCache(source, cfg)
	t.Cleanup(cache.Close)
	return cache, logged
}

// syncBuffer keeps what is logged.
type syncBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

// take returns the lines since the last time.
func (b *syncBuffer) take() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.buffer.Reset()
	return strings.FieldsFunc(b.buffer.String(), func(r rune) bool { return r == '\n' })
}

// scrape waits as long as a refresh takes.
func scrape(t *testing.T, cache *collector.Cache) {
	t.Helper()
	cache.Scrape(t.Context())
}

// compare compares metrics of the cache with what is expected.
func compare(t *testing.T, cache *collector.Cache, want string, names ...string) {
	t.Helper()
	if err := testutil.CollectAndCompare(collector.NewExporter(cache), strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

// costs returns the cost of each customer that has one.
func costs(cache *collector.Cache) map[string]float64 {
	costs := map[string]float64{}
	for _, c := range cache.Snapshot().Customers {
		if c.Figures != nil {
			costs[c.ID] = c.Figures.TotalCost
		}
	}
	return costs
}

func status(cache *collector.Cache, id string) collector.Status {
	for _, c := range cache.Snapshot().Customers {
		if c.ID == id {
			return c.Status
		}
	}
	return "absent"
}
