package simulator_test

import (
	"crypto"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/testcert"
)

// endpoint is where httptest's requests believe to be.
const endpoint = "http://example.com" + tokenPath

// certified is a simulator whose application has a certificate.
type certified struct {
	t          *testing.T
	sim        *simulator.Simulator
	key        crypto.Signer
	thumbprint string
}

func newCertified(t *testing.T, key crypto.Signer) *certified {
	t.Helper()
	certificate := testcert.Certificate(t, key, time.Now().Add(time.Hour))
	sum := sha256.Sum256(certificate.Raw)
	return &certified{t, simulator.New(simulator.Config{Certificate: certificate}), key, base64.RawURLEncoding.EncodeToString(sum[:])}
}

// sign signs good claims with changes, of which nil takes a claim away.
func (c *certified) sign(method jwt.SigningMethod, key any, changes map[string]any) string {
	c.t.Helper()
	now := time.Now()
	claims := jwt.MapClaims{
		"aud": endpoint, "iss": simulator.ClientID, "sub": simulator.ClientID, "jti": "1",
		"nbf": now.Unix(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	token := jwt.NewWithClaims(method, claims)
	token.Header["x5t#S256"] = c.thumbprint
	assertion, err := token.SignedString(key)
	if err != nil {
		c.t.Fatal(err)
	}
	return assertion
}

// fields are those of a form with an assertion.
func fields(assertion string) map[string]string {
	return map[string]string{
		"client_secret":         "",
		"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
		"client_assertion":      assertion,
	}
}

// Each claim, the header and the signature are checked, and no assertion is
// accepted twice.
func TestAssertionRefusals(t *testing.T) {
	key, other := testcert.RSA(t, 2048), testcert.RSA(t, 2048)
	now := time.Now()
	for name, test := range map[string]struct {
		changes map[string]any
		code    int // 0 where it is accepted
	}{
		"good":              {nil, 0},
		"another audience":  {map[string]any{"aud": "http://example.com/another"}, 700023},
		"no audience":       {map[string]any{"aud": nil}, 700027},
		"another issuer":    {map[string]any{"iss": "another"}, 700021},
		"another subject":   {map[string]any{"sub": "another"}, 700021},
		"expired":           {map[string]any{"exp": now.Add(-time.Minute).Unix()}, 700024},
		"of the future":     {map[string]any{"nbf": now.Add(time.Minute).Unix()}, 700024},
		"issued later":      {map[string]any{"iat": now.Add(time.Minute).Unix()}, 700024},
		"without end":       {map[string]any{"exp": nil}, 700027},
		"for eleven min":    {map[string]any{"exp": now.Add(11 * time.Minute).Unix()}, 700024},
		"without an id":     {map[string]any{"jti": nil}, 50012},
		"an id of a number": {map[string]any{"jti": 1}, 700027},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCertified(t, key)
			form := fields(c.sign(jwt.SigningMethodPS256, key, test.changes))
			if test.code != 0 {
				checkTokenRefusal(t, exchange(c.sim, tokenPath, form), 401, "invalid_client", test.code)
				return
			}
			if got := exchange(c.sim, tokenPath, form); got.Code != 200 {
				t.Errorf("It answered %d %s, want 200", got.Code, got.Body)
			}
			checkTokenRefusal(t, exchange(c.sim, tokenPath, form), 401, "invalid_client", 50012)
		})
	}
	c := newCertified(t, key)
	for name, assertion := range map[string]string{
		"another key":       c.sign(jwt.SigningMethodPS256, other, nil),
		"another algorithm": c.sign(jwt.SigningMethodRS256, key, nil),
		"no signature":      c.sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil),
		"no assertion":      "fake",
	} {
		t.Run(name, func(t *testing.T) {
			checkTokenRefusal(t, exchange(c.sim, tokenPath, fields(assertion)), 401, "invalid_client", 700027)
		})
	}
	c.thumbprint = "fake"
	checkTokenRefusal(t, exchange(c.sim, tokenPath, fields(c.sign(jwt.SigningMethodPS256, key, nil))), 401, "invalid_client", 700027)
}

// An application proves itself with what it has, and with nothing else.
func TestAssertionOrSecret(t *testing.T) {
	key := testcert.EC(t, elliptic.P256())
	c := newCertified(t, key)
	good := func() map[string]string { return fields(c.sign(jwt.SigningMethodES256, key, nil)) }
	for name, test := range map[string]struct {
		sim    *simulator.Simulator
		change func(map[string]string)
		code   int
	}{
		"a secret beside it":     {c.sim, func(f map[string]string) { f["client_secret"] = simulator.ClientSecret }, 7000215},
		"without its type":       {c.sim, func(f map[string]string) { f["client_assertion_type"] = "" }, 7000218},
		"nothing":                {c.sim, func(f map[string]string) { clear(f); f["client_secret"] = "" }, 7000218},
		"without a certificate":  {simulator.New(simulator.Config{PublicClient: true}), func(map[string]string) {}, 700027},
		"in place of the secret": {simulator.New(simulator.Config{}), func(map[string]string) {}, 7000215},
	} {
		t.Run(name, func(t *testing.T) {
			form := good()
			test.change(form)
			checkTokenRefusal(t, exchange(test.sim, tokenPath, form), 401, "invalid_client", test.code)
		})
	}
	if got := exchange(c.sim, tokenPath, good()).Code; got != 200 {
		t.Errorf("It answered %d to a good assertion, want 200", got)
	}
}
