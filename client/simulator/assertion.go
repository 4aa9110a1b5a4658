package simulator

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// assertionType is the one that Entra ID takes.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// longestAssertion is how far in the future an assertion may end.
const longestAssertion = 10 * time.Minute

// credentialRefusal checks the secret or the certificate of the application, of
// which it may send only the one that it has.
func (s *Simulator) credentialRefusal(r *http.Request) *tokenError {
	secret := ClientSecret
	if s.config.PublicClient || s.config.Certificate != nil {
		secret = ""
	}
	form := r.PostForm
	switch {
	case form.Get("client_secret") != secret:
		return &tokenError{http.StatusUnauthorized, "invalid_client", 7000215, "Invalid client secret provided."}
	case s.config.Certificate == nil && form.Has("client_assertion"):
		return &tokenError{http.StatusUnauthorized, "invalid_client", 700027, "No certificate is registered for the application."}
	case s.config.Certificate == nil:
		return nil
	case form.Get("client_assertion_type") != assertionType || !form.Has("client_assertion"):
		return &tokenError{http.StatusUnauthorized, "invalid_client", 7000218, "The request body must contain 'client_assertion' or 'client_secret'."}
	}
	return s.assertionRefusal(form.Get("client_assertion"), endpointOf(r))
}

// endpointOf is the address that a client has called.
func endpointOf(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + r.URL.EscapedPath()
}

func (s *Simulator) assertionRefusal(assertion, endpoint string) *tokenError {
	claims := &jwt.RegisteredClaims{}
	_, err := jwt.ParseWithClaims(assertion, claims, s.assertionKey,
		jwt.WithValidMethods([]string{"PS256", "ES256", "ES384", "ES512"}),
		jwt.WithAudience(endpoint), jwt.WithIssuer(ClientID), jwt.WithSubject(ClientID),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt())
	refuse := func(code int, message string) *tokenError {
		return &tokenError{http.StatusUnauthorized, "invalid_client", code, message}
	}
	switch {
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return refuse(700023, "The audience of the client assertion is not this endpoint.")
	case errors.Is(err, jwt.ErrTokenInvalidIssuer), errors.Is(err, jwt.ErrTokenInvalidSubject):
		return refuse(700021, "Issuer or subject of the client assertion are not the client id.")
	case errors.Is(err, jwt.ErrTokenExpired), errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return refuse(700024, "The client assertion is not within its valid time range.")
	case err != nil:
		return refuse(700027, "The signature or the form of the client assertion is not valid.")
	case time.Until(claims.ExpiresAt.Time) > longestAssertion:
		return refuse(700024, "The client assertion lives too long.")
	case !s.isNew(claims.ID):
		return refuse(50012, "The client assertion has no id, or one that was used before.")
	}
	return nil
}

// assertionKey finds the key by the thumbprint in the header, as Entra ID does.
func (s *Simulator) assertionKey(token *jwt.Token) (any, error) {
	thumbprint := sha256.Sum256(s.config.Certificate.Raw)
	if token.Header["x5t#S256"] != base64.RawURLEncoding.EncodeToString(thumbprint[:]) {
		return nil, errors.New("the certificate is not registered")
	}
	return s.config.Certificate.PublicKey, nil
}

// isNew remembers the ids of assertions.
func (s *Simulator) isNew(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id == "" || s.asserted[id] {
		return false
	}
	s.asserted[id] = true
	return true
}
