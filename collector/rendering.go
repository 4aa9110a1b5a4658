package collector

import (
	"compress/flate"
	"io"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
)

// fragment is a family in a format, compressed: whole deflate blocks, which refer to
// nothing before them, and end with a full byte. An uncompressed response inflates
// them, since a text takes thirty times as much memory.
type fragment struct {
	chunkBuffer

	sum checksum // of the text
}

// rendering is a snapshot of which a family is rendered in each requested format.
type rendering struct {
	snapshot cache.Snapshot
	renderer *renderer
	readers  *readers

	mu        sync.Mutex
	fragments map[fragmentKey]func() *fragment
}

// readers are the responses that hold fragments of a rendering. They do not hold the
// rendering itself, whose snapshot is larger.
type readers struct{ count int }

type fragmentKey struct {
	family string
	format expfmt.Format
}

func newRendering(snapshot cache.Snapshot, by *renderer) *rendering {
	return &rendering{snapshot: snapshot, renderer: by, readers: &readers{}, fragments: map[fragmentKey]func() *fragment{}}
}

// families returns those families in a format whose names are selected.
func (r *rendering) families(format expfmt.Format, selects func(name string) bool) []*fragment {
	var fragments []*fragment
	for i := range customerFamilies {
		if selects(customerFamilies[i].name) {
			fragments = append(fragments, r.fragment(&customerFamilies[i], format))
		}
	}
	return fragments
}

// fragment returns a family in a format. It is rendered once; concurrent calls wait
// for the rendering.
func (r *rendering) fragment(f *family, format expfmt.Format) *fragment {
	key := fragmentKey{f.name, format}
	r.mu.Lock()
	render, known := r.fragments[key]
	if !known {
		render = sync.OnceValue(func() *fragment { return r.renderer.render(&part{*f, r.snapshot.Customers}, format) })
		r.fragments[key] = render
	}
	r.mu.Unlock()
	return render()
}

// renderer renders one family after the other, which needs a tenth of the memory of
// all at once.
type renderer struct {
	log promhttp.Logger

	mu         sync.Mutex // held while a family is rendered
	compressor *flate.Writer
}

func newRenderer(log promhttp.Logger) *renderer {
	compressor, _ := flate.NewWriter(nil, flate.DefaultCompression) // The level is valid.
	return &renderer{log: log, compressor: compressor}
}

func (r *renderer) render(family *part, format expfmt.Format) *fragment {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := &fragment{}
	r.compressor.Reset(f)
	r.encode(io.MultiWriter(r.compressor, &f.sum), family, format)
	_ = r.compressor.Flush() // Memory takes everything. No block is the last one.
	f.clip()
	return f
}

// encode gathers and encodes a family. It does not close the encoder, since the end
// of the exposition is for the live families to write.
func (r *renderer) encode(w io.Writer, family *part, format expfmt.Format) {
	encoder := expfmt.NewEncoder(w, format)
	gathered, err := registryOf(family).Gather()
	r.complain(err)
	for _, metrics := range gathered {
		r.complain(encoder.Encode(metrics))
	}
}

func (r *renderer) complain(err error) {
	if err != nil && r.log != nil {
		r.log.Println("error rendering the customers:", err)
	}
}

// endOfDeflate is an empty last block.
const endOfDeflate = "\x03\x00"

// inflate writes the text of fragments.
func inflate(w io.Writer, fragments []*fragment) error {
	var blocks []io.Reader
	for _, f := range fragments {
		blocks = append(blocks, f.readers()...)
	}
	_, err := io.Copy(w, flate.NewReader(io.MultiReader(append(blocks, strings.NewReader(endOfDeflate))...)))
	return err
}
