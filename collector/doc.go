// Package collector turns what a partner's customers spend on Azure into
// Prometheus metrics.
//
// Data flows one way. A scrape reaches the handler of [NewHandler], which lets
// the [Cache] bring itself up to date until the scrape's deadline, and then has
// the registry gathered. The [Exporter] in that registry turns the cache's
// [Snapshot] into metrics without waiting for anything. Only the cache asks
// Partner Center, through a [Source], and never more than a fixed number of
// customers at once.
//
//	api := collector.NewAPI()
//	partner, err := client.New(client.Config{Trace: api.Trace, …})
//	cache := collector.NewCache(partner, collector.Config{Concurrency: 8, TTL: time.Hour, MaxAge: 24 * time.Hour})
//	defer cache.Close()
//	registry := prometheus.NewRegistry()
//	registry.MustRegister(api, collector.NewExporter(cache))
//	handler := collector.NewHandler(cache, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), collector.HandlerConfig{})
//
// What was fetched once stays exposed until [Config.MaxAge], whatever fails
// later: the ages and the success gauges tell how good it still is.
package collector
