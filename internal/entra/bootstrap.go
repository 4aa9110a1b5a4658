package entra

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"golang.org/x/oauth2"
)

// bootstrap is a refresh token that another party provides and that is never
// written: the first one, or one of a new sign-in that replaces a dead token.
type bootstrap struct {
	token     string // as last tried
	rejection error  // by the authority, nil if it did not reject it
}

// inspectBootstrap warns of a bootstrap token that cannot be read. It may be
// provided later.
func (s *Source) inspectBootstrap() {
	if s.store.bootstrapFile == "" {
		return
	}
	if _, _, err := ReadSecret(s.store.bootstrapFile); err != nil {
		s.warn("msg", "the bootstrap refresh token file cannot be read: nothing will take the place of a rejected refresh token", "err", err)
	}
}

// exchangeBootstrap exchanges the bootstrap token in place of the stored token, which
// was rejected with this error, or does not exist if that is nil. A bootstrap token
// that was rejected is not tried again until the file holds another.
func (s *Source) exchangeBootstrap(ctx context.Context, rejection error) (*oauth2.Token, error) {
	token, modified, err := ReadSecret(s.store.bootstrapFile)
	known := s.lastBootstrap()
	switch {
	case err != nil && rejection != nil:
		return nil, rejection
	case err != nil:
		return nil, &Error{Endpoint: EndpointToken, Kind: KindAuth, Err: &FileError{"BootstrapRefreshTokenFile", err}}
	case token == s.store.token():
		return nil, rejection
	case token == known.token && known.rejection != nil:
		return nil, cmp.Or(rejection, known.rejection)
	case rejection != nil:
		s.warn("msg", "the stored refresh token is rejected: trying the bootstrap refresh token", "file", s.store.bootstrapFile, "err", rejection)
	}
	s.noteBootstrap(bootstrap{token: token})
	response, err := s.refresh(ctx, token)
	if rejectsToken(err) {
		s.noteBootstrap(bootstrap{token: token, rejection: err})
	}
	if err != nil {
		return response, err
	}
	s.store.adopt(token, modified)
	return response, nil
}

func (s *Source) lastBootstrap() bootstrap {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bootstrap
}

func (s *Source) noteBootstrap(b bootstrap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bootstrap = b
}

// rejectsToken reports whether the authority rejects the refresh token itself, so
// that another may do. Another token does not help against a network failure, a
// wrong secret, a policy, a lack of consent, or the state of the user's account.
func rejectsToken(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == KindAuth && e.Name == "invalid_grant" && slices.Contains(rejectedTokenCodes, e.Code)
}

// mayBeBlip reports whether Entra ID is known to return the rejection by mistake.
func mayBeBlip(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == codeInvalidGrant
}

// codeInvalidGrant is the code of a grant that is not valid or was revoked.
const codeInvalidGrant = "AADSTS70000"

// rejectedTokenCodes are those of Entra ID for refresh tokens that are expired,
// revoked, another application's or malformed. Other authorities send no code.
var rejectedTokenCodes = []string{
	"",
	"AADSTS50132", // The session is not valid since the password changed or expired.
	"AADSTS50133", // The same.
	"AADSTS50173", // Revoked: a fresh sign-in is needed.
	codeInvalidGrant,
	"AADSTS70008",   // Expired or revoked.
	"AADSTS70043",   // Expired by the sign-in frequency that a policy sets.
	"AADSTS700007",  // Of another client id.
	"AADSTS700082",  // Expired of idleness.
	"AADSTS700084",  // Expired: those of single-page applications live for a day.
	"AADSTS9002313", // Truncated or not a token.
}
