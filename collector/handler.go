package collector

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
)

// timeoutHeader is the header in which Prometheus states its scrape timeout.
const timeoutHeader = "X-Prometheus-Scrape-Timeout-Seconds"

// defaultTimeout is a scrape's without a header, as is Prometheus' own default.
const defaultTimeout = 10 * time.Second

// LongestWait bounds how long a scrape waits, whatever timeout Prometheus states.
const LongestWait = 5 * time.Minute

// HandlerConfig bounds how long scrapes wait and how many run at once.
type HandlerConfig struct {
	// MaxWait is the longest a scrape waits for a refresh, besides its own
	// deadline; 0 is no bound.
	MaxWait time.Duration
	// TimeoutOffset is taken off the timeout that Prometheus states.
	TimeoutOffset time.Duration
	// MaxRequests is how many responses are rendered and written at once. A further
	// scrape waits for its turn until its deadline, and then gets 503. As many
	// scrapes may wait for a refresh; a further one gets what the cache holds. 0 is
	// no bound.
	MaxRequests int
}

// NewHandler returns the handler of scrapes: it waits for a refresh of the cache
// until the scrape's deadline, and then lets metrics respond.
func NewHandler(cache *cache.Cache, metrics http.Handler, cfg HandlerConfig) http.Handler {
	most := int64(cfg.MaxRequests)
	if most <= 0 {
		most = math.MaxInt64
	}
	return &handler{cache, metrics, cfg, semaphore.NewWeighted(most), semaphore.NewWeighted(most)}
}

// handler is the handler of scrapes. A scrape that waits for a refresh holds no slot
// for a response, so that a refresh that hangs does not block other scrapes.
type handler struct {
	cache     *cache.Cache
	metrics   http.Handler
	cfg       HandlerConfig
	waits     *semaphore.Weighted // for a refresh
	responses *semaphore.Weighted // being rendered and written
}

// ServeHTTP implements [http.Handler].
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), h.cfg.wait(r.Header.Get(timeoutHeader)))
	defer cancel()
	h.refresh(ctx)
	if !h.responses.TryAcquire(1) && h.responses.Acquire(ctx, 1) != nil {
		http.Error(w, fmt.Sprintf("%d scrapes are being answered already, try again later", h.cfg.MaxRequests), http.StatusServiceUnavailable)
		return
	}
	defer h.responses.Release(1)
	h.metrics.ServeHTTP(w, r)
}

// refresh waits for a refresh of the cache, or only starts it if too many scrapes
// wait for it already.
func (h *handler) refresh(ctx context.Context) {
	if !h.waits.TryAcquire(1) {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		h.cache.Refresh(ended)
		return
	}
	defer h.waits.Release(1)
	h.cache.Refresh(ctx)
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
