package weblimit

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// reserve is how many connections more than the most are accepted while all others
// have a request in progress, so that a short request still gets its response.
const reserve = 16

// Connections bounds the connections of a server. A new connection beyond the bound
// takes the place of the oldest one without a request in progress, which is half-open
// or idle: a client that sends no request cannot keep out those that do.
type Connections struct {
	most   int
	closed func()

	mu    sync.Mutex                 // guards the fields below
	open  map[net.Conn]*list.Element // in quiet, nil during a request
	quiet *list.List                 // connections without a request in progress, the oldest first
}

// NewConnections returns a bound of most connections, or of half the files that the
// process may open if that is less. It calls closed whenever it closes a connection.
func NewConnections(most int, closed func()) *Connections {
	if files, bounded := openFileLimit(); bounded {
		most = min(most, max(files/2, 1))
	}
	return &Connections{most: most, closed: closed, open: map[net.Conn]*list.Element{}, quiet: list.New()}
}

// Most returns the bound.
func (c *Connections) Most() int { return c.most }

// State is the ConnState of the server.
func (c *Connections) State(conn net.Conn, state http.ConnState) {
	if surplus := c.update(conn, state); surplus != nil {
		_ = rawConn(surplus).Close()
		c.closed()
	}
}

// update records the state of a connection, and returns the connection that has to be
// closed for it, or nil.
func (c *Connections) update(conn net.Conn, state http.ConnState) (surplus net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.open[conn] = c.quiet.PushBack(conn)
		return c.surplus(conn)
	case http.StateActive:
		if c.forget(conn) {
			c.open[conn] = nil
		}
	case http.StateIdle:
		if c.forget(conn) {
			c.open[conn] = c.quiet.PushBack(conn)
		}
	case http.StateClosed, http.StateHijacked:
		c.forget(conn)
	}
	return nil
}

// surplus forgets and returns the connection that has to be closed after a new one was
// accepted, or nil.
func (c *Connections) surplus(newest net.Conn) net.Conn {
	oldest := c.quiet.Front().Value.(net.Conn) //nolint:forcetypeassert // The list has no others.
	if len(c.open) <= c.most || oldest == newest && len(c.open) <= c.most+reserve {
		return nil
	}
	c.forget(oldest)
	return oldest
}

// forget removes a connection and reports whether it was known. One that was closed to
// make room is no longer.
func (c *Connections) forget(conn net.Conn) bool {
	element, open := c.open[conn]
	if element != nil {
		c.quiet.Remove(element)
	}
	delete(c.open, conn)
	return open
}

// rawConn returns the connection below TLS, whose end needs no message to the client.
func rawConn(conn net.Conn) net.Conn {
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		return secure.NetConn()
	}
	return conn
}
