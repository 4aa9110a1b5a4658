package entra

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"golang.org/x/oauth2"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/throttle"
)

const (
	// tokenMargin is how long before its expiry an access token is no longer used.
	// One with a lifetime of less than twice that is used for half of it.
	tokenMargin = time.Minute
	// exchangeTimeout bounds an exchange with all of its requests.
	exchangeTimeout = 45 * time.Second
	// blipDelay is after what time a refresh token is tried once more that was
	// rejected with a code that Entra ID also returns by mistake.
	blipDelay = 3 * time.Second
	// closeTimeout bounds how long Close waits for an exchange.
	closeTimeout = 2 * time.Second
)

// Source returns access tokens. Its methods may be called concurrently.
type Source struct {
	conn   conn
	store  store
	logger log.Logger

	// turn is held during an exchange: one at a time, because each one rotates
	// the refresh token. It is a channel so that a waiting caller can leave.
	turn chan struct{}
	// exchanges are those under way, for which Close waits.
	exchanges sync.WaitGroup

	mu        sync.Mutex // guards the fields below
	access    string
	useUntil  time.Time // zero if the expiry is unknown
	bootstrap bootstrap
	cancel    func() // of the last exchange, nil before the first
	last      result
	failures  throttle.Delay // between exchanges that fail
	renewals  throttle.Delay // between exchanges for a token that the API rejects
}

// Tokens states where refresh tokens are kept.
type Tokens struct {
	// File is replaced at each rotation, if there is no Store.
	File string
	// Store keeps the refresh token in place of File, if it is not nil.
	Store TokenStore
	// BootstrapFile is only read. It may be "".
	BootstrapFile string
}

// NewSource returns a source that has read the files of the refresh token and of the
// credential but has sent no request. It fails with a [*FileError].
func NewSource(authority Authority, tokens Tokens, logger log.Logger) (*Source, error) {
	s := &Source{
		conn:   conn{Authority: authority},
		store:  store{file: tokens.File, tokens: tokens.Store, bootstrapFile: tokens.BootstrapFile},
		logger: logger,
		turn:   make(chan struct{}, 1),
	}
	if err := s.store.load(); err != nil {
		return nil, err
	}
	if err := s.store.sweep(); err != nil {
		s.warn("msg", "a temporary file that may hold a refresh token cannot be removed: remove it", "err", err)
	}
	s.inspectBootstrap()
	return s, s.inspectCertificate()
}

// inspectCertificate warns of a certificate that has expired. It may be renewed
// while the program runs.
func (s *Source) inspectCertificate() error {
	if s.conn.Credential.Secret != nil {
		return nil // It is first called by an exchange.
	}
	id, err := s.conn.Credential.readFiles()
	if err != nil || id.certificate == nil {
		return err
	}
	s.conn.noteExpiry(id)
	if err := id.certificate.check(time.Now()); err != nil {
		s.warn("msg", "no access token can be obtained with this certificate", "err", err)
	}
	return nil
}

// Token returns a valid access token. It returns when the context ends; an exchange
// that it started goes on, because the refresh token is spent by then. It fails
// with an [*Error].
func (s *Source) Token(ctx context.Context) (string, error) {
	before := s.outcome()
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return "", gaveUp(ctx)
	}
	if access := s.valid(); access != "" {
		<-s.turn
		return access, nil
	}
	if last := s.outcome(); last.err != nil && (last.number != before.number || s.RetryIn() > 0 && s.store.files() == last.files) {
		<-s.turn
		return "", last.err
	}
	type reply struct {
		access string
		err    error
	}
	done := make(chan reply, 1)
	s.exchanges.Go(func() {
		access, err := s.exchange(ctx)
		s.conclude(err)
		<-s.turn
		done <- reply{access, err}
	})
	select {
	case r := <-done:
		return r.access, r.err
	case <-ctx.Done():
		return "", gaveUp(ctx)
	}
}

func gaveUp(ctx context.Context) *Error {
	return &Error{Endpoint: EndpointToken, Kind: KindOfCause(ctx.Err()), Err: ctx.Err()}
}

// result is the result of the last exchange. The callers that waited for it share
// its error, and so do all others until the retry delay has passed or the files hold
// another token, as after a new sign-in.
type result struct {
	number int
	err    error
	files  string // the content of the token files
}

func (s *Source) outcome() result {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// conclude records the result of an exchange. A failure delays the next exchange,
// unless no request was sent.
func (s *Source) conclude(err error) {
	files := s.store.files()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = result{number: s.last.number + 1, err: err, files: files}
	e, failed := errors.AsType[*Error](err)
	if !failed {
		s.failures.Reset()
		return
	}
	if _, local := errors.AsType[*FileError](err); !local {
		s.failures.Fail(e.RetryAfter)
	}
}

// Reload forgets that the last exchange failed, and the access token if the token files
// hold another refresh token than after the last exchange. The next call of Token reads
// the files again.
func (s *Source) Reload() {
	files := s.store.files()
	s.mu.Lock()
	defer s.mu.Unlock()
	if files != s.last.files {
		s.access = ""
	}
	s.last.err = nil
	s.failures.Reset()
}

// RetryIn returns how long the next exchange is delayed after a failure.
func (s *Source) RetryIn() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failures.Left()
}

func (s *Source) valid() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.useUntil.IsZero() && !time.Now().Before(s.useUntil) {
		return ""
	}
	return s.access
}

// Reject reports whether another access token may help a request for which the API
// rejected this one. It drops the token, unless another took its place already, or
// a token was dropped in vain not long ago: the rejection is then of that request.
func (s *Source) Reject(access string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.access != access:
		return true
	case s.renewals.Left() > 0:
		return false
	}
	s.access = ""
	s.renewals.Fail(0)
	return true
}

// Accept records that the API accepted a token after it had rejected another.
func (s *Source) Accept() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renewals.Reset()
}

// Issued returns when the stored refresh token was issued: when it was last
// rotated, or when the file was written that it was read from.
func (s *Source) Issued() time.Time { return s.store.issuedAt() }

// CertificateExpiry returns when the certificate expires that was read last, or
// zero if there is none.
func (s *Source) CertificateExpiry() time.Time { return s.conn.certificateExpiry() }

// Secrets returns all secrets that the source holds, for redaction.
func (s *Source) Secrets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []string{s.access, s.store.token(), s.store.content(), s.bootstrap.token, s.conn.lastProof()}
}

// Close waits up to two seconds for an exchange under way, so that the rotated
// refresh token is stored.
func (s *Source) Close() {
	defer time.AfterFunc(closeTimeout, s.abandon).Stop()
	s.exchanges.Wait()
}

func (s *Source) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancel != nil {
		s.cancel()
	}
}

// exchange exchanges the refresh token for an access token and the next refresh
// token, which is stored before the access token is used.
func (s *Source) exchange(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchangeTimeout)
	defer cancel()
	s.mu.Lock()
	s.cancel = cancel
	s.mu.Unlock()
	s.store.reload(ctx)
	token, err := s.exchangeStored(ctx)
	if token != nil {
		s.save(ctx, token.RefreshToken)
	}
	if err != nil {
		return "", err
	}
	s.use(token)
	return token.AccessToken, nil
}

// exchangeStored exchanges the stored refresh token, or the bootstrap token if there
// is none or it is rejected.
func (s *Source) exchangeStored(ctx context.Context) (*oauth2.Token, error) {
	if s.store.token() == "" {
		if err := s.store.unread(); err != nil {
			return nil, &Error{Endpoint: EndpointToken, Kind: KindAuth, Err: err}
		}
		return s.exchangeBootstrap(ctx, nil)
	}
	token, err := s.refresh(ctx, s.store.token())
	if rejectsToken(err) && mayBeBlip(err) && wait(ctx, blipDelay) {
		s.store.reload(ctx)
		token, err = s.refresh(ctx, s.store.token())
	}
	if rejectsToken(err) && s.store.bootstrapFile != "" {
		return s.exchangeBootstrap(ctx, err)
	}
	return token, err
}

// refresh sends a refresh token to the token endpoint.
func (s *Source) refresh(ctx context.Context, token string) (*oauth2.Token, error) {
	return s.conn.token(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// wait reports whether the time passed before the context ended.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// save stores the rotated refresh token. Where it cannot be stored, the token in
// memory is used further; each exchange tries again and logs a warning.
func (s *Source) save(ctx context.Context, refresh string) {
	if err := s.store.save(ctx, refresh); err != nil {
		s.warn("msg", "cannot store the rotated refresh token: a restart will begin with the old one; free space or make its folder writable", "file", s.store.file, "err", err)
	}
}

// use lets Token return an access token until shortly before its expiry.
func (s *Source) use(token *oauth2.Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.access, s.useUntil = token.AccessToken, time.Time{}
	if !token.Expiry.IsZero() {
		s.useUntil = token.Expiry.Add(-min(tokenMargin, time.Until(token.Expiry)/2))
	}
}

func (s *Source) warn(keyvals ...any) {
	// A line that cannot be logged is no reason to fail a request.
	_ = level.Warn(s.logger).Log(keyvals...)
}
