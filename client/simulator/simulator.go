package simulator

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// Scope is the scope that a token request must have.
const Scope = "https://api.partnercenter.microsoft.com/.default offline_access"

// Credentials that a Simulator accepts where its Config names no others. They
// are worth nothing anywhere else.
const (
	TenantID     = "simulated-partner.example"
	ClientID     = "00000000-0000-4000-8000-000000000001"
	ClientSecret = "not-a-secret-simulated"
	RefreshToken = "not-a-token-simulated-refresh-0"
)

// Config is the invented partner.
type Config struct {
	// Customers are the partner's customers, in the order of the list.
	Customers []Customer
	// PublicClient reports whether the application has no secret.
	PublicClient bool
	// Certificate, if set, is what the application proves itself with in place of a
	// secret.
	Certificate *x509.Certificate
	// TokenLife is how long an access token is valid, an hour if zero.
	TokenLife time.Duration
	// StrictRotation makes a refresh token die as soon as it was exchanged. Entra
	// ID lets it live on.
	StrictRotation bool
	// Now returns the time of the figures. It is [time.Now] if nil.
	Now func() time.Time
}

// Simulator is an in-process Partner Center. It is safe for concurrent use.
type Simulator struct {
	mux    *http.ServeMux
	config Config

	mu        sync.Mutex
	customers []Customer
	byID      map[string]Customer
	access    map[string]time.Time // by token, until when it is valid
	refresh   map[string]bool
	devices   map[string]*device // by device code, nil once it is spent
	signIn    SignIn
	asserted  map[string]bool // ids of assertions that were used
	serial    int
	faults    Faults
	named     map[string]int // by fault that is on, how many requests met it
	dice      dice
	stats     Stats
}

// Stats is what a Simulator has been asked.
type Stats struct {
	// Calls counts the requests by endpoint, refused ones too.
	Calls map[client.Endpoint]int
	// InFlight is the number of requests for usage summaries in progress.
	InFlight int
	// PeakInFlight is the most that InFlight has been.
	PeakInFlight int
}

// New returns a Simulator without faults.
func New(cfg Config) *Simulator {
	if cfg.TokenLife == 0 {
		cfg.TokenLife = time.Hour
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Simulator{
		mux:      http.NewServeMux(),
		config:   cfg,
		access:   map[string]time.Time{},
		refresh:  map[string]bool{RefreshToken: true},
		devices:  map[string]*device{},
		asserted: map[string]bool{},
		named:    map[string]int{},
		dice:     newDice(),
		stats:    Stats{Calls: map[client.Endpoint]int{}},
	}
	s.SetCustomers(cfg.Customers)
	s.mux.HandleFunc("/{tenant}/oauth2/v2.0/token", s.serveToken)
	s.mux.HandleFunc("/{tenant}/oauth2/v2.0/devicecode", s.serveDeviceCode)
	s.mux.HandleFunc("/v1/customers", s.api(client.EndpointCustomers, s.serveCustomers))
	s.mux.HandleFunc("/v1/customers/usagerecords", s.api(client.EndpointUsageRecords, s.serveRecords))
	s.mux.HandleFunc("/v1/customers/{id}/usagesummary", s.api(client.EndpointUsageSummary, s.serveSummary))
	s.mux.HandleFunc("/", s.serveNothing)
	return s
}

// ServeHTTP responds as Partner Center or Entra ID would.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// SetCustomers replaces the partner's customers.
func (s *Simulator) SetCustomers(customers []Customer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.customers = slices.Clone(customers)
	s.byID = make(map[string]Customer, len(customers))
	for _, c := range customers {
		s.byID[client.CanonicalID(c.ID)] = c
	}
}

// Stats returns what has been asked so far.
func (s *Simulator) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats
	stats.Calls = maps.Clone(s.stats.Calls)
	return stats
}

// RevokeAccessTokens makes every access token invalid, as an administrator can.
func (s *Simulator) RevokeAccessTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.access)
}

// RevokeRefreshTokens makes every refresh token invalid, as a new password does.
func (s *Simulator) RevokeRefreshTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.refresh)
}

// AcceptsRefreshToken reports whether a token could be exchanged now.
func (s *Simulator) AcceptsRefreshToken(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refresh[token]
}

// api wraps an endpoint of Partner Center with what all of them do.
func (s *Simulator) api(endpoint client.Endpoint, serve http.HandlerFunc) http.HandlerFunc {
	serve = s.withNamedFaults(endpoint, serve)
	return func(w http.ResponseWriter, r *http.Request) {
		defer s.count(endpoint)()
		s.setHeaders(w, r)
		if refusal := s.refusal(r); refusal != nil {
			refusal.write(w)
			return
		}
		if s.disturb(w, r) {
			return
		}
		if r.Header.Get("ValidateMfa") == "true" {
			w.Header().Set("isMfaCompliant", strconv.FormatBool(!s.currentFaults().WithoutMFA))
		}
		serve(w, r)
	}
}

func (s *Simulator) count(endpoint client.Endpoint) (done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Calls[endpoint]++
	if endpoint != client.EndpointUsageSummary {
		return func() {}
	}
	s.stats.InFlight++
	s.stats.PeakInFlight = max(s.stats.PeakInFlight, s.stats.InFlight)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stats.InFlight--
	}
}

func (s *Simulator) setHeaders(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("MS-RequestId", idOf(r, "MS-RequestId"))
	h.Set("MS-CorrelationId", idOf(r, "MS-CorrelationId"))
	h.Set("MS-CV", rand.Text()[:16]+".0")
	h.Set("MS-ServerId", "202010406")
}

// idOf echoes an id, and makes one where the client sent none.
func idOf(r *http.Request, name string) string {
	if id := r.Header.Get(name); id != "" {
		return id
	}
	return uuid.NewString()
}

// refusal returns the error for a request that is rejected, or nil.
func (s *Simulator) refusal(r *http.Request) *apiError {
	switch {
	case r.Method != http.MethodGet:
		return &apiError{http.StatusMethodNotAllowed, "", "The method is not allowed."}
	case r.Header.Get("Accept") != "application/json":
		return &apiError{http.StatusNotAcceptable, "", "This simulator sends application/json only."}
	case !isID(r.Header.Get("MS-RequestId")) || !isID(r.Header.Get("MS-CorrelationId")):
		return &apiError{http.StatusBadRequest, "800002", "A request or correlation id is not a GUID."}
	case !s.authorized(r):
		return &apiError{http.StatusUnauthorized, "400", "Access denied."}
	case s.currentFaults().WithoutMFA && r.Header.Get("ValidateMfa") == "":
		return &apiError{http.StatusUnauthorized, "900421", "The token has no MFA claim."}
	}
	return nil
}

func isID(s string) bool {
	_, err := uuid.Parse(s)
	return s == "" || err == nil
}

func (s *Simulator) authorized(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	until, known := s.access[token]
	return ok && known && time.Now().Before(until)
}

func (s *Simulator) serveNothing(w http.ResponseWriter, r *http.Request) {
	s.setHeaders(w, r)
	(&apiError{http.StatusNotFound, "1000", "The resource does not exist."}).write(w)
}

// apiError is an error body of Partner Center.
type apiError struct {
	status      int
	code        string
	description string
}

func (e *apiError) write(w http.ResponseWriter) {
	if e.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "OAuth realm=urn:cpsvc:cpid:"+ClientID)
	}
	writeJSON(w, e.status, map[string]any{
		"code": e.code, "description": e.description, "data": []string{}, "source": "PartnerFD",
	})
}

// writeJSON writes a body as Partner Center does, with a byte order mark.
func writeJSON(w http.ResponseWriter, status int, body any) {
	content, err := json.Marshal(body)
	if err != nil {
		http.Error(w, fmt.Sprintf("simulator: %v", err), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(status)
	// An error here means that the client has left.
	_, _ = w.Write(append([]byte("\xef\xbb\xbf"), content...))
}
