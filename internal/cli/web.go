package cli

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/pprof"
	"path"
	"strconv"
	"strings"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"

	"github.com/azure-csp-exporter/azure_csp_exporter/collector"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
)

// telemetryPath accepts a path that is none of the others served.
func telemetryPath(text string) (string, error) {
	switch {
	case !strings.HasPrefix(text, "/"), text != path.Clean(text), strings.ContainsAny(text, "{} ?#%"):
		return "", fmt.Errorf("%q is not a path such as /metrics", text)
	case strings.HasPrefix(text+"/", "/-/"), strings.HasPrefix(text+"/", "/debug/pprof/"), text == "/":
		return "", fmt.Errorf("%q is taken", text)
	}
	return text, nil
}

// handler serves everything that the exporter serves.
func (f *exporterFlags) handler(cache *cache.Cache, api *collector.ClientMetrics, env *environment) (http.Handler, error) {
	landing, err := f.landingPage()
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(api, versioncollector.NewCollector(name))
	mux := http.NewServeMux()
	mux.Handle("GET "+f.telemetryPath, collector.NewHandler(cache, f.metrics(cache, registry, env.logger), collector.HandlerConfig{
		MaxWait:       f.maxWait,
		TimeoutOffset: f.offset,
		MaxRequests:   f.maxRequests,
	}))
	mux.Handle("GET /{$}", landing)
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "healthy") })
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) { ready(w, cache) })
	if f.pprof {
		handlePprof(mux)
	}
	return mux, nil
}

func ready(w http.ResponseWriter, cache *cache.Cache) {
	if !cache.Ready() {
		http.Error(w, "not ready: not every customer has been asked for yet", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// metrics answers a scrape from the cache and the registry, to which it adds the
// exporter's own metrics unless they are not wanted.
func (f *exporterFlags) metrics(cache *cache.Cache, registry *prometheus.Registry, logger log.Logger) http.Handler {
	opts := promhttp.HandlerOpts{
		ErrorLog:          gatherLog{logger},
		ErrorHandling:     promhttp.ContinueOnError,
		EnableOpenMetrics: true,
	}
	if f.bare {
		return collector.NewExposition(cache, registry, opts)
	}
	registry.MustRegister(
		// The metrics of runtime.MemStats have two families that become one in
		// OpenMetrics, which strict parsers refuse. Those of runtime/metrics say
		// the same of the memory.
		collectors.NewGoCollector(
			collectors.WithGoCollectorMemStatsMetricsDisabled(),
			collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsMemory),
		),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	opts.Registry = registry
	return promhttp.InstrumentMetricHandler(registry, collector.NewExposition(cache, registry, opts))
}

// gatherLog logs what promhttp cannot expose.
type gatherLog struct{ logger log.Logger }

// Println implements promhttp.Logger.
func (l gatherLog) Println(v ...any) {
	var gathering prometheus.MultiError
	for _, part := range v {
		if err, ok := part.(error); ok && errors.As(err, &gathering) {
			_ = level.Error(l.logger).Log("msg", "metrics cannot be exposed", "errors", len(gathering), "first", gathering[0])
			return
		}
	}
	_ = level.Error(l.logger).Log("msg", "a scrape cannot be answered", "err", strings.TrimSpace(fmt.Sprintln(v...)))
}

func (f *exporterFlags) landingPage() (http.Handler, error) {
	return web.NewLandingPage(web.LandingConfig{
		Name:        name,
		Description: "What the customers of an Azure CSP partner spend, for Prometheus",
		Version:     version.Info(),
		Profiling:   strconv.FormatBool(f.pprof),
		Links: []web.LandingLinks{
			{Address: f.telemetryPath, Text: "Metrics", Description: "cost, budget and billing period of every customer"},
			{Address: "/-/ready", Text: "Ready", Description: "whether every customer has been asked for once"},
			{Address: "/-/healthy", Text: "Healthy", Description: "whether the exporter is alive"},
		},
	})
}

func handlePprof(mux *http.ServeMux) {
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
}
