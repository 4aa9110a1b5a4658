package client

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// assertionLife is how long an assertion holds. Entra ID accepts five to ten
// minutes; clocks may differ by less.
const assertionLife = 5 * time.Minute

// leastRSABits is what Entra ID accepts at least.
const leastRSABits = 2048

// certificate is one that is registered with the application, with its key.
type certificate struct {
	file      string
	leaf      *x509.Certificate
	key       crypto.Signer
	algorithm string // by its name in a JWT
}

// readCertificate reads a certificate and its key. The key is in the same file if
// no other is named.
func readCertificate(file, keyFile string) (*certificate, error) {
	found, err := readPEM(file)
	if err != nil {
		return nil, &ConfigError{"CertificateFile", err}
	}
	leaf, algorithm, err := found.leaf()
	if err != nil {
		return nil, &ConfigError{"CertificateFile", fmt.Errorf("%s %w", file, err)}
	}
	if keyFile == "" && found.key == nil {
		return nil, &ConfigError{"CertificateKeyFile", fmt.Errorf("it is needed, because %s holds no private key", file)}
	}
	keyFile = cmp.Or(keyFile, file)
	key, err := readKey(keyFile)
	if err != nil {
		return nil, &ConfigError{"CertificateKeyFile", err}
	}
	if !belongs(key, leaf) {
		return nil, &ConfigError{"CertificateKeyFile", fmt.Errorf("the key in %s does not belong to the first certificate in %s: name its own key, and put it before its authorities'", keyFile, file)}
	}
	return &certificate{file, leaf, key, algorithm}, nil
}

func readKey(file string) (crypto.Signer, error) {
	found, err := readPEM(file)
	if err != nil {
		return nil, err
	}
	key, err := found.privateKey()
	if err != nil {
		return nil, fmt.Errorf("%s %w", file, err)
	}
	return key, nil
}

func belongs(key crypto.Signer, leaf *x509.Certificate) bool {
	public, ok := key.Public().(interface{ Equal(x crypto.PublicKey) bool })
	return ok && public.Equal(leaf.PublicKey)
}

// check returns why the authority would reject the certificate at a time, or nil.
func (c *certificate) check(now time.Time) error {
	switch {
	case now.After(c.leaf.NotAfter):
		return &ConfigError{"CertificateFile", fmt.Errorf("%s expired at %s: renew it, and upload it to the app registration", c.file, c.leaf.NotAfter.UTC().Format(time.RFC3339))}
	case now.Before(c.leaf.NotBefore):
		return &ConfigError{"CertificateFile", fmt.Errorf("%s is not valid before %s: wait, or set the clock", c.file, c.leaf.NotBefore.UTC().Format(time.RFC3339))}
	}
	return nil
}

// assertion signs a statement that the application makes to one endpoint, once.
// The claims are those that Microsoft's documentation names.
func (c *certificate) assertion(clientID, endpoint string) (string, error) {
	now := time.Now()
	token := jwt.NewWithClaims(jwt.GetSigningMethod(c.algorithm), jwt.MapClaims{
		"aud": endpoint,
		"iss": clientID,
		"sub": clientID,
		"jti": uuid.NewString(),
		"iat": now.Unix(),
		"nbf": now.Unix(),
		"exp": now.Add(assertionLife).Unix(),
	})
	token.Header["x5t#S256"] = thumbprint(c.leaf)
	return token.SignedString(c.key)
}

// thumbprint is how Entra ID finds the certificate among those of the application.
func thumbprint(leaf *x509.Certificate) string {
	sum := sha256.Sum256(leaf.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// pemFile is what is of use in a PEM file: its first certificate, which is the
// leaf of a chain, and its first private key.
type pemFile struct{ certificate, key *pem.Block }

func readPEM(file string) (pemFile, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return pemFile{}, err
	}
	found, err := parsePEM(content)
	if err != nil {
		return pemFile{}, fmt.Errorf("%s %w", file, err)
	}
	return found, nil
}

// parsePEM fails if there is no PEM at all. Blocks of other types, such as the
// parameters of a curve, are passed over.
func parsePEM(content []byte) (pemFile, error) {
	var found pemFile
	block, rest := pem.Decode(content)
	if block == nil {
		return found, errors.New("holds no PEM: convert it, for instance with openssl x509, pkey or pkcs12")
	}
	for ; block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "CERTIFICATE" && found.certificate == nil:
			found.certificate = block
		case strings.HasSuffix(block.Type, "PRIVATE KEY") && found.key == nil:
			found.key = block
		}
	}
	return found, nil
}

// leaf returns the certificate and the algorithm of its key.
func (f pemFile) leaf() (*x509.Certificate, string, error) {
	if f.certificate == nil {
		return nil, "", errors.New("holds no certificate")
	}
	leaf, err := x509.ParseCertificate(f.certificate.Bytes)
	if err != nil {
		return nil, "", fmt.Errorf("holds a certificate that cannot be read: %w", err)
	}
	algorithm, err := signingAlgorithm(leaf.PublicKey)
	return leaf, algorithm, err
}

// signingAlgorithm is PS256 for RSA, which is what Entra ID wants beside x5t#S256,
// and for EC the one of the curve.
func signingAlgorithm(public crypto.PublicKey) (string, error) {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < leastRSABits {
			return "", fmt.Errorf("is for an RSA key of %d bits: make one of %d or more", bits, leastRSABits)
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

// privateKey reads a key as PKCS#1, PKCS#8 or SEC1. Its errors tell nothing of
// what the file holds.
func (f pemFile) privateKey() (crypto.Signer, error) {
	switch {
	case f.key == nil:
		return nil, errors.New("holds no private key")
	case f.key.Type == "ENCRYPTED PRIVATE KEY", f.key.Headers["DEK-Info"] != "":
		return nil, errors.New("holds an encrypted key: decrypt it with openssl pkey, and guard it with the permissions of the file")
	}
	key, err := parseKey(f.key)
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, errors.New("holds a private key that cannot be read: it has to be RSA or EC, as PKCS#1, PKCS#8 or SEC1")
	}
	return signer, nil
}

func parseKey(block *pem.Block) (any, error) {
	switch block.Type {
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(block.Bytes)
	}
	return x509.ParsePKCS8PrivateKey(block.Bytes)
}
