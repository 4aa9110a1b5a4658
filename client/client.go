package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/entra"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/throttle"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/wire"
)

// Defaults of a [Config].
const (
	DefaultTimeout     = time.Minute
	DefaultConcurrency = 8
)

// Config is the configuration of a [Client]: the partner, its credentials and limits.
type Config struct {
	// Cloud is the national cloud of the partner's tenant. Its addresses may be
	// changed to those of a proxy or a test.
	Cloud Cloud
	// TenantID is the partner's Entra tenant, a GUID or a domain.
	TenantID string
	// ClientID is the application's id.
	ClientID string
	// ClientSecretFile holds the application's secret. It is read anew for every
	// token. A public client has none.
	ClientSecretFile string
	// ClientSecret, if set, returns the application's secret in place of
	// ClientSecretFile, for instance from a vault. It is called for every token.
	ClientSecret func(context.Context) (string, error)
	// CertificateFile holds, in place of a secret, a certificate that is registered
	// with the application, as PEM. Those of its authorities may follow it. It is
	// read anew for every token.
	CertificateFile string
	// CertificateKeyFile holds the certificate's private key, RSA or EC, as PEM. If
	// it is "", the key is in CertificateFile.
	CertificateKeyFile string
	// RefreshTokenFile holds the refresh token of the partner user. It is
	// replaced whenever the token is rotated, so its folder must be writable.
	RefreshTokenFile string
	// RefreshTokens, if set, keeps the refresh token in place of RefreshTokenFile.
	RefreshTokens RefreshTokenStore
	// BootstrapRefreshTokenFile, if set, holds a refresh token that is only read, by its
	// path each time. It is used while RefreshTokenFile does not exist, and once
	// for each content if the authority refuses the token in RefreshTokenFile.
	BootstrapRefreshTokenFile string
	// Concurrency is the most calls in flight, [DefaultConcurrency] if zero.
	// Throttling allows fewer.
	Concurrency int
	// Timeout bounds one call, with its retries and with the time that it waits
	// for its turn. It is [DefaultTimeout] if zero.
	Timeout time.Duration
	// UserAgent names the program to Microsoft.
	UserAgent string
	// Trace, if set, is called when a request is sent, and what it returns is
	// called when the response has been read, with the HTTP status or 0 where no
	// whole response arrived.
	Trace func(Endpoint) (done func(status int))
	// Logger, if set, gets a line for what is not worth failing a call.
	Logger log.Logger
	// Transport carries the requests. If nil, it is one with room for many
	// connections that heeds the environment's proxy settings.
	Transport http.RoundTripper
}

// RefreshTokenStore keeps the refresh token of the partner user, for instance in a
// vault. [New] does not call it. A [Client] calls it from one goroutine at a time, with
// a context that ends within a minute.
type RefreshTokenStore interface {
	// Load returns the refresh token. It is called before every exchange, since
	// another process may have stored another.
	Load(ctx context.Context) (string, error)
	// Save replaces it after it was rotated. If it fails, the token in memory is
	// used further, and the next exchange calls it again.
	Save(ctx context.Context, token string) error
}

// Client calls Partner Center for one partner. Create it with [New].
type Client struct {
	base        *url.URL
	agent       string
	timeout     time.Duration
	concurrency int // as configured, or its default
	throttle    *throttle.Throttle
	clockSkew   clockSkew
	http        *http.Client // of the API
	source      *entra.Source
	odd         oddFields
}

// New returns a client. It reads the refresh token and sends no request. It fails with
// a [*ConfigError] if the cloud, its scope, the tenant or the client id is empty, with
// another error if an address cannot be read, or as [Config.CheckFiles] does.
func New(cfg Config) (*Client, error) {
	if err := cfg.checkRequired(); err != nil {
		return nil, err
	}
	base, err := ParseBaseURL(cfg.Cloud.APIURL)
	if err != nil {
		return nil, fmt.Errorf("API address: %w", err)
	}
	if _, err := ParseBaseURL(cfg.Cloud.LoginURL); err != nil {
		return nil, fmt.Errorf("login address: %w", err)
	}
	if err := cfg.CheckFiles(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	c := &Client{
		base:        base,
		agent:       cfg.UserAgent,
		timeout:     cfg.Timeout,
		concurrency: cfg.Concurrency,
		odd:         oddFields{logger: cfg.Logger, counts: map[string]int{}},
		throttle:    throttle.New(cfg.Concurrency, func(closed bool, wait time.Duration) { logThrottling(cfg.Logger, closed, wait) }),
	}
	observed := &observer{base: cfg.Transport, clockSkew: &c.clockSkew, trace: cfg.Trace, logger: cfg.Logger}
	c.source, err = entra.NewSource(cfg.authority(observed), cfg.tokens(), cfg.Logger)
	if err != nil {
		return nil, fileError(err)
	}
	observed.secrets = c.source.Secrets
	c.http = newHTTPClient(&throttled{base: observed, throttle: c.throttle})
	cfg.warnOfPublicFiles()
	return c, nil
}

func (cfg Config) tokens() entra.Tokens {
	return entra.Tokens{File: cfg.RefreshTokenFile, Store: cfg.RefreshTokens, BootstrapFile: cfg.BootstrapRefreshTokenFile}
}

// authority returns the authority of the cloud, called through a transport.
func (cfg Config) authority(transport http.RoundTripper) entra.Authority {
	return entra.Authority{
		URL:        cfg.Cloud.LoginURL,
		TenantID:   cfg.TenantID,
		ClientID:   cfg.ClientID,
		Scope:      cfg.Cloud.Scope,
		Credential: cfg.credential(),
		Client:     newHTTPClient(transport),
	}
}

func (cfg Config) withDefaults() Config {
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = DefaultConcurrency
	}
	if cfg.Trace == nil {
		cfg.Trace = func(Endpoint) func(int) { return func(int) {} }
	}
	if cfg.Logger == nil {
		cfg.Logger = log.NewNopLogger()
	}
	if cfg.Transport == nil {
		cfg.Transport = newTransport()
	}
	return cfg
}

// ConcurrencyLimit returns how many calls may be in flight now, as throttling
// has it: between 1 and [Config.Concurrency].
func (c *Client) ConcurrencyLimit() int { return c.throttle.Limit() }

// RefreshTokenIssued returns when the stored refresh token was issued: when it
// was last rotated, or when the file was written that it was read from. Before
// there is one, it is that of the bootstrap token.
func (c *Client) RefreshTokenIssued() time.Time { return c.source.Issued() }

// CertificateExpiry returns when the certificate expires that was read last, or
// zero if the application has none.
func (c *Client) CertificateExpiry() time.Time { return c.source.CertificateExpiry() }

// Reload forgets failures to get an access token, and the access token if the refresh
// token in its file was replaced. The next call reads the files of the credentials again.
func (c *Client) Reload() { c.source.Reload() }

// Close waits up to two seconds for an exchange of tokens under way, so that the
// rotated refresh token is stored, and closes idle connections. All calls have to
// have ended.
func (c *Client) Close() {
	c.source.Close()
	c.http.CloseIdleConnections()
}

// Authenticate makes sure that there is a valid access token, and gets one if
// there is none.
func (c *Client) Authenticate(ctx context.Context) error {
	if _, err := c.source.Token(ctx); err != nil {
		return tokenError(err)
	}
	return nil
}

// ValidateMFA asks Partner Center whether the access token was obtained with
// MFA. known is false if the response does not state it.
func (c *Client) ValidateMFA(ctx context.Context) (compliant, known bool, err error) {
	a, err := c.fetch(ctx, request{
		endpoint: EndpointCustomers,
		path:     "/v1/customers?size=1",
		header:   http.Header{"ValidateMfa": {"true"}},
		limit:    maxPage,
	})
	if IsMFA(err) {
		return false, true, nil
	}
	if err != nil {
		return false, false, err
	}
	// isMfaCompliant is documented as a response header; some reports show a body
	// field, so both are accepted.
	var body struct {
		Compliant *bool `json:"isMfaCompliant"`
	}
	if wire.Decode(a.body, &body) == nil && body.Compliant != nil {
		return *body.Compliant, true, nil
	}
	compliant, err = strconv.ParseBool(strings.ToLower(a.header.Get("isMfaCompliant")))
	return compliant, err == nil, nil
}

// ParseBaseURL parses the address of an API or a login authority: an http(s) URL with
// a host, perhaps a path, and nothing else. A slash at its end is removed.
func ParseBaseURL(address string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(address, "/"))
	if err != nil {
		return nil, errors.New("not a valid URL") // The cause would quote a password.
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("%q is not of the form https://host", u.Redacted())
	}
	return u, nil
}

// newTransport keeps a connection for each worker of a caller that makes many
// calls at once.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 256,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second,
		// Without pings, a connection that has gone dead is used for ever.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
	}
}

// newHTTPClient follows no redirects: they would carry a token or a secret to
// wherever the response points.
func newHTTPClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// logThrottling logs when the throttle's gate closes and opens again.
func logThrottling(logger log.Logger, closed bool, wait time.Duration) {
	if closed {
		_ = level.Info(logger).Log("msg", "throttling began", "wait", wait.Round(time.Millisecond))
		return
	}
	_ = level.Info(logger).Log("msg", "throttling ended")
}
