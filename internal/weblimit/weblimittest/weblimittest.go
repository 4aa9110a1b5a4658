// Package weblimittest has the slow readers of tests: of a server over a connection in
// memory, for a bubble of testing/synctest, and of one over loopback.
package weblimittest

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// Get starts the server on one connection in memory until the test ends, sends a GET
// request, and returns the connection, from which nothing was read.
func Get(t *testing.T, server *http.Server, path string) net.Conn {
	t.Helper()
	listener := &listener{make(chan net.Conn, 1), make(chan struct{})}
	reader, conn := net.Pipe()
	listener.conns <- conn
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // Close makes it return an error.
	}()
	t.Cleanup(func() {
		_ = reader.Close()
		_ = server.Close()
		<-ended
	})
	if _, err := io.WriteString(reader, "GET "+path+" HTTP/1.1\r\nHost: slow\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return reader
}

// Dial sends a GET request for metrics with a timeout of a minute to the address of a
// server, over a connection that buffers little and lasts until the test ends.
func Dial(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	resolved, err := net.ResolveTCPAddr("tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialTCP("tcp", nil, resolved)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: slow\r\nX-Prometheus-Scrape-Timeout-Seconds: 60\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Stall is as Dial, and reads the beginning of the response and nothing more, so that
// its writing has begun.
func Stall(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	conn := Dial(t, address)
	beginning := make([]byte, len("HTTP/1.1 200 OK"))
	if _, err := io.ReadFull(conn, beginning); err != nil || string(beginning) != "HTTP/1.1 200 OK" {
		t.Fatalf("the response begins with %q, %v", beginning, err)
	}
	return conn
}

// listener is a listener of connections in memory.
type listener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	close(l.done)
	return nil
}

func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }
