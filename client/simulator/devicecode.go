package simulator

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// UserCode and VerificationURL are what the user of a device code is shown.
const (
	UserCode        = "SIMULATED"
	VerificationURL = "https://login.simulated.example/devicelogin"
)

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// SignIn is what becomes of the device codes that a Simulator hands out. The zero
// value is a user who has signed in by the first poll.
type SignIn struct {
	// Interval is how long the client is told to wait between polls, 5 s if zero.
	Interval time.Duration
	// Life is how long a code lives, 15 minutes if zero.
	Life time.Duration
	// Pending is how many polls come too early.
	Pending int
	// SlowDown is how many polls after these are asked to become rarer.
	SlowDown int
	// Refusal is how the sign-in ends, with tokens if it is empty.
	Refusal Refusal
	// WithoutRefreshToken leaves the refresh token out of the tokens.
	WithoutRefreshToken bool
}

// Refusal is a way in which a sign-in fails.
type Refusal string

// The refusals of a sign-in.
const (
	Declined           Refusal = "the user declines"
	Expired            Refusal = "the code expires"
	NoConsent          Refusal = "consent is missing"
	NoMFA              Refusal = "MFA is missing"
	Blocked            Refusal = "Conditional Access blocks the user"
	NoDeviceCodes      Refusal = "Conditional Access blocks device codes"
	NoPublicClientFlow Refusal = "the application is not a public client"
)

var refusals = map[Refusal]tokenError{
	Declined:           {http.StatusBadRequest, "authorization_declined", 0, "The user declined."},
	Expired:            {http.StatusBadRequest, "expired_token", 70019, "The code expired."},
	NoConsent:          {http.StatusBadRequest, "invalid_grant", 65001, "There is no consent."},
	NoMFA:              {http.StatusBadRequest, "interaction_required", 50076, "MFA is needed."},
	Blocked:            {http.StatusBadRequest, "access_denied", 53003, "A policy blocks the access."},
	NoDeviceCodes:      {http.StatusBadRequest, "access_denied", 530036, "A policy blocks the flow."},
	NoPublicClientFlow: {http.StatusUnauthorized, "invalid_client", 7000218, "A secret or an assertion is needed."},
}

// device is a device code that was handed out.
type device struct {
	SignIn

	expires time.Time
}

// SetSignIn sets the outcome of the device codes from now on.
func (s *Simulator) SetSignIn(signIn SignIn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signIn = signIn
}

func (s *Simulator) serveDeviceCode(w http.ResponseWriter, r *http.Request) {
	s.count(client.EndpointDeviceCode)()
	setTokenHeaders(w)
	refusal := s.applicationRefusal(r)
	if refusal == nil && !sameScope(r.PostForm.Get("scope")) {
		refusal = &tokenError{http.StatusBadRequest, "invalid_scope", 70011, "The scope is not valid."}
	}
	if refusal != nil {
		refusal.write(w)
		return
	}
	writeToken(w, http.StatusOK, s.newDevice())
}

// newDevice returns the response with a new device code.
func (s *Simulator) newDevice() map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	signIn := s.signIn
	if signIn.Interval == 0 {
		signIn.Interval = 5 * time.Second
	}
	if signIn.Life == 0 {
		signIn.Life = 15 * time.Minute
	}
	code := fmt.Sprintf("not-a-token-simulated-device-code-%d", len(s.devices)+1)
	s.devices[code] = &device{signIn, time.Now().Add(signIn.Life)}
	return map[string]any{
		"user_code": UserCode, "device_code": code, "verification_uri": VerificationURL,
		"expires_in": int(signIn.Life.Seconds()), "interval": int(signIn.Interval.Seconds()),
		"message": "Open " + VerificationURL + " and enter " + UserCode + ".",
	}
}

// deviceRefusal returns the error of a poll, nil when it is time for tokens.
func (s *Simulator) deviceRefusal(form url.Values) *tokenError {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.devices[form.Get("device_code")]
	switch {
	case d == nil:
		return &tokenError{http.StatusBadRequest, "bad_verification_code", 70018, "The code is not known."}
	case !time.Now().Before(d.expires):
		return refuse(Expired)
	case d.Pending > 0:
		d.Pending--
		return &tokenError{http.StatusBadRequest, "authorization_pending", 70016, "The user has yet to sign in."}
	case d.SlowDown > 0:
		d.SlowDown--
		return &tokenError{http.StatusBadRequest, "slow_down", 0, "The polls are too frequent."}
	case d.Refusal != "":
		return refuse(d.Refusal)
	}
	return nil
}

func refuse(refusal Refusal) *tokenError {
	e := refusals[refusal]
	return &e
}

// redeem returns the tokens for a device code, which it forgets.
func (s *Simulator) redeem(code string) map[string]any {
	response := s.newTokens("")
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.devices[code]; d != nil && d.WithoutRefreshToken {
		delete(response, "refresh_token")
	}
	s.devices[code] = nil
	return response
}
