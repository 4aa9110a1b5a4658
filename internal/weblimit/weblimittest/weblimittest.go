// Package weblimittest serves HTTP over connections in memory, whose reader sets the
// pace, so that a test of a slow reader runs in a bubble of testing/synctest.
package weblimittest

import (
	"io"
	"net"
	"net/http"
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
