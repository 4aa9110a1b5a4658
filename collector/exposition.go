package collector

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
)

// exposition serves the families of the customers as they were rendered for
// another scrape, and the live ones as they are now.
type exposition struct {
	cache    *cache.Cache
	log      promhttp.Logger
	live     http.Handler // serves the live families
	renderer *renderer

	mu     sync.Mutex // guards the fields below, and the readers of all renderings
	latest *rendering // of the snapshot that the last scrape used
	held   int        // renderings with readers
}

// maxHeld is the most renderings that responses hold. While readers that are slow hold
// so many, other scrapes share the latest one.
const maxHeld = 4

// NewExposition returns the handler that serves what an [Exporter] of the cache
// and the live registry have. It responds as [promhttp.HandlerFor] does, whose
// options it takes, except that it knows no compression but gzip.
//
// A family of the customers is rendered once for each requested format and
// compression, and again when the customers have changed. The live families follow
// them, as more of the text or more messages, and within the same gzip member.
func NewExposition(cache *cache.Cache, live prometheus.Gatherer, opts promhttp.HandlerOpts) http.Handler {
	opts.OfferedCompressions = []promhttp.Compression{promhttp.Identity, promhttp.Gzip}
	return &exposition{
		cache:    cache,
		log:      opts.ErrorLog,
		live:     promhttp.HandlerFor(prometheus.Gatherers{registryOf(NewStatsCollector(cache)), live}, opts),
		renderer: newRenderer(opts.ErrorLog),
	}
}

func registryOf(c prometheus.Collector) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	return registry
}

// ServeHTTP responds to a scrape. The handler of the live families negotiates the
// encoding and writes to memory, so that only this function writes to the client.
func (e *exposition) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	live := &liveResponse{ResponseWriter: w, status: http.StatusOK}
	e.live.ServeHTTP(live, r)
	err := cmp.Or(e.write(w, live, r.URL.Query()["name[]"]), r.Context().Err())
	if err != nil && e.log != nil {
		e.log.Println("error sending a response:", &WriteError{err})
	}
}

// WriteError is the error of a response that the client did not read to its end. The
// logger of [NewExposition] gets one for each such response.
type WriteError struct {
	// Err is the cause: of the write, or of the context of a request whose client hung
	// up before its response was written.
	Err error
}

// Error implements error.
func (e *WriteError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *WriteError) Unwrap() error { return e.Err }

// write writes the response: those families of the customers that have one of the
// names, or all if there are no names, and what is live. In place of an error of the
// live handler it writes nothing else.
func (e *exposition) write(w http.ResponseWriter, live *liveResponse, names []string) error {
	if live.status != http.StatusOK {
		w.WriteHeader(live.status)
		_, err := w.Write(live.body.Bytes())
		return err
	}
	current, held := e.acquire()
	defer e.release(held)
	families := current.families(live.format(), func(name string) bool { return len(names) == 0 || slices.Contains(names, name) })
	if live.Header().Get("Content-Encoding") == string(promhttp.Gzip) {
		return writeMember(w, families, live.body.Bytes())
	}
	if err := inflate(w, families); err != nil {
		return err
	}
	_, err := w.Write(live.body.Bytes())
	return err
}

// liveResponse keeps the response of the handler of the live families. Its header is
// that of the response to the client.
type liveResponse struct {
	http.ResponseWriter

	status int
	body   bytes.Buffer
}

// WriteHeader implements [http.ResponseWriter].
func (l *liveResponse) WriteHeader(status int) { l.status = status }

// Write implements [http.ResponseWriter]. It never fails.
func (l *liveResponse) Write(b []byte) (int, error) { return l.body.Write(b) }

// format returns what the handler of the live families has negotiated. No name has
// anything to escape, whatever a scraper asks for.
func (l *liveResponse) format() expfmt.Format {
	return expfmt.Format(l.Header().Get("Content-Type")).WithEscapingScheme(model.NoEscaping)
}

// A gzip member is a header, which Go writes without any of the optional parts,
// the compressed text, and the checksum and the length of the text (RFC 1952).
const (
	gzipHeader  = 10
	gzipTrailer = 8
)

// writeMember writes the text of fragments and of a gzip member as one member. One of
// its own would be as good to Prometheus, but curl and browsers read the first one
// only. That is sound because fragments end with a full byte, and because the deflate
// blocks of the member refer to nothing before them.
func writeMember(w io.Writer, fragments []*fragment, member []byte) error {
	blocks, trailer := member[gzipHeader:len(member)-gzipTrailer], member[len(member)-gzipTrailer:]
	if _, err := w.Write(member[:gzipHeader]); err != nil {
		return err
	}
	var sum checksum
	for _, f := range fragments {
		if err := f.writeTo(w); err != nil {
			return err
		}
		sum = sum.then(f.sum)
	}
	sum = sum.then(checksum{binary.LittleEndian.Uint32(trailer), binary.LittleEndian.Uint32(trailer[4:])})
	end := binary.LittleEndian.AppendUint32(bytes.Clone(blocks), sum.crc)
	_, err := w.Write(binary.LittleEndian.AppendUint32(end, sum.length))
	return err
}

// acquire returns the rendering of what the cache holds now, and its readers, to be
// released after the response. It renders nothing itself, so that a scrape waits for no
// rendering but its own.
func (e *exposition) acquire() (*rendering, *readers) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.latest == nil || e.held < maxHeld && !e.cache.IsCurrent(&e.latest.snapshot) {
		e.latest = newRendering(e.cache.Snapshot(), e.renderer)
	}
	r := e.latest.readers
	if r.count++; r.count == 1 {
		e.held++
	}
	return e.latest, r
}

func (e *exposition) release(r *readers) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.count--; r.count == 0 {
		e.held--
	}
}
