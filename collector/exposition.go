package collector

import (
	"compress/gzip"
	"io"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// exposition serves the families of the customers as they were rendered for
// another scrape, and the live ones as they are now.
type exposition struct {
	cache *Cache
	log   promhttp.Logger
	live  http.Handler // serves the live families
	all   http.Handler // serves everything, freshly gathered

	mu     sync.Mutex
	latest *rendering // of the snapshot that the last scrape asked for
}

// NewExposition returns the handler that serves what an [Exporter] of the cache
// and the live registry have. It answers as [promhttp.HandlerFor] does, whose
// options it takes, except that it knows no compression but gzip.
//
// What tells of the customers is rendered once for each format and compression
// that is asked for, and again when it has changed. What is live follows it as
// one more gzip member, and as one more piece of the text or more messages.
func NewExposition(cache *Cache, live prometheus.Gatherer, opts promhttp.HandlerOpts) http.Handler {
	opts.OfferedCompressions = []promhttp.Compression{promhttp.Identity, promhttp.Gzip}
	return &exposition{
		cache: cache,
		log:   opts.ErrorLog,
		live:  promhttp.HandlerFor(prometheus.Gatherers{registryOf(NewHealth(cache)), live}, opts),
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
	e.live.ServeHTTP(&prefixed{ResponseWriter: w, exposition: e}, r)
}

// prefixed begins a successful answer with what is rendered in the format and
// the compression that the handler has negotiated.
type prefixed struct {
	http.ResponseWriter

	exposition *exposition
	begun      bool
}

// Unwrap makes the writer known to [http.ResponseController].
func (p *prefixed) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// WriteHeader is called for errors only: success goes without saying.
func (p *prefixed) WriteHeader(status int) {
	p.begun = true
	p.ResponseWriter.WriteHeader(status)
}

func (p *prefixed) Write(b []byte) (int, error) {
	if !p.begun {
		p.begun = true
		if err := p.exposition.rendered(p.Header()).writeTo(p.ResponseWriter); err != nil {
			return 0, err
		}
	}
	return p.ResponseWriter.Write(b)
}

// rendered returns the families of the customers in the form that the header
// announces.
func (e *exposition) rendered(header http.Header) *chunks {
	return e.current().body(form{
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
	if e.latest == nil || !e.cache.stillHolds(&e.latest.snapshot) {
		e.latest = &rendering{snapshot: e.cache.Snapshot(), log: e.log, bodies: map[form]func() *chunks{}}
	}
	return e.latest
}

// form is what a scraper and the handler agree on.
type form struct {
	format expfmt.Format
	gzip   bool
}

// rendering is a snapshot in every form that has been asked for.
type rendering struct {
	snapshot Snapshot
	log      promhttp.Logger

	mu     sync.Mutex
	bodies map[form]func() *chunks
}

// body returns the snapshot in a form. Who asks while it is rendered waits for
// that, and nobody renders it again.
func (r *rendering) body(f form) *chunks {
	r.mu.Lock()
	body, known := r.bodies[f]
	if !known {
		body = sync.OnceValue(func() *chunks { return r.render(f) })
		r.bodies[f] = body
	}
	r.mu.Unlock()
	return body()
}

func (r *rendering) render(f form) *chunks {
	body := &chunks{}
	if !f.gzip {
		r.encode(body, f.format)
		return body
	}
	w := gzip.NewWriter(body)
	r.encode(w, f.format)
	_ = w.Close() // Memory takes everything.
	return body
}

// encode gathers and encodes one family after the other, which needs a tenth of
// the memory of all at once. It does not close the encoder, since the end of the
// exposition is for the live families to write.
func (r *rendering) encode(w io.Writer, format expfmt.Format) {
	encoder := expfmt.NewEncoder(w, format)
	for _, family := range r.snapshot.Collectors() {
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

// chunks are a long text in pieces, which grows without being copied.
type chunks [][]byte

const chunkSize = 128 << 10

// Write implements [io.Writer]. It never fails.
func (c *chunks) Write(b []byte) (int, error) {
	written := len(b)
	for len(b) > 0 {
		last := len(*c) - 1
		if last < 0 || len((*c)[last]) == chunkSize {
			*c = append(*c, make([]byte, 0, chunkSize))
			continue
		}
		n := min(len(b), chunkSize-len((*c)[last]))
		(*c)[last] = append((*c)[last], b[:n]...)
		b = b[n:]
	}
	return written, nil
}

func (c *chunks) writeTo(w io.Writer) error {
	for _, chunk := range *c {
		if _, err := w.Write(chunk); err != nil {
			return err
		}
	}
	return nil
}
