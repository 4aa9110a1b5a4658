package collector

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
)

// timeoutHeader is the header in which Prometheus states its scrape timeout.
const timeoutHeader = "X-Prometheus-Scrape-Timeout-Seconds"

// defaultTimeout is a scrape's without a header, as is Prometheus' own default.
const defaultTimeout = 10 * time.Second

// LongestWait bounds how long a scrape waits for a refresh, whatever timeout
// Prometheus states.
const LongestWait = 10 * time.Minute

// HandlerConfig bounds how long scrapes wait and how many run at once.
type HandlerConfig struct {
	// MaxWait is the longest a scrape waits for a refresh, besides its own
	// deadline; 0 is no bound.
	MaxWait time.Duration
	// TimeoutOffset is taken off the timeout that Prometheus states.
	TimeoutOffset time.Duration
	// MaxRequests is how many scrapes may be answered at once, the others get
	// 503; 0 is no bound.
	MaxRequests int
}

// NewHandler returns the handler of scrapes: it lets the cache bring itself up
// to date until the scrape's deadline, and then has metrics answer.
func NewHandler(cache *cache.Cache, metrics http.Handler, cfg HandlerConfig) http.Handler {
	scrape := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), cfg.wait(r.Header.Get(timeoutHeader)))
		defer cancel()
		cache.Refresh(ctx)
		metrics.ServeHTTP(w, r)
	})
	if cfg.MaxRequests <= 0 {
		return scrape
	}
	return limited(scrape, cfg.MaxRequests)
}

func limited(next http.Handler, most int) http.Handler {
	slots := make(chan struct{}, most)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			next.ServeHTTP(w, r)
		default:
			http.Error(w, fmt.Sprintf("%d scrapes are being answered already, try again later", most), http.StatusServiceUnavailable)
		}
	})
}

// wait returns how long a scrape may wait for a refresh. One whose timeout the
// offset eats up does not wait at all.
func (cfg *HandlerConfig) wait(header string) time.Duration {
	timeout := max(scrapeTimeout(header)-cfg.TimeoutOffset, 0)
	if cfg.MaxWait > 0 {
		return min(timeout, cfg.MaxWait)
	}
	return timeout
}

// scrapeTimeout reads Prometheus' header. A header that makes no sense is never
// stricter than none.
func scrapeTimeout(header string) time.Duration {
	seconds, err := strconv.ParseFloat(header, 64)
	if err != nil || math.IsNaN(seconds) || seconds <= 0 {
		return defaultTimeout
	}
	return time.Duration(min(seconds, LongestWait.Seconds()) * float64(time.Second))
}
