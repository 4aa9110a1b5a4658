package cli_test

import (
	"crypto/elliptic"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/testcert"
)

// without returns arguments without some flags.
func without(args []string, flags ...string) []string {
	return slices.DeleteFunc(args, func(arg string) bool {
		name, _, _ := strings.Cut(arg, "=")
		return slices.Contains(flags, name)
	})
}

// The exporter works with a certificate in place of a secret, and exposes its expiry.
func TestServeWithCertificate(t *testing.T) {
	key := testcert.EC(t, elliptic.P256())
	certificate := testcert.Certificate(t, key, time.Unix(4000000000, 0))
	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(3), Certificate: certificate})
	args := without(simulated(t, sim, "serve"), "--partner.client-secret-file")
	p := clitest.Start(t, append(args,
		"--partner.certificate-file="+clitest.Write(t, testcert.CertificatePEM(certificate)),
		"--partner.certificate-key-file="+clitest.Write(t, testcert.KeyPEM(t, key)))...)
	metrics := p.Get("/metrics")
	for _, want := range []string{"azure_csp_up 1", "azure_csp_auth_certificate_expiry_timestamp_seconds 4e+09"} {
		if !strings.Contains(metrics.Body, "\n"+want+"\n") {
			t.Errorf("The metrics lack %s:\n%s", want, metrics.Body)
		}
	}
}

// Without a certificate there is no series to alert on.
func TestServeWithoutCertificate(t *testing.T) {
	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(1)})
	if metrics := clitest.Start(t, simulated(t, sim, "serve")...).Get("/metrics"); strings.Contains(metrics.Body, "certificate") {
		t.Errorf("The metrics have a certificate:\n%s", metrics.Body)
	}
}

// A read-only bootstrap token is enough for the start.
func TestServeWithBootstrapToken(t *testing.T) {
	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(2), StrictRotation: true})
	file := filepath.Join(t.TempDir(), "refresh-token")
	bootstrap := clitest.Write(t, simulator.RefreshToken)
	args := without(simulated(t, sim, "serve"), "--partner.refresh-token-file")
	p := clitest.Start(t, append(args, "--partner.refresh-token-file="+file, "--partner.bootstrap-refresh-token-file="+bootstrap)...)
	if metrics := p.Get("/metrics"); !strings.Contains(metrics.Body, "\nazure_csp_up 1\n") {
		t.Errorf("The exporter is not up:\n%s", metrics.Body)
	}
	for name, want := range map[string]string{file: "not-a-token-simulated-refresh-1\n", bootstrap: simulator.RefreshToken} {
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("The file holds %q, %v, want %q", got, err, want)
		}
	}
}

// withCertificate returns the arguments of a command with a certificate that expires at a time.
func withCertificate(t *testing.T, command string, expires time.Time) []string {
	t.Helper()
	key := testcert.EC(t, elliptic.P256())
	certificate := testcert.Certificate(t, key, expires)
	sim := simulator.New(simulator.Config{Certificate: certificate})
	sim.SetSignIn(simulator.SignIn{Interval: time.Second})
	return append(without(simulated(t, sim, command), "--partner.client-secret-file"),
		"--partner.certificate-file="+clitest.Write(t, testcert.CertificatePEM(certificate)),
		"--partner.certificate-key-file="+clitest.Write(t, testcert.KeyPEM(t, key)))
}

// A sign-in works with a certificate as well.
func TestLoginWithCertificate(t *testing.T) {
	t.Parallel() // A poll takes a second.
	status, stdout, stderr := clitest.Run(t, withCertificate(t, "login", time.Unix(4000000000, 0))...)
	for _, want := range []string{"ok    sign-in ", "ok    cert       the certificate is valid until 2096-10-02\n", "ok    token "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("The report lacks %q:\n%s", want, stdout)
		}
	}
	if status != 0 || stderr != "" {
		t.Errorf("Exit status %d, standard error %s", status, stderr)
	}
}

// The report warns before a certificate expires, and fails after.
func TestCheckCertificate(t *testing.T) {
	soon, past := time.Now().Add(10*24*time.Hour), time.Now().Add(-24*time.Hour)
	for want, expires := range map[string]time.Time{
		"note  cert       the certificate is valid until " + soon.UTC().Format(time.DateOnly) + "; renew it soon\n": soon,
		"FAIL  cert       the certificate expired on " + past.UTC().Format(time.DateOnly) + "\n" +
			"                 hint: add a new certificate to the app registration, and replace the certificate and key files\nFAIL  token ": past,
	} {
		if status, stdout, stderr := clitest.Run(t, withCertificate(t, "check", expires)...); !strings.Contains(stdout, want) || (status == 0) != expires.Equal(soon) {
			t.Errorf("Exit status %d, output\n%s%s\nwant %q", status, stdout, stderr, want)
		}
	}
}
