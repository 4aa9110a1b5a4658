// Package collector turns what a partner's customers spend on Azure into
// Prometheus metrics.
//
// Data flows one way. A scrape reaches the handler of [NewHandler], which lets
// the [Cache] bring itself up to date until the scrape's deadline. Then the
// handler of [NewExposition] responds with the customers of the cache's Snapshot,
// rendered once for many scrapes, and with the exporter's own metrics of a registry. Only the cache asks Partner Center, through a [Source], and
// never more than a fixed number of customers at once.
//
//	api := collector.NewAPI()
//	partner, err := client.New(client.Config{Trace: api.Trace, …})
//	cache := cache.New(partner, cache.Config{Concurrency: 8, TTL: time.Hour, MaxAge: 24 * time.Hour})
//	defer cache.Close()
//	registry := prometheus.NewRegistry()
//	registry.MustRegister(api)
//	exposition := collector.NewExposition(cache, registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
//	handler := collector.NewHandler(cache, exposition, collector.HandlerConfig{})
//
// What was fetched once stays exposed until [Config.MaxAge], whatever fails
// later: the ages and the success gauges tell how good it still is.
package collector
