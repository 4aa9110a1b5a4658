// Package cachetest has what tests of the cache and of its readers share: a source
// that a test controls, and a cache with what it logs.
package cachetest

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

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
)

// Source is a Partner Center whose answers a test decides on.
type Source struct {
	Delay       time.Duration // of each request
	ListDelay   time.Duration // of each page, besides Delay
	RecordDelay time.Duration // of the records, besides Delay
	Paged       bool          // whether each customer has a page of its own

	mu          sync.Mutex
	Customers   []client.Customer
	ListErr     error
	Usage       func(id string) (client.UsageSummary, error)
	Records     []client.UsageRecord
	RecordsErr  error
	RecordCalls int
	Certificate time.Time // when it expires
	Lists       int
	Asked       []string // the customers fetched, in order
	inFlight    int
	Peak        int
}

// New returns a source of n customers with figures.
func New(n int) *Source {
	s := &Source{Usage: func(string) (client.UsageSummary, error) { return Figures(1), nil }}
	for i := range n {
		s.Customers = append(s.Customers, Customer(i))
	}
	return s
}

// Customer returns the customer of a number.
func Customer(i int) client.Customer {
	return client.Customer{ID: fmt.Sprintf("id-%04d", i), Name: fmt.Sprintf("Customer %d", i), Domain: fmt.Sprintf("c%d.example", i), Relationship: "reseller"}
}

// Figures returns a summary with a cost in euros.
func Figures(cost float64) client.UsageSummary {
	return client.UsageSummary{Usage: client.Usage{TotalCost: cost, Currency: "EUR"}}
}

// CustomerPages implements [cache.Source].
func (s *Source) CustomerPages(ctx context.Context) iter.Seq2[[]client.Customer, error] {
	return func(yield func([]client.Customer, error) bool) {
		customers, err := s.list(ctx)
		size := len(customers)
		if s.Paged {
			size = 1
		}
		for page := range slices.Chunk(customers, max(size, 1)) {
			if !yield(page, nil) {
				return
			}
			if s.Paged {
				err = cmp.Or(s.wait(ctx, s.Delay+s.ListDelay), err)
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func (s *Source) list(ctx context.Context) ([]client.Customer, error) {
	s.mu.Lock()
	s.Lists++
	s.mu.Unlock()
	if err := s.wait(ctx, s.Delay+s.ListDelay); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.Customers), s.ListErr
}

// UsageSummary implements [cache.Source].
func (s *Source) UsageSummary(ctx context.Context, id string) (client.UsageSummary, error) {
	s.mu.Lock()
	s.Asked = append(s.Asked, id)
	s.inFlight++
	s.Peak = max(s.Peak, s.inFlight)
	s.mu.Unlock()
	err := s.wait(ctx, s.Delay)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
	if err != nil {
		return client.UsageSummary{}, err
	}
	return s.Usage(id)
}

// UsageRecords implements [cache.Source].
func (s *Source) UsageRecords(ctx context.Context) ([]client.UsageRecord, error) {
	s.mu.Lock()
	s.RecordCalls++
	s.mu.Unlock()
	if err := s.wait(ctx, s.Delay+s.RecordDelay); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.Records), s.RecordsErr
}

// ConcurrencyLimit implements [cache.Source].
func (s *Source) ConcurrencyLimit() int { return 6 }

// RefreshTokenIssued implements [cache.Source].
func (s *Source) RefreshTokenIssued() time.Time { return time.Unix(946684000, 0) }

// CertificateExpiry implements [cache.Source].
func (s *Source) CertificateExpiry() time.Time { return s.Certificate }

func (s *Source) wait(ctx context.Context, delay time.Duration) error {
	// Thousands of timers that fire at once crash the race detector in a bubble
	// (golang/go#78156), so that no time is no timer.
	if delay == 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(delay):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Change changes the source between two scrapes.
func (s *Source) Change(change func(*Source)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// TakeCalls returns how often customers were listed and whom the usage was asked
// of since the last time.
func (s *Source) TakeCalls() (lists int, asked []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lists, asked = s.Lists, s.Asked
	s.Lists, s.Asked = 0, nil
	return lists, asked
}

// FailWith makes the usage of some customers fail, of all where none is named.
func (s *Source) FailWith(err error, ids ...string) {
	s.Change(func(s *Source) {
		s.Usage = func(id string) (client.UsageSummary, error) {
			if len(ids) == 0 || slices.Contains(ids, id) {
				return client.UsageSummary{}, err
			}
			return Figures(2), nil
		}
	})
}

// APIError returns the error of a request for a usage summary.
func APIError(status int, code string, reason client.Reason) *client.Error {
	return &client.Error{Endpoint: client.EndpointUsageSummary, CustomerID: "some", StatusCode: status, Code: code, Reason: reason}
}

// Errors of the client, by their cause.
var (
	ErrServer  = APIError(500, "900192", client.ReasonServer)
	ErrNetwork = APIError(0, "", client.ReasonNetwork)
	ErrNoUsage = APIError(400, "3000", client.ReasonClient)
	ErrMFA     = &client.Error{Endpoint: client.EndpointCustomers, StatusCode: 401, Code: "900421", Reason: client.ReasonMFA}
	ErrToken   = &client.Error{Endpoint: client.EndpointToken, StatusCode: 400, Code: "AADSTS700082", Reason: client.ReasonAuth}
)

// NewCache returns a cache with a TTL of an hour and a maximal age of a day, and
// what it logs.
func NewCache(t *testing.T, source cache.Source, change ...func(*cache.Config)) (*cache.Cache, *Log) {
	t.Helper()
	logged := &Log{}
	cfg := cache.Config{Concurrency: 4, TTL: time.Hour, MaxAge: 24 * time.Hour, Logger: log.NewLogfmtLogger(logged)}
	for _, apply := range change {
		apply(&cfg)
	}
	c := cache.New(source, cfg)
	t.Cleanup(c.Close)
	return c, logged
}

// Log keeps what is logged.
type Log struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

// Write implements [io.Writer].
func (b *Log) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

// Take returns the lines since the last time, without those of refreshes that ended.
func (b *Log) Take() []string {
	return slices.DeleteFunc(b.TakeAll(), func(line string) bool { return strings.Contains(line, `msg="refresh ended"`) })
}

// TakeAll returns all lines since the last time.
func (b *Log) TakeAll() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.buffer.Reset()
	return strings.FieldsFunc(b.buffer.String(), func(r rune) bool { return r == '\n' })
}

// Scrape waits as long as a refresh takes.
func Scrape(t *testing.T, cache *cache.Cache) {
	t.Helper()
	cache.Refresh(t.Context())
}

// Costs returns the cost of each customer that has one.
func Costs(c *cache.Cache) map[string]float64 {
	costs := map[string]float64{}
	for _, customer := range c.Snapshot().Customers {
		if customer.Figures != nil {
			costs[customer.ID] = customer.Figures.TotalCost
		}
	}
	return costs
}

// Status returns the status of a customer, "absent" if the cache does not have it.
func Status(c *cache.Cache, id string) cache.Status {
	for _, customer := range c.Snapshot().Customers {
		if customer.ID == id {
			return customer.Status
		}
	}
	return "absent"
}

// EveryKind has a customer of every state.
func EveryKind() *Source {
	usd, budget := 35.23, 97.0
	s := New(0)
	s.Customers = []client.Customer{
		{ID: "44908A11-641B-4C53-B7FC-0F2BFCA8A581", Name: "Modern \"Azure\" Customer UK", Domain: "uk.example", Relationship: "reseller"},
		{ID: "legacy", Name: "600 test\nßシ"},
		{ID: "none", Name: "No usage"},
		{ID: "denied", Name: "No access"},
		{ID: "gone", Name: "Not found"},
		{ID: "broken", Name: "Broken"},
	}
	answers := map[string]func() (client.UsageSummary, error){
		"44908A11-641B-4C53-B7FC-0F2BFCA8A581": func() (client.UsageSummary, error) {
			return client.UsageSummary{
				Usage: client.Usage{
					TotalCost: 28.82860766744404945074, USDTotalCost: &usd, Budget: &budget, Currency: "GBP",
					LastModified: time.Date(2019, 9, 18, 17, 9, 26, 160e6, time.UTC),
				},
				BillingStart: time.Date(2019, 9, 1, 0, 0, 0, 0, time.UTC),
				BillingEnd:   time.Date(2019, 10, 1, 0, 0, 0, 0, time.UTC),
			}, nil
		},
		"legacy": func() (client.UsageSummary, error) { return client.UsageSummary{}, nil },
		"none":   func() (client.UsageSummary, error) { return client.UsageSummary{}, ErrNoUsage },
		"denied": func() (client.UsageSummary, error) {
			return client.UsageSummary{}, APIError(403, "20002", client.ReasonPermission)
		},
		"gone": func() (client.UsageSummary, error) {
			return client.UsageSummary{}, APIError(404, "60003", client.ReasonClient)
		},
		"broken": func() (client.UsageSummary, error) { return client.UsageSummary{}, ErrServer },
	}
	s.Usage = func(id string) (client.UsageSummary, error) { return answers[id]() }
	return s
}

// WithRecords makes a cache revalidate by the usage records.
func WithRecords(c *cache.Config) { c.UsageRecords, c.FullRefresh = true, 24*time.Hour }
