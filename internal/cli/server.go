package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"
	"golang.org/x/time/rate"

	"github.com/azure-csp-exporter/azure_csp_exporter/collector"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/weblimit"
)

// shutdownTimeout bounds the wait for responses in progress after SIGTERM. None of them
// waits for a refresh then.
const shutdownTimeout = 3 * time.Second

// writeTimes bound how long the reader of a response may take. No scrape of
// Prometheus reads that long: its own timeout bounds the wait and the response
// together.
var writeTimes = weblimit.WriteTimes{Stalled: 30 * time.Second, Whole: 2 * time.Minute}

// writeTimeout bounds a response that is not written piece by piece, and the wait
// before the first piece of others.
var writeTimeout = collector.LongestWait + writeTimes.Whole

// newServer returns a server that bounds the time and memory a client can take.
func (f *exporterFlags) newServer(handler http.Handler, env *environment, listening func(net.Addr)) *http.Server {
	return &http.Server{
		ConnState:         f.connections(env.logger).State,
		Handler:           http.MaxBytesHandler(handler, 64<<10),
		ErrorLog:          slog.NewLogLogger(slogger(env.logger).Handler(), slog.LevelWarn),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		// Only here does the server reveal the port that it listens on.
		BaseContext: func(l net.Listener) context.Context {
			listening(l.Addr())
			return context.Background()
		},
	}
}

// connections returns the bound of connections. It logs at most once a minute that it
// has closed some.
func (f *exporterFlags) connections(logger log.Logger) *weblimit.Connections {
	var connections *weblimit.Connections
	sometimes := rate.Sometimes{Interval: time.Minute}
	connections = weblimit.NewConnections(f.maxConnections, func() {
		sometimes.Do(func() {
			_ = level.Warn(logger).Log("msg", "too many connections: closing those without a request", "limit", connections.Most())
		})
	})
	if most := connections.Most(); most < f.maxConnections {
		_ = level.Info(logger).Log("msg", "fewer connections are accepted than --web.max-connections allows: half of the files that the process may open", "limit", most)
	}
	return connections
}

// listen serves until the context is done. It then closes the cache first, so that
// scrapes that wait for a refresh return at once with the cached figures.
func (f *exporterFlags) listen(ctx context.Context, env *environment, cache *cache.Cache, server *http.Server) error {
	ctx, stop := context.WithCancel(ctx)
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		cache.Close()
		stopped <- shutDown(context.WithoutCancel(ctx), server, env.logger)
	}()
	err := web.ListenAndServe(server, f.web, slogger(env.logger))
	stop()
	shutdownErr := <-stopped
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("--web.listen-address: %w", err)
	}
	_ = level.Info(env.logger).Log("msg", "stopped")
	return shutdownErr
}

// shutDown waits for the responses in progress, and closes the connections of those
// whose readers are slow.
func shutDown(ctx context.Context, server *http.Server, logger log.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, shutdownTimeout)
	defer cancel()
	err := server.Shutdown(ctx)
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	_ = level.Warn(logger).Log("msg", "closing connections whose responses are not read to their end")
	return server.Close()
}

// handler returns the handler of all routes. Only profiles, which may be
// written for minutes, have no limit but the server's.
func (f *exporterFlags) handler(cache *cache.Cache, api *collector.ClientMetrics, env *environment) (http.Handler, error) {
	landing, err := f.landingPage()
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(api, versioncollector.NewCollector(name))
	mux := http.NewServeMux()
	handle := func(path string, page http.Handler) { mux.Handle("GET "+path, weblimit.Writes(page, writeTimes)) }
	handle(f.telemetryPath, collector.NewHandler(cache, f.metrics(cache, registry, env.logger), collector.HandlerConfig{
		MaxWait:       f.maxWait,
		TimeoutOffset: f.offset,
		MaxRequests:   f.maxRequests,
	}))
	handle("/{$}", landing)
	handle("/-/healthy", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "healthy") }))
	handle("/-/ready", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { ready(w, cache) }))
	if f.pprof {
		handlePprof(mux)
	}
	return mux, nil
}

func ready(w http.ResponseWriter, cache *cache.Cache) {
	if !cache.Ready() {
		http.Error(w, "not ready: some customers have not been fetched yet", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// metrics returns the handler of a scrape, which gathers the cache and the
// registry. It registers the metrics about the exporter itself unless they are
// disabled.
func (f *exporterFlags) metrics(cache *cache.Cache, registry *prometheus.Registry, logger log.Logger) http.Handler {
	opts := promhttp.HandlerOpts{
		ErrorLog:          scrapeLog{logger},
		ErrorHandling:     promhttp.ContinueOnError,
		EnableOpenMetrics: true,
	}
	if f.bare {
		return collector.NewExposition(cache, registry, opts)
	}
	registry.MustRegister(
		// Two families of runtime.MemStats become one in OpenMetrics, which strict
		// parsers reject. The metrics of runtime/metrics cover the same memory.
		collectors.NewGoCollector(
			collectors.WithGoCollectorMemStatsMetricsDisabled(),
			collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsMemory),
		),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	opts.Registry = registry
	return promhttp.InstrumentMetricHandler(registry, collector.NewExposition(cache, registry, opts))
}

// scrapeLog logs the errors of scrapes, one line for each scrape.
type scrapeLog struct{ logger log.Logger }

// Println implements promhttp.Logger.
func (l scrapeLog) Println(v ...any) {
	text := strings.TrimSpace(fmt.Sprintln(v...))
	for _, part := range v {
		err, _ := part.(error)
		if gathering, ok := errors.AsType[prometheus.MultiError](err); ok {
			_ = level.Error(l.logger).Log("msg", "gathering metrics failed", "errors", len(gathering), "first", gathering[0])
			return
		}
		if unread, ok := errors.AsType[*collector.WriteError](err); ok {
			_ = level.Debug(l.logger).Log("msg", "a client hung up or read too slowly", "err", unread)
			return
		}
	}
	_ = level.Error(l.logger).Log("msg", "serving a scrape failed", "err", text)
}

func (f *exporterFlags) landingPage() (http.Handler, error) {
	return web.NewLandingPage(web.LandingConfig{
		Name:        name,
		Description: "Cost of Azure CSP customers, for Prometheus",
		Version:     version.Info(),
		Profiling:   strconv.FormatBool(f.pprof),
		Links: []web.LandingLinks{
			{Address: f.telemetryPath, Text: "Metrics", Description: "cost, budget and billing period of every customer"},
			{Address: "/-/ready", Text: "Ready", Description: "whether every customer has been fetched once"},
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
