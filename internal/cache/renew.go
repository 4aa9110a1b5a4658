package cache

import (
	"context"
	"time"
)

// Renew starts a refresh that lists the customers and fetches those again whose last
// fetch failed, whatever delay the failures impose. It waits for the refresh in progress
// first, and starts none if the context ends before that.
func (c *Cache) Renew(ctx context.Context) {
	c.mu.Lock()
	running := c.running
	c.mu.Unlock()
	if running != nil {
		select {
		case <-running:
		case <-ctx.Done():
			return
		}
	}
	c.expire(time.Now())
	c.join()
}

// expire makes the list of customers and every failed customer due.
func (c *Cache) expire(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heldUntil, c.listDueAt = time.Time{}, now
	for _, e := range c.entries {
		if e.err != nil {
			e.retryAt = now
		}
	}
	c.changed()
}
