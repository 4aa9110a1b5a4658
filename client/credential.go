package client

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// assertionType is what RFC 7523 calls a signed client assertion.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// credential is how the application proves who it is: by a secret, by a
// certificate, or not at all where it is a public client.
type credential struct {
	secret      string
	certificate *certificate
}

// clientAuthentication returns what a request to the authority has to send so
// that it knows the application. It is made of the files anew for each request:
// files may be renewed, and an assertion holds once and for minutes.
func (cfg Config) clientAuthentication() (url.Values, error) {
	c, err := cfg.readCredential()
	if err != nil {
		return nil, err
	}
	return c.parameters(cfg)
}

func (cfg Config) readCredential() (credential, error) {
	switch {
	case cfg.CertificateFile != "" && cfg.ClientSecretFile != "":
		return credential{}, &ConfigError{"CertificateFile", fmt.Errorf("%s is given together with the client secret file %s: leave one of them out", cfg.CertificateFile, cfg.ClientSecretFile)}
	case cfg.CertificateFile != "":
		c, err := readCertificate(cfg.CertificateFile, cfg.CertificateKeyFile)
		return credential{certificate: c}, err
	case cfg.CertificateKeyFile != "":
		return credential{}, &ConfigError{"CertificateKeyFile", fmt.Errorf("%s is given without its certificate: name the certificate file too", cfg.CertificateKeyFile)}
	case cfg.ClientSecretFile != "":
		return readClientSecret(cfg.ClientSecretFile)
	}
	return credential{}, nil
}

func readClientSecret(file string) (credential, error) {
	secret, _, err := readSecret(file)
	if err != nil {
		return credential{}, &ConfigError{"ClientSecretFile", err}
	}
	return credential{secret: secret}, nil
}

// parameters returns what proves the application's identity in one request.
func (c credential) parameters(cfg Config) (url.Values, error) {
	switch {
	case c.secret != "":
		return url.Values{"client_secret": {c.secret}}, nil
	case c.certificate == nil:
		return nil, nil
	}
	if err := c.certificate.check(time.Now()); err != nil {
		return nil, err
	}
	assertion, err := c.certificate.assertion(cfg.ClientID, cfg.tokenURL())
	if err != nil {
		return nil, errors.New("the certificate's key cannot sign") // The cause may tell of the key.
	}
	return url.Values{"client_assertion_type": {assertionType}, "client_assertion": {assertion}}, nil
}

// expires is zero without a certificate.
func (c credential) expires() time.Time {
	if c.certificate == nil {
		return time.Time{}
	}
	return c.certificate.leaf.NotAfter
}

func (cfg Config) tokenURL() string {
	return strings.TrimRight(cfg.Cloud.LoginURL, "/") + "/" + url.PathEscape(cfg.TenantID) + "/oauth2/v2.0/token"
}
