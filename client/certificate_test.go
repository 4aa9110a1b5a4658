package client_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/testcert"
)

// farFuture is after all that a test does, and has whole seconds as certificates
// do.
var farFuture = time.Date(2100, 2, 3, 4, 5, 6, 0, time.UTC)

// withCertificate replaces the secret by a certificate and its key.
func withCertificate(t *testing.T, cfg *client.Config, key crypto.Signer, expires time.Time) *x509.Certificate {
	t.Helper()
	dir := t.TempDir()
	certificate := testcert.Certificate(t, key, expires)
	cfg.ClientSecretFile = ""
	cfg.CertificateFile = write(t, filepath.Join(dir, "certificate.pem"), testcert.CertificatePEM(certificate))
	cfg.CertificateKeyFile = write(t, filepath.Join(dir, "key.pem"), testcert.KeyPEM(t, key))
	return certificate
}

// decodeAssertion returns the header and the claims of an assertion.
func decodeAssertion(t *testing.T, assertion string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		t.Fatalf("got an assertion of %d parts, want 3", len(parts))
	}
	for i, into := range []*map[string]any{&header, &claims} {
		part, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(part, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

// The assertion says what Microsoft's documentation asks for, and no secret goes
// beside it. The bubble's clock starts at 946684800.
func TestAssertion(t *testing.T) {
	for algorithm, key := range map[string]crypto.Signer{
		"PS256": testcert.RSA(t, 2048),
		"ES256": testcert.EC(t, elliptic.P256()),
		"ES384": testcert.EC(t, elliptic.P384()),
		"ES512": testcert.EC(t, elliptic.P521()),
	} {
		t.Run(algorithm, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := newConfig(t, "http://fake.invalid/proxy/")
				cfg.TenantID = "a/b"
				certificate := withCertificate(t, &cfg, key, farFuture)
				var form map[string][]string
				cfg.Transport = transport(func(r *http.Request) *http.Response {
					if err := r.ParseForm(); err != nil {
						t.Error(err)
					}
					form = r.PostForm
					return respond(200, `{"access_token":"fake-access-token-1"}`)
				})
				if err := newClient(t, cfg).Authenticate(t.Context()); err != nil {
					t.Fatal(err)
				}
				header, claims := decodeAssertion(t, form["client_assertion"][0])
				sum := sha256.Sum256(certificate.Raw)
				wantHeader := map[string]any{"alg": algorithm, "typ": "JWT", "x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])}
				if diff := cmp.Diff(wantHeader, header); diff != "" {
					t.Errorf("header (-want +got):\n%s", diff)
				}
				id, _ := claims["jti"].(string)
				if _, err := uuid.Parse(id); err != nil {
					t.Errorf("got the id %v, want a UUID", claims["jti"])
				}
				delete(claims, "jti")
				want := map[string]any{
					"aud": "http://fake.invalid/proxy/a%2Fb/oauth2/v2.0/token", "iss": "fake-client-id", "sub": "fake-client-id",
					"iat": 946684800.0, "nbf": 946684800.0, "exp": 946685100.0,
				}
				if diff := cmp.Diff(want, claims); diff != "" {
					t.Errorf("claims (-want +got):\n%s", diff)
				}
				delete(form, "client_assertion")
				wantForm := map[string][]string{
					"grant_type": {"refresh_token"}, "client_id": {"fake-client-id"}, "refresh_token": {"fake-refresh-token-1"},
					"scope":                 {"https://fake.example/.default offline_access"},
					"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
				}
				if diff := cmp.Diff(wantForm, form); diff != "" {
					t.Errorf("form (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// simulatedConfig leads to a simulator, which checks assertions and knows those
// that it has seen.
func simulatedConfig(t *testing.T, sim *simulator.Simulator) client.Config {
	t.Helper()
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	cfg := newConfig(t, server.URL)
	cfg.Cloud.Scope, cfg.TenantID, cfg.ClientID = simulator.Scope, simulator.TenantID, simulator.ClientID
	write(t, cfg.ClientSecretFile, simulator.ClientSecret)
	write(t, cfg.RefreshTokenFile, simulator.RefreshToken)
	return cfg
}

// All forms in which certificates and keys come are understood, and every
// exchange has an assertion of its own.
func TestCertificateFiles(t *testing.T) {
	rsaKey, ecKey, other := testcert.RSA(t, 2048), testcert.EC(t, elliptic.P256()), testcert.EC(t, elliptic.P256())
	sec1, err := x509.MarshalECPrivateKey(ecKey)
	if err != nil {
		t.Fatal(err)
	}
	rsaCertificate, ecCertificate := testcert.Certificate(t, rsaKey, farFuture), testcert.Certificate(t, ecKey, farFuture)
	authority := testcert.CertificatePEM(testcert.Certificate(t, other, farFuture))
	rsaPEM, ecPEM := testcert.CertificatePEM(rsaCertificate), testcert.CertificatePEM(ecCertificate)
	for name, test := range map[string]struct {
		registered       *x509.Certificate
		certificate, key string
	}{
		"RSA, PKCS#1":              {rsaCertificate, rsaPEM, testcert.PEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey))},
		"RSA, PKCS#8":              {rsaCertificate, rsaPEM, testcert.KeyPEM(t, rsaKey)},
		"EC, SEC1":                 {ecCertificate, ecPEM, testcert.PEM("EC PARAMETERS", []byte("fake")) + testcert.PEM("EC PRIVATE KEY", sec1)},
		"EC, PKCS#8":               {ecCertificate, ecPEM, testcert.KeyPEM(t, ecKey)},
		"key and chain in one":     {ecCertificate, "fake words\n" + testcert.KeyPEM(t, ecKey) + ecPEM + authority, ""},
		"chain and key in one":     {ecCertificate, ecPEM + authority + testcert.KeyPEM(t, ecKey), ""},
		"chain":                    {ecCertificate, ecPEM + authority, testcert.KeyPEM(t, ecKey)},
		"both in the key's file":   {ecCertificate, ecPEM, authority + testcert.KeyPEM(t, ecKey)},
		"another key beside it":    {ecCertificate, ecPEM + testcert.KeyPEM(t, other), testcert.KeyPEM(t, ecKey)},
		"lines as Windows has it":  {ecCertificate, strings.ReplaceAll(ecPEM, "\n", "\r\n"), strings.ReplaceAll(testcert.KeyPEM(t, ecKey), "\n", "\r\n")},
		"an encrypted key with it": {ecCertificate, ecPEM + testcert.PEM("ENCRYPTED PRIVATE KEY", []byte("fake")), testcert.KeyPEM(t, ecKey)},
	} {
		t.Run(name, func(t *testing.T) {
			sim := simulator.New(simulator.Config{Certificate: test.registered, StrictRotation: true})
			cfg := simulatedConfig(t, sim)
			cfg.ClientSecretFile = ""
			cfg.CertificateFile = write(t, filepath.Join(t.TempDir(), "certificate.pem"), test.certificate)
			if test.key != "" {
				cfg.CertificateKeyFile = write(t, filepath.Join(t.TempDir(), "key.pem"), test.key)
			}
			c := newClient(t, cfg)
			for range 3 {
				if _, err := c.Customers(t.Context()); err != nil {
					t.Fatal(err)
				}
				sim.RevokeAccessTokens()
			}
			if got := c.CertificateExpiry(); !got.Equal(farFuture) {
				t.Errorf("It expires at %v, want %v", got, farFuture)
			}
		})
	}
}

// What is wrong is said before anybody is called, with what to do.
func TestNewRefusesCertificates(t *testing.T) {
	_, edKey, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, other := testcert.EC(t, elliptic.P256()), testcert.EC(t, elliptic.P256())
	pemOf := func(key crypto.Signer) string {
		return testcert.CertificatePEM(testcert.Certificate(t, key, farFuture))
	}
	good, goodKey := pemOf(key), testcert.KeyPEM(t, key)
	const legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nZmFrZQ==\n-----END RSA PRIVATE KEY-----\n"
	const encrypted = "certificate key file: KEY holds an encrypted key: decrypt it with openssl pkey, and guard it with the permissions of the file"
	const unreadable = "certificate key file: KEY holds a private key that cannot be read: it has to be RSA or EC, as PKCS#1, PKCS#8 or SEC1"
	for name, test := range map[string]struct {
		certificate, key string // contents, without a file if empty
		secret           bool
		want             string
	}{
		"with a secret":         {good, goodKey, true, "certificate file: CERTIFICATE is given together with the client secret file SECRET: leave one of them out"},
		"a key alone":           {"", goodKey, false, "certificate key file: KEY is given without its certificate: name the certificate file too"},
		"a key and a secret":    {"", goodKey, true, "certificate key file: KEY is given without its certificate: name the certificate file too"},
		"no key":                {good, "", false, "certificate key file: it is needed, because CERTIFICATE holds no private key"},
		"a file without a key":  {good, good, false, "certificate key file: KEY holds no private key"},
		"another key":           {good, testcert.KeyPEM(t, other), false, "certificate key file: the key in KEY does not belong to the first certificate in CERTIFICATE: name its own key, and put it before its authorities'"},
		"another type of key":   {good, testcert.KeyPEM(t, testcert.RSA(t, 2048)), false, "certificate key file: the key in KEY does not belong to the first certificate in CERTIFICATE: name its own key, and put it before its authorities'"},
		"another key with it":   {good + testcert.KeyPEM(t, other), "", false, "certificate key file: the key in CERTIFICATE does not belong to the first certificate in CERTIFICATE: name its own key, and put it before its authorities'"},
		"encrypted, PKCS#8":     {good, testcert.PEM("ENCRYPTED PRIVATE KEY", []byte("fake")), false, encrypted},
		"encrypted, PKCS#1":     {good, legacy, false, encrypted},
		"a broken key":          {good, testcert.PEM("PRIVATE KEY", []byte("fake-private-key")), false, unreadable},
		"a key of SSH":          {good, testcert.PEM("OPENSSH PRIVATE KEY", []byte("fake-private-key")), false, unreadable},
		"no PEM":                {"\x30\x82fake", goodKey, false, "certificate file: CERTIFICATE holds no PEM: convert it, for instance with openssl x509, pkey or pkcs12"},
		"a key without PEM":     {good, "\x30\x82fake", false, "certificate key file: KEY holds no PEM: convert it, for instance with openssl x509, pkey or pkcs12"},
		"no certificate":        {goodKey, goodKey, false, "certificate file: CERTIFICATE holds no certificate"},
		"a broken certificate":  {testcert.PEM("CERTIFICATE", []byte("fake")), goodKey, false, "certificate file: CERTIFICATE holds a certificate that cannot be read: x509: malformed certificate"},
		"a short RSA key":       {pemOf(testcert.RSA(t, 1024)), goodKey, false, "certificate file: CERTIFICATE is for an RSA key of 1024 bits: make one of 2048 or more"},
		"a curve without a use": {pemOf(testcert.EC(t, elliptic.P224())), goodKey, false, "certificate file: CERTIFICATE is for a key that is neither RSA nor EC with P-256, P-384 or P-521"},
		"Ed25519":               {pemOf(edKey), goodKey, false, "certificate file: CERTIFICATE is for a key that is neither RSA nor EC with P-256, P-384 or P-521"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			cfg := s.config()
			dir := t.TempDir()
			secret := cfg.ClientSecretFile
			if !test.secret {
				cfg.ClientSecretFile = ""
			}
			if test.certificate != "" {
				cfg.CertificateFile = write(t, filepath.Join(dir, "c.pem"), test.certificate)
			}
			if test.key != "" {
				cfg.CertificateKeyFile = write(t, filepath.Join(dir, "k.pem"), test.key)
			}
			_, err := client.New(cfg)
			if err == nil {
				t.Fatal("It is not refused.")
			}
			got := strings.NewReplacer(filepath.Join(dir, "c.pem"), "CERTIFICATE", filepath.Join(dir, "k.pem"), "KEY", secret, "SECRET").Replace(err.Error())
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if strings.Contains(got, "fake-private") || len(s.calls(tokenPath)) != 0 {
				t.Errorf("got %q and %d exchanges", got, len(s.calls(tokenPath)))
			}
		})
	}
}

// A client with a certificate that cannot be used starts all the same, spends no
// token, and goes on when the certificate has been renewed.
func TestCertificateOutOfItsTime(t *testing.T) {
	key := testcert.EC(t, elliptic.P256())
	past, future := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC), farFuture.Add(time.Hour)
	for want, certificate := range map[string]*x509.Certificate{
		"expired at 2001-02-03T04:05:06Z: renew it, and upload it to the app registration": testcert.Certificate(t, key, past),
		"is not valid before 2100-02-03T04:05:06Z: wait, or set the clock":                 testcert.Between(t, key, farFuture, future),
	} {
		s := newServer(t)
		cfg := s.config()
		renewed := withCertificate(t, &cfg, key, farFuture)
		write(t, cfg.CertificateFile, testcert.CertificatePEM(certificate))
		var lines bytes.Buffer
		cfg.Logger = log.NewLogfmtLogger(&lines)
		c := newClient(t, cfg)
		if got := lines.String(); !strings.Contains(got, want) || strings.Count(got, "level=warn") != 1 {
			t.Errorf("got the log %q, want a warning that it %s", got, want)
		}
		err := c.Authenticate(t.Context())
		if e := failure(t, err); e.Reason != client.ReasonAuth || !strings.Contains(e.Error(), cfg.CertificateFile+" "+want) {
			t.Errorf("got %v, want that it %s", err, want)
		}
		if n := len(s.calls(tokenPath)); n != 0 || !c.CertificateExpiry().Equal(certificate.NotAfter) {
			t.Errorf("got %d exchanges and the expiry %v", n, c.CertificateExpiry())
		}
		write(t, cfg.CertificateFile, testcert.CertificatePEM(renewed))
		if err := c.Authenticate(t.Context()); err != nil || !c.CertificateExpiry().Equal(farFuture) {
			t.Errorf("got %v and the expiry %v after the renewal", err, c.CertificateExpiry())
		}
	}
}

// A renewed certificate is used from the next exchange on; one that does not fit
// its key is an error of the exchange.
func TestCertificateIsReadAnew(t *testing.T) {
	s := newServer(t)
	s.on(summaryPath, denied)
	cfg := s.config()
	withCertificate(t, &cfg, testcert.EC(t, elliptic.P256()), farFuture.Add(-time.Hour))
	c := newClient(t, cfg)
	if err := c.Authenticate(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := testcert.EC(t, elliptic.P384())
	write(t, cfg.CertificateFile, testcert.CertificatePEM(testcert.Certificate(t, next, farFuture)))
	_, err := c.UsageSummary(t.Context(), customerID)
	if e, ok := errors.AsType[*client.ConfigError](err); !ok || e.Field != "CertificateKeyFile" || !client.IsAuth(err) {
		t.Errorf("got %v while the key is the old one", err)
	}
	write(t, cfg.CertificateKeyFile, testcert.KeyPEM(t, next))
	if err := c.Authenticate(t.Context()); err != nil {
		t.Fatal(err)
	}
	calls := s.calls(tokenPath)
	header, _ := decodeAssertion(t, calls[len(calls)-1].Form.Get("client_assertion"))
	if len(calls) != 2 || header["alg"] != "ES384" || !c.CertificateExpiry().Equal(farFuture) {
		t.Errorf("got %d exchanges, the header %v and the expiry %v", len(calls), header, c.CertificateExpiry())
	}
}

// Without a certificate there is nothing that expires.
func TestNoCertificateExpires(t *testing.T) {
	s := newServer(t)
	c := s.client()
	if err := c.Authenticate(t.Context()); err != nil || !c.CertificateExpiry().IsZero() {
		t.Errorf("got %v and the expiry %v", err, c.CertificateExpiry())
	}
}

// The file with the key is a secret, the one with the certificate is not.
func TestPublicKeyFilesGetAWarning(t *testing.T) {
	s := newServer(t)
	for name, public := range map[string]bool{"certificate.pem": false, "key.pem": true} {
		cfg := s.config()
		withCertificate(t, &cfg, testcert.EC(t, elliptic.P256()), farFuture)
		if err := os.Chmod(filepath.Join(filepath.Dir(cfg.CertificateFile), name), 0o644); err != nil {
			t.Fatal(err)
		}
		var lines bytes.Buffer
		cfg.Logger = log.NewLogfmtLogger(&lines)
		newClient(t, cfg)
		if got := strings.Contains(lines.String(), name); got != public {
			t.Errorf("There is a warning of %s: %v, want %v: %s", name, got, public, &lines)
		}
	}
	cfg := s.config()
	withCertificate(t, &cfg, testcert.EC(t, elliptic.P256()), farFuture)
	write(t, cfg.CertificateFile, read(t, cfg.CertificateFile)+read(t, cfg.CertificateKeyFile))
	cfg.CertificateKeyFile = ""
	if err := os.Chmod(cfg.CertificateFile, 0o644); err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	cfg.Logger = log.NewLogfmtLogger(&lines)
	newClient(t, cfg)
	if !strings.Contains(lines.String(), "certificate.pem") {
		t.Error("There is no warning of a certificate file that holds the key.")
	}
}
