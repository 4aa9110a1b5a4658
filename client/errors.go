package client

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/entra"
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
	ReasonTimeout    Reason = "timeout"    // No response in time.
	ReasonNetwork    Reason = "network"    // No connection, or it broke.
	ReasonServer     Reason = "server"     // Microsoft's fault.
	ReasonDecode     Reason = "decode"     // The response is not what is documented.
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
	// codeNoRelationship is of a customer without a commerce relationship.
	codeNoRelationship = "20002"
)

// Error is a call that failed.
type Error struct {
	// Endpoint is the call.
	Endpoint Endpoint
	// CustomerID is the customer whom the call was about, or "".
	CustomerID string
	// StatusCode is the HTTP status, or 0 where no whole response arrived.
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
	// Err is the cause of a missing or unreadable response, or nil.
	Err error
}

// Error returns one line with the request, the customer's id as the metrics spell it,
// what went wrong, and the ids by which Microsoft's support traces the request.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Endpoint))
	if e.CustomerID != "" {
		fmt.Fprintf(&b, " of customer %q", CanonicalID(e.CustomerID))
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

// Unwrap returns the cause of a missing or unreadable response.
func (e *Error) Unwrap() error { return e.Err }

// Hint returns what the reader can do about the failure.
func (e *Error) Hint() string {
	code := e.Code
	if code == codeNoUsage && e.Reason == ReasonPermission {
		code = codeNoRelationship
	}
	return cmp.Or(hintsByCode[code], entra.Hint(e.Code, e.Description), hintsByReason[e.Reason])
}

const (
	hintNotFound  = "the customer may have left or never bought anything: look it up in Partner Center, or exclude it"
	hintGrantRole = "give the user who signed in the Admin agent role in Partner Center, then " + entra.HintLogin
)

var hintsByCode = map[string]string{
	codeNoMFA:          "the token was obtained without MFA: " + entra.HintSignIn,
	codeOldAudience:    "the token is for a retired audience: leave the scope to this program and use the v2.0 endpoint",
	codeAppOnly:        "usage needs a user besides the application: " + entra.HintSignIn,
	codeWrongRole:      hintGrantRole,
	codeNoRelationship: "the customer has ended the relationship, or not yet accepted it: renew it in Partner Center, or exclude the customer",
	codeNotFound:       hintNotFound,
	codeNoTenant:       hintNotFound,
	"900308":           hintGrantRole,
	"900309":           entra.HintExemptUser,
}

var hintsByReason = map[Reason]string{
	ReasonAuth:       "check tenant, client id, client secret or certificate, and refresh token; if they are right, " + entra.HintSignIn,
	ReasonMFA:        entra.HintSignIn,
	ReasonPermission: hintGrantRole + "; also check that the application has consent",
	ReasonThrottled:  "wait; if it lasts, lower the number of concurrent calls or raise the cache's TTL",
	ReasonTimeout:    "wait; if it lasts, raise the call timeout or look at the network",
	ReasonNetwork:    "check DNS, firewall and proxy between this machine and Microsoft",
	ReasonServer:     "wait for Microsoft; if it lasts, give their support the request and correlation ids",
	ReasonDecode:     "check that no proxy responds in Microsoft's place; otherwise report it as a bug",
	ReasonClient:     "report it as a bug, with the code and the description",
}

// ReasonOf returns what an error of a Client is counted under.
func ReasonOf(err error) Reason {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return ReasonClient
}

// RetryAfterOf returns how long the server asks to wait before the request is sent again,
// 0 where it does not.
func RetryAfterOf(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
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

// Scope is whom a failure concerns.
type Scope string

// The scopes of failures. The scope is "" where the failure does not show it, such as
// after a response that cannot be decoded.
const (
	ScopeCustomer Scope = "customer" // This customer only.
	ScopePartner  Scope = "partner"  // Every request for the partner would fail.
	ScopeToken    Scope = "token"    // There is no access token, so no request is sent.
)

// ScopeOf returns whom an error of a Client concerns.
func ScopeOf(err error) Scope {
	e, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		return ""
	case e.Endpoint == EndpointToken:
		return ScopeToken
	case IsNoUsage(err), IsNotFound(err), e.isWithoutRelationship():
		return ScopeCustomer
	}
	switch e.Reason {
	case ReasonAuth, ReasonMFA, ReasonThrottled, ReasonTimeout, ReasonNetwork:
		return ScopePartner
	case ReasonPermission:
		if e.CustomerID == "" || slices.Contains(partnerWideCodes, e.Code) {
			return ScopePartner
		}
	case ReasonServer, ReasonDecode, ReasonClient:
	}
	return ""
}

// partnerWideCodes reject the user or the application, not a customer.
var partnerWideCodes = []string{codeWrongRole, codeAppOnly, "900308", "900309"}

func (e *Error) isWithoutRelationship() bool {
	return e.Code == codeNoRelationship || e.Code == codeNoUsage && e.Reason == ReasonPermission
}

// tokenError returns an error of the token source as one of this package.
func tokenError(err error) *Error {
	e, ok := errors.AsType[*entra.Error](err)
	if !ok {
		return &Error{Endpoint: EndpointToken, Reason: ReasonClient, Err: err}
	}
	return &Error{
		Endpoint:      Endpoint(e.Endpoint),
		StatusCode:    e.StatusCode,
		Code:          e.Code,
		Description:   e.Name,
		RequestID:     e.TraceID,
		CorrelationID: e.CorrelationID,
		RetryAfter:    e.RetryAfter,
		Reason:        Reason(e.Kind),
		Err:           fileError(e.Err),
	}
}

// fileError returns an error of a file as a [ConfigError], and others unchanged.
func fileError(err error) error {
	if e, ok := errors.AsType[*entra.FileError](err); ok {
		return &ConfigError{Field: e.Field, Err: e.Err}
	}
	return err
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
func reasonOfCause(err error) Reason { return Reason(entra.KindOfCause(err)) }
