package output

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

const (
	// progressDelay is the time before progress is first shown.
	progressDelay = 500 * time.Millisecond
	// progressInterval is the least time between two updates.
	progressInterval = 100 * time.Millisecond
	// progressWidth is the width of the bar in cells.
	progressWidth = 30
)

// Progress shows on a terminal how many customers of a growing total are done. A
// nil *Progress shows nothing. Its methods may be called concurrently.
type Progress struct {
	w     io.Writer
	width int
	began time.Time

	mu       sync.Mutex // guards the fields below and writes to w
	next     time.Time  // time of the next update
	shown    bool
	total    int
	complete bool // whether total is final
	done     int
}

// NewProgress returns a progress display, or nil if the writer is not a terminal that
// can overwrite a line.
func NewProgress(w io.Writer) *Progress {
	at := ScreenOf(w)
	if !at.Escapes {
		return nil
	}
	return newProgress(w, at.Width)
}

func newProgress(w io.Writer, width int) *Progress {
	now := time.Now()
	return &Progress{w: w, width: width, began: now, next: now.Add(progressDelay)}
}

// Grow adds customers to the total.
func (p *Progress) Grow(customers int) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total += customers
	p.draw()
}

// Complete marks the total as final.
func (p *Progress) Complete() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complete = true
}

// Advance counts one customer as done.
func (p *Progress) Advance() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	p.draw()
}

// Clear erases the display, so that other output can follow.
func (p *Progress) Clear() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

// draw updates the display if an update is due. The caller holds the lock.
func (p *Progress) draw() {
	now := time.Now()
	if now.Before(p.next) {
		return
	}
	p.next, p.shown = now.Add(progressInterval), true
	fmt.Fprint(p.w, "\r\x1b[K"+cells.Truncate(p.text(), p.width-1, "…"))
}

// text returns a bar and the time left only once the total is final.
func (p *Progress) text() string {
	if !p.complete {
		return fmt.Sprintf("%d of more than %d customers", p.done, p.total)
	}
	text := fmt.Sprintf("%s %d of %d customers", Bar(float64(p.done)/float64(max(p.total, 1)), progressWidth), p.done, p.total)
	if left := p.left(); left >= time.Second {
		text += fmt.Sprintf(", %s left", left)
	}
	return text
}

// left estimates the time left from the pace so far, or returns 0 if nothing is done.
func (p *Progress) left() time.Duration {
	if p.done == 0 {
		return 0
	}
	perCustomer := float64(time.Since(p.began)) / float64(p.done)
	return time.Duration(perCustomer * float64(p.total-p.done)).Round(time.Second)
}

// Bar returns a bar of a width in cells, filled to a share between 0 and 1. Shares
// outside that range are clamped.
func Bar(share float64, width int) string {
	full := int(min(max(share, 0), 1) * float64(width))
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}
