package collector

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
)

var (
	up = desc("", "up",
		"Whether the last refresh got a token and listed the customers.")
	customersMissing = desc("", "customers_missing",
		"Known customers that the last list of customers lacks, while that list is not yet believed; 0 else.")
	usageAccessible = desc("", "usage_accessible",
		"Whether the partner may read usage: 0 while more than half of the fetched customers fail for lack of permission, other than by an ended relationship.")
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
	certificateExpiry = desc("auth", "certificate_expiry_timestamp_seconds",
		"When the application's certificate expires, in seconds since the epoch, as of the last exchange of tokens. There is no series without a certificate.")
	errorsTotal = desc("", "errors_total",
		"Failed attempts to list the customers or to fetch a customer's usage, after retries.", "reason")
)

// StatsCollector is the [prometheus.Collector] of a cache's own state. It has no
// series of a customer, so that its cost does not depend on their number.
type StatsCollector struct{ cache *cache.Cache }

var _ prometheus.Collector = (*StatsCollector)(nil)

// NewStatsCollector returns the collector of a cache's [Stats].
func NewStatsCollector(cache *cache.Cache) *StatsCollector { return &StatsCollector{cache} }

// Describe implements [prometheus.Collector].
func (h *StatsCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		up, customersMissing, usageAccessible, refreshSuccess, refreshDuration, cacheLookups, cacheHits, concurrencyLimit, refreshTokenIssued, certificateExpiry, errorsTotal,
	} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (h *StatsCollector) Collect(ch chan<- prometheus.Metric) {
	collectStats(ch, h.cache.Stats())
}

func collectStats(ch chan<- prometheus.Metric, h cache.Stats) {
	gauge(ch, up, boolean(h.Up))
	gauge(ch, customersMissing, float64(h.Missing))
	gauge(ch, usageAccessible, boolean(h.UsageAccessible))
	gauge(ch, concurrencyLimit, float64(h.ConcurrencyLimit))
	count(ch, cacheLookups, float64(h.Lookups))
	count(ch, cacheHits, float64(h.Hits))
	timestamp(ch, refreshTokenIssued, h.RefreshTokenIssued)
	timestamp(ch, certificateExpiry, h.CertificateExpiry)
	timestamp(ch, refreshSuccess, h.LastSuccess)
	if !h.LastSuccess.IsZero() {
		gauge(ch, refreshDuration, h.LastDuration.Seconds())
	}
	for _, reason := range client.Reasons() {
		count(ch, errorsTotal, float64(h.Errors[reason]), string(reason))
	}
}
