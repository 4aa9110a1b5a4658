package client

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/atomicfile"
)

// tokenTimeout bounds an exchange of tokens on its own: it outlives the call
// that needs it, since Entra ID has rotated the refresh token by the time it
// answers.
const tokenTimeout = 20 * time.Second

// tokenMargin is how long before its end an access token is no longer used. A
// token that lives shorter than twice that is used for half its life.
const tokenMargin = time.Minute

// tokenSource holds the partner's tokens and requests new ones.
type tokenSource struct {
	client *Client
	cfg    Config
	file   string

	// turn is held during an exchange: one at a time, because each one rotates
	// the refresh token. It is a channel so that a waiting caller can leave.
	turn chan struct{}
	// exchanges are those under way, for which Close waits.
	exchanges sync.WaitGroup

	mu        sync.Mutex
	access    string
	useUntil  time.Time // zero if the access token does not tell its end
	refresh   string    // "" before the first exchange of a bootstrap token
	stored    string    // the file's content as this process knows it
	storedAt  time.Time
	bootstrap bootstrap
	proof     string    // the secret or the assertion last sent, to be kept out of errors
	expires   time.Time // of the certificate last read, zero without one
	giveUp    func()    // ends the last exchange, nil before the first
	last      exchanged
}

func newTokenSource(cfg Config, c *Client) (*tokenSource, error) {
	t := &tokenSource{client: c, cfg: cfg, file: cfg.RefreshTokenFile, turn: make(chan struct{}, 1)}
	if err := t.load(); err != nil {
		return nil, err
	}
	t.inspectBootstrap()
	return t, t.inspect()
}

// get returns a valid access token. It ends with the context; an exchange that
// it began goes on, because the refresh token is spent by then.
func (t *tokenSource) get(ctx context.Context) (string, error) {
	before := t.outcome()
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return "", t.gaveUp(ctx)
	}
	if access := t.valid(); access != "" {
		<-t.turn
		return access, nil
	}
	if last := t.outcome(); last.err != nil && (last.number != before.number || time.Now().Before(last.notBefore)) {
		<-t.turn
		return "", last.err
	}
	type result struct {
		access string
		err    error
	}
	done := make(chan result, 1)
	t.exchanges.Go(func() {
		access, err := t.exchange(ctx)
		t.conclude(err)
		<-t.turn
		done <- result{access, err}
	})
	select {
	case r := <-done:
		return r.access, r.err
	case <-ctx.Done():
		return "", t.gaveUp(ctx)
	}
}

// exchanged is the result of the last exchange. The callers that waited for it share
// its error, and so do all others until the retry delay has passed.
type exchanged struct {
	number    int
	err       error
	notBefore time.Time
}

func (t *tokenSource) outcome() exchanged {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

func (t *tokenSource) conclude(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = exchanged{number: t.last.number + 1, err: err}
	if e, ok := errors.AsType[*Error](err); ok {
		t.last.notBefore = time.Now().Add(e.RetryAfter)
	}
}

// abandon ends the exchange under way.
func (t *tokenSource) abandon() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.giveUp != nil {
		t.giveUp()
	}
}

func (t *tokenSource) gaveUp(ctx context.Context) error {
	return t.failure(&Error{Reason: reasonOfCause(ctx.Err()), Err: ctx.Err()})
}

func (t *tokenSource) valid() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.useUntil.IsZero() && !time.Now().Before(t.useUntil) {
		return ""
	}
	return t.access
}

// drop forgets an access token that was refused, unless it has been replaced
// already.
func (t *tokenSource) drop(access string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.access == access {
		t.access = ""
	}
}

func (t *tokenSource) issued() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.storedAt
}

// exchange swaps the refresh token for an access token and the next refresh
// token, which is stored before the access token is used.
func (t *tokenSource) exchange(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenTimeout)
	defer cancel()
	t.mu.Lock()
	t.giveUp = cancel
	t.mu.Unlock()
	t.reload()
	token, err := t.exchangeStored(ctx)
	if err != nil {
		return "", err
	}
	t.keep(token)
	return token.AccessToken, nil
}

// exchangeStored exchanges the stored refresh token, or the bootstrap token if there is none
// or it is refused.
func (t *tokenSource) exchangeStored(ctx context.Context) (*oauth2.Token, error) {
	if t.refresh == "" {
		return t.exchangeBootstrap(ctx, nil)
	}
	token, err := t.request(ctx, t.refresh)
	if t.cfg.BootstrapRefreshTokenFile == "" || !rejectsToken(err) {
		return token, err
	}
	return t.exchangeBootstrap(ctx, err)
}

// request calls the token endpoint. It borrows the client credentials grant
// because that is the one in golang.org/x/oauth2 which sends a scope and lets
// the grant be named; its refresh grant cannot send a scope.
func (t *tokenSource) request(ctx context.Context, refresh string) (*oauth2.Token, error) {
	proof, err := t.authenticate()
	if err != nil {
		return nil, t.failure(&Error{Reason: ReasonAuth, Err: err})
	}
	parameters := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}
	maps.Copy(parameters, proof)
	status := 0
	transport := statusTransport{base: t.cfg.Transport, clockSkew: &t.client.clockSkew, status: &status}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, newHTTPClient(transport))
	grant := clientcredentials.Config{
		ClientID:       t.cfg.ClientID,
		TokenURL:       t.cfg.tokenURL(),
		Scopes:         []string{t.cfg.Cloud.Scope},
		AuthStyle:      oauth2.AuthStyleInParams,
		EndpointParams: parameters,
	}
	done := t.cfg.Trace(EndpointToken)
	token, err := grant.Token(ctx)
	done(status)
	if err != nil {
		return nil, t.refused(status, err)
	}
	if !isVisible(token.AccessToken) || strings.ContainsFunc(token.RefreshToken, unicode.IsControl) {
		return nil, t.failure(&Error{StatusCode: status, Reason: ReasonDecode, Err: errors.New("the token is not visible ASCII")})
	}
	return token, nil
}

// statusTransport notes the status, which golang.org/x/oauth2 does not tell of
// an answer that it cannot read.
type statusTransport struct {
	base      http.RoundTripper
	clockSkew *clockSkew
	status    *int
}

func (t statusTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := time.Now()
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	t.clockSkew.note(resp.Header, sent, time.Now())
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResource))
	resp.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("the answer broke off: %w", err)
	}
	// Without it, golang.org/x/oauth2 takes some answers for a form.
	resp.Header.Set("Content-Type", "application/json")
	resp.Body = io.NopCloser(bytes.NewReader(trimBOM(body)))
	*t.status = resp.StatusCode
	return resp, nil
}

// keep stores the rotated refresh token, and then lets the access token be used.
// Where it cannot be stored, the token in memory goes on working, which is
// better for the graphs than to stop; each exchange tries again and logs a warning.
func (t *tokenSource) keep(token *oauth2.Token) {
	t.store(token.RefreshToken)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.access, t.useUntil = token.AccessToken, time.Time{}
	if life := time.Until(token.Expiry); !token.Expiry.IsZero() {
		t.useUntil = token.Expiry.Add(-min(tokenMargin, life/2))
	}
}

// store writes a refresh token to its file, if it is not there. It holds no lock
// while it writes, since a disk may hang; the exchange's turn keeps others out.
func (t *tokenSource) store(refresh string) {
	t.mu.Lock()
	if refresh != "" {
		t.refresh = refresh
	}
	refresh, stored := t.refresh, t.stored
	t.mu.Unlock()
	if refresh == stored {
		return
	}
	if err := atomicfile.Write(t.file, []byte(refresh+"\n")); err != nil {
		t.client.warn("msg", "cannot store the rotated refresh token: a restart will begin with the old one; free space or make its folder writable", "file", t.file, "err", err)
		return
	}
	t.take(refresh, time.Now())
}

// reload takes over a refresh token that somebody else has put into the file,
// for instance after a new sign-in. A file that has vanished is no reason to
// give up the token in memory.
func (t *tokenSource) reload() {
	token, modified, err := readSecret(t.file)
	if err == nil && token != t.stored {
		t.take(token, modified)
	}
}

func (t *tokenSource) load() error {
	token, modified, err := readSecret(t.file)
	if errors.Is(err, fs.ErrNotExist) && t.cfg.BootstrapRefreshTokenFile != "" {
		_, t.storedAt, err = readSecret(t.cfg.BootstrapRefreshTokenFile)
		return err
	}
	if err != nil {
		return &ConfigError{Field: "RefreshTokenFile", Err: err}
	}
	t.take(token, modified)
	return nil
}

func (t *tokenSource) take(token string, written time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refresh, t.stored, t.storedAt = token, token, written
}

// inspect looks at the certificate before it is needed. One that has expired may
// be renewed while the client runs, and until then callers have what they had.
func (t *tokenSource) inspect() error {
	credential, err := t.readCredential()
	if err != nil || credential.certificate == nil {
		return err
	}
	if err := credential.certificate.check(time.Now()); err != nil {
		t.client.warn("msg", "no access token can be had with this certificate", "err", err)
	}
	return nil
}

// authenticate returns what proves the application's identity in one request.
func (t *tokenSource) authenticate() (url.Values, error) {
	credential, err := t.readCredential()
	if err != nil {
		return nil, err
	}
	proof, err := credential.parameters(t.cfg)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.proof = cmp.Or(proof.Get("client_secret"), proof.Get("client_assertion"))
	return proof, nil
}

func (t *tokenSource) readCredential() (credential, error) {
	credential, err := t.cfg.readCredential()
	if err != nil {
		return credential, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expires = credential.expires()
	return credential, nil
}

func (t *tokenSource) certificateExpiry() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.expires
}

// refused makes an error of what the token endpoint answered. Of the body it
// takes codes and ids only, since the rest may repeat what was sent.
func (t *tokenSource) refused(status int, err error) *Error {
	retrieve, ok := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case ok:
		return t.failure(tokenRefusal(status, retrieve.Response.Header, retrieve.Body))
	case status == 0:
		return t.failure(&Error{Reason: reasonOfCause(err), Err: t.scrubError(err)})
	}
	return t.failure(&Error{StatusCode: status, Reason: ReasonDecode, Err: errors.New("the answer is not a token")})
}

func (t *tokenSource) failure(e *Error) *Error {
	e.Endpoint = EndpointToken
	return e
}
