package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// maxProbes is the maximum number of customers whose usage is requested.
const maxProbes = 20

var errChecksFailed = errors.New("some checks failed")

// Entra ID tolerates a clock skew of up to five minutes.
const (
	tolerableSkew  = 5 * time.Minute
	noticeableSkew = 30 * time.Second
)

// expiryNotice is the time before the expiry of a certificate from which it is noted.
const expiryNotice = 30 * 24 * time.Hour

// checkCommand checks credentials, permissions and data.
type checkCommand struct{ partner partnerFlags }

func newCheck(to *kingpin.CmdClause) *checkCommand {
	c := &checkCommand{}
	c.partner.define(to)
	validate(to, c.partner.check)
	return c
}

func (c *checkCommand) run(ctx context.Context, env *environment) error {
	report := newReport(env.stdout)
	cfg, err := c.partner.config()
	if err != nil {
		return err
	}
	cfg.Logger = env.logger
	return examine(ctx, cfg, report)
}

// examine checks credentials, permissions and data, and reports each step.
func examine(ctx context.Context, cfg client.Config, report *report) error {
	calls := &callCount{}
	cfg.Trace = calls.trace
	c, err := client.New(cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	report.ok("files", "the credential files are readable, and the refresh token file is replaceable")
	e := &examination{c, calls, report}
	e.certificate(time.Now())
	e.run(ctx)
	if ctx.Err() != nil {
		return errInterrupted
	}
	if report.failed {
		return errChecksFailed
	}
	return nil
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
	report *report
}

// certificate checks the expiry of the client certificate, if there is one.
func (e *examination) certificate(now time.Time) {
	expiry := e.c.CertificateExpiry()
	text := "the certificate is valid until " + expiry.UTC().Format(time.DateOnly)
	switch {
	case expiry.IsZero():
	case !now.Before(expiry):
		e.report.failed = true
		e.report.line("FAIL", "cert", "the certificate expired on "+expiry.UTC().Format(time.DateOnly))
		e.report.line("", "", "hint: add a new certificate to the app registration, and replace the certificate and key files")
	case expiry.Sub(now) < expiryNotice:
		e.report.note("cert", text+"; renew it soon")
	default:
		e.report.ok("cert", text)
	}
}

// run performs the steps. Each one needs those before it.
func (e *examination) run(ctx context.Context) {
	e.report.begin("token")
	err := e.c.Authenticate(ctx)
	if err != nil {
		e.report.fail(ctx, "token", err)
	} else {
		e.report.ok("token", "the refresh token was exchanged for an access token")
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
		e.report.fail(ctx, "customers", err)
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
	e.report.ok("customers", fmt.Sprintf("Partner Center lists %d customers", len(customers)))
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
		e.report.failed = true
		e.report.line("FAIL", "clock", wrong)
		e.report.line("", "", "hint: synchronise the clock, for instance with systemd-timesyncd or chrony")
	case ahead.Abs() >= noticeableSkew:
		e.report.note("clock", wrong)
	default:
		e.report.ok("clock", "this machine's clock agrees with Microsoft's")
	}
}

// mfa reports whether the next steps can be performed.
func (e *examination) mfa(ctx context.Context) bool {
	e.report.begin("mfa")
	compliant, known, err := e.c.ValidateMFA(ctx)
	switch {
	case ctx.Err() != nil:
		e.report.fail(ctx, "mfa", err)
		return false
	case err != nil, !known: // The next step finds other causes.
		e.report.note("mfa", "Partner Center does not report whether the sign-in used MFA")
	case !compliant:
		e.report.fail(ctx, "mfa", &client.Error{Endpoint: client.EndpointCustomers, Reason: client.ReasonMFA, Description: "the sign-in did not use MFA"})
		return false
	default:
		e.report.ok("mfa", "the sign-in used MFA")
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
		e.report.fail(ctx, "role", err)
		e.report.skip("usage")
		return false
	}
	e.report.ok("role", "no request was rejected for a missing role")
	switch {
	case found != "":
		e.report.ok("usage", found)
	case without > 0 || err == nil:
		e.report.note("usage", fmt.Sprintf("none of the first %d customers has usage", len(probed)))
	default:
		e.report.fail(ctx, "usage", err)
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

// budgets counts the customers with a budget. The exporter works without the usage
// records, so that an error is only noted.
func (e *examination) budgets(ctx context.Context) {
	e.report.begin("budgets")
	records, err := e.c.UsageRecords(ctx)
	if ctx.Err() != nil {
		e.report.fail(ctx, "budgets", err)
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
	e.report.ok("budgets", text)
}

func (e *examination) throttle() {
	text := fmt.Sprintf("%d of %d requests were throttled", e.calls.throttled.Load(), e.calls.all.Load())
	if e.calls.throttled.Load() > 0 {
		e.report.note("throttle", text)
		return
	}
	e.report.ok("throttle", text)
}

// report prints a line for each step, and a hint for each failed one.
type report struct {
	w        io.Writer
	terminal bool
	failed   bool
	// interrupted suppresses the lines that follow an interruption.
	interrupted bool
}

func newReport(w io.Writer) *report { return &report{w: w, terminal: isTerminal(w)} }

// begin shows the current step on a terminal until its line is printed.
func (r *report) begin(step string) {
	if r.terminal && !r.interrupted {
		fmt.Fprintf(r.w, "...   %s", step)
	}
}

func (r *report) ok(step, text string) { r.line("ok", step, text) }

func (r *report) note(step, text string) { r.line("note", step, text) }

// fail reports a failed step, or that the context ended it.
func (r *report) fail(ctx context.Context, step string, err error) {
	r.failed = true
	if ctx.Err() != nil {
		r.line("stop", step, "interrupted")
		r.interrupted = true
		return
	}
	r.line("FAIL", step, err.Error())
	if e, ok := errors.AsType[*client.Error](err); ok {
		r.line("", "", "hint: "+e.Hint())
	}
}

func (r *report) skip(steps ...string) {
	for _, step := range steps {
		r.line("skip", step, "skipped because of the failure above")
	}
}

func (r *report) line(state, step, text string) {
	if r.interrupted {
		return
	}
	if r.terminal {
		fmt.Fprint(r.w, "\r\x1b[K") // The step that begin showed.
	}
	fmt.Fprintf(r.w, "%-4s  %-9s  %s\n", state, step, text)
}
