package entra

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/wire"
)

// Defaults for what the authority does not state, or states wrongly, and RFC 8628's
// step by which polls become rarer.
const (
	defaultCodeLife = 15 * time.Minute
	defaultInterval = 5 * time.Second
	maxInterval     = time.Hour
	slowDownStep    = 5 * time.Second
)

const (
	noRefreshToken = "the response has no refresh token"
	codeExpired    = "the code expired before the user signed in"
)

// SignIn obtains a refresh token by the device code flow. It calls show once with
// the code that the user has to enter, and waits until the user has signed in. It
// continues after temporary failures, and ends with the context and with the code.
// It fails with an [*Error].
func SignIn(ctx context.Context, authority Authority, show func(oauth2.DeviceAuthResponse)) (string, error) {
	authority.Scope = withOfflineAccess(authority.Scope)
	c := &conn{Authority: authority}
	code, err := c.deviceCode(ctx)
	if err != nil {
		return "", err
	}
	show(*code)
	token, err := c.poll(ctx, code)
	if err != nil {
		return "", err
	}
	if token.RefreshToken == "" {
		return "", &Error{Endpoint: EndpointToken, StatusCode: http.StatusOK, Kind: KindConsent, Name: noRefreshToken}
	}
	return token.RefreshToken, nil
}

// withOfflineAccess adds the scope of a refresh token, which a cloud of the caller's
// own may lack.
func withOfflineAccess(scope string) string {
	scopes := strings.Fields(scope)
	if !slices.Contains(scopes, "offline_access") {
		scopes = append(scopes, "offline_access")
	}
	return strings.Join(scopes, " ")
}

// deviceCode requests a code.
func (c *conn) deviceCode(ctx context.Context) (*oauth2.DeviceAuthResponse, error) {
	body, err := c.post(ctx, EndpointDeviceCode, url.Values{"scope": {c.Scope}})
	if err != nil {
		return nil, err
	}
	code := &oauth2.DeviceAuthResponse{}
	if !strings.HasPrefix(strings.TrimSpace(string(wire.TrimBOM(body))), "{") || json.Unmarshal(wire.TrimBOM(body), code) != nil ||
		code.DeviceCode == "" || code.UserCode == "" || !isHTTPURL(code.VerificationURI) {
		return nil, &Error{Endpoint: EndpointDeviceCode, StatusCode: http.StatusOK, Kind: KindDecode, Err: errors.New("the response is not a device code")}
	}
	code.UserCode, code.VerificationURI = wire.Printable(code.UserCode), wire.Printable(code.VerificationURI)
	if code.Expiry.IsZero() {
		code.Expiry = time.Now().Add(defaultCodeLife)
	}
	return code, nil
}

// isHTTPURL reports whether the address is an http(s) URL; terminals link other
// schemes too, and the address comes from a server.
func isHTTPURL(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// intervalOf returns the time between two polls.
func intervalOf(code *oauth2.DeviceAuthResponse) time.Duration {
	if code.Interval <= 0 {
		return defaultInterval
	}
	return time.Duration(min(code.Interval, int64(maxInterval/time.Second))) * time.Second
}

// poll waits until the user has signed in. Polls become rarer when the authority
// demands it, and after temporary failures, as RFC 8628 requires.
func (c *conn) poll(ctx context.Context, code *oauth2.DeviceAuthResponse) (*oauth2.Token, error) {
	whole := ctx
	ctx, cancel := context.WithDeadline(ctx, code.Expiry)
	defer cancel()
	interval := intervalOf(code)
	var transient *Error
	for wait(ctx, interval) {
		token, err := c.token(ctx, url.Values{
			"grant_type":  {"urn:ietf:params:oauth:grant-type:device_code"},
			"device_code": {code.DeviceCode},
		})
		if err == nil {
			return token, nil
		}
		if ctx.Err() != nil {
			break
		}
		transient = nil
		e, _ := errors.AsType[*Error](err)
		switch {
		case e.Name == "authorization_pending":
		case e.Name == "slow_down":
			interval += slowDownStep
		case e.temporary():
			interval += slowDownStep
			transient = e
		default:
			return nil, e
		}
	}
	return nil, expired(whole, transient)
}

// expired returns why polling ended: the caller's context, the last temporary
// failure, or the expiry of the code.
func expired(ctx context.Context, transient *Error) *Error {
	switch {
	case ctx.Err() != nil:
		return gaveUp(ctx)
	case transient != nil:
		return transient
	}
	return &Error{Endpoint: EndpointToken, Kind: KindAuth, Name: codeExpired}
}
