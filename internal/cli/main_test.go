package cli_test

import (
	"testing"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

// A server that was stopped leaves nothing running. Toxiproxy may leave the pipe
// of a connection that ends while a toxic is being removed, and logs for itself.
func TestMain(m *testing.M) {
	zerolog.SetGlobalLevel(zerolog.Disabled)
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/stream.(*ChanWriter).Write"))
}
