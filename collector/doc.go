// Package collector turns what a partner's customers spend on Azure into
// Prometheus metrics.
//
// Data flows one way. A scrape reaches the handler of [NewHandler], which waits for a
// refresh of the [cache.Cache] until the scrape's deadline. Then the handler of
// [NewExposition] responds with the customers of the cache's Snapshot, rendered once
// for many scrapes, and with the exporter's own metrics of a registry. Only the cache
// sends requests, through a [cache.Source], for a bounded number of customers at once.
//
//	api := collector.NewClientMetrics()
//	partner, err := client.New(client.Config{Trace: api.Trace, …})
//	c := cache.New(partner, cache.Config{Concurrency: 8, TTL: time.Hour, MaxAge: 24 * time.Hour})
//	defer c.Close()
//	registry := prometheus.NewRegistry()
//	registry.MustRegister(api)
//	exposition := collector.NewExposition(c, registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
//	handler := collector.NewHandler(c, exposition, collector.HandlerConfig{})
//
// What was fetched once stays exposed until [cache.Config.MaxAge], whatever fails
// later; the ages and the success gauges show whether it is still good.
package collector
