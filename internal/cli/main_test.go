package cli_test

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// The tests wait for retries and polls rather than for the processor, so that more
// of them run at once than there are processors. No test leaves a goroutine.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		os.Exit(2)
	}
	goleak.VerifyTestMain(m)
}
