package client

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/throttle"
)

var aadsts = regexp.MustCompile(`AADSTS[0-9]{4,8}\b`)

// tokenRefusal makes an error of an answer that is not a token.
func tokenRefusal(status int, header http.Header, body []byte) *Error {
	e, err := readTokenError(body)
	e.StatusCode = status
	e.RetryAfter = throttle.RetryAfter(header)
	if err != nil && isRejection(status) && header.Get("x-ms-request-id") == "" {
		e.Reason, e.Err = ReasonDecode, fmt.Errorf("not a response of Entra ID: %w", err)
		return e
	}
	e.Description = cmp.Or(e.Description, "the token endpoint refused")
	e.Reason = reasonOfTokenError(status, e.Code, e.Description)
	return e
}

// readTokenError decodes {error, error_description, trace_id, correlation_id}. It
// returns an error beside an empty [Error] for a body without the first.
func readTokenError(body []byte) (*Error, error) {
	var w struct {
		Error         string `json:"error"`
		Description   string `json:"error_description"`
		TraceID       string `json:"trace_id"`
		CorrelationID string `json:"correlation_id"`
	}
	if err := decode(body, &w); err != nil {
		return &Error{}, err
	}
	if w.Error == "" {
		return &Error{}, errNotAnError
	}
	e := &Error{Description: oauthError(w.Error)}
	if e.RequestID = uuidOr(w.TraceID, ""); e.RequestID != "" {
		e.CorrelationID = uuidOr(w.CorrelationID, "unknown")
	}
	e.Code = tokenErrorCode(aadsts.FindAllString(w.Description, 5))
	return e, nil
}

// tokenErrorCode returns the code that has a hint: a description may begin
// with a general one.
func tokenErrorCode(codes []string) string {
	for _, code := range codes {
		if _, ok := remediesByCode[code]; ok {
			return code
		}
	}
	if len(codes) == 0 {
		return ""
	}
	return codes[0]
}

// oauthError lets only the errors that the standards and Entra ID know through.
func oauthError(s string) string {
	switch s {
	case "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client",
		"unsupported_grant_type", "invalid_scope", "invalid_resource", "access_denied",
		"interaction_required", "consent_required", "login_required",
		"temporarily_unavailable", "server_error",
		"authorization_declined", "expired_token", "code_expired", "bad_verification_code":
		return s
	}
	return "the token endpoint refused"
}

func reasonOfTokenError(status int, code, name string) Reason {
	switch {
	case name == "temporarily_unavailable", name == "server_error", code == "AADSTS90033":
		return ReasonServer
	case code == "AADSTS50074", code == "AADSTS50076", code == "AADSTS50078", code == "AADSTS50079":
		return ReasonMFA
	case code == "AADSTS65001", code == "AADSTS65004", code == "AADSTS50105":
		return ReasonPermission
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status == http.StatusProxyAuthRequired, status >= http.StatusInternalServerError:
		return reasonOfStatus(status, "", "")
	}
	return ReasonAuth
}
