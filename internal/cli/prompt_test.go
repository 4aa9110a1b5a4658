package cli

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// On a terminal, one line shows the time left each second, and is erased at the end.
func TestPromptCountsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		p := &prompt{w: &out, terminal: true}
		p.show(client.DeviceCode{UserCode: "FAKE", VerificationURL: "https://fake.example", Expires: time.Now().Add(90 * time.Second)})
		time.Sleep(31*time.Second + time.Millisecond) // in a bubble
		p.end()
		lines := strings.Split(out.String(), "\r")
		if want := "Open https://fake.example and enter the code FAKE\nSign in there as the partner user, with MFA. The code expires in 2 min; press Ctrl-C to cancel.\n"; lines[0] != want {
			t.Errorf("The output begins with %q, want %q", lines[0], want)
		}
		for i, want := range map[int]string{1: "Waiting for the sign-in, 01:30 left… ", 2: "Waiting for the sign-in, 01:29 left… ", 32: "Waiting for the sign-in, 00:59 left… "} {
			if lines[i] != want {
				t.Errorf("After %d s the line is %q, want %q", i-1, lines[i], want)
			}
		}
		if erased := lines[33:]; len(erased) != 2 || strings.TrimSpace(erased[0]) != "" || len(erased[0]) < len(lines[1]) || erased[1] != "" {
			t.Errorf("The output ends with %q", erased)
		}
	})
}
