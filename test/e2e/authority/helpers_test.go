package authority_test

import (
	"crypto"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/testcert"
)

const tokenPath = "/fake-tenant/oauth2/v2.0/token"

var farFuture = time.Date(2100, 2, 3, 4, 5, 6, 0, time.UTC)

func newClient(t *testing.T, cfg client.Config) *client.Client {
	t.Helper()
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func write(t *testing.T, file, content string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func failure(t *testing.T, err error) *client.Error {
	t.Helper()
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		t.Fatalf("got %T %v, want a *client.Error", err, err)
	}
	return e
}

func withCertificate(t *testing.T, cfg *client.Config, key crypto.Signer, expires time.Time) *x509.Certificate {
	t.Helper()
	dir := t.TempDir()
	certificate := testcert.Certificate(t, key, expires)
	cfg.ClientSecretFile = ""
	cfg.CertificateFile = write(t, filepath.Join(dir, "certificate.pem"), testcert.CertificatePEM(certificate))
	cfg.CertificateKeyFile = write(t, filepath.Join(dir, "key.pem"), testcert.KeyPEM(t, key))
	return certificate
}

func newConfig(t *testing.T, address string) client.Config {
	t.Helper()
	dir := t.TempDir()
	return client.Config{
		Cloud:            client.Cloud{APIURL: address, LoginURL: address, Scope: "https://fake.example/.default offline_access"},
		TenantID:         "fake-tenant",
		ClientID:         "fake-client-id",
		ClientSecretFile: write(t, filepath.Join(dir, "secret"), "fake-client-secret-1\n"),
		RefreshTokenFile: write(t, filepath.Join(dir, "token"), "fake-refresh-token-1\n"),
		UserAgent:        "fake-agent/1.0",
	}
}

// newAPI returns the URL of an API that responds with one status after the other,
// and with a usage summary where that is 200.
func newAPI(t *testing.T, statuses ...int) string {
	t.Helper()
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := requests.Add(1)
		if n > int64(len(statuses)) {
			t.Errorf("There are %d requests, want %d at most", n, len(statuses))
			n = int64(len(statuses))
		}
		w.WriteHeader(statuses[n-1])
		body := `{"totalCost":1}`
		if statuses[n-1] == http.StatusUnauthorized {
			body = `{"code":"400","description":"Access denied."}`
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}
