package collector

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// ClientMetrics measures the requests to Partner Center. Give its Trace to
// [client.Config], and register it beside the [Exporter].
type ClientMetrics struct {
	requests  *prometheus.CounterVec
	throttled *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	inFlight  prometheus.Gauge
}

var _ prometheus.Collector = (*ClientMetrics)(nil)

// NewClientMetrics returns an API that has measured nothing. The series of all endpoints
// exist from the start, so that the first 429 is an increase.
func NewClientMetrics() *ClientMetrics {
	a := &ClientMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: "api", Name: "requests_total",
			Help: "Requests to Partner Center and its token endpoint by HTTP status, or error where no whole answer arrived.",
		}, []string{"endpoint", "code"}),
		throttled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: "api", Name: "throttled_total",
			Help: "Requests that were answered with 429.",
		}, []string{"endpoint"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: "api", Name: "request_duration_seconds",
			Help:                            "How long requests took, until the answer was read or given up.",
			Buckets:                         []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  100,
			NativeHistogramMinResetDuration: time.Hour,
		}, []string{"endpoint"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Subsystem: "api", Name: "requests_in_flight",
			Help: "Requests that wait for their answer now.",
		}),
	}
	for _, endpoint := range client.Endpoints() {
		a.throttled.WithLabelValues(string(endpoint))
		a.duration.WithLabelValues(string(endpoint))
	}
	return a
}

// Trace measures one request; see [client.Config].
func (a *ClientMetrics) Trace(endpoint client.Endpoint) (done func(status int)) {
	began := time.Now()
	a.inFlight.Inc()
	return func(status int) {
		a.inFlight.Dec()
		a.duration.WithLabelValues(string(endpoint)).Observe(time.Since(began).Seconds())
		a.requests.WithLabelValues(string(endpoint), code(status)).Inc()
		if status == http.StatusTooManyRequests {
			a.throttled.WithLabelValues(string(endpoint)).Inc()
		}
	}
}

func code(status int) string {
	if status == 0 {
		return "error"
	}
	return strconv.Itoa(status)
}

// Describe implements [prometheus.Collector].
func (a *ClientMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range a.parts() {
		c.Describe(ch)
	}
}

// Collect implements [prometheus.Collector].
func (a *ClientMetrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range a.parts() {
		c.Collect(ch)
	}
}

func (a *ClientMetrics) parts() []prometheus.Collector {
	return []prometheus.Collector{a.requests, a.throttled, a.duration, a.inFlight}
}
