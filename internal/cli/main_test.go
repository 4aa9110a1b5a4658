package cli_test

import (
	"testing"

	"go.uber.org/goleak"
)

// A server that was stopped leaves nothing running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
