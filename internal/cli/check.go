package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// maxProbes is how many customers are asked for their usage until one has some.
const maxProbes = 20

var errChecksFailed = errors.New("not everything is in order")

// Entra ID bears a clock that is up to five minutes wrong.
const (
	tolerableSkew  = 5 * time.Minute
	noticeableSkew = 30 * time.Second
)

// renewInTime is how long before its end a certificate is worth a note.
const renewInTime = 30 * 24 * time.Hour

// checkCommand says what is in order and what is not.
type checkCommand struct{ partner partnerFlags }

func newCheck(to flagger) *checkCommand {
	c := &checkCommand{}
	c.partner.define(to)
	return c
}

func (c *checkCommand) run(ctx context.Context, env *environment) error {
	report := &report{w: env.stdout}
	cfg, err := c.partner.config()
	if err != nil {
		return err
	}
	cfg.Logger = env.logger
	return examine(ctx, cfg, report)
}

// examine reports whether credentials, permissions and data are in order.
func examine(ctx context.Context, cfg client.Config, report *report) error {
	calls := &callCount{}
	cfg.Trace = calls.trace
	partner, err := client.New(cfg)
	if err != nil {
		return err
	}
	defer partner.Close()
	report.ok("files", "the credentials can be read, and the refresh token can be replaced")
	e := &examination{partner, calls, report}
	e.certificate(time.Now())
	e.run(ctx)
	if report.failed {
		return errChecksFailed
	}
	return nil
}

// callCount counts the calls of the API, and those that were refused.
type callCount struct{ all, throttled atomic.Int64 }

func (c *callCount) trace(client.Endpoint) func(int) {
	return func(status int) {
		c.all.Add(1)
		if status == http.StatusTooManyRequests {
			c.throttled.Add(1)
		}
	}
}

// examination is what "check" asks Microsoft.
type examination struct {
	partner *client.Client
	calls   *callCount
	report  *report
}

// certificate says how long it lasts, if the application has one.
func (e *examination) certificate(now time.Time) {
	expiry := e.partner.CertificateExpiry()
	text := "the certificate is valid until " + expiry.UTC().Format(time.DateOnly)
	switch {
	case expiry.IsZero():
	case !now.Before(expiry):
		e.report.failed = true
		e.report.line("FAIL", "cert", "the certificate expired on "+expiry.UTC().Format(time.DateOnly))
		e.report.line("", "", "hint: register a new one with the application, and replace certificate and key file")
	case expiry.Sub(now) < renewInTime:
		e.report.note("cert", text+": renew it in time")
	default:
		e.report.ok("cert", text)
	}
}

// run takes the steps in the order in which each one needs those before.
func (e *examination) run(ctx context.Context) {
	err := e.partner.Authenticate(ctx)
	if err != nil {
		e.report.fail("token", err)
	} else {
		e.report.ok("token", "the authority exchanged the refresh token for an access token")
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
	customers, err := e.partner.Customers(ctx)
	if err != nil {
		e.report.fail("customers", err)
		e.report.skip("role", "usage", "budgets", "throttle")
		return
	}
	e.report.ok("customers", fmt.Sprintf("Partner Center lists %d customers", len(customers)))
	if !e.usage(ctx, customers) {
		e.report.skip("budgets", "throttle")
		return
	}
	e.budgets(ctx)
	e.throttle()
}

// clock tells a clock that is wrong. It says nothing where nobody answered.
func (e *examination) clock() {
	ahead, known := e.partner.ClockSkew()
	direction := "ahead of"
	if ahead < 0 {
		direction = "behind"
	}
	wrong := fmt.Sprintf("this machine's clock is %s %s Microsoft's", ahead.Abs().Round(10*time.Second), direction)
	switch {
	case !known:
		e.report.note("clock", "nobody has told the time")
	case ahead.Abs() >= tolerableSkew:
		e.report.failed = true
		e.report.line("FAIL", "clock", wrong)
		e.report.line("", "", "hint: synchronise it, for instance with systemd-timesyncd or chrony")
	case ahead.Abs() >= noticeableSkew:
		e.report.note("clock", wrong)
	default:
		e.report.ok("clock", "this machine's clock agrees with Microsoft's")
	}
}

// mfa says whether it is worth going on.
func (e *examination) mfa(ctx context.Context) bool {
	compliant, known, err := e.partner.ValidateMFA(ctx)
	switch {
	case err != nil, !known: // What is wrong besides MFA, the next step finds.
		e.report.note("mfa", "Partner Center does not say whether the sign-in had MFA")
	case !compliant:
		e.report.fail("mfa", &client.Error{Endpoint: client.EndpointCustomers, Reason: client.ReasonMFA, Description: "the sign-in had no MFA"})
		return false
	default:
		e.report.ok("mfa", "the sign-in had MFA")
	}
	return true
}

// usage asks customer after customer until one has usage, because single
// customers may have none or be out of reach. It says whether it is worth going
// on.
func (e *examination) usage(ctx context.Context, customers []client.Customer) bool {
	probed := customers[:min(len(customers), maxProbes)]
	found, without, err := e.firstUsage(ctx, probed)
	if err != nil && !isOneCustomers(err) {
		e.report.fail("role", err)
		e.report.skip("usage")
		return false
	}
	e.report.ok("role", "nothing says that the user may not read the usage")
	switch {
	case found != "":
		e.report.ok("usage", found)
	case without > 0 || err == nil:
		e.report.note("usage", fmt.Sprintf("usage may be read, but none of the first %d customers has any", len(probed)))
	default:
		e.report.fail("usage", err)
	}
	return true
}

// firstUsage returns what the first customer with usage has spent, how many have
// none, and the last failure.
func (e *examination) firstUsage(ctx context.Context, customers []client.Customer) (found string, without int, last error) {
	for _, customer := range customers {
		summary, err := e.partner.UsageSummary(ctx, customer.ID)
		switch {
		case err == nil:
			return fmt.Sprintf("%q has spent %.2f %s in the current billing period", customer.Name, summary.TotalCost, summary.Currency), without, nil
		case client.IsNoUsage(err):
			without++
		case isOneCustomers(err):
			last = err
		default:
			return "", without, err
		}
	}
	return "", without, last
}

// budgets counts the customers with a budget. The exporter does without the
// records that tell it.
func (e *examination) budgets(ctx context.Context) {
	records, err := e.partner.UsageRecords(ctx)
	if err != nil {
		e.report.note("budgets", "not known, since the usage records cannot be had: "+err.Error())
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
	e.report.ok("budgets", text)
}

func (e *examination) throttle() {
	text := fmt.Sprintf("%d of %d calls were refused as too many, %d may be in flight now", e.calls.throttled.Load(), e.calls.all.Load(), e.partner.ConcurrencyLimit())
	if e.calls.throttled.Load() > 0 {
		e.report.note("throttle", text)
		return
	}
	e.report.ok("throttle", text)
}

// isOneCustomers says whether a failure says nothing about other customers.
func isOneCustomers(err error) bool {
	e, ok := errors.AsType[*client.Error](err)
	return client.IsNotFound(err) || ok && e.Code == client.CodeNoRelationship
}

// report prints a line a step, and what to do where one failed.
type report struct {
	w      io.Writer
	failed bool
}

func (r *report) ok(step, text string) { r.line("ok", step, text) }

func (r *report) note(step, text string) { r.line("note", step, text) }

func (r *report) fail(step string, err error) {
	r.failed = true
	r.line("FAIL", step, err.Error())
	if e, ok := errors.AsType[*client.Error](err); ok {
		r.line("", "", "hint: "+e.Hint())
	}
}

func (r *report) skip(steps ...string) {
	for _, step := range steps {
		r.line("skip", step, "not tried, because of the failure above")
	}
}

func (r *report) line(state, step, text string) {
	fmt.Fprintf(r.w, "%-4s  %-9s  %s\n", state, step, text)
}
