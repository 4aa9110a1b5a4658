// Package check examines step by step whether the credentials, permissions and data
// of a partner are in order.
package check

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// maxProbes is the maximum number of customers whose usage is requested.
const maxProbes = 20

// ErrFailed is the error of [Run] when a check failed.
var ErrFailed = errors.New("some checks failed")

// Entra ID tolerates a clock skew of up to five minutes.
const (
	tolerableSkew  = 5 * time.Minute
	noticeableSkew = 30 * time.Second
)

// expiryNotice is the time before the expiry of a certificate from which it is noted.
const expiryNotice = 30 * 24 * time.Hour

// Run checks the credentials, permissions and data of a partner, whose files
// [client.Config.CheckFiles] has accepted, and reports each step. It returns
// [ErrFailed] if a check failed, and the context's error if that ended the checks.
func Run(ctx context.Context, cfg client.Config, report *Report) error {
	calls := &callCount{}
	cfg.Trace = calls.trace
	c, err := client.New(cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	report.OK("files", "the credential files are readable, and the refresh token file is replaceable")
	e := &examination{c, calls, report}
	e.certificate(time.Now())
	e.run(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	return report.Err()
}

// callCount counts the requests, and those that were throttled.
type callCount struct{ all, throttled atomic.Int64 }

func (c *callCount) trace(client.Endpoint) func(int) {
	return func(status int) {
		c.all.Add(1)
		if status == http.StatusTooManyRequests {
			c.throttled.Add(1)
		}
	}
}

// examination holds the checks that send requests.
type examination struct {
	c      *client.Client
	calls  *callCount
	report *Report
}

// certificate checks the expiry of the client certificate, if there is one.
func (e *examination) certificate(now time.Time) {
	expiry := e.c.CertificateExpiry()
	text := "the certificate is valid until " + expiry.UTC().Format(time.DateOnly)
	switch {
	case expiry.IsZero():
	case !now.Before(expiry):
		e.report.fail("cert", "the certificate expired on "+expiry.UTC().Format(time.DateOnly),
			"add a new certificate to the app registration, and replace the certificate and key files")
	case expiry.Sub(now) < expiryNotice:
		e.report.note("cert", text+"; renew it soon")
	default:
		e.report.OK("cert", text)
	}
}

// run performs the steps. Each one needs those before it.
func (e *examination) run(ctx context.Context) {
	e.report.begin("token")
	err := e.c.Authenticate(ctx)
	if err != nil {
		e.report.Fail(ctx, "token", err)
	} else {
		e.report.OK("token", "the refresh token was exchanged for an access token")
	}
	e.clock()
	if err != nil {
		e.report.skip("mfa", "customers", "role", "usage", "budgets", "throttle")
		return
	}
	if !e.mfa(ctx) {
		e.report.skip("customers", "role", "usage", "budgets", "throttle")
		return
	}
	e.report.begin("customers")
	customers, err := e.c.Customers(ctx)
	if err != nil {
		e.report.Fail(ctx, "customers", err)
		e.report.skip("role", "usage", "budgets", "throttle")
		return
	}
	if len(customers) == 0 {
		e.report.note("customers", "Partner Center lists no customers; is this the partner's tenant, and not a customer's?")
		e.report.line("skip", "role", "there are no customers")
		e.report.line("skip", "usage", "there are no customers")
		e.budgets(ctx)
		e.throttle()
		return
	}
	e.report.OK("customers", "Partner Center lists "+counted(len(customers)))
	if !e.usage(ctx, customers) {
		e.report.skip("budgets", "throttle")
		return
	}
	e.budgets(ctx)
	e.throttle()
}

// clock compares this machine's clock with Microsoft's.
func (e *examination) clock() {
	ahead, known := e.c.ClockSkew()
	direction := "ahead of"
	if ahead < 0 {
		direction = "behind"
	}
	wrong := fmt.Sprintf("this machine's clock is %s %s Microsoft's", ahead.Abs().Round(10*time.Second), direction)
	switch {
	case !known:
		e.report.note("clock", "unknown, as there was no response")
	case ahead.Abs() >= tolerableSkew:
		e.report.fail("clock", wrong, "synchronise the clock, for instance with systemd-timesyncd or chrony")
	case ahead.Abs() >= noticeableSkew:
		e.report.note("clock", wrong)
	default:
		e.report.OK("clock", "this machine's clock agrees with Microsoft's")
	}
}

// mfa reports whether the next steps can be performed.
func (e *examination) mfa(ctx context.Context) bool {
	e.report.begin("mfa")
	compliant, known, err := e.c.ValidateMFA(ctx)
	switch {
	case ctx.Err() != nil:
		e.report.Fail(ctx, "mfa", err)
		return false
	case err != nil, !known: // The next step finds other causes.
		e.report.note("mfa", "Partner Center does not report whether the sign-in used MFA")
	case !compliant:
		e.report.Fail(ctx, "mfa", &client.Error{Endpoint: client.EndpointCustomers, Reason: client.ReasonMFA, Description: "the sign-in did not use MFA"})
		return false
	default:
		e.report.OK("mfa", "the sign-in used MFA")
	}
	return true
}

// usage requests the usage of one customer after another until one has some, as
// single customers may have none or be inaccessible. It reports whether the next
// steps can be performed.
func (e *examination) usage(ctx context.Context, customers []client.Customer) bool {
	probed := customers[:min(len(customers), maxProbes)]
	e.report.begin("usage")
	found, without, err := e.firstUsage(ctx, probed)
	if err != nil && client.ScopeOf(err) != client.ScopeCustomer {
		e.report.Fail(ctx, "role", err)
		e.report.skip("usage")
		return false
	}
	e.report.OK("role", "no request was rejected for a missing role")
	switch {
	case found != "":
		e.report.OK("usage", found)
	case without > 0 || err == nil:
		e.report.note("usage", "no usage; checked "+counted(len(probed)))
	default:
		e.report.Fail(ctx, "usage", err)
	}
	return true
}

// firstUsage describes the usage of the first customer that has some, and returns
// the number of those without and the last error that concerned one customer.
func (e *examination) firstUsage(ctx context.Context, customers []client.Customer) (found string, without int, last error) {
	for _, customer := range customers {
		summary, err := e.c.UsageSummary(ctx, customer.ID)
		switch {
		case err == nil:
			return fmt.Sprintf("%q has a cost of %.2f %s in the current billing period", customer.Name, summary.TotalCost, summary.Currency), without, nil
		case client.IsNoUsage(err):
			without++
		case client.ScopeOf(err) == client.ScopeCustomer:
			last = err
		default:
			return "", without, err
		}
	}
	return "", without, last
}

// counted returns a number of customers in words.
func counted(customers int) string {
	if customers == 1 {
		return "1 customer"
	}
	return fmt.Sprintf("%d customers", customers)
}

// budgets counts the customers with a budget. The exporter works without the usage
// records, so that an error is only noted.
func (e *examination) budgets(ctx context.Context) {
	e.report.begin("budgets")
	records, err := e.c.UsageRecords(ctx)
	if ctx.Err() != nil {
		e.report.Fail(ctx, "budgets", err)
		return
	}
	if err != nil {
		e.report.note("budgets", "unknown, as the usage records cannot be read: "+err.Error())
		return
	}
	with := 0
	for _, record := range records {
		if record.Budget != nil {
			with++
		}
	}
	text := fmt.Sprintf("%d of %d customers with usage have a budget", with, len(records))
	if with < len(records) {
		e.report.note("budgets", text)
		return
	}
	e.report.OK("budgets", text)
}

func (e *examination) throttle() {
	text := fmt.Sprintf("%d of %d requests were throttled", e.calls.throttled.Load(), e.calls.all.Load())
	if e.calls.throttled.Load() > 0 {
		e.report.note("throttle", text)
		return
	}
	e.report.OK("throttle", text)
}
