package cli

import (
	"context"
	"net"
)

// serveCommand is the exporter.
type serveCommand struct {
	partner  partnerFlags
	exporter exporterFlags
}

func newServe(to flagger) *serveCommand {
	s := &serveCommand{}
	s.partner.define(to)
	s.exporter.define(to, defaults{listenAddress: ":10058", ttl: "1h"})
	return s
}

func (s *serveCommand) run(ctx context.Context, env *environment) error {
	if err := s.exporter.check(); err != nil {
		return err
	}
	cfg, err := s.partner.config()
	if err != nil {
		return err
	}
	return s.exporter.serve(ctx, env, cfg, func(net.Addr) {})
}
