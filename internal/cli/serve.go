package cli

import (
	"context"
	"fmt"
	"net"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log/level"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/collector"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/atomicfile"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
)

// serveCommand runs the exporter.
type serveCommand struct {
	partner  partnerFlags
	exporter exporterFlags
}

func newServe(to *kingpin.CmdClause) *serveCommand {
	s := &serveCommand{}
	s.partner.define(to)
	s.exporter.define(to, defaults{listenAddress: ":10058", ttl: "1h"})
	validate(to, s.partner.check, s.exporter.check)
	return s
}

func (s *serveCommand) run(ctx context.Context, env *environment) error {
	cfg, err := s.partner.config()
	if err != nil {
		return err
	}
	return s.exporter.serve(ctx, env, cfg, func(net.Addr) {})
}

// exporterFlags are the flags of the commands that serve metrics.
type exporterFlags struct {
	concurrency     int
	ttl, maxAge     time.Duration
	cacheFile       string
	fullRefresh     time.Duration
	usageRecords    bool
	selection       cache.Selection
	shard           cache.Shard
	maxWait, offset time.Duration
	maxRequests     int
	maxConnections  int
	telemetryPath   string
	bare, pprof     bool
	web             *web.FlagConfig
}

// defaults are the flag defaults that differ between these commands.
type defaults struct{ listenAddress, ttl string }

func (f *exporterFlags) define(to flagger, d defaults) {
	define(to, "api.concurrency", "Maximum number of concurrent usage requests.", &f.concurrency, positive).Default("8")
	define(to, "cache.ttl", "Age at which a customer's summary becomes stale and is fetched again.", &f.ttl, duration(0)).Default(d.ttl)
	define(to, "cache.max-age", "Age at which a stale summary is no longer exposed.", &f.maxAge, duration(0)).Default("24h")
	define(to, "cache.full-refresh", "Age at which a customer's summary is fetched even if its usage record is unchanged.", &f.fullRefresh, duration(0)).Default("24h")
	to.Flag("cache.usage-records", "Fetch the usage records of all customers first, and only the summaries of customers whose record changed.").Default("true").BoolVar(&f.usageRecords)
	to.Flag("cache.file", "File that keeps the cache across restarts.").StringVar(&f.cacheFile)
	define(to, "scrape.max-wait", "Maximum time a scrape waits for a refresh; 0 means until the scrape's deadline.", &f.maxWait, duration(0)).Default("0s")
	defineSelection(to, &f.selection)
	define(to, "shard", "Index of this exporter among those that share the customers, starting at 0.", &f.shard.Index, natural).Default("0")
	define(to, "total-shards", "Number of exporters that share the customers.", &f.shard.Total, positive).Default("1")
	f.web = kingpinflag.AddFlags(to, d.listenAddress)
	define(to, "web.telemetry-path", "Path of the metrics endpoint.", &f.telemetryPath, telemetryPath).Default("/metrics")
	define(to, "web.timeout-offset", "Duration subtracted from the scrape timeout that Prometheus sends.", &f.offset, duration(0)).Default("500ms")
	define(to, "web.max-requests", "Maximum number of responses to scrapes in progress; further scrapes wait until their deadline, and then get status 503.", &f.maxRequests, positive).Default("40")
	define(to, "web.max-connections", "Maximum number of connections, at most half of the open file limit; a new one replaces the oldest without a request.", &f.maxConnections, positive).Default("512")
	to.Flag("web.disable-exporter-metrics", "Exclude metrics about the exporter itself (go_*, process_*, promhttp_*).").BoolVar(&f.bare)
	to.Flag("web.enable-pprof", "Serve profiles under /debug/pprof/.").BoolVar(&f.pprof)
}

// telemetryPath parses a path that does not collide with another one served.
func telemetryPath(text string) (string, error) {
	switch {
	case !strings.HasPrefix(text, "/"), text != path.Clean(text), strings.ContainsAny(text, "{} ?#%"):
		return "", fmt.Errorf("%q is not a path such as /metrics", text)
	case strings.HasPrefix(text+"/", "/-/"), strings.HasPrefix(text+"/", "/debug/pprof/"), text == "/":
		return "", fmt.Errorf("%q is reserved", text)
	}
	return text, nil
}

// check rejects combinations of flags that no single flag reveals as wrong.
func (f *exporterFlags) check() error {
	if f.maxAge < f.ttl {
		return fmt.Errorf("--cache.max-age: %s is less than --cache.ttl (%s); figures would expire before they are refreshed", f.maxAge, f.ttl)
	}
	if f.shard.Index >= f.shard.Total {
		return fmt.Errorf("--shard: %d must be less than --total-shards (%d)", f.shard.Index, f.shard.Total)
	}
	return nil
}

// checkWebConfig validates the file of the web configuration, if there is one.
func (f *exporterFlags) checkWebConfig() error {
	if *f.web.WebConfigFile == "" {
		return nil
	}
	if err := web.Validate(*f.web.WebConfigFile); err != nil {
		return fmt.Errorf("--web.config.file: %w", err)
	}
	return nil
}

// checkCacheFile rejects a file that the cache must not replace, whether or not it
// exists.
func (f *exporterFlags) checkCacheFile(cfg client.Config) error {
	if f.cacheFile == "" {
		return nil
	}
	for _, secret := range cfg.SecretFiles() {
		if atomicfile.Same(f.cacheFile, secret.Path) {
			return fmt.Errorf("--cache.file: %s is a credential file; choose another file", f.cacheFile)
		}
	}
	if atomicfile.Same(f.cacheFile, *f.web.WebConfigFile) {
		return fmt.Errorf("--cache.file: %s is the file of --web.config.file; choose another file", f.cacheFile)
	}
	if err := cache.CheckFile(f.cacheFile); err != nil {
		return fmt.Errorf("--cache.file: %w", err)
	}
	return nil
}

// serve runs the exporter until the context is done. It calls listening with each
// address that the server listens on.
func (f *exporterFlags) serve(ctx context.Context, env *environment, cfg client.Config, listening func(net.Addr)) error {
	hangups, restore := notifyHangups()
	defer restore()
	if err := f.checkWebConfig(); err != nil {
		return err
	}
	api := collector.NewClientMetrics()
	cfg.Trace, cfg.Logger, cfg.Concurrency = api.Trace, env.logger, f.concurrency
	c, err := client.New(cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	// The client has read the files with secrets, so that to compare one of them with
	// the cache file cannot hang.
	if err := f.checkCacheFile(cfg); err != nil {
		return err
	}
	cache := cache.New(c, cache.Config{
		Concurrency:  f.concurrency,
		TTL:          f.ttl,
		UsageRecords: f.usageRecords,
		FullRefresh:  f.fullRefresh,
		MaxAge:       f.maxAge,
		Timeout:      cfg.Timeout,
		Selection:    f.selection,
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
	var reloads sync.WaitGroup
	defer reloads.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reloads.Go(func() {
		f.reloadAt(ctx, hangups, env, cfg.CheckFiles, func() {
			c.Reload()
			cache.Renew(ctx)
		})
	})
	return f.listen(ctx, env, cache, f.newServer(handler, env, listening))
}
