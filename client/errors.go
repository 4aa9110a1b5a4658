package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Endpoint names a call of the API in errors and metrics.
type Endpoint string

// The endpoints that a Client calls.
const (
	EndpointToken        Endpoint = "token"
	EndpointCustomers    Endpoint = "customers"
	EndpointUsageSummary Endpoint = "usagesummary"
	EndpointUsageRecords Endpoint = "usagerecords"
)

// Endpoints returns every endpoint.
func Endpoints() []Endpoint {
	return []Endpoint{EndpointToken, EndpointCustomers, EndpointUsageSummary, EndpointUsageRecords}
}

// Reason is the one cause, of a closed set, that a failure is counted under.
type Reason string

// The reasons of failures.
const (
	ReasonAuth       Reason = "auth"       // The credentials or the token are refused.
	ReasonMFA        Reason = "mfa"        // The token was obtained without MFA.
	ReasonPermission Reason = "permission" // Consent, a role or the relationship is missing.
	ReasonThrottled  Reason = "throttled"  // Too many calls.
	ReasonTimeout    Reason = "timeout"    // No answer in time.
	ReasonNetwork    Reason = "network"    // No connection, or it broke.
	ReasonServer     Reason = "server"     // Microsoft's fault.
	ReasonDecode     Reason = "decode"     // The answer is not what is documented.
	ReasonClient     Reason = "client"     // The call is refused as wrong.
)

// Reasons returns every reason.
func Reasons() []Reason {
	return []Reason{
		ReasonAuth, ReasonMFA, ReasonPermission, ReasonThrottled, ReasonTimeout,
		ReasonNetwork, ReasonServer, ReasonDecode, ReasonClient,
	}
}

// Codes of Partner Center, from Microsoft's table of error codes.
const (
	codeBadQuery    = "2000"
	codeNotFound    = "1000"
	codeNoTenant    = "60003"
	codeNoUsage     = "3000"
	codeWrongRole   = "900150"
	codeAppOnly     = "900329"
	codeOldAudience = "900420"
	codeNoMFA       = "900421"
)

// CodeNoRelationship is the code of a customer with whom the partner has no
// commerce relationship.
const CodeNoRelationship = "20002"

// Error is a call that failed.
type Error struct {
	// Endpoint is the call.
	Endpoint Endpoint
	// CustomerID is the customer whom the call was about, or "".
	CustomerID string
	// StatusCode is the HTTP status, or 0 where no whole answer arrived.
	StatusCode int
	// Code is Partner Center's own error code, such as "3000", or the token
	// endpoint's, such as "AADSTS700082", or "".
	Code string
	// Description is Partner Center's explanation, or "". Tokens and secrets are
	// cut out of it.
	Description string
	// RequestID is the call's MS-RequestId, or the token endpoint's trace id.
	RequestID string
	// CorrelationID is the call's MS-CorrelationId, or the token endpoint's.
	CorrelationID string
	// RetryAfter is how long the server asks to wait, 0 where it does not ask.
	RetryAfter time.Duration
	// Reason is what the failure is counted under.
	Reason Reason
	// Err is the cause of a missing or unreadable answer, or nil.
	Err error
}

// Error names the call, what went wrong and the ids that Microsoft's support
// asks for, in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Endpoint))
	if e.CustomerID != "" {
		fmt.Fprintf(&b, " of customer %q", e.CustomerID)
	}
	if e.StatusCode != 0 {
		fmt.Fprintf(&b, ": HTTP %d", e.StatusCode)
	}
	if e.Code != "" {
		fmt.Fprintf(&b, ": code %s", e.Code)
	}
	if e.Description != "" {
		fmt.Fprintf(&b, ": %s", e.Description)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " (request %s, correlation %s)", e.RequestID, e.CorrelationID)
	}
	return b.String()
}

// Unwrap returns the cause of a missing or unreadable answer.
func (e *Error) Unwrap() error { return e.Err }

// Hint returns what the reader can do about the failure.
func (e *Error) Hint() string {
	if remedy, ok := remediesByCode[e.Code]; ok {
		return remedy
	}
	if e.Code == codeNoUsage && e.Reason == ReasonPermission {
		return remediesByCode[CodeNoRelationship]
	}
	if remedy, ok := remediesByDescription[e.Description]; ok {
		return remedy
	}
	return remediesByReason[e.Reason]
}

const (
	signInAgain  = "sign in again as a partner user with MFA and replace the refresh token file"
	renewSecret  = "create a new client secret in the app registration and write it to the client secret file"
	register     = "upload the certificate to the app registration, or name the one that is registered there"
	grantConsent = "let an administrator consent to the application's permission on Microsoft Partner Center"
	notFound     = "the customer may have left or never bought anything: look it up in Partner Center, or exclude it"
	exemptUser   = "Conditional Access blocks the sign-in: exempt the user or the address this program runs at"
	trustDevice  = "Conditional Access blocks the device of the sign-in: sign in on one that it trusts, or exempt the user"
	rightTenant  = "the authority does not know the tenant: check tenant and cloud"
	rightUser    = "the user is not of this tenant: sign in as a user of the partner's own tenant"
	declareAPI   = "add the permission on Microsoft Partner Center to the app registration, and let an administrator consent to it"
	newCode      = "start the sign-in again, and enter the new code before it expires"
	grantRole    = "give the user who signed in the Admin agent role in Partner Center, then sign in again"
)

var remediesByCode = map[string]string{
	codeNoMFA:          "the token was obtained without MFA: " + signInAgain,
	codeOldAudience:    "the token is for a retired audience: leave the scope to this program and use the v2.0 endpoint",
	codeAppOnly:        "usage needs a user besides the application: " + signInAgain,
	codeWrongRole:      grantRole,
	CodeNoRelationship: "the customer has ended the relationship, or not yet accepted it: renew it in Partner Center, or exclude the customer",
	codeNotFound:       notFound,
	codeNoTenant:       notFound,
	"900308":           grantRole,
	"900309":           exemptUser,
	"AADSTS700082":     "the refresh token died of 90 idle days: " + signInAgain,
	"AADSTS70000":      "the grant was revoked or expired: " + signInAgain,
	"AADSTS70008":      "the refresh token expired or was revoked: " + signInAgain,
	"AADSTS70043":      "the refresh token expired by a policy on the sign-in frequency: exempt the user, and " + signInAgain,
	"AADSTS700084":     "the refresh token is one of a single-page application, which lives for a day: choose another platform, and " + signInAgain,
	"AADSTS50132":      "the grant ended with a new or expired password: " + signInAgain,
	"AADSTS50133":      "the grant ended with a new or expired password: " + signInAgain,
	"AADSTS9002313":    "the refresh token is cut off or none: " + signInAgain,
	"AADSTS50173":      "the grant was revoked, for instance by a new password: " + signInAgain,
	"AADSTS50076":      "MFA is needed: " + signInAgain,
	"AADSTS50078":      "the MFA of the sign-in expired: " + signInAgain,
	"AADSTS50079":      "the user has to enrol in MFA, then: " + signInAgain,
	"AADSTS65001":      grantConsent,
	"AADSTS700007":     "the refresh token belongs to another client id: use that id, or " + signInAgain,
	"AADSTS7000215":    "the client secret is wrong: " + renewSecret,
	"AADSTS7000222":    "the client secret expired: " + renewSecret,
	"AADSTS7000218":    "the application has to prove who it is: give the program its client secret, or choose to allow public client flows in the app registration",
	"AADSTS700016":     "the tenant does not know the application: check client id, tenant and cloud",
	"AADSTS50194":      "the application is for its own tenant only: give that tenant's id or domain",
	"AADSTS90002":      rightTenant,
	"AADSTS900023":     rightTenant,
	"AADSTS50020":      rightUser,
	"AADSTS50034":      rightUser,
	"AADSTS50057":      "the user's account is disabled: enable it, or sign in as another partner user",
	"AADSTS50105":      "the application is open to assigned users only: assign the user who signs in to it",
	"AADSTS65004":      "the user declined to consent: sign in again and accept, or " + grantConsent,
	"AADSTS65005":      declareAPI,
	"AADSTS650057":     declareAPI,
	"AADSTS70018":      "the authority does not know the code: " + newCode,
	"AADSTS70019":      "the code expired before the user signed in: " + newCode,
	"AADSTS50074":      "MFA is needed: " + signInAgain,
	"AADSTS53000":      trustDevice,
	"AADSTS53001":      trustDevice,
	"AADSTS53002":      "Conditional Access approves of other applications only: exempt this one or the user",
	"AADSTS530036":     "Conditional Access blocks sign-ins by device code: exempt the user from the policy on authentication flows",
	"AADSTS53003":      exemptUser,
	"AADSTS700027":     "the certificate is not registered with the application, or its key is another: " + register,
	"AADSTS700024":     "the clock of this machine is wrong: set it",
	"AADSTS700023":     "the assertion is for another address: use the address of the login authority itself",
	"AADSTS90038":      "the application belongs to another national cloud: choose the cloud of the tenant",
	"AADSTS50126":      "user name or password are wrong: " + signInAgain,
}

// Descriptions of an Error of SignIn where the authority states none.
const (
	noRefreshToken = "the answer has no refresh token"
	codeExpired    = "the code expired before the user signed in"
)

// remediesByDescription is for what OAuth 2.0 has a name for and no code.
var remediesByDescription = map[string]string{
	"authorization_declined": "the user declined: sign in again and accept",
	"access_denied":          "the user or the authority declined: sign in again and accept",
	"expired_token":          codeExpired + ": " + newCode,
	"code_expired":           codeExpired + ": " + newCode,
	codeExpired:              newCode,
	"bad_verification_code":  "the authority does not know the code: " + newCode,
	noRefreshToken:           "let the application have offline_access: " + grantConsent + ", then sign in again",
}

var remediesByReason = map[Reason]string{
	ReasonAuth:       "check tenant, client id, client secret or certificate, and refresh token; if they are right, " + signInAgain,
	ReasonMFA:        signInAgain,
	ReasonPermission: grantRole + "; also check that the application has consent",
	ReasonThrottled:  "wait; if it lasts, lower the number of concurrent calls or raise the cache's TTL",
	ReasonTimeout:    "wait; if it lasts, raise the call timeout or look at the network",
	ReasonNetwork:    "check DNS, firewall and proxy between this machine and Microsoft",
	ReasonServer:     "wait for Microsoft; if it lasts, give their support the request and correlation ids",
	ReasonDecode:     "check that no proxy answers in Microsoft's place; otherwise report it as a bug",
	ReasonClient:     "report it as a bug, with the code and the description",
}

// ReasonOf returns what an error of a Client is counted under.
func ReasonOf(err error) Reason {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return ReasonClient
}

// IsNoUsage reports whether the customer has no Azure usage (code 3000), which is a
// result rather than a failure.
func IsNoUsage(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == codeNoUsage && e.Reason == ReasonClient &&
		(e.StatusCode == http.StatusBadRequest || e.StatusCode == http.StatusNotFound)
}

// statesNoRelationship reports whether code 3000, "invalid property", stands for a
// missing relationship instead of missing usage.
func statesNoRelationship(code, description string) bool {
	return code == codeNoUsage && strings.Contains(strings.ToLower(description), "relationship")
}

// IsNoAccess reports whether the partner may not see this customer.
func IsNoAccess(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.CustomerID != "" && e.Reason == ReasonPermission
}

// IsNotFound reports whether Partner Center does not know this customer, or has
// nothing of it (codes 1000 and 60003 among others).
func IsNotFound(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.CustomerID != "" && e.StatusCode == http.StatusNotFound && e.Reason == ReasonClient && e.Code != codeNoUsage
}

// IsAuth reports whether credentials or token are rejected.
func IsAuth(err error) bool { return isA(err, ReasonAuth) }

// IsMFA reports whether the token lacks MFA, which only a new sign-in mends.
func IsMFA(err error) bool { return isA(err, ReasonMFA) }

// IsPermission reports whether consent, a role or the relationship is missing.
func IsPermission(err error) bool { return isA(err, ReasonPermission) }

// IsPartnerWide reports whether the sign-in or the application is rejected, so that
// every other customer would fail too.
func IsPartnerWide(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.CustomerID == "" || slices.Contains([]string{codeWrongRole, codeAppOnly, "900308", "900309"}, e.Code))
}

// IsThrottled reports whether Partner Center got too many requests.
func IsThrottled(err error) bool { return isA(err, ReasonThrottled) }

// IsTemporary reports whether the same request may succeed later without any change.
func IsTemporary(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	temporary := []Reason{ReasonThrottled, ReasonTimeout, ReasonNetwork, ReasonServer}
	return slices.Contains(temporary, e.Reason) && e.StatusCode != http.StatusNotImplemented
}

func isA(err error, reason Reason) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Reason == reason
}

// reasonOfStatus returns the reason that a response of the API is counted under.
func reasonOfStatus(status int, code, description string) Reason {
	switch {
	case code == codeNoMFA, status == http.StatusUnauthorized && strings.Contains(description, "MFA required"):
		return ReasonMFA
	case status == http.StatusUnauthorized:
		return ReasonAuth
	case status == http.StatusForbidden, statesNoRelationship(code, description):
		return ReasonPermission
	case status == http.StatusTooManyRequests:
		return ReasonThrottled
	case status == http.StatusRequestTimeout:
		return ReasonTimeout
	case status == http.StatusProxyAuthRequired:
		return ReasonNetwork
	case status >= http.StatusInternalServerError:
		return ReasonServer
	case status < http.StatusBadRequest:
		return ReasonDecode // Neither "no content" nor a redirect is documented.
	}
	return ReasonClient
}

// reasonOfCause returns the reason that a missing response is counted under.
func reasonOfCause(err error) Reason {
	var timeout interface{ Timeout() bool }
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return ReasonTimeout
	}
	return ReasonNetwork
}
