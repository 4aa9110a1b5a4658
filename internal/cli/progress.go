package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

const (
	// progressPatience is how long a command may take before it shows how far it is.
	progressPatience = 500 * time.Millisecond
	// progressPace is the time between two pictures of the bar.
	progressPace = 100 * time.Millisecond
	// progressWidth is the bar's in cells.
	progressWidth = 30
)

// progress is a bar on a terminal. A nil one shows nothing.
type progress struct {
	w      io.Writer
	width  int
	mu     sync.Mutex
	next   time.Time // when the bar is to be drawn
	shown  bool
	listed int
	whole  bool // whether everybody is listed
	done   int
}

// newProgress returns a bar if there is a terminal to show it on.
func newProgress(w io.Writer) *progress {
	at := screenOf(w)
	if at.width == 0 {
		return nil
	}
	return &progress{w: w, width: at.width, next: time.Now().Add(progressPatience)}
}

// list counts customers that are to be asked for.
func (p *progress) list(customers int) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listed += customers
	p.draw()
}

// listedAll says that no more customers come.
func (p *progress) listedAll() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.whole = true
}

// advance counts one customer as done.
func (p *progress) advance() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	p.draw()
}

// clear takes the bar away, so that something else can be printed.
func (p *progress) clear() {
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

func (p *progress) draw() {
	now := time.Now()
	if now.Before(p.next) {
		return
	}
	p.next, p.shown = now.Add(progressPace), true
	text := p.text()
	fmt.Fprint(p.w, "\r\x1b[K"+cells.Truncate(text, p.width-1, "…"))
}

// text has no bar as long as nobody knows how many customers there are.
func (p *progress) text() string {
	if !p.whole {
		return fmt.Sprintf("%d of more than %d customers", p.done, p.listed)
	}
	return fmt.Sprintf("%s %d of %d customers", bar(float64(p.done)/float64(max(p.listed, 1)), progressWidth), p.done, p.listed)
}

// bar draws a share of a whole. Beyond the whole it is full.
func bar(share float64, width int) string {
	full := int(min(max(share, 0), 1) * float64(width))
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}
