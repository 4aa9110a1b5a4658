package cli

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/alecthomas/kingpin/v2"
)

const (
	healthyURL         = "http://127.0.0.1:10058/-/healthy"
	healthcheckTimeout = 3 * time.Second
)

// healthcheckCommand requests a URL. The container's health check runs it, since the
// image has no other program.
type healthcheckCommand struct{ url string }

func newHealthcheck(to *kingpin.CmdClause) *healthcheckCommand {
	h := &healthcheckCommand{}
	to.Arg("url", "URL that responds with status 200.").Default(healthyURL).StringVar(&h.url)
	return h
}

// run fails unless the URL responds with status 200 in time.
func (h *healthcheckCommand) run(ctx context.Context, _ *environment) error {
	ctx, cancel := context.WithTimeout(ctx, healthcheckTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url, http.NoBody)
	if err != nil {
		return err
	}
	// The exporter is on this machine, where no proxy is in between.
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s responds with %s", h.url, resp.Status)
	}
	return nil
}
