package collector

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
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
	cache *cache.Cache
	log   promhttp.Logger
	live  http.Handler // serves the live families
	all   http.Handler // serves everything, freshly gathered

	mu     sync.Mutex
	latest *rendering // of the snapshot that the last scrape used
}

// NewExposition returns the handler that serves what an [Exporter] of the cache
// and the live registry have. It answers as [promhttp.HandlerFor] does, whose
// options it takes, except that it knows no compression but gzip.
//
// The families of the customers are rendered once for each requested format and
// compression, and again when they have changed. The live families follow them, as
// more of the text or more messages, and within the same gzip member.
func NewExposition(cache *cache.Cache, live prometheus.Gatherer, opts promhttp.HandlerOpts) http.Handler {
	opts.OfferedCompressions = []promhttp.Compression{promhttp.Identity, promhttp.Gzip}
	return &exposition{
		cache: cache,
		log:   opts.ErrorLog,
		live:  promhttp.HandlerFor(prometheus.Gatherers{registryOf(NewStatsCollector(cache)), live}, opts),
		all:   promhttp.HandlerFor(prometheus.Gatherers{registryOf(NewExporter(cache)), live}, opts),
	}
}

func registryOf(c prometheus.Collector) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	return registry
}

// ServeHTTP answers a scrape. One that wants some families only is rare enough
// to have everything gathered.
func (e *exposition) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Has("name[]") {
		e.all.ServeHTTP(w, r)
		return
	}
	answer := &prependingWriter{ResponseWriter: w, exposition: e}
	e.live.ServeHTTP(answer, r)
	answer.end()
}

// prependingWriter begins a successful response with the rendered families, in the
// format and the compression that the handler has negotiated.
type prependingWriter struct {
	http.ResponseWriter

	exposition *exposition
	started    bool
	rendered   *chunkBuffer
	member     *bytes.Buffer // what is live, compressed, until it is joined; nil without compression
}

// Unwrap makes the writer known to [http.ResponseController].
func (p *prependingWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// WriteHeader is called for errors only: success goes without saying.
func (p *prependingWriter) WriteHeader(status int) {
	p.started = true
	p.ResponseWriter.WriteHeader(status)
}

func (p *prependingWriter) Write(b []byte) (int, error) {
	if !p.started {
		p.started = true
		p.rendered = p.exposition.rendered(p.Header())
		if p.rendered.compressed {
			p.member = &bytes.Buffer{}
		}
		if err := p.rendered.writeTo(p.ResponseWriter); err != nil {
			return 0, err
		}
	}
	if p.member != nil {
		return p.member.Write(b)
	}
	return p.ResponseWriter.Write(b)
}

// end joins what is live to the member that the rendered bytes began. A member of
// its own would be as good to Prometheus, but curl and browsers read the first one
// only.
func (p *prependingWriter) end() {
	if p.member == nil {
		return
	}
	joined, err := p.rendered.join(p.member.Bytes())
	if err == nil {
		_, err = p.ResponseWriter.Write(joined)
	}
	if err != nil && p.exposition.log != nil {
		p.exposition.log.Println("error sending what is live:", err)
	}
}

// rendered returns the families of the customers in the form that the header
// announces.
func (e *exposition) rendered(header http.Header) *chunkBuffer {
	return e.current().body(encoding{
		// No name has anything to escape, whatever a scraper asks for.
		format: expfmt.Format(header.Get("Content-Type")).WithEscapingScheme(model.NoEscaping),
		gzip:   header.Get("Content-Encoding") == string(promhttp.Gzip),
	})
}

// current returns the rendering of what the cache holds now. It renders nothing
// itself, so that a scrape waits for no rendering but its own.
func (e *exposition) current() *rendering {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.latest == nil || !e.cache.IsCurrent(&e.latest.snapshot) {
		e.latest = &rendering{snapshot: e.cache.Snapshot(), log: e.log, bodies: map[encoding]func() *chunkBuffer{}}
	}
	return e.latest
}

// encoding is the negotiated format and compression of a response.
type encoding struct {
	format expfmt.Format
	gzip   bool
}

// rendering is a snapshot in every encoding that was requested.
type rendering struct {
	snapshot cache.Snapshot
	log      promhttp.Logger

	mu     sync.Mutex
	bodies map[encoding]func() *chunkBuffer
}

// body returns the snapshot in an encoding. It is rendered once; concurrent calls wait
// for the rendering.
func (r *rendering) body(f encoding) *chunkBuffer {
	r.mu.Lock()
	render, known := r.bodies[f]
	if !known {
		render = sync.OnceValue(func() *chunkBuffer { return r.render(f) })
		r.bodies[f] = render
	}
	r.mu.Unlock()
	return render()
}

func (r *rendering) render(f encoding) *chunkBuffer {
	b := &chunkBuffer{compressed: f.gzip}
	if !f.gzip {
		r.encode(b, f.format)
		return b
	}
	w := gzip.NewWriter(b)
	r.encode(io.MultiWriter(w, &b.sum), f.format)
	_ = w.Flush() // Memory takes everything. The member is left open.
	return b
}

// encode gathers and encodes one family after the other, which needs a tenth of
// the memory of all at once. It does not close the encoder, since the end of the
// exposition is for the live families to write.
func (r *rendering) encode(w io.Writer, format expfmt.Format) {
	encoder := expfmt.NewEncoder(w, format)
	for _, family := range Collectors(r.snapshot.Customers) {
		gathered, err := registryOf(family).Gather()
		r.complain(err)
		for _, metrics := range gathered {
			r.complain(encoder.Encode(metrics))
		}
	}
}

func (r *rendering) complain(err error) {
	if err != nil && r.log != nil {
		r.log.Println("error rendering the customers:", err)
	}
}
