package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// tokenError is a refusal of the token endpoint.
type tokenError struct {
	status  int
	name    string
	code    int
	message string
}

func (s *Simulator) serveToken(w http.ResponseWriter, r *http.Request) {
	s.count(client.EndpointToken)()
	setTokenHeaders(w)
	s.withNamedFaults(client.EndpointToken, s.grantToken)(w, r)
}

func (s *Simulator) grantToken(w http.ResponseWriter, r *http.Request) {
	if refusal := s.tokenRefusal(r); refusal != nil {
		refusal.write(w)
		return
	}
	if r.PostForm.Get("grant_type") == deviceGrant {
		writeToken(w, http.StatusOK, s.redeem(r.PostForm.Get("device_code")))
		return
	}
	writeToken(w, http.StatusOK, s.newTokens(r.PostForm.Get("refresh_token")))
}

func setTokenHeaders(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store, no-cache")
}

// applicationRefusal checks what every endpoint of Entra ID checks.
func (s *Simulator) applicationRefusal(r *http.Request) *tokenError {
	if r.Method != http.MethodPost {
		return &tokenError{http.StatusMethodNotAllowed, "invalid_request", 900561, "The endpoint only accepts POST requests."}
	}
	if err := r.ParseForm(); err != nil {
		return &tokenError{http.StatusBadRequest, "invalid_request", 900144, "The form cannot be read."}
	}
	switch {
	case r.PathValue("tenant") != TenantID:
		return &tokenError{http.StatusBadRequest, "invalid_request", 90002, "Tenant not found."}
	case r.PostForm.Get("client_id") != ClientID:
		return &tokenError{http.StatusBadRequest, "unauthorized_client", 700016, "Application not found in the directory."}
	}
	return nil
}

// tokenRefusal checks a request as Entra ID does.
func (s *Simulator) tokenRefusal(r *http.Request) *tokenError {
	if refusal := s.applicationRefusal(r); refusal != nil {
		return refusal
	}
	form := r.PostForm
	credential := s.credentialRefusal(r)
	switch {
	case credential != nil:
		return credential
	case form.Get("grant_type") == deviceGrant:
		return s.deviceRefusal(form)
	case form.Get("grant_type") != "refresh_token":
		return &tokenError{http.StatusBadRequest, "unsupported_grant_type", 70003, "The grant type is not supported."}
	case !sameScope(form.Get("scope")):
		return &tokenError{http.StatusBadRequest, "invalid_scope", 70011, "The scope is not valid."}
	case !s.AcceptsRefreshToken(form.Get("refresh_token")):
		return &tokenError{http.StatusBadRequest, "invalid_grant", 50173, "The grant was revoked."}
	}
	return nil
}

func sameScope(scope string) bool {
	asked := strings.Fields(scope)
	for needed := range strings.FieldsSeq(Scope) {
		if !slices.Contains(asked, needed) {
			return false
		}
	}
	return true
}

// newTokens returns the response with a new access token and the next refresh token.
func (s *Simulator) newTokens(spent string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	access := fmt.Sprintf("not-a-token-simulated-access-%d", s.serial)
	refresh := fmt.Sprintf("not-a-token-simulated-refresh-%d", s.serial)
	s.access[access] = time.Now().Add(s.config.TokenLife)
	s.refresh[refresh] = true
	if s.config.StrictRotation {
		delete(s.refresh, spent)
	}
	life := int(s.config.TokenLife.Seconds())
	return map[string]any{
		"token_type": "Bearer", "scope": Scope, "expires_in": life, "ext_expires_in": life,
		"access_token": access, "refresh_token": refresh,
	}
}

func (e *tokenError) write(w http.ResponseWriter) {
	trace, correlation, now := uuid.NewString(), uuid.NewString(), time.Now().UTC().Format("2006-01-02 15:04:05Z")
	body := map[string]any{
		"error":             e.name,
		"error_description": fmt.Sprintf("%s Trace ID: %s Correlation ID: %s Timestamp: %s", e.message, trace, correlation, now),
		"error_codes":       []int{}, "timestamp": now, "trace_id": trace, "correlation_id": correlation,
	}
	if e.code != 0 { // Some refusals of a sign-in have a name only.
		body["error_description"] = fmt.Sprintf("AADSTS%d: %s", e.code, body["error_description"])
		body["error_codes"] = []int{e.code}
	}
	writeToken(w, e.status, body)
}

// writeToken writes a body as Entra ID does, without a byte order mark.
func writeToken(w http.ResponseWriter, status int, body map[string]any) {
	w.WriteHeader(status)
	// An error here means that the client has left.
	_ = json.NewEncoder(w).Encode(body)
}
