package entra

import (
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/testcert"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/wire"
)

// The thumbprint is the one that openssl dgst -sha256 prints of the certificate.
func TestThumbprint(t *testing.T) {
	content, err := os.ReadFile("testdata/certificate.pem")
	if err != nil {
		t.Fatal(err)
	}
	if algorithm, err := algorithmOf(content); err != nil || algorithm != "PS256" {
		t.Fatalf("got %q and %v", algorithm, err)
	}
	block, _ := pem.Decode(content)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if got := thumbprint(leaf); got != "QZHzL2kGUKyJOneJo47KH3Rjo3hg4D3pq2VNTyaQC7M" {
		t.Errorf("got %s", got)
	}
}

// The fields that authenticate an application. The form of an assertion is tested with
// the exchanges of package client.
func TestParameters(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("fake-client-secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		credential Credential
		want       map[string]string
	}{
		"public client": {Credential{}, nil},
		"secret":        {Credential{SecretFile: file}, map[string]string{"client_secret": "fake-client-secret"}},
	} {
		id, err := test.credential.read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, err := id.parameters("fake-client-id", "fake-url")
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: got %v (-want +got):\n%s", name, err, diff)
		}
	}
	if err := (Credential{SecretFile: file + "-missing"}).Check(); err == nil {
		t.Error("A secret that cannot be read is accepted.")
	}
}

// FuzzCertificate shows that a file is either rejected in one printable line, or holds
// a pair that can sign.
func FuzzCertificate(f *testing.F) {
	fixture, err := os.ReadFile("testdata/certificate.pem")
	if err != nil {
		f.Fatal(err)
	}
	key := testcert.EC(f, elliptic.P256())
	pair := testcert.CertificatePEM(testcert.Certificate(f, key, time.Unix(4e9, 0))) + testcert.KeyPEM(f, key)
	for _, content := range []string{
		"", "-----BEGIN", string(fixture), pair, pair[:len(pair)/2], pair[len(pair)/2:],
		testcert.PEM("RSA PRIVATE KEY", []byte("fake")), testcert.PEM("EC PRIVATE KEY", nil), testcert.PEM("ENCRYPTED PRIVATE KEY", []byte("fake")),
		"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nZmFrZQ==\n-----END RSA PRIVATE KEY-----\n",
	} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		algorithm, err := algorithmOf(content)
		checkLine(t, err)
		keyErr := checkKey(content)
		checkLine(t, keyErr)
		loaded, pairErr := tls.X509KeyPair(content, content)
		if err != nil || keyErr != nil || pairErr != nil {
			return
		}
		if _, err := (&certificate{"", loaded, algorithm}).assertion("fake", "fake"); err != nil {
			t.Errorf("A key that belongs to its certificate cannot sign: %v", err)
		}
	})
}

func checkLine(t *testing.T, err error) {
	t.Helper()
	if err != nil && wire.Printable(err.Error()) != err.Error() {
		t.Errorf("got %q, which is not one printable line", err)
	}
}
