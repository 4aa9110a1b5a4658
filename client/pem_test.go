package client

import (
	"crypto/elliptic"
	"os"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/testcert"
)

// The thumbprint is the one that openssl dgst -sha256 has of the certificate.
func TestThumbprint(t *testing.T) {
	file, err := readPEM("testdata/certificate.pem")
	if err != nil {
		t.Fatal(err)
	}
	leaf, algorithm, err := file.leaf()
	if err != nil || algorithm != "PS256" {
		t.Fatalf("got %q and %v", algorithm, err)
	}
	if got := thumbprint(leaf); got != "QZHzL2kGUKyJOneJo47KH3Rjo3hg4D3pq2VNTyaQC7M" {
		t.Errorf("got %s", got)
	}
}

// FuzzParsePEM shows that a file is either refused in one printable line, or has
// a certificate and a key that can be told to belong together or not.
func FuzzParsePEM(f *testing.F) {
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
		file, err := parsePEM(content)
		if err != nil {
			checkLine(t, err)
			return
		}
		leaf, algorithm, err := file.leaf()
		checkLine(t, err)
		if err == nil && (leaf == nil || algorithm == "") {
			t.Errorf("got %v and %q without an error", leaf, algorithm)
		}
		key, keyErr := file.privateKey()
		checkLine(t, keyErr)
		if err == nil && keyErr == nil && belongs(key, leaf) {
			if _, err := (&certificate{"", leaf, key, algorithm}).assertion("fake", "fake"); err != nil {
				t.Errorf("A key that belongs to its certificate cannot sign: %v", err)
			}
		}
	})
}

func checkLine(t *testing.T, err error) {
	t.Helper()
	if err != nil && printable(err.Error()) != err.Error() {
		t.Errorf("got %q, which is not one printable line", err)
	}
}
