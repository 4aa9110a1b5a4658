package weblimit_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/weblimit"
)

// patience is how long a test waits for what has to come, on any machine.
const patience = 20 * time.Second

// boundedServer is a server with a bound of connections.
type boundedServer struct {
	address string
	closed  atomic.Int32  // connections closed to make room
	busy    chan struct{} // gets a value when a request waits for the gate
	idle    chan struct{} // gets a value when a response has ended
}

// bounded starts a server of so many connections, whose paths other than "/" wait for
// the gate.
func bounded(t *testing.T, most int, gate <-chan struct{}) *boundedServer {
	t.Helper()
	b := &boundedServer{busy: make(chan struct{}, 100), idle: make(chan struct{}, 100)}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			b.busy <- struct{}{}
			<-gate
		}
		fmt.Fprintln(w, "healthy")
	}))
	connections := weblimit.NewConnections(most, func() { b.closed.Add(1) })
	server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		connections.State(conn, state)
		if state == http.StateIdle {
			b.idle <- struct{}{}
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	b.address = server.Listener.Addr().String()
	return b
}

// dial opens a connection and sends some text.
func dial(t *testing.T, address, text string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

// status reads the status of a response.
func status(t *testing.T, conn net.Conn) string {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error(err)
	}
	return resp.Status
}

const get = "GET %s HTTP/1.1\r\nHost: some\r\n\r\n"

// Connections without a request, or with a part of one, take no place from those with
// a request: not from a new one, nor from one in progress.
func TestHalfOpenConnections(t *testing.T) {
	gate := make(chan struct{})
	server := bounded(t, 8, gate)
	slow := dial(t, server.address, fmt.Sprintf(get, "/slow"))
	<-server.busy
	var got []string
	for i := range 10 {
		for range 10 {
			dial(t, server.address, strings.Repeat("GET / HTTP/1.1\r\n", i%2))
		}
		got = append(got, status(t, dial(t, server.address, fmt.Sprintf(get, "/"))))
	}
	close(gate)
	got = append(got, status(t, slow))
	want := []string{"200 OK", "200 OK", "200 OK", "200 OK", "200 OK", "200 OK", "200 OK", "200 OK", "200 OK", "200 OK", "200 OK"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if server.closed.Load() < 100 {
		t.Errorf("%d connections were closed of 111, want all but the 8 allowed", server.closed.Load())
	}
}

// A connection that is kept alive without a request gives way, the oldest first.
func TestIdleConnections(t *testing.T) {
	server := bounded(t, 2, nil)
	first := dial(t, server.address, fmt.Sprintf(get, "/"))
	got := []string{status(t, first)}
	<-server.idle
	second := dial(t, server.address, fmt.Sprintf(get, "/"))
	got = append(got, status(t, second))
	<-server.idle
	got = append(got, status(t, dial(t, server.address, fmt.Sprintf(get, "/"))))
	if n, err := first.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("the oldest connection is still open: %d bytes", n)
	}
	if _, err := fmt.Fprintf(second, get, "/"); err != nil {
		t.Error(err)
	}
	got = append(got, status(t, second))
	if diff := cmp.Diff([]string{"200 OK", "200 OK", "200 OK", "200 OK"}, got); diff != "" {
		t.Error(diff)
	}
}

// While all connections have a request in progress, a few more are accepted, and no
// more than these.
func TestBusyConnections(t *testing.T) {
	gate := make(chan struct{})
	defer close(gate)
	server := bounded(t, 4, gate)
	for range 40 {
		dial(t, server.address, fmt.Sprintf(get, "/slow"))
	}
	for began := time.Now(); server.closed.Load() < 20 && time.Since(began) < patience; {
		dial(t, server.address, fmt.Sprintf(get, "/slow"))
	}
	if server.closed.Load() < 20 {
		t.Errorf("%d connections were closed, want all but 20", server.closed.Load())
	}
}
