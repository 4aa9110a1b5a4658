package output

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// On a terminal, one line shows the time left each second, and is erased at the end.
func TestCountdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		c := StartCountdown(&out, "Waiting", time.Now().Add(90*time.Second))
		time.Sleep(31*time.Second + time.Millisecond) // in a bubble
		c.Stop()
		lines := strings.Split(out.String(), "\r")
		for i, want := range map[int]string{1: "Waiting, 01:30 left… ", 2: "Waiting, 01:29 left… ", 32: "Waiting, 00:59 left… "} {
			if lines[i] != want {
				t.Errorf("After %d s the line is %q, want %q", i-1, lines[i], want)
			}
		}
		if erased := lines[33:]; len(erased) != 2 || strings.TrimSpace(erased[0]) != "" || len(erased[0]) < len(lines[1]) || erased[1] != "" {
			t.Errorf("The output ends with %q", erased)
		}
	})
}
