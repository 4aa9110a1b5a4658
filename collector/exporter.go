package collector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
)

const namespace = "azure_csp"

// Exporter is the [prometheus.Collector] of everything that a [Cache] knows. To
// gather it never waits and never fails. [NewExposition] serves the same, and
// renders the families of the customers once for many scrapes.
type Exporter struct{ cache *cache.Cache }

var _ prometheus.Collector = (*Exporter)(nil)

// NewExporter returns the collector of a cache.
func NewExporter(cache *cache.Cache) *Exporter { return &Exporter{cache} }

// Describe implements [prometheus.Collector].
func (e *Exporter) Describe(ch chan<- *prometheus.Desc) {
	NewStatsCollector(e.cache).Describe(ch)
	for _, f := range customerFamilies {
		f.Describe(ch)
	}
}

// Collect implements [prometheus.Collector].
func (e *Exporter) Collect(ch chan<- prometheus.Metric) {
	s := e.cache.Snapshot()
	collectStats(ch, s.Stats)
	for _, f := range customerFamilies {
		f.collect(ch, f.desc, s.Customers)
	}
}

func desc(subsystem, name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, subsystem, name), help, labels, nil)
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
