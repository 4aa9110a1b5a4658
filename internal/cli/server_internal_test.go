package cli

import (
	"bufio"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"github.com/azure-csp-exporter/azure_csp_exporter/collector"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache/cachetest"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/weblimit/weblimittest"
)

// A reader of any page that stalls loses its connection after 30 s.
func TestReadersThatStall(t *testing.T) {
	for _, path := range []string{"/metrics", "/", "/-/healthy", "/-/ready"} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := cachetest.NewCache(t, cachetest.New(1000))
				cachetest.Scrape(t, c)
				env := &environment{logger: log.NewNopLogger()}
				flags := &exporterFlags{telemetryPath: "/metrics", maxRequests: 40, maxConnections: 512}
				handler, err := flags.handler(c, collector.NewClientMetrics(), env)
				if err != nil {
					t.Fatal(err)
				}
				server := flags.newServer(handler, env, func(net.Addr) {})
				closed := make(chan time.Time, 1)
				server.ConnState = func(_ net.Conn, state http.ConnState) {
					if state == http.StateClosed {
						closed <- time.Now()
					}
				}
				began := time.Now()
				reader := weblimittest.Get(t, server, path)
				if status, err := bufio.NewReaderSize(reader, 16).ReadString('\n'); status != "HTTP/1.1 200 OK\r\n" {
					t.Fatalf("%q, %v", status, err)
				}
				if took := (<-closed).Sub(began); took != 30*time.Second {
					t.Errorf("The connection was closed after %v, want 30 s", took)
				}
			})
		})
	}
}
