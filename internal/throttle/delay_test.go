package throttle_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/throttle"
)

// Each failure delays the next attempt, 5 seconds at first and 15 minutes at most, less
// up to a tenth. Retry-After counts up to the same bound.
func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d throttle.Delay
		if d.Left() != 0 {
			t.Errorf("got %v before a failure", d.Left())
		}
		for _, want := range []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second, 320 * time.Second, 640 * time.Second, 15 * time.Minute, 15 * time.Minute} {
			d.Fail(0)
			if got := d.Left(); got > want || got < want*9/10 {
				t.Errorf("got %v, want up to a tenth less than %v", got, want)
			}
			time.Sleep(d.Left())
			if d.Left() != 0 {
				t.Errorf("got %v after the delay", d.Left())
			}
		}
		d.Reset()
		d.Fail(30 * time.Second)
		if got := d.Left(); got != 30*time.Second {
			t.Errorf("got %v, want the server's 30 s", got)
		}
		d.Reset()
		d.Fail(time.Hour)
		if got := d.Left(); got != 15*time.Minute {
			t.Errorf("got %v, want 15 minutes", got)
		}
		d.Reset()
		if d.Left() != 0 {
			t.Errorf("got %v after a success", d.Left())
		}
	})
}
