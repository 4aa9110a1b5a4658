package collector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

const namespace = "azure_csp"

// estimate is what every help text of an amount has to say.
const estimate = " Cached estimate by Microsoft, not for billing."

var (
	totalCost = customerDesc("total_cost",
		"Estimated cost of the current billing period so far, in the customer's billing currency."+estimate, "currency")
	totalCostUSD = customerDesc("total_cost_usd",
		"Estimated cost of the current billing period so far in US dollars, where the API states it."+estimate)
	budget = customerDesc("budget",
		"Spending budget of a billing period, in the customer's billing currency. There is no series where none is set. Cached.", "currency")
	periodStart = customerDesc("billing_period_start_timestamp_seconds",
		"Start of the current billing period as the API states it, in seconds since the epoch. Cached.")
	periodEnd = customerDesc("billing_period_end_timestamp_seconds",
		"End of the current billing period as the API states it, in seconds since the epoch: the first instant after it (Azure plan) or its last day (legacy). Cached.")
	lastModified = customerDesc("usage_last_modified_timestamp_seconds",
		"When Microsoft last changed the figures, in seconds since the epoch. Cached.")
	fetched = customerDesc("usage_fetched_timestamp_seconds",
		"When the exporter last knew the cached figures to be current, in seconds since the epoch.")
	fetchSuccess = customerDesc("fetch_success",
		"Whether the last attempt to fetch the customer's usage succeeded. To learn that there is none is a success.")
	customerInfo = customerDesc("info",
		"The customer's domain and its relationship to the partner. Always 1.", "domain", "relationship")

	customers = desc("", "customers",
		"Customers by state, which is told by the last attempt to fetch their usage.", "status")
	up = desc("", "up",
		"Whether the last refresh got a token and listed the customers.")
	refreshSuccess = desc("refresh", "last_success_timestamp_seconds",
		"When the last whole refresh ended, in seconds since the epoch.")
	refreshDuration = desc("refresh", "duration_seconds",
		"How long the last whole refresh took.")
	cacheLookups = desc("cache", "lookups_total",
		"Customers looked up by scrapes.")
	cacheHits = desc("cache", "hits_total",
		"Customers looked up by scrapes whose cached state was fresh.")
	concurrencyLimit = desc("api", "concurrency_limit",
		"How many calls may be in flight now. Throttling lowers it, and it grows back to the configured concurrency.")
	refreshTokenIssued = desc("auth", "refresh_token_timestamp_seconds",
		"When the stored refresh token was issued, in seconds since the epoch. It dies after 90 idle days.")
	errorsTotal = desc("", "errors_total",
		"Failed attempts to list the customers or to fetch a customer's usage, after retries.", "reason")
)

func desc(subsystem, name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, subsystem, name), help, labels, nil)
}

func customerDesc(name, help string, labels ...string) *prometheus.Desc {
	return desc("customer", name, help, append([]string{"customer_id", "customer_name"}, labels...)...)
}

// Exporter is the [prometheus.Collector] of a [Cache]. To gather it never waits
// and never fails.
type Exporter struct{ cache *Cache }

var _ prometheus.Collector = (*Exporter)(nil)

// NewExporter returns the collector of a cache.
func NewExporter(cache *Cache) *Exporter { return &Exporter{cache} }

// Describe implements [prometheus.Collector].
func (e *Exporter) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		totalCost, totalCostUSD, budget, periodStart, periodEnd, lastModified, fetched, fetchSuccess, customerInfo,
		customers, up, refreshSuccess, refreshDuration, cacheLookups, cacheHits, concurrencyLimit, refreshTokenIssued, errorsTotal,
	} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (e *Exporter) Collect(ch chan<- prometheus.Metric) {
	s := e.cache.Snapshot()
	for i := range s.Customers {
		series{ch, &s.Customers[i]}.collect()
	}
	collectStates(ch, s.Customers)
	collectRefreshes(ch, &s)
	for _, reason := range client.Reasons() {
		count(ch, errorsTotal, float64(s.Errors[reason]), string(reason))
	}
}

func collectStates(ch chan<- prometheus.Metric, all []Customer) {
	states := map[Status]int{}
	for i := range all {
		states[all[i].Status]++
	}
	for _, status := range Statuses() {
		gauge(ch, customers, float64(states[status]), string(status))
	}
}

func collectRefreshes(ch chan<- prometheus.Metric, s *Snapshot) {
	gauge(ch, up, boolean(s.Up))
	gauge(ch, concurrencyLimit, float64(s.ConcurrencyLimit))
	count(ch, cacheLookups, float64(s.Lookups))
	count(ch, cacheHits, float64(s.Hits))
	timestamp(ch, refreshTokenIssued, s.RefreshTokenIssued)
	timestamp(ch, refreshSuccess, s.LastSuccess)
	if !s.LastSuccess.IsZero() {
		gauge(ch, refreshDuration, s.LastDuration.Seconds())
	}
}

// series are those of one customer.
type series struct {
	ch       chan<- prometheus.Metric
	customer *Customer
}

func (s series) collect() {
	c := s.customer
	s.gauge(customerInfo, 1, c.Domain, c.Relationship)
	if c.Attempted {
		s.gauge(fetchSuccess, boolean(c.Success))
	}
	if c.Figures == nil {
		return
	}
	s.gauge(totalCost, c.Figures.TotalCost, c.Figures.Currency)
	s.optional(totalCostUSD, c.Figures.USDTotalCost)
	s.optional(budget, c.Figures.Budget, c.Figures.Currency)
	s.timestamp(periodStart, c.Figures.BillingStart)
	s.timestamp(periodEnd, c.Figures.BillingEnd)
	s.timestamp(lastModified, c.Figures.LastModified)
	s.timestamp(fetched, c.Fetched)
}

func (s series) gauge(d *prometheus.Desc, value float64, labels ...string) {
	gauge(s.ch, d, value, s.labels(labels)...)
}

func (s series) optional(d *prometheus.Desc, value *float64, labels ...string) {
	if value != nil {
		s.gauge(d, *value, labels...)
	}
}

func (s series) timestamp(d *prometheus.Desc, t time.Time) { timestamp(s.ch, d, t, s.labels(nil)...) }

func (s series) labels(more []string) []string {
	return append([]string{clean(client.CanonicalID(s.customer.ID)), s.customer.Name}, more...)
}

func gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func count(ch chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
}

// timestamp leaves out a time that is not known.
func timestamp(ch chan<- prometheus.Metric, d *prometheus.Desc, t time.Time, labels ...string) {
	if t.IsZero() {
		return
	}
	gauge(ch, d, float64(t.Unix())+float64(t.Nanosecond())/1e9, labels...)
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
