package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// namedFault is a fault that is switched on by its name.
type namedFault struct {
	name string
	// effect completes the sentence "While the fault is on, ...".
	effect    string
	endpoints []client.Endpoint
	// play responds to the request, or returns false to leave it to the endpoint.
	play func(e exchange) bool
}

// exchange is one request that a named fault may respond to.
type exchange struct {
	sim *Simulator
	w   http.ResponseWriter
	r   *http.Request
	// serve is the endpoint's own handler.
	serve http.HandlerFunc
	// turn counts the requests that met the fault since it was switched on, from 1.
	turn int
}

var (
	onList    = []client.Endpoint{client.EndpointCustomers}
	onSummary = []client.Endpoint{client.EndpointUsageSummary}
	onRecords = []client.Endpoint{client.EndpointUsageRecords}
	onUsage   = []client.Endpoint{client.EndpointUsageSummary, client.EndpointUsageRecords}
	onAPI     = []client.Endpoint{client.EndpointCustomers, client.EndpointUsageSummary, client.EndpointUsageRecords}
	onToken   = []client.Endpoint{client.EndpointToken}
)

// namedFaults are sorted by endpoint. Of several that are on, the first that
// responds is played.
var namedFaults = slices.Concat(proxyFaults(), listFaults, summaryFaults, recordFaults, refusalFaults, tokenFaults)

// FaultNames returns the names that [Simulator.SetFault] accepts, sorted.
func FaultNames() []string {
	names := []string{monthStart}
	for _, f := range namedFaults {
		names = append(names, f.name)
	}
	slices.Sort(names)
	return names
}

// FaultEffect returns what a named fault does, or "" if there is no such fault.
func FaultEffect(name string) string {
	if name == monthStart {
		return monthStartEffect
	}
	for _, f := range namedFaults {
		if f.name == name {
			return f.effect
		}
	}
	return ""
}

// SetFault switches a named fault on or off, for the requests from now on. It
// returns an error if there is no fault of that name.
func (s *Simulator) SetFault(name string, on bool) error {
	if FaultEffect(name) == "" {
		return fmt.Errorf("no fault is named %q", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.named, name)
	if on {
		s.named[name] = 0
	}
	return nil
}

func (s *Simulator) hasFault(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, on := s.named[name]
	return on
}

// turn counts a request that meets a fault, and reports whether the fault is on.
func (s *Simulator) turn(name string) (count int, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	count, on = s.named[name]
	if on {
		s.named[name] = count + 1
	}
	return count + 1, on
}

// withNamedFaults returns the handler of an endpoint that the faults which are on
// respond in the place of.
func (s *Simulator) withNamedFaults(endpoint client.Endpoint, serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, f := range namedFaults {
			if !slices.Contains(f.endpoints, endpoint) {
				continue
			}
			turn, on := s.turn(f.name)
			if on && f.play(exchange{sim: s, w: w, r: r, serve: serve, turn: turn}) {
				return
			}
		}
		serve(w, r)
	}
}

// recording keeps a response, so that a fault can alter it.
type recording struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recording) Header() http.Header         { return r.header }
func (r *recording) WriteHeader(status int)      { r.status = status }
func (r *recording) Write(p []byte) (int, error) { return r.body.Write(p) }

// rewrite returns a play that alters the body of each successful response.
// Numbers of the body are [json.Number].
func rewrite(change func(e exchange, body object)) func(exchange) bool {
	return func(e exchange) bool {
		kept := &recording{header: e.w.Header(), status: http.StatusOK}
		e.serve(kept, e.r)
		content := kept.body.Bytes()
		if kept.status == http.StatusOK {
			content = rewritten(e, content, change)
		}
		e.w.WriteHeader(kept.status)
		_, _ = e.w.Write(content)
		return true
	}
}

func rewritten(e exchange, content []byte, change func(e exchange, body object)) []byte {
	text, marked := bytes.CutPrefix(content, []byte("\xef\xbb\xbf"))
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	body := object{}
	if decoder.Decode(&body) != nil {
		return content
	}
	change(e, body)
	text, err := json.Marshal(body)
	if err != nil {
		return content
	}
	if marked {
		text = append([]byte("\xef\xbb\xbf"), text...)
	}
	return text
}

// items returns the items of a collection.
func items(body object) []any {
	list, _ := body["items"].([]any)
	return list
}

// setAll returns a change that sets fields of a body.
func setAll(fields object) func(exchange, object) {
	return func(_ exchange, body object) { maps.Copy(body, fields) }
}
