package authority_test

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/testcert"
)

// What is registered with an oauthServer.
const (
	oauthClientID = "fake-client-id"
	oauthSecret   = "fake-client-secret-1"
	oauthUser     = "fake-user"
)

var oauthScopes = []string{"https://fake.example/.default", "offline_access"}

// oauthServer is an OAuth 2.0 authority that the project did not write: that of
// github.com/zitadel/oidc, with its own checks of forms, secrets, assertions and
// grants. Only what it keeps is kept here.
type oauthServer struct {
	*httptest.Server
	storage *oauthStorage
}

// newOAuthServer has one application, which proves itself with a key if there is
// one, and with a secret otherwise.
func newOAuthServer(t *testing.T, key crypto.PublicKey) *oauthServer {
	t.Helper()
	method := oidc.AuthMethodPost
	if key != nil {
		method = oidc.AuthMethodPrivateKeyJWT
	}
	storage := &oauthStorage{
		client:  oauthClient{method: method},
		key:     key,
		signing: oauthSigningKey{testcert.EC(t, elliptic.P256())},
		refresh: map[string]bool{"fake-refresh-token-1": true},
		issued:  1,
	}
	s := &oauthServer{httptest.NewUnstartedServer(nil), storage}
	config := &op.Config{AuthMethodPost: true, AuthMethodPrivateKeyJWT: true, GrantTypeRefreshToken: true}
	if _, err := rand.Read(config.CryptoKey[:]); err != nil {
		t.Fatal(err)
	}
	// It accepts assertions for its issuer only, while Entra ID accepts them for the
	// token endpoint. So the one is the other.
	issuer := "http://" + s.Listener.Addr().String() + tokenPath
	provider, err := op.NewProvider(config, storage, op.StaticIssuer(issuer), op.WithAllowInsecure(), op.WithCustomTokenEndpoint(op.NewEndpoint(tokenPath)))
	if err != nil {
		t.Fatal(err)
	}
	s.Config.Handler = provider
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// config is that of a client which begins with the first refresh token.
func (s *oauthServer) config(t *testing.T) client.Config {
	t.Helper()
	return newConfig(t, s.URL)
}

// oauthStorage keeps tokens in memory. A refresh token dies as it is exchanged. Of
// the methods that the embedded interface promises, it has those that the grants
// under test need; the others would panic.
type oauthStorage struct {
	op.Storage
	client  oauthClient
	key     crypto.PublicKey
	signing oauthSigningKey

	mu      sync.Mutex
	refresh map[string]bool
	issued  int
}

// grant lets another refresh token be exchanged, as a new sign-in does.
func (s *oauthStorage) grant(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh[token] = true
}

// revoke ends all refresh tokens.
func (s *oauthStorage) revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.refresh)
}

func (s *oauthStorage) accepts(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refresh[token]
}

func (s *oauthStorage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != oauthClientID {
		return nil, errors.New("no such client")
	}
	return s.client, nil
}

func (s *oauthStorage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if id != oauthClientID || secret != oauthSecret {
		return errors.New("wrong secret")
	}
	return nil
}

func (s *oauthStorage) GetKeyByIDAndClientID(_ context.Context, _, id string) (*jose.JSONWebKey, error) {
	if id != oauthClientID || s.key == nil {
		return nil, errors.New("no such key")
	}
	return &jose.JSONWebKey{Key: s.key, Use: "sig"}, nil
}

func (s *oauthStorage) TokenRequestByRefreshToken(_ context.Context, token string) (op.RefreshTokenRequest, error) {
	if !s.accepts(token) {
		return nil, op.ErrInvalidRefreshToken
	}
	return &oauthGrant{scopes: oauthScopes}, nil
}

func (s *oauthStorage) CreateAccessAndRefreshTokens(_ context.Context, _ op.TokenRequest, spent string) (string, string, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.refresh, spent)
	s.issued++
	refresh := fmt.Sprintf("fake-refresh-token-%d", s.issued)
	s.refresh[refresh] = true
	return fmt.Sprintf("fake-access-token-%d", s.issued), refresh, time.Now().Add(time.Hour), nil
}

func (s *oauthStorage) SigningKey(context.Context) (op.SigningKey, error) { return s.signing, nil }

// oauthGrant is what a user has granted.
type oauthGrant struct{ scopes []string }

func (*oauthGrant) GetAMR() []string                   { return []string{"pwd", "mfa"} }
func (*oauthGrant) GetAudience() []string              { return []string{oauthClientID} }
func (*oauthGrant) GetAuthTime() time.Time             { return time.Now() }
func (*oauthGrant) GetClientID() string                { return oauthClientID }
func (g *oauthGrant) GetScopes() []string              { return g.scopes }
func (*oauthGrant) GetSubject() string                 { return oauthUser }
func (g *oauthGrant) SetCurrentScopes(scopes []string) { g.scopes = scopes }

// oauthSigningKey signs the server's own tokens.
type oauthSigningKey struct{ key crypto.Signer }

func (oauthSigningKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (k oauthSigningKey) Key() any                                  { return k.key }
func (oauthSigningKey) ID() string                                  { return "fake-key" }

// oauthClient is the application as the server knows it.
type oauthClient struct {
	op.Client
	method oidc.AuthMethod
}

func (oauthClient) GetID() string                       { return oauthClientID }
func (c oauthClient) AuthMethod() oidc.AuthMethod       { return c.method }
func (oauthClient) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeBearer }
func (oauthClient) IDTokenLifetime() time.Duration      { return time.Hour }
func (oauthClient) ClockSkew() time.Duration            { return 0 }
func (oauthClient) IDTokenUserinfoClaimsAssertion() bool {
	return false
}

func (oauthClient) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeRefreshToken, oidc.GrantTypeDeviceCode}
}

//nolint:revive // The interface has this name.
func (oauthClient) RestrictAdditionalIdTokenScopes() func([]string) []string { return noScopes }

func (oauthClient) RestrictAdditionalAccessTokenScopes() func([]string) []string { return noScopes }

func noScopes([]string) []string { return nil }
