package client

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/oauth2"
)

// bootstrap is a refresh token that somebody else provides and that is never written:
// the first one, or one of a new sign-in that takes a dead token's place.
type bootstrap struct {
	token   string // as last tried
	refusal error  // how the authority refused it, nil if it did not
}

// inspectBootstrap warns of a bootstrap token that could not help. It may be provided later, so
// that it is no reason not to start.
func (t *tokenSource) inspectBootstrap() {
	if t.cfg.BootstrapRefreshTokenFile == "" {
		return
	}
	if _, _, err := readSecret(t.cfg.BootstrapRefreshTokenFile); err != nil {
		t.client.warn("msg", "the bootstrap refresh token file cannot be read: nothing will take the place of a refused refresh token", "err", err)
	}
}

// exchangeBootstrap exchanges the bootstrap token in place of the stored token, which was refused
// with this error, or does not exist if that is nil. A bootstrap token that was rejected is
// not tried again until the file holds another.
func (t *tokenSource) exchangeBootstrap(ctx context.Context, refusal error) (*oauth2.Token, error) {
	token, written, err := readSecret(t.cfg.BootstrapRefreshTokenFile)
	switch {
	case err != nil && refusal != nil:
		return nil, refusal
	case err != nil:
		return nil, t.failure(&Error{Reason: ReasonAuth, Err: &ConfigError{"BootstrapRefreshTokenFile", err}})
	case token == t.refresh:
		return nil, refusal
	case token == t.bootstrap.token && t.bootstrap.refusal != nil:
		return nil, cmp.Or(refusal, t.bootstrap.refusal)
	case refusal != nil:
		t.client.warn("msg", "the stored refresh token is refused: trying the bootstrap refresh token", "file", t.cfg.BootstrapRefreshTokenFile, "err", refusal)
	}
	t.noteBootstrap(bootstrap{token: token})
	answer, err := t.request(ctx, token)
	if rejectsToken(err) {
		t.noteBootstrap(bootstrap{token: token, refusal: err})
	}
	if err != nil {
		return nil, err
	}
	t.adopt(token, written)
	return answer, nil
}

func (t *tokenSource) noteBootstrap(s bootstrap) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bootstrap = s
}

// adopt goes on with a token that the file does not hold yet.
func (t *tokenSource) adopt(token string, written time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refresh, t.storedAt = token, written
}

// rejectsToken reports whether the authority rejects the refresh token itself, so that
// another may do. Nothing else is healed by another token: not a network, a wrong
// secret, a policy, consent, or the state of the user's account.
func rejectsToken(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Reason == ReasonAuth && e.Description == "invalid_grant" && slices.Contains(refusedTokenCodes, e.Code)
}

// refusedTokenCodes are those of Entra ID for refresh tokens that are expired,
// revoked, another application's or none. An authority without codes has to be
// taken at its word.
var refusedTokenCodes = []string{
	"",
	"AADSTS50132",   // The session is not valid since the password changed or expired.
	"AADSTS50133",   // The same.
	"AADSTS50173",   // Revoked: a fresh sign-in is needed.
	"AADSTS70000",   // Not valid, or revoked.
	"AADSTS70008",   // Expired or revoked.
	"AADSTS70043",   // Expired by the sign-in frequency that a policy sets.
	"AADSTS700007",  // Of another client id.
	"AADSTS700082",  // Expired of idleness.
	"AADSTS700084",  // Expired: those of single-page applications live for a day.
	"AADSTS9002313", // Cut off or no token at all.
}
