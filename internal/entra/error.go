package entra

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/throttle"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/wire"
)

// Endpoints of an authority, as they are named in its addresses.
const (
	EndpointToken      = "token"
	EndpointDeviceCode = "devicecode"
)

// Kind classifies a failure.
type Kind string

// The kinds of failures.
const (
	KindAuth      Kind = "auth"       // The credentials or the refresh token are rejected.
	KindMFA       Kind = "mfa"        // The sign-in lacks MFA.
	KindConsent   Kind = "permission" // Consent or an assignment is missing.
	KindThrottled Kind = "throttled"  // Too many requests.
	KindTimeout   Kind = "timeout"    // No response in time.
	KindNetwork   Kind = "network"    // No connection, or it broke.
	KindServer    Kind = "server"     // The authority failed.
	KindDecode    Kind = "decode"     // The response is not what is documented.
)

// Error is a request to the authority that failed. It holds codes and ids of the
// response only, since the rest may repeat what was sent.
type Error struct {
	Endpoint      string
	StatusCode    int    // 0 if there was no whole response
	Code          string // such as "AADSTS700082", or ""
	Name          string // of RFC 6749 and 8628, such as "invalid_grant", or a description
	TraceID       string
	CorrelationID string
	RetryAfter    time.Duration // 0 if the authority does not state it
	Kind          Kind
	Err           error // the cause of a missing or unusable response, or nil
}

// Error returns the endpoint, the status and the cause.
func (e *Error) Error() string {
	parts := []string{e.Endpoint}
	if e.StatusCode != 0 {
		parts = append(parts, fmt.Sprintf("HTTP %d", e.StatusCode))
	}
	for _, part := range []string{e.Code, e.Name} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns the cause of a missing or unusable response.
func (e *Error) Unwrap() error { return e.Err }

// temporary reports whether the same request may succeed soon.
func (e *Error) temporary() bool {
	switch e.Kind {
	case KindThrottled, KindTimeout, KindNetwork, KindServer:
		return e.StatusCode != http.StatusNotImplemented
	case KindAuth, KindMFA, KindConsent, KindDecode:
	}
	return false
}

// FileError is a file that cannot be used.
type FileError struct {
	Field string // of the client's configuration, such as "RefreshTokenFile"
	Err   error  // the cause, with a hint where the cause does not suggest one
}

var fields = map[string]string{
	"ClientSecretFile":          "client secret file",
	"CertificateFile":           "certificate file",
	"CertificateKeyFile":        "certificate key file",
	"RefreshTokenFile":          "refresh token file",
	"BootstrapRefreshTokenFile": "bootstrap refresh token file",
}

// Error names the file's setting in words, if there are any.
func (e *FileError) Error() string { return cmp.Or(fields[e.Field], e.Field) + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

var aadsts = regexp.MustCompile(`AADSTS[0-9]{4,8}\b`)

// refused is the name of an error that has none of the documented ones.
const refused = "the token endpoint refused"

// rejection returns the error that a response states.
func rejection(endpoint string, status int, header http.Header, body []byte) *Error {
	e, err := decodeError(body)
	e.Endpoint, e.StatusCode = endpoint, status
	e.RetryAfter = throttle.RetryAfter(header)
	if err != nil && wire.IsRejection(status) && header.Get("x-ms-request-id") == "" {
		e.Kind, e.Err = KindDecode, fmt.Errorf("not a response of Entra ID: %w", err)
		return e
	}
	if e.Name == "" {
		e.Name = refused
	}
	e.Kind = kindOf(status, e.Code, e.Name)
	return e
}

// decodeError decodes {error, error_description, trace_id, correlation_id}. It
// returns an error beside an empty [Error] for a body without the first.
func decodeError(body []byte) (*Error, error) {
	var w struct {
		Error         string `json:"error"`
		Description   string `json:"error_description"`
		TraceID       string `json:"trace_id"`
		CorrelationID string `json:"correlation_id"`
	}
	if err := wire.Decode(body, &w); err != nil {
		return &Error{}, err
	}
	if w.Error == "" {
		return &Error{}, wire.ErrNoError
	}
	e := &Error{Name: knownName(w.Error), Code: mainCode(aadsts.FindAllString(w.Description, 5))}
	if e.TraceID = wire.UUID(w.TraceID, ""); e.TraceID != "" {
		e.CorrelationID = wire.UUID(w.CorrelationID, "unknown")
	}
	return e, nil
}

// mainCode returns the code that has a hint: a description may begin with a
// general one.
func mainCode(codes []string) string {
	for _, code := range codes {
		if _, ok := hintsByCode[code]; ok {
			return code
		}
	}
	if len(codes) == 0 {
		return ""
	}
	return codes[0]
}

// knownName returns the names of errors that the standards and Entra ID define,
// and refused for others.
func knownName(name string) string {
	switch name {
	case "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client",
		"unsupported_grant_type", "invalid_scope", "invalid_resource", "access_denied",
		"interaction_required", "consent_required", "login_required",
		"temporarily_unavailable", "server_error",
		"authorization_pending", "slow_down",
		"authorization_declined", "expired_token", "code_expired", "bad_verification_code":
		return name
	}
	return refused
}

func kindOf(status int, code, name string) Kind {
	switch {
	case name == "temporarily_unavailable", name == "server_error", code == "AADSTS90033":
		return KindServer
	case code == "AADSTS50074", code == "AADSTS50076", code == "AADSTS50078", code == "AADSTS50079":
		return KindMFA
	case code == "AADSTS65001", code == "AADSTS65004", code == "AADSTS50105":
		return KindConsent
	case status == http.StatusTooManyRequests:
		return KindThrottled
	case status == http.StatusRequestTimeout:
		return KindTimeout
	case status == http.StatusProxyAuthRequired:
		return KindNetwork
	case status >= http.StatusInternalServerError:
		return KindServer
	}
	return KindAuth
}

// KindOfCause returns the kind of a missing response: timeout or network.
func KindOfCause(err error) Kind {
	var timeout interface{ Timeout() bool }
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return KindTimeout
	}
	return KindNetwork
}
