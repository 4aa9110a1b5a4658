// Package testcert makes certificates and keys for tests. They are worth nothing:
// no program trusts them, and they are removed with the test.
package testcert

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// RSA returns a new key with that many bits.
func RSA(tb testing.TB, bits int) *rsa.PrivateKey {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// EC returns a new key on a curve.
func EC(tb testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// Certificate returns a certificate of a key that is valid since the epoch.
func Certificate(tb testing.TB, key crypto.Signer, expires time.Time) *x509.Certificate {
	tb.Helper()
	return Between(tb, key, time.Unix(0, 0), expires)
}

// Between returns a certificate of a key that is valid between two times.
func Between(tb testing.TB, key crypto.Signer, from, to time.Time) *x509.Certificate {
	tb.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "fake.example"},
		NotBefore:    from,
		NotAfter:     to,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return certificate
}

// PEM returns a block of a PEM file.
func PEM(blockType string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: blockType, Bytes: der}))
}

// CertificatePEM returns a certificate as it stands in a file.
func CertificatePEM(certificate *x509.Certificate) string { return PEM("CERTIFICATE", certificate.Raw) }

// KeyPEM returns a key as PKCS#8.
func KeyPEM(tb testing.TB, key crypto.Signer) string {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	return PEM("PRIVATE KEY", der)
}
