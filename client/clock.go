package client

import (
	"net/http"
	"sync"
	"time"
)

// clock compares this machine's clock with Microsoft's.
type clockSkew struct {
	mu    sync.Mutex
	ahead time.Duration
	known bool
}

// note takes the date of an answer, which was written between when its request
// was sent and now, and is cut to the second.
func (c *clockSkew) note(header http.Header, sent, now time.Time) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = true
	switch {
	case date.After(now):
		c.ahead = now.Sub(date)
	case date.Before(sent.Add(-time.Second)):
		c.ahead = sent.Sub(date)
	default:
		c.ahead = 0
	}
}

// ClockSkew returns how far this machine's clock is ahead of Microsoft's, or
// behind it if negative, by the Date header of the last response. What may be
// due to the header's resolution of a second, or to the call's length, is none.
// known is false before the first response with such a header.
func (c *Client) ClockSkew() (ahead time.Duration, known bool) {
	c.clockSkew.mu.Lock()
	defer c.clockSkew.mu.Unlock()
	return c.clockSkew.ahead, c.clockSkew.known
}
