// Package cache keeps the usage of all customers of a partner up to date.
//
// [Cache.Refresh] waits for one refresh, which concurrent calls share: it lists the
// customers, revalidates the entries by the usage records, and fetches the summaries
// that are still stale, a bounded number at a time. [Cache.Snapshot] returns the
// content at any time. A failure keeps the last figures up to [Config.MaxAge], and a
// file keeps them across restarts.
package cache

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/go-kit/log"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// Source is where customers and their usage come from; a [client.Client] is one.
type Source interface {
	// CustomerPages lists all customers page by page. An error comes last.
	CustomerPages(ctx context.Context) iter.Seq2[[]client.Customer, error]
	// UsageSummary returns a customer's usage in the current billing period.
	UsageSummary(ctx context.Context, customerID string) (client.UsageSummary, error)
	// UsageRecords returns the usage records of all customers in one call.
	UsageRecords(ctx context.Context) ([]client.UsageRecord, error)
	// ConcurrencyLimit returns how many requests may be in flight now.
	ConcurrencyLimit() int
	// RefreshTokenIssued returns when the stored refresh token was issued.
	RefreshTokenIssued() time.Time
	// CertificateExpiry returns when the application's certificate expires, zero if it
	// has none.
	CertificateExpiry() time.Time
}

var _ Source = (*client.Client)(nil)

// Config is the configuration of a [Cache].
type Config struct {
	// Concurrency is the most customers fetched at once, at least 1.
	Concurrency int
	// Timeout is the longest that one request takes, [client.DefaultTimeout] if zero. The list and the usage records
	// have ten times as long, or half of the TTL if that is longer.
	Timeout time.Duration
	// TTL is the age from which the list of customers and each customer's usage
	// are fetched again.
	TTL time.Duration
	// UsageRecords reports whether to fetch the usage records first, and then only the
	// usage of those customers whose record differs from the cached summary.
	UsageRecords bool
	// FullRefresh is the age from which a customer's usage is fetched whatever its
	// record is.
	FullRefresh time.Duration
	// MaxAge is the age from which figures are no longer exposed.
	MaxAge time.Duration
	// Selection is which customers are kept.
	Selection
	// Shard is this exporter's share of the customers.
	Shard Shard
	// File, if set, keeps what is known across restarts.
	File string
	// Owner names the partner and the cloud that the file belongs to.
	Owner string
	// Logger, if set, gets a line when a cause of failures appears or ends.
	Logger log.Logger
}

// Selection selects customers by id, name or domain. The zero value selects all.
type Selection struct {
	// Include, if set, matches the selected customers.
	Include *regexp.Regexp
	// Exclude, if set, matches the customers that are not selected.
	Exclude *regexp.Regexp
}

// Selects reports whether the customer is in the selection.
func (s Selection) Selects(customer client.Customer) bool {
	matches := func(re *regexp.Regexp) bool {
		return re.MatchString(client.CanonicalID(customer.ID)) || re.MatchString(customer.Name) || re.MatchString(customer.Domain)
	}
	return (s.Include == nil || matches(s.Include)) && (s.Exclude == nil || !matches(s.Exclude))
}

// Cache holds the usage of every customer. [Cache.Refresh] fetches what is stale from
// its Source, in one refresh at a time that concurrent calls share. Create it with
// [New] and end it with [Cache.Close].
type Cache struct {
	source    Source
	cfg       Config
	ctx       context.Context //nolint:containedctx // It is the cache's own: a refresh outlives the scrape that began it.
	cancel    context.CancelFunc
	refreshes sync.WaitGroup

	entries  *entries
	list     *list
	failures *failures
	log      *refreshLog
	records  recordsDelay
	store    *store // nil without a file

	mu            sync.Mutex    // guards the fields below; the locks of entries and list are taken while it is held
	running       chan struct{} // closed at the end of the refresh under way, nil without one
	aborted       int           // refreshes in a row that were aborted for a temporary cause
	heldUntil     time.Time     // until when no refresh starts, after one that was aborted
	ready         bool          // whether every customer has been fetched once
	usageDenied   bool          // whether most fetched customers are denied
	lastSuccessAt time.Time     // the end of the last whole refresh
	lastDuration  time.Duration // the length of the last whole refresh
	unsavable     bool          // whether the last refresh panicked
}

// New returns a cache with the content of its file. It sends no request. A file that
// cannot be used is set aside with a warning.
func New(source Source, cfg Config) *Cache {
	if cfg.Logger == nil {
		cfg.Logger = log.NewNopLogger()
	}
	cfg.Concurrency = max(cfg.Concurrency, 1)
	cfg.Timeout = cmp.Or(cfg.Timeout, client.DefaultTimeout)
	ctx, cancel := context.WithCancel(context.Background())
	c := &Cache{
		source:   source,
		cfg:      cfg,
		ctx:      ctx,
		cancel:   cancel,
		entries:  newEntries(cfg),
		list:     &list{ttl: cfg.TTL},
		failures: newFailures(cfg.Logger),
		log:      &refreshLog{logger: cfg.Logger},
	}
	if cfg.File != "" {
		c.store = newStore(cfg.File, cfg.Owner, cfg.Logger)
		c.restore(c.store.load(), time.Now())
	}
	return c
}

// StartRefresh starts a refresh, so that the first scrape need not wait for all of it.
func (c *Cache) StartRefresh() { c.join() }

// Refresh brings the cache up to date for a scrape. If something is stale it
// starts a refresh, or joins the one under way, and waits for its end or the
// context's, whichever comes first. The refresh goes on in any case.
func (c *Cache) Refresh(ctx context.Context) {
	c.entries.lookUp(time.Now())
	done := c.join()
	if done == nil {
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// Renew starts a refresh that lists the customers and fetches those again whose last
// fetch failed, whatever delay the failures impose. It waits for the refresh in progress
// first, and starts none if the context ends before that.
func (c *Cache) Renew(ctx context.Context) {
	c.mu.Lock()
	running := c.running
	c.mu.Unlock()
	if running != nil {
		select {
		case <-running:
		case <-ctx.Done():
			return
		}
	}
	c.expire(time.Now())
	c.join()
}

// expire makes the list of customers and every failed customer due.
func (c *Cache) expire(now time.Time) {
	c.list.expire(now)
	c.entries.expire(now)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heldUntil = time.Time{}
}

// Ready reports whether every customer has been fetched once. It stays true whatever
// fails later.
func (c *Cache) Ready() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ready
}

// Close ends the refresh under way, waits until it has ended, and saves what is
// known. The cache goes on serving what it holds.
func (c *Cache) Close() {
	c.cancel()
	c.mu.Lock()   // A refresh that is being started has started then.
	c.mu.Unlock() //nolint:staticcheck // The section is empty on purpose.
	c.refreshes.Wait()
	c.save()
}

// join returns the end of the refresh under way, which it starts if one is due,
// or nil.
func (c *Cache) join() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil && c.ctx.Err() == nil && c.isDue(time.Now()) {
		c.running = make(chan struct{})
		c.refreshes.Go(c.runRefresh)
	}
	return c.running
}

// isDue reports whether a refresh has anything to do.
func (c *Cache) isDue(now time.Time) bool {
	return !now.Before(c.heldUntil) && (c.list.isDue(now) || c.entries.isDue(now))
}

// selection returns a text that differs between configurations that select other
// customers.
func (cfg *Config) selection() string {
	return fmt.Sprintf("include %v exclude %v shard %d of %d", cfg.Include, cfg.Exclude, cfg.Shard.Index, max(cfg.Shard.Total, 1))
}

// clean makes a string fit for a label.
func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
