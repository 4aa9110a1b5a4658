package cli_test

import (
	"crypto/elliptic"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/testcert"
)

// without takes flags away from arguments.
func without(args []string, flags ...string) []string {
	return slices.DeleteFunc(args, func(arg string) bool {
		name, _, _ := strings.Cut(arg, "=")
		return slices.Contains(flags, name)
	})
}

// The whole program with a certificate in place of a secret, which says when it
// expires.
func TestServeWithCertificate(t *testing.T) {
	key := testcert.EC(t, elliptic.P256())
	certificate := testcert.Certificate(t, key, time.Unix(4000000000, 0))
	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(3), Certificate: certificate})
	args := without(simulated(t, sim, "serve"), "--partner.client-secret-file")
	p := start(t, append(args,
		"--partner.certificate-file="+write(t, testcert.CertificatePEM(certificate)),
		"--partner.certificate-key-file="+write(t, testcert.KeyPEM(t, key)))...)
	metrics := p.get("/metrics")
	for _, want := range []string{"azure_csp_up 1", "azure_csp_auth_certificate_expiry_timestamp_seconds 4e+09"} {
		if !strings.Contains(metrics.body, "\n"+want+"\n") {
			t.Errorf("The metrics lack %s:\n%s", want, metrics.body)
		}
	}
}

// Without a certificate there is no series to alert on.
func TestServeWithoutCertificate(t *testing.T) {
	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(1)})
	if metrics := start(t, simulated(t, sim, "serve")...).get("/metrics"); strings.Contains(metrics.body, "certificate") {
		t.Errorf("The metrics tell of a certificate:\n%s", metrics.body)
	}
}
