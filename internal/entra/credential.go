package entra

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

const (
	// assertionType is the type of a signed client assertion in RFC 7523.
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	// assertionLife is the lifetime of an assertion. Entra ID accepts five to ten
	// minutes; clocks may differ by less.
	assertionLife = 5 * time.Minute
	// minRSABits is the least key size that Entra ID accepts.
	minRSABits = 2048
)

// Credential names the files by which an application authenticates: a secret, or a
// certificate with its key, or none for a public client.
type Credential struct {
	// Secret, if set, returns the secret in place of SecretFile.
	Secret             func(context.Context) (string, error)
	SecretFile         string
	CertificateFile    string
	CertificateKeyFile string // "" if CertificateFile holds the key too
}

// Check reads the files. It fails with a [*FileError], but not for a certificate
// that has expired.
func (c Credential) Check() error {
	if c.Secret != nil {
		return c.checkSecret()
	}
	_, err := c.readFiles()
	return err
}

// checkSecret rejects a second credential beside the function.
func (c Credential) checkSecret() error {
	if c.SecretFile+c.CertificateFile+c.CertificateKeyFile == "" {
		return nil
	}
	return &FileError{"ClientSecret", errors.New("it is set together with a file: leave one of them out")}
}

// identity is the content of a credential's files.
type identity struct {
	secret      string
	certificate *certificate
}

func (c Credential) readFiles() (identity, error) {
	switch {
	case c.CertificateFile != "" && c.SecretFile != "":
		return identity{}, &FileError{"CertificateFile", fmt.Errorf("%s is given together with the client secret file %s: leave one of them out", c.CertificateFile, c.SecretFile)}
	case c.CertificateFile != "":
		certificate, err := c.readCertificate()
		return identity{certificate: certificate}, err
	case c.CertificateKeyFile != "":
		return identity{}, &FileError{"CertificateKeyFile", fmt.Errorf("%s is given without its certificate: name the certificate file too", c.CertificateKeyFile)}
	case c.SecretFile == "":
		return identity{}, nil
	}
	secret, _, err := ReadSecret(c.SecretFile)
	if err != nil {
		return identity{}, &FileError{"ClientSecretFile", err}
	}
	return identity{secret: secret}, nil
}

// read returns what authenticates the application now.
func (c Credential) read(ctx context.Context) (identity, error) {
	if c.Secret == nil {
		return c.readFiles()
	}
	secret, err := c.Secret(ctx)
	if err == nil {
		secret, err = decodeSecret([]byte(secret))
	}
	if err != nil {
		return identity{}, &FileError{"ClientSecret", err}
	}
	return identity{secret: secret}, nil
}

// parameters returns the fields of a form that authenticate the application to the
// token endpoint with this address.
func (i identity) parameters(clientID, tokenURL string) (map[string]string, error) {
	switch {
	case i.secret != "":
		return map[string]string{"client_secret": i.secret}, nil
	case i.certificate == nil:
		return nil, nil
	}
	if err := i.certificate.check(time.Now()); err != nil {
		return nil, err
	}
	assertion, err := i.certificate.assertion(clientID, tokenURL)
	if err != nil {
		return nil, errors.New("the certificate's key cannot sign") // The cause may quote the key.
	}
	return map[string]string{"client_assertion_type": assertionType, "client_assertion": assertion}, nil
}

// expires returns when the certificate expires, or zero without one.
func (i identity) expires() time.Time {
	if i.certificate == nil {
		return time.Time{}
	}
	return i.certificate.pair.Leaf.NotAfter
}

// certificate is one that is registered with the application, with its key.
type certificate struct {
	file      string
	pair      tls.Certificate
	algorithm string // its name in a JWT
}

func (c Credential) readCertificate() (*certificate, error) {
	content, _, err := readText(c.CertificateFile)
	if err != nil {
		return nil, &FileError{"CertificateFile", err}
	}
	algorithm, err := algorithmOf(content)
	if err != nil {
		return nil, &FileError{"CertificateFile", fmt.Errorf("%s %w", c.CertificateFile, err)}
	}
	keyFile, key := c.CertificateKeyFile, content
	switch {
	case keyFile != "":
		if key, _, err = readText(keyFile); err != nil {
			return nil, &FileError{"CertificateKeyFile", err}
		}
	case errors.Is(checkKey(content), errNoKey):
		return nil, &FileError{"CertificateKeyFile", fmt.Errorf("it is needed, because %s holds no private key", c.CertificateFile)}
	default:
		keyFile = c.CertificateFile
	}
	if err := checkKey(key); err != nil {
		return nil, &FileError{"CertificateKeyFile", fmt.Errorf("%s %w", keyFile, err)}
	}
	pair, err := tls.X509KeyPair(content, key)
	if err != nil {
		return nil, &FileError{"CertificateKeyFile", c.pairError(keyFile, err)}
	}
	return &certificate{c.CertificateFile, pair, algorithm}, nil
}

// pairError describes why crypto/tls does not accept a key, without its text, which
// may quote the key.
func (c Credential) pairError(keyFile string, err error) error {
	if strings.Contains(err.Error(), "does not match public key") {
		return fmt.Errorf("the key in %s does not belong to the first certificate in %s: name its own key, and put it before its authorities'", keyFile, c.CertificateFile)
	}
	return fmt.Errorf("%s holds a private key that cannot be read: it has to be RSA or EC, as PKCS#1, PKCS#8 or SEC1", keyFile)
}

var (
	errNoPEM        = errors.New("holds no PEM: convert it, for instance with openssl x509, pkey or pkcs12")
	errNoKey        = errors.New("holds no private key")
	errEncryptedKey = errors.New("holds an encrypted key: decrypt it with openssl pkey, and guard it with the permissions of the file")
)

// firstBlock returns the first PEM block whose type ends so, or nil. It returns
// errNoPEM if there is no block at all.
func firstBlock(content []byte, suffix string) (*pem.Block, error) {
	block, rest := pem.Decode(content)
	if block == nil {
		return nil, errNoPEM
	}
	for ; block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, suffix) {
			return block, nil
		}
	}
	return nil, nil
}

// checkKey returns an error for a file without a key, or with an encrypted one.
func checkKey(content []byte) error {
	block, err := firstBlock(content, "PRIVATE KEY")
	switch {
	case err != nil:
		return err
	case block == nil:
		return errNoKey
	case block.Type == "ENCRYPTED PRIVATE KEY", block.Headers["DEK-Info"] != "":
		return errEncryptedKey
	}
	return nil
}

// algorithmOf returns the algorithm with which the key of the first certificate
// signs.
func algorithmOf(content []byte) (string, error) {
	block, err := firstBlock(content, "CERTIFICATE")
	if err != nil {
		return "", err
	}
	if block == nil {
		return "", errors.New("holds no certificate")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("holds a certificate that cannot be read: %w", err)
	}
	return signingAlgorithm(leaf.PublicKey)
}

// signingAlgorithm returns PS256 for RSA, which Entra ID requires beside x5t#S256,
// and for EC the algorithm of the curve.
func signingAlgorithm(public crypto.PublicKey) (string, error) {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSABits {
			return "", fmt.Errorf("is for an RSA key of %d bits: make one of %d or more", bits, minRSABits)
		}
		return "PS256", nil
	case *ecdsa.PublicKey:
		if algorithm, ok := algorithmsByCurve[key.Curve]; ok {
			return algorithm, nil
		}
	}
	return "", errors.New("is for a key that is neither RSA nor EC with P-256, P-384 or P-521")
}

var algorithmsByCurve = map[elliptic.Curve]string{
	elliptic.P256(): "ES256",
	elliptic.P384(): "ES384",
	elliptic.P521(): "ES512",
}

// check returns an error if the authority would reject the certificate at a time.
func (c *certificate) check(now time.Time) error {
	leaf := c.pair.Leaf
	switch {
	case now.After(leaf.NotAfter):
		return &FileError{"CertificateFile", fmt.Errorf("%s expired at %s: renew it, and upload it to the app registration", c.file, leaf.NotAfter.UTC().Format(time.RFC3339))}
	case now.Before(leaf.NotBefore):
		return &FileError{"CertificateFile", fmt.Errorf("%s is not valid before %s: wait, or set the clock", c.file, leaf.NotBefore.UTC().Format(time.RFC3339))}
	}
	return nil
}

// assertion signs an assertion for one endpoint, to be used once. The claims are
// those of Microsoft's documentation.
func (c *certificate) assertion(clientID, tokenURL string) (string, error) {
	now := time.Now()
	token := jwt.NewWithClaims(jwt.GetSigningMethod(c.algorithm), jwt.MapClaims{
		"aud": tokenURL,
		"iss": clientID,
		"sub": clientID,
		"jti": uuid.NewString(),
		"iat": now.Unix(),
		"nbf": now.Unix(),
		"exp": now.Add(assertionLife).Unix(),
	})
	token.Header["x5t#S256"] = thumbprint(c.pair.Leaf)
	return token.SignedString(c.pair.PrivateKey)
}

// thumbprint returns the hash by which Entra ID finds the certificate among those of
// the application.
func thumbprint(leaf *x509.Certificate) string {
	sum := sha256.Sum256(leaf.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
