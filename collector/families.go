package collector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
)

// estimate is what every help text of an amount has to say.
const estimate = " Cached estimate by Microsoft, not for billing."

// family is a metric family of the customers. It changes only with them.
type family struct {
	descriptor

	collect func(ch chan<- prometheus.Metric, d *prometheus.Desc, customers []cache.Customer)
}

// descriptor is a descriptor with the name that it does not reveal.
type descriptor struct {
	name string
	desc *prometheus.Desc
}

// Describe sends the family's descriptor.
func (f *family) Describe(ch chan<- *prometheus.Desc) { ch <- f.desc }

// customerFamilies are in the order in which Prometheus' libraries expose them.
var customerFamilies = []family{
	{
		customerDesc("billing_period_end_timestamp_seconds",
			"End of the current billing period as the API states it, in seconds since the epoch: the first instant after it (Azure plan) or its last day (legacy). Cached."),
		figures(func(s series, f *client.UsageSummary) { s.timestamp(f.BillingEnd) }),
	},
	{
		customerDesc("billing_period_start_timestamp_seconds",
			"Start of the current billing period as the API states it, in seconds since the epoch. Cached."),
		figures(func(s series, f *client.UsageSummary) { s.timestamp(f.BillingStart) }),
	},
	{
		customerDesc("budget",
			"Spending budget of a billing period, in the customer's billing currency. There is no series where none is set. Cached.", "currency"),
		figures(func(s series, f *client.UsageSummary) { s.optional(f.Budget, f.Currency) }),
	},
	{
		customerDesc("fetch_success",
			"Whether the last attempt to fetch the customer's usage succeeded; a customer without usage counts as a success."),
		each(func(s series) {
			if s.Status != cache.StatusPending {
				s.gauge(boolean(s.Status.Succeeded()))
			}
		}),
	},
	{
		customerDesc("info",
			"The customer's domain and its relationship to the partner. Always 1.", "domain", "relationship"),
		each(func(s series) { s.gauge(1, s.Domain, s.Relationship) }),
	},
	{
		customerDesc("total_cost",
			"Estimated cost of the current billing period so far, in the customer's billing currency."+estimate, "currency"),
		figures(func(s series, f *client.UsageSummary) { s.gauge(f.TotalCost, f.Currency) }),
	},
	{
		customerDesc("total_cost_usd",
			"Estimated cost of the current billing period so far in US dollars, where the API states it."+estimate),
		figures(func(s series, f *client.UsageSummary) { s.optional(f.USDTotalCost) }),
	},
	{
		customerDesc("usage_fetched_timestamp_seconds",
			"When the exporter last knew the cached figures to be current, in seconds since the epoch."),
		figures(func(s series, _ *client.UsageSummary) { s.timestamp(s.Fetched) }),
	},
	{
		customerDesc("usage_last_modified_timestamp_seconds",
			"When Microsoft last changed the figures, in seconds since the epoch. Cached."),
		figures(func(s series, f *client.UsageSummary) { s.timestamp(f.LastModified) }),
	},
	{
		describe("", "customers",
			"Customers by state, as of the last attempt to fetch their usage.", "status"),
		collectStates,
	},
}

func customerDesc(name, help string, labels ...string) descriptor {
	return describe("customer", name, help, append([]string{"customer_id", "customer_name"}, labels...)...)
}

func describe(subsystem, name, help string, labels ...string) descriptor {
	return descriptor{prometheus.BuildFQName(namespace, subsystem, name), desc(subsystem, name, help, labels...)}
}

// each collects a family with at most one series of each customer.
func each(collect func(series)) func(chan<- prometheus.Metric, *prometheus.Desc, []cache.Customer) {
	return func(ch chan<- prometheus.Metric, d *prometheus.Desc, customers []cache.Customer) {
		for i := range customers {
			collect(series{&customers[i], ch, d})
		}
	}
}

// figures collects a family of which only customers with figures have a series.
func figures(collect func(series, *client.UsageSummary)) func(chan<- prometheus.Metric, *prometheus.Desc, []cache.Customer) {
	return each(func(s series) {
		if s.Figures != nil {
			collect(s, s.Figures)
		}
	})
}

func collectStates(ch chan<- prometheus.Metric, d *prometheus.Desc, customers []cache.Customer) {
	states := map[cache.Status]int{}
	for i := range customers {
		states[customers[i].Status]++
	}
	for _, status := range cache.Statuses() {
		gauge(ch, d, float64(states[status]), string(status))
	}
}

// series is one customer's in one family.
type series struct {
	*cache.Customer

	ch   chan<- prometheus.Metric
	desc *prometheus.Desc
}

func (s series) gauge(value float64, labels ...string) {
	gauge(s.ch, s.desc, value, s.labels(labels)...)
}

func (s series) optional(value *float64, labels ...string) {
	if value != nil {
		s.gauge(*value, labels...)
	}
}

func (s series) timestamp(t time.Time) { timestamp(s.ch, s.desc, t, s.labels(nil)...) }

func (s series) labels(more []string) []string {
	return append([]string{client.CanonicalID(s.ID), s.Name}, more...)
}

// Collectors returns a collector for each family that describes customers.
func Collectors(customers []cache.Customer) []prometheus.Collector {
	collectors := make([]prometheus.Collector, len(customerFamilies))
	for i, f := range customerFamilies {
		collectors[i] = &part{f, customers}
	}
	return collectors
}

// part is a family of a snapshot as a [prometheus.Collector].
type part struct {
	family

	customers []cache.Customer
}

// Collect implements [prometheus.Collector].
func (p *part) Collect(ch chan<- prometheus.Metric) { p.collect(ch, p.desc, p.customers) }
