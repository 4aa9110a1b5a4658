package entra

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/wire"
)

const (
	// tokenTimeout bounds a request.
	tokenTimeout = 20 * time.Second
	// maxBody bounds a response, in bytes.
	maxBody = 1 << 20
	// maxLifetime is the longest lifetime of an access token that is believed.
	maxLifetime = 10 * 365 * 24 * time.Hour
)

// Authority is where an application obtains tokens.
type Authority struct {
	// URL is the base of the login authority.
	URL string
	// TenantID is a GUID or a domain.
	TenantID string
	// ClientID identifies the application.
	ClientID string
	// Scope of the tokens.
	Scope string
	// Credential authenticates the application. It is read anew for each request.
	Credential Credential
	// Client sends the requests. It must not follow redirects, which would carry
	// secrets to another host.
	Client *http.Client
}

// address returns the address of an endpoint.
func (a Authority) address(endpoint string) string {
	return strings.TrimRight(a.URL, "/") + "/" + url.PathEscape(a.TenantID) + "/oauth2/v2.0/" + endpoint
}

// conn sends forms to an authority.
type conn struct {
	Authority

	mu      sync.Mutex
	proof   string    // the secret or assertion last sent
	expires time.Time // of the certificate last read, zero without one
}

// post sends a form with the application's authentication, and returns the body of
// a response with status 200. It fails with an [*Error].
func (c *conn) post(ctx context.Context, endpoint string, form url.Values) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	form.Set("client_id", c.ClientID)
	if err := c.authenticate(ctx, form); err != nil {
		return nil, &Error{Endpoint: endpoint, Kind: KindAuth, Err: err}
	}
	status, header, body, err := c.send(ctx, endpoint, form)
	if err != nil {
		return nil, &Error{Endpoint: endpoint, Kind: KindOfCause(err), Err: wire.RedactError(err, secretsOf(form)...)}
	}
	if status != http.StatusOK {
		return nil, rejection(endpoint, status, header, body)
	}
	if _, err := decodeError(body); err == nil {
		return nil, rejection(endpoint, status, header, body)
	}
	return body, nil
}

// secretsOf returns all values of a form but its public ones.
func secretsOf(form url.Values) []string {
	var secrets []string
	for _, name := range []string{"client_secret", "client_assertion", "refresh_token", "device_code"} {
		secrets = slices.Concat(secrets, form[name])
	}
	return secrets
}

// send returns a response that has arrived whole.
func (c *conn) send(ctx context.Context, endpoint string, form url.Values) (int, http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address(endpoint), strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil, nil, errors.New("the address cannot be called")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, err := c.Client.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("the response broke off: %w", err)
	}
	return resp.StatusCode, resp.Header, body, nil
}

// authenticate adds the application's authentication to a form.
func (c *conn) authenticate(ctx context.Context, form url.Values) error {
	identity, err := c.readCredential(ctx)
	if err != nil {
		return err
	}
	proof, err := identity.parameters(c.ClientID, c.address(EndpointToken))
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, value := range proof {
		form.Set(name, value)
	}
	c.proof = cmp.Or(proof["client_secret"], proof["client_assertion"])
	return nil
}

func (c *conn) readCredential(ctx context.Context) (identity, error) {
	id, err := c.Credential.read(ctx)
	if err != nil {
		return identity{}, err
	}
	c.noteExpiry(id)
	return id, nil
}

// noteExpiry records when the certificate that was read last expires.
func (c *conn) noteExpiry(id identity) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expires = id.expires()
}

// lastProof returns the secret or assertion that was sent last.
func (c *conn) lastProof() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.proof
}

func (c *conn) certificateExpiry() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.expires
}

// token sends a grant to the token endpoint. With an error, it may return a token
// that has a refresh token only.
func (c *conn) token(ctx context.Context, form url.Values) (*oauth2.Token, error) {
	form.Set("scope", c.Scope)
	body, err := c.post(ctx, EndpointToken, form)
	if err != nil {
		return nil, err
	}
	token, err := decodeToken(body, time.Now())
	if err != nil {
		return token, &Error{Endpoint: EndpointToken, StatusCode: http.StatusOK, Kind: KindDecode, Err: err}
	}
	return token, nil
}

var errNoToken = errors.New("the response is not a token")

// decodeToken decodes a token. Of the fields besides the access token it takes
// what it can, so that an odd lifetime does not lose the rotated refresh token.
func decodeToken(body []byte, now time.Time) (*oauth2.Token, error) {
	var w struct {
		AccessToken  json.RawMessage `json:"access_token"`
		RefreshToken json.RawMessage `json:"refresh_token"`
		ExpiresIn    json.RawMessage `json:"expires_in"`
	}
	if wire.Decode(body, &w) != nil {
		return nil, errNoToken
	}
	token := &oauth2.Token{RefreshToken: scalar(w.RefreshToken)}
	if !wire.IsVisible(token.RefreshToken) {
		token.RefreshToken = ""
	}
	access := scalar(w.AccessToken)
	if access == "" {
		return token, errNoToken
	}
	if !wire.IsVisible(access) {
		return token, errors.New("the token is not visible ASCII")
	}
	token.AccessToken = access
	if life := lifetime(w.ExpiresIn); life != 0 {
		token.Expiry = now.Add(life)
	}
	return token, nil
}

// scalar returns a string or the text of a number, and "" for anything else.
func scalar(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var number json.Number
	_ = json.Unmarshal(raw, &number) // An object is none, and leaves it empty.
	return number.String()
}

// lifetime returns the lifetime of a token, stated in seconds as a number or a
// string, and 0 where it is unknown.
func lifetime(raw json.RawMessage) time.Duration {
	seconds, err := strconv.ParseFloat(scalar(raw), 64)
	if err != nil || math.IsNaN(seconds) || seconds <= 0 || seconds > maxLifetime.Seconds() {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}
