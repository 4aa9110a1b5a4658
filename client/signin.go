package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/atomicfile"
)

// EndpointDeviceCode is the call with which [SignIn] asks for a code. It is none
// of [Endpoints], because a [Client] never makes it.
const EndpointDeviceCode Endpoint = "devicecode"

// Defaults for what the authority does not state, or states wrongly.
const (
	defaultCodeLife = 15 * time.Minute
	maxPollInterval = 3600 // seconds
)

// DeviceCode is what a user needs to sign in, on any device with a browser.
type DeviceCode struct {
	// UserCode is what the user enters there.
	UserCode string
	// VerificationURL is the page to open.
	VerificationURL string
	// Expires is when the code can no longer be entered.
	Expires time.Time
}

// SignIn gets a refresh token by the device code flow of OAuth 2.0. It calls show
// once with the code that the user has to enter, waits until the user has signed
// in, and writes the refresh token to [Config.RefreshTokenFile], whose mode is
// then 0600. The file need not exist; its folder has to be writable, which is
// tried before the user is prompted. The application may be a public
// client.
//
// SignIn ends with the context and with the code. While it waits, it goes on
// after failures that may pass, such as those of the network.
//
// It fails with an [*Error] if the authority refuses, the user declines, the code
// expires or the context ends, and with another error if an address or a file is
// wrong. The file is then as it was before.
func SignIn(ctx context.Context, cfg Config, show func(DeviceCode)) error {
	login, err := parseBase(cfg.Cloud.LoginURL)
	if err != nil {
		return fmt.Errorf("login address: %w", err)
	}
	if err := atomicfile.Probe(cfg.RefreshTokenFile); err != nil {
		return &ConfigError{"RefreshTokenFile", fmt.Errorf("the refresh token cannot be stored: %w", err)}
	}
	if err := cfg.checkOverlap(); err != nil {
		return err
	}
	if _, err := cfg.clientAuthentication(); err != nil {
		return err
	}
	s := newSignIn(cfg.withDefaults(), login)
	refresh, err := s.run(ctx, show)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(cfg.RefreshTokenFile, []byte(refresh+"\n")); err != nil {
		return fmt.Errorf("the sign-in succeeded, but the refresh token cannot be stored: %w", err)
	}
	return nil
}

// signIn is one device code flow.
type signIn struct {
	cfg       Config
	flow      oauth2.Config
	secrets   []string // that have been sent, to be kept out of errors
	status    int      // of the last answer, 0 if none arrived whole
	transient *Error   // why the last poll found nothing out, nil if it did
}

func newSignIn(cfg Config, login *url.URL) *signIn {
	base := login.String() + "/" + url.PathEscape(cfg.TenantID) + "/oauth2/v2.0/"
	return &signIn{cfg: cfg, flow: oauth2.Config{
		ClientID: cfg.ClientID,
		Scopes:   offlineScopes(cfg.Cloud.Scope),
		Endpoint: oauth2.Endpoint{
			DeviceAuthURL: base + "devicecode",
			TokenURL:      base + "token",
			AuthStyle:     oauth2.AuthStyleInParams,
		},
	}}
}

// offlineScopes asks for a refresh token also where a cloud of the caller's own
// does not.
func offlineScopes(scope string) []string {
	scopes := strings.Fields(scope)
	if !slices.Contains(scopes, "offline_access") {
		scopes = append(scopes, "offline_access")
	}
	return scopes
}

// run returns the refresh token.
func (s *signIn) run(ctx context.Context, show func(DeviceCode)) (string, error) {
	code, err := s.begin(ctx)
	if err != nil {
		return "", err
	}
	show(DeviceCode{UserCode: printable(code.UserCode), VerificationURL: printable(code.VerificationURI), Expires: code.Expiry})
	token, err := s.poll(ctx, code)
	if err != nil {
		return "", err
	}
	if token.RefreshToken == "" {
		return "", &Error{Endpoint: EndpointToken, StatusCode: s.status, Reason: ReasonPermission, Description: noRefreshToken}
	}
	return token.RefreshToken, nil
}

// begin asks for a code.
func (s *signIn) begin(ctx context.Context) (*oauth2.DeviceAuthResponse, error) {
	carry := roundTripFunc(func(req *http.Request) (*http.Response, error) {
		// golang.org/x/oauth2 leaves the context out of this request.
		resp, err := s.send(req.WithContext(ctx), EndpointDeviceCode)
		if err != nil {
			return nil, err
		}
		return onlyObject(resp), nil
	})
	code, err := s.flow.DeviceAuth(context.WithValue(ctx, oauth2.HTTPClient, newHTTPClient(carry)))
	if err != nil {
		return nil, s.failure(EndpointDeviceCode, err)
	}
	if code.DeviceCode == "" || code.UserCode == "" || !isHTTPURL(code.VerificationURI) {
		return nil, s.failure(EndpointDeviceCode, errors.New("a field is missing"))
	}
	s.secrets = append(s.secrets, code.DeviceCode)
	code.Interval = min(max(code.Interval, 0), maxPollInterval)
	if code.Expiry.IsZero() {
		code.Expiry = time.Now().Add(defaultCodeLife)
	}
	return code, nil
}

// onlyObject replaces an answer such as null, for which golang.org/x/oauth2 is
// not prepared.
func onlyObject(resp *http.Response) *http.Response {
	if !bytes.HasPrefix(bytes.TrimSpace(peek(resp)), []byte("{")) {
		resp.Body = io.NopCloser(strings.NewReader("{}"))
	}
	return resp
}

// isHTTPURL reports whether the address is an http(s) URL; terminals link other
// schemes too, and the address comes from a server.
func isHTTPURL(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// poll waits until the user has signed in.
func (s *signIn) poll(ctx context.Context, code *oauth2.DeviceAuthResponse) (*oauth2.Token, error) {
	carry := roundTripFunc(func(req *http.Request) (*http.Response, error) {
		resp, err := s.send(req, EndpointToken)
		if req.Context().Err() != nil {
			return resp, err
		}
		return s.bridge(resp, err)
	})
	token, err := s.flow.DeviceAccessToken(context.WithValue(ctx, oauth2.HTTPClient, newHTTPClient(carry)), code)
	switch {
	case err == nil:
		return token, nil
	case ctx.Err() != nil:
		return nil, &Error{Endpoint: EndpointToken, Reason: reasonOfCause(ctx.Err()), Err: ctx.Err()}
	case !errors.Is(err, context.DeadlineExceeded):
		return nil, s.failure(EndpointToken, err)
	case s.transient != nil:
		return nil, s.transient
	}
	return nil, &Error{Endpoint: EndpointToken, Reason: ReasonAuth, Description: codeExpired}
}

// bridge keeps golang.org/x/oauth2 polling after a failure that may pass. It
// answers in the authority's place with what makes the polls rarer, as RFC 8628
// wants them to become after such a failure.
func (s *signIn) bridge(resp *http.Response, err error) (*http.Response, error) {
	var failed *Error
	switch {
	case err != nil:
		failed = s.failure(EndpointToken, err)
	case resp.StatusCode != http.StatusOK:
		failed = tokenRefusal(resp.StatusCode, resp.Header, peek(resp))
		failed.Endpoint = EndpointToken
	}
	if s.transient = nil; failed == nil || !IsTemporary(failed) {
		return resp, err
	}
	s.transient = failed
	return &http.Response{
		StatusCode: http.StatusBadRequest,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(strings.NewReader(`{"error":"slow_down"}`)),
	}, nil
}

// send sends a request of golang.org/x/oauth2's with the client authentication.
// That is made anew for each one, since it may live shorter than a code.
func (s *signIn) send(req *http.Request, endpoint Endpoint) (*http.Response, error) {
	s.status = 0
	ctx, cancel := context.WithTimeout(req.Context(), tokenTimeout)
	defer cancel()
	req = req.Clone(ctx)
	if err := s.authenticate(req); err != nil {
		return nil, err
	}
	done := s.cfg.Trace(endpoint)
	resp, err := statusTransport{base: s.cfg.Transport, clockSkew: &clockSkew{}, status: &s.status}.RoundTrip(req)
	done(s.status)
	return resp, err
}

// authenticate adds the client authentication to the form.
func (s *signIn) authenticate(req *http.Request) error {
	form, err := io.ReadAll(req.Body)
	if err != nil {
		return err
	}
	proof, err := s.cfg.clientAuthentication()
	if err != nil {
		return err
	}
	for name, values := range proof {
		s.secrets = append(s.secrets, values...)
		form = append(form, "&"+url.Values{name: values}.Encode()...)
	}
	req.ContentLength = int64(len(form))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(form)), nil }
	req.Body, err = req.GetBody()
	return err
}

// failure returns an error for one of golang.org/x/oauth2. Of a body it takes
// codes and ids only.
func (s *signIn) failure(endpoint Endpoint, err error) *Error {
	var e *Error
	retrieve, refused := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case refused:
		e = tokenRefusal(s.status, retrieve.Response.Header, retrieve.Body)
	case s.status == 0:
		e = &Error{Reason: reasonOfCause(err), Err: &scrubbed{text: scrub(err.Error(), s.secrets), err: err}}
	default:
		e = &Error{StatusCode: s.status, Reason: ReasonDecode, Err: errors.New("the answer is not what a sign-in needs")}
	}
	e.Endpoint = endpoint
	return e
}

// peek reads a body that statusTransport has put into memory, and leaves it to
// be read again.
func peek(resp *http.Response) []byte {
	body, _ := io.ReadAll(resp.Body) // Memory has no errors.
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return body
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
