// Package demo runs a simulated partner on a loopback port, for the demo's exporter and
// for the other commands in another terminal.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
)

// latency is close to the latency of the real API.
const latency = 80 * time.Millisecond

// Partner is a simulated partner, with files that hold its credentials.
type Partner struct {
	faults  []string
	folder  string
	address string
	server  *http.Server
	served  chan struct{} // closed when the server has stopped
}

// Start starts a partner with some customers and the simulator's faults of these names.
// [Partner.Close] stops it.
func Start(ctx context.Context, customers int, faults []string) (*Partner, error) {
	folder, err := os.MkdirTemp("", "azure_csp_exporter-demo-")
	if err != nil {
		return nil, fmt.Errorf("create a directory for the simulated credentials: %w", err)
	}
	p := &Partner{faults: faults, folder: folder, served: make(chan struct{})}
	if err := p.start(ctx, customers); err != nil {
		return nil, errors.Join(fmt.Errorf("start the simulated Partner Center: %w", err), os.RemoveAll(folder))
	}
	return p, nil
}

func (p *Partner) start(ctx context.Context, customers int) error {
	sim, err := newSimulator(customers, p.faults)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p.address = "http://" + listener.Addr().String()
	if err := p.writeFiles(); err != nil {
		return errors.Join(err, listener.Close())
	}
	p.server = &http.Server{Handler: sim, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(p.served)
		_ = p.server.Serve(listener) // Close makes it return an error.
	}()
	return nil
}

func newSimulator(customers int, faults []string) (*simulator.Simulator, error) {
	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(customers)})
	sim.SetFaults(simulator.Faults{Latency: latency})
	sim.SetSignIn(simulator.SignIn{Interval: time.Second}) // The user signs in at once.
	for _, fault := range faults {
		if err := sim.SetFault(fault, true); err != nil {
			return nil, err
		}
	}
	return sim, nil
}

// Close stops the partner and removes its files.
func (p *Partner) Close() error {
	_ = p.server.Close()
	<-p.served
	return os.RemoveAll(p.folder)
}

func (p *Partner) file(name string) string { return filepath.Join(p.folder, name) }

// Config returns the configuration of the demo's own client, without a user agent.
func (p *Partner) Config() client.Config {
	return client.Config{
		Cloud:            client.Cloud{Name: "demo", APIURL: p.address, LoginURL: p.address, Scope: simulator.Scope},
		TenantID:         simulator.TenantID,
		ClientID:         simulator.ClientID,
		ClientSecretFile: p.file("client-secret"),
		RefreshTokenFile: p.file("refresh-token"),
	}
}

// flags returns the flags with which the other commands reach the partner. They have a
// refresh token file of their own, since each command rotates the token.
func (p *Partner) flags() []string {
	return []string{
		"--partner.tenant-id=" + simulator.TenantID,
		"--partner.client-id=" + simulator.ClientID,
		"--partner.client-secret-file=" + p.file("client-secret"),
		"--partner.refresh-token-file=" + p.file("practice-refresh-token"),
		"--partner.api-url=" + p.address,
		"--partner.login-url=" + p.address,
	}
}

// writeFiles writes the files that the configuration and the flags name, and one with
// the flags.
func (p *Partner) writeFiles() error {
	var errs []error
	for file, content := range map[string]string{
		"client-secret":          simulator.ClientSecret,
		"refresh-token":          simulator.RefreshToken,
		"practice-refresh-token": simulator.RefreshToken,
		"flags":                  strings.Join(p.flags(), "\n") + "\n",
	} {
		errs = append(errs, os.WriteFile(p.file(file), []byte(content), 0o600))
	}
	return errors.Join(errs...)
}

// Describe prints what the faults do, and the flags of the other commands.
func (p *Partner) Describe(w io.Writer) {
	if len(p.faults) > 0 {
		fmt.Fprintf(w, "Its faults:\n\n")
		for _, fault := range p.faults {
			fmt.Fprintf(w, "  %s: %s\n", fault, simulator.FaultEffect(fault))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "Other commands work with the same partner, from another terminal:\n\n")
	for _, command := range []string{"login", "check", "customers", "usage"} {
		fmt.Fprintf(w, "  azure_csp_exporter %-9s @%s\n", command, p.file("flags"))
	}
	fmt.Fprintf(w, "\nTheir flags in this file, until the demo ends:\n\n")
	for _, flag := range p.flags() {
		fmt.Fprintf(w, "  %s\n", flag)
	}
	fmt.Fprintln(w)
}
