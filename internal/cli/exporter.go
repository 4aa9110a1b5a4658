package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"time"

	"github.com/go-kit/log/level"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/collector"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
)

// shutdownTimeout bounds how long answers under way may take after SIGTERM.
const shutdownTimeout = 10 * time.Second

// writeTimeout bounds how long an answer may take, from the longest wait for a
// refresh to a reader that is slow.
const writeTimeout = collector.LongestWait + time.Minute

// exporterFlags are those of the commands that serve metrics.
type exporterFlags struct {
	concurrency      int
	ttl, maxAge      time.Duration
	cacheFile        string
	fullRefresh      time.Duration
	usageRecords     bool
	include, exclude *regexp.Regexp
	shard            cache.Shard
	maxWait, offset  time.Duration
	maxRequests      int
	telemetryPath    string
	bare, pprof      bool
	web              *web.FlagConfig
}

// defaults are what differs between the commands that serve metrics.
type defaults struct{ listenAddress, ttl string }

func (f *exporterFlags) define(to flagger, d defaults) {
	define(to, "api.concurrency", "Most usage calls in flight.", &f.concurrency, positive).Default("8")
	define(to, "cache.ttl", "Age from which a customer's summary is fetched again.", &f.ttl, duration(0)).Default(d.ttl)
	define(to, "cache.max-age", "Age from which a stale summary is no longer exposed.", &f.maxAge, duration(0)).Default("24h")
	define(to, "cache.full-refresh", "Age from which a customer's summary is fetched whatever the usage records say.", &f.fullRefresh, duration(0)).Default("24h")
	to.Flag("cache.usage-records", "Ask for the usage records of all customers first, and fetch only the summaries of those that changed.").Default("true").BoolVar(&f.usageRecords)
	to.Flag("cache.file", "File that keeps what is known across restarts.").StringVar(&f.cacheFile)
	define(to, "scrape.max-wait", "Longest a scrape waits for a refresh that it found in flight or started; 0 is the scrape's deadline.", &f.maxWait, duration(0)).Default("0s")
	define(to, "customers.include", "Expose only customers whose id, name or domain this anchored regular expression matches.", &f.include, anchored)
	define(to, "customers.exclude", "Do not expose customers whose id, name or domain this anchored regular expression matches.", &f.exclude, anchored)
	define(to, "shard", "Index of this exporter among those that divide the customers, from 0 on.", &f.shard.Index, natural).Default("0")
	define(to, "total-shards", "Number of exporters that divide the customers.", &f.shard.Total, positive).Default("1")
	f.web = kingpinflag.AddFlags(to, d.listenAddress)
	define(to, "web.telemetry-path", "Path under which the metrics are exposed.", &f.telemetryPath, telemetryPath).Default("/metrics")
	define(to, "web.timeout-offset", "Taken off the timeout that Prometheus states with a scrape.", &f.offset, duration(0)).Default("500ms")
	define(to, "web.max-requests", "Most scrapes at once, before 503.", &f.maxRequests, positive).Default("40")
	to.Flag("web.disable-exporter-metrics", "Leave out the metrics of the exporter itself (go_*, process_*, promhttp_*).").BoolVar(&f.bare)
	to.Flag("web.enable-pprof", "Serve profiles below /debug/pprof/.").BoolVar(&f.pprof)
}

// check refuses what each flag alone does not show to be wrong.
func (f *exporterFlags) check() error {
	if f.maxAge < f.ttl {
		return fmt.Errorf("--cache.max-age: %s is less than --cache.ttl, %s, so that figures would vanish before they are fetched again", f.maxAge, f.ttl)
	}
	if f.shard.Index >= f.shard.Total {
		return fmt.Errorf("--shard: %d is not below --total-shards, %d", f.shard.Index, f.shard.Total)
	}
	if *f.web.WebConfigFile == "" {
		return nil
	}
	if err := web.Validate(*f.web.WebConfigFile); err != nil {
		return fmt.Errorf("--web.config.file: %w", err)
	}
	return nil
}

// checkCacheFile refuses a path whose content the cache must not replace.
func (f *exporterFlags) checkCacheFile(cfg client.Config) error {
	if f.cacheFile == "" {
		return nil
	}
	info, err := os.Stat(f.cacheFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("--cache.file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("--cache.file: %s is not a regular file", f.cacheFile)
	}
	for _, secret := range []string{cfg.RefreshTokenFile, cfg.BootstrapRefreshTokenFile, cfg.ClientSecretFile, cfg.CertificateFile, cfg.CertificateKeyFile} {
		if other, err := os.Stat(secret); err == nil && os.SameFile(info, other) {
			return fmt.Errorf("--cache.file: %s holds a credential, choose another file", f.cacheFile)
		}
	}
	return nil
}

// serve exposes the partner's metrics until the context ends. It calls listening
// with each address that it serves.
func (f *exporterFlags) serve(ctx context.Context, env *environment, cfg client.Config, listening func(net.Addr)) error {
	if err := f.checkCacheFile(cfg); err != nil {
		return err
	}
	api := collector.NewClientMetrics()
	cfg.Trace, cfg.Logger, cfg.Concurrency = api.Trace, env.logger, f.concurrency
	partner, err := client.New(cfg)
	if err != nil {
		return err
	}
	defer partner.Close()
	cache := cache.New(partner, cache.Config{
		Concurrency:  f.concurrency,
		TTL:          f.ttl,
		UsageRecords: f.usageRecords,
		FullRefresh:  f.fullRefresh,
		MaxAge:       f.maxAge,
		Include:      f.include,
		Exclude:      f.exclude,
		Shard:        f.shard,
		File:         f.cacheFile,
		Owner:        cfg.Cloud.Name + "/" + cfg.TenantID,
		Logger:       env.logger,
	})
	defer cache.Close()
	handler, err := f.handler(cache, api, env)
	if err != nil {
		return err
	}
	_ = level.Info(env.logger).Log("msg", "starting", "program", name, "version", version.Info())
	cache.StartRefresh()
	return f.listen(ctx, env, cache, newServer(handler, env, listening))
}

// newServer bounds what a client can make the server wait for or keep.
func newServer(handler http.Handler, env *environment, listening func(net.Addr)) *http.Server {
	return &http.Server{
		Handler:           http.MaxBytesHandler(handler, 64<<10),
		ErrorLog:          slog.NewLogLogger(slogger(env.logger).Handler(), slog.LevelWarn),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		// The one place where the server tells which port it was given.
		BaseContext: func(l net.Listener) context.Context {
			listening(l.Addr())
			return context.Background()
		},
	}
}

// listen serves until the context ends. Then it closes the cache first, so that
// scrapes which wait for it answer at once with what there is.
func (f *exporterFlags) listen(ctx context.Context, env *environment, cache *cache.Cache, server *http.Server) error {
	ctx, stop := context.WithCancel(ctx)
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		cache.Close()
		timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		stopped <- server.Shutdown(timeout)
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
