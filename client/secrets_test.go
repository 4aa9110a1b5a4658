package client_test

import (
	"context"
	"crypto/elliptic"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-kit/log"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/testcert"
)

// secrets are all that a server learns from a client. They have characters that
// change their look in an address.
var secrets = []string{
	"fake~client/secret+1=",
	"fake/refresh+token=1",
	"fake/refresh+token=2",
	"fake+access+token=1",
	"fake/refresh+seed=1",
}

// leak returns the first of the texts that holds a secret, as it is or escaped.
func leak(texts ...string) string {
	for _, text := range texts {
		for _, secret := range secrets {
			for _, form := range []string{secret, url.QueryEscape(secret), strings.ToUpper(secret), escapeAll(secret), strings.ReplaceAll(escapeAll(secret), "%", "%25")} {
				if strings.Contains(text, form) {
					return text
				}
			}
		}
	}
	return ""
}

// texts returns all that can be printed of an error and of its causes.
func texts(err error) []string {
	var all []string
	for ; err != nil; err = errors.Unwrap(err) {
		all = append(all, err.Error(), fmt.Sprintf("%v", err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err))
	}
	return all
}

// echo is all that a request sent, as it is and escaped.
func echo(r *http.Request) string {
	form := r.PostForm
	return strings.Join([]string{
		r.Header.Get("Authorization"),
		strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "),
		url.QueryEscape(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")),
		form.Encode(), form.Get("client_secret"), form.Get("client_assertion"), form.Get("refresh_token"),
	}, " ")
}

// echoing puts what was sent into a body, at the verb %q.
func echoing(status int, format string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer(status, fmt.Sprintf(format, echo(r)))(w, r)
	}
}

// escapeAll escapes every character, also those that need it not, such as - as %2D.
func escapeAll(s string) string {
	var b strings.Builder
	for _, octet := range []byte(s) {
		fmt.Fprintf(&b, "%%%02X", octet)
	}
	return b.String()
}

// mangling repeats in another form what a request sent.
func mangling(form func(string) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		sent := []string{form(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))}
		for _, values := range r.PostForm {
			sent = append(sent, form(values[0]))
		}
		answer(400, fmt.Sprintf(`{"code":"2000","description":%q}`, strings.Join(sent, " ")))(w, r)
	}
}

// speaking answers with bytes that are not HTTP, at the verb %s.
func speaking(format string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		// The client may have left already.
		_, _ = fmt.Fprintf(conn, format, echo(r))
		_ = conn.Close()
	}
}

// hostile are answers that try to get a secret into a log.
var hostile = map[string]http.HandlerFunc{
	"description":       echoing(400, `{"code":"2000","description":%q}`),
	"description, 401":  echoing(401, `{"code":"400","description":%q}`),
	"message":           echoing(429, `{"statusCode":429,"message":%q}`),
	"upper case":        mangling(strings.ToUpper),
	"escaped wholly":    mangling(escapeAll),
	"escaped twice":     mangling(func(s string) string { return strings.ReplaceAll(escapeAll(s), "%", "%25") }),
	"code":              echoing(400, `{"code":%q}`),
	"OAuth error":       echoing(400, `{"error":%q}`),
	"OAuth text":        echoing(400, `{"error":"invalid_grant","error_description":%q}`),
	"OAuth text, 200":   echoing(200, `{"error":"invalid_grant","error_description":%q}`),
	"OAuth code":        echoing(400, `{"error":"invalid_grant","error_description":"AADSTS70000 %[1]q","error_codes":[%[1]q],"trace_id":%[1]q,"correlation_id":%[1]q}`),
	"plain text":        echoing(500, `%s`),
	"plain text, 200":   echoing(200, `%s`),
	"HTML":              echoing(200, `<html>%s</html>`),
	"a JSON string":     echoing(200, `%q`),
	"broken JSON":       echoing(200, `{%q`),
	"wrong types":       echoing(200, `{"totalCost":%[1]q,"items":%[1]q,"access_token":[%[1]q]}`),
	"wrong date":        echoing(200, `{"totalCost":1,"lastModifiedDate":%q,"items":[]}`),
	"wrong lifetime":    echoing(200, `{"expires_in":%q}`),
	"item":              echoing(200, `{"totalCost":1,"items":[{"totalCost":1,"companyProfile":{"companyName":%q}}]}`),
	"status line":       speaking("HTTP/1.1 %s\r\n\r\n"),
	"status code":       speaking("HTTP/1.1 200%s OK\r\n\r\n"),
	"no HTTP":           speaking("%s\r\n\r\n"),
	"header":            speaking("HTTP/1.1 200 OK\r\n%s\r\n\r\n"),
	"length":            speaking("HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n"),
	"encoding":          speaking("HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n"),
	"redirect":          speaking("HTTP/1.1 302 Found\r\nLocation: http://[%s\r\nContent-Length: 0\r\n\r\n"),
	"redirect to":       speaking("HTTP/1.1 302 Found\r\nLocation: /%s\r\nContent-Length: 0\r\n\r\n"),
	"ids":               speaking("HTTP/1.1 500 Oops\r\nMS-RequestId: %[1]s\r\nMS-CorrelationId: %[1]s\r\nRetry-After: %[1]s\r\nContent-Length: 0\r\n\r\n"),
	"no answer":         drop,
	"half of an answer": cutOff,
	"link to a host": func(w http.ResponseWriter, r *http.Request) {
		answer(200, `{"items":[{"totalCost":1}],"totalCost":1,"links":{"next":{"uri":"https://`+secrets[3]+`"}}}`)(w, r)
	},
	"short date": func(w http.ResponseWriter, r *http.Request) {
		answer(200, `{"items":[],"totalCost":1,"billingEndDate":"`+secrets[3]+`"}`)(w, r)
	},
	"short name": func(w http.ResponseWriter, r *http.Request) {
		answer(200, `{"items":[{"totalCost":1,"companyProfile":{"companyName":"`+secrets[3]+`"}}],"totalCost":1}`)(w, r)
	},
}

// hostileClient knows all of the secrets, and writes its log into lines.
func hostileClient(t *testing.T, s *server, lines io.Writer) *client.Client {
	t.Helper()
	cfg := s.config()
	cfg.Timeout = 500 * time.Millisecond // Some answers are tried again until then.
	write(t, cfg.ClientSecretFile, secrets[0])
	write(t, cfg.RefreshTokenFile, secrets[1])
	cfg.BootstrapRefreshTokenFile = write(t, filepath.Join(t.TempDir(), "seed"), secrets[4])
	cfg.Logger = log.NewLogfmtLogger(log.NewSyncWriter(lines))
	return newClient(t, cfg)
}

// No answer of the API brings a token or a secret into an error or the log.
func TestSecretsStayOutOfErrorsOfTheAPI(t *testing.T) {
	for name, answer := range hostile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.on(tokenPath, tokenAnswer(secrets[3], secrets[2]))
			for _, path := range []string{summaryPath, recordsPath, customersPath} {
				s.on(path, answer)
			}
			var lines strings.Builder
			c := hostileClient(t, s, &lines)
			_, customers := c.Customers(t.Context())
			_, records := c.UsageRecords(t.Context())
			_, summary := c.UsageSummary(t.Context(), customerID)
			for _, err := range []error{customers, records, summary} {
				if text := leak(texts(err)...); text != "" {
					t.Errorf("An error or its cause says %q", text)
				}
			}
			if text := leak(lines.String()); text != "" {
				t.Errorf("The log says %q", text)
			}
		})
	}
}

// Nor does one to a seed, which is sent after the stored token was refused.
func TestSeedsStayOutOfErrors(t *testing.T) {
	for name, answer := range hostile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.on(tokenPath, revoked, answer)
			var lines strings.Builder
			err := hostileClient(t, s, &lines).Authenticate(t.Context())
			if sent := s.sentTokens(); len(sent) < 2 || sent[1] != secrets[4] {
				t.Errorf("got the tokens %q, want the seed as well", sent)
			}
			if text := leak(append(texts(err), lines.String())...); text != "" || err == nil {
				t.Errorf("An error, its cause or the log says %q", text)
			}
		})
	}
}

// The same holds of an assertion, by which somebody else could pass for the
// application while it lives, and of the key that signed it.
func TestAssertionsStayOutOfErrors(t *testing.T) {
	for name, answer := range hostile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.on(tokenPath, answer)
			cfg := s.config()
			withCertificate(t, &cfg, testcert.EC(t, elliptic.P256()), farFuture)
			key := strings.Split(read(t, cfg.CertificateKeyFile), "\n")[1]
			var lines strings.Builder
			cfg.Logger = log.NewLogfmtLogger(log.NewSyncWriter(&lines))
			err := newClient(t, cfg).Authenticate(t.Context())
			assertion := s.calls(tokenPath)[0].Form.Get("client_assertion")
			parts := strings.Split(assertion, ".")
			for _, text := range append(texts(err), lines.String()) {
				for _, secret := range []string{assertion, parts[1], parts[2], key} {
					if err == nil || secret == "" || strings.Contains(text, secret) {
						t.Errorf("An error, its cause or the log says %q", text)
					}
				}
			}
		})
	}
}

// No answer of the token endpoint does so, though it gets all secrets to see.
func TestSecretsStayOutOfErrorsOfTheTokenEndpoint(t *testing.T) {
	for name, answer := range hostile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.on(tokenPath, answer)
			var lines strings.Builder
			err := hostileClient(t, s, &lines).Authenticate(t.Context())
			if err == nil {
				t.Error("An answer without a token is taken for one.")
			}
			if text := leak(append(texts(err), lines.String())...); text != "" {
				t.Errorf("An error, its cause or the log says %q", text)
			}
		})
	}
}

// An access token stays secret when another call has replaced it: it may still
// be valid.
func TestReplacedTokenStaysOutOfErrors(t *testing.T) {
	s := newServer(t)
	s.on(tokenPath, tokenAnswer(secrets[3], secrets[2]), s.issue)
	s.on(recordsPath, denied, answer(200, `{"items":[]}`))
	arrived, renewed := make(chan struct{}), make(chan struct{})
	s.on(summaryPath, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-renewed
		answer(400, fmt.Sprintf(`{"description":%q}`, "You sent "+secrets[3]))(w, r)
	})
	c := hostileClient(t, s, io.Discard)
	var group sync.WaitGroup
	group.Go(func() {
		_, err := c.UsageSummary(context.Background(), customerID)
		if text := leak(texts(err)...); text != "" {
			t.Errorf("An error or its cause says %q", text)
		}
	})
	<-arrived
	if _, err := c.UsageRecords(t.Context()); err != nil {
		t.Error(err)
	}
	close(renewed)
	group.Wait()
}

// A client that cannot reach anybody has nothing to tell of its secrets.
func TestSecretsStayOutOfNetworkErrors(t *testing.T) {
	s := newServer(t)
	c := hostileClient(t, s, io.Discard)
	s.Close()
	err := c.Authenticate(t.Context())
	if text := leak(texts(err)...); text != "" || client.ReasonOf(err) != client.ReasonNetwork {
		t.Errorf("got %v, of which is said %q", err, text)
	}
}
