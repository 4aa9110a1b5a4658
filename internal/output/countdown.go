package output

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Countdown shows the time left until a deadline on one line of a terminal, which it
// updates every second.
type Countdown struct {
	stop     chan struct{}
	counting sync.WaitGroup
}

// StartCountdown starts a countdown after the text of what it waits for. [Countdown.Stop]
// ends it.
func StartCountdown(w io.Writer, text string, deadline time.Time) *Countdown {
	c := &Countdown{stop: make(chan struct{})}
	c.counting.Go(func() { c.count(w, text, deadline) })
	return c
}

func (c *Countdown) count(w io.Writer, text string, deadline time.Time) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		left := max(0, int(time.Until(deadline).Round(time.Second).Seconds()))
		line := fmt.Sprintf("\r%s, %02d:%02d left… ", text, left/60, left%60)
		fmt.Fprint(w, line)
		select {
		case <-ticker.C:
		case <-c.stop:
			// A terminal may have printed ^C after the line.
			fmt.Fprint(w, "\r"+strings.Repeat(" ", len(line))+"\r")
			return
		}
	}
}

// Stop ends the countdown and erases it. A nil *Countdown shows nothing.
func (c *Countdown) Stop() {
	if c != nil {
		close(c.stop)
		c.counting.Wait()
	}
}
