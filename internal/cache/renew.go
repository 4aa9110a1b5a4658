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
	now := time.Now()
	c.list.expire(now)
	c.entries.expireFailed(now)
	c.mu.Lock()
	c.heldUntil = time.Time{}
	c.mu.Unlock()
	c.join()
}

// expireFailed makes every entry due whose last attempt failed.
func (t *entries) expireFailed(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.byID {
		if e.err != nil {
			e.retryAt = now
		}
	}
	t.changed()
}
