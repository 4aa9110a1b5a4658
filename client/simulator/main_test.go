package simulator_test

import (
	"testing"

	"go.uber.org/goleak"
)

// Whoever simulates ends what waits.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
