package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// maxProbes is how many customers are asked for their usage until one has some.
const maxProbes = 20

var errChecksFailed = errors.New("not everything is in order")

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
	partner, err := client.New(cfg)
	if err != nil {
		return err
	}
	defer partner.Close()
	report.ok("files", "the credentials can be read, and the refresh token can be replaced")
	examine(ctx, partner, report)
	if report.failed {
		return errChecksFailed
	}
	return nil
}

// examine takes the steps in the order in which each one needs those before.
func examine(ctx context.Context, partner *client.Client, report *report) {
	if err := partner.Authenticate(ctx); err != nil {
		report.fail("token", err)
		report.skip("mfa", "customers", "usage")
		return
	}
	report.ok("token", "the authority exchanged the refresh token for an access token")
	if !examineMFA(ctx, partner, report) {
		report.skip("customers", "usage")
		return
	}
	customers, err := partner.Customers(ctx)
	if err != nil {
		report.fail("customers", err)
		report.skip("usage")
		return
	}
	report.ok("customers", fmt.Sprintf("Partner Center lists %d customers", len(customers)))
	examineUsage(ctx, partner, customers, report)
}

// examineMFA says whether it is worth going on.
func examineMFA(ctx context.Context, partner *client.Client, report *report) bool {
	compliant, known, err := partner.ValidateMFA(ctx)
	switch {
	case err != nil, !known: // What is wrong besides MFA, the next step finds.
		report.note("mfa", "Partner Center does not say whether the sign-in had MFA")
	case !compliant:
		report.fail("mfa", &client.Error{Endpoint: client.EndpointCustomers, Reason: client.ReasonMFA, Description: "the sign-in had no MFA"})
		return false
	default:
		report.ok("mfa", "the sign-in had MFA")
	}
	return true
}

// examineUsage asks customer after customer until one has usage, because single
// customers may have none or be out of reach.
func examineUsage(ctx context.Context, partner *client.Client, customers []client.Customer, report *report) {
	var without int
	var last error
	for _, customer := range customers[:min(len(customers), maxProbes)] {
		summary, err := partner.UsageSummary(ctx, customer.ID)
		switch {
		case err == nil:
			report.ok("usage", fmt.Sprintf("%q has spent %.2f %s in the current billing period", customer.Name, summary.TotalCost, summary.Currency))
			return
		case client.IsNoUsage(err):
			without++
		case isOneCustomers(err):
			last = err
		default:
			report.fail("usage", err)
			return
		}
	}
	switch {
	case without > 0 || last == nil:
		report.note("usage", fmt.Sprintf("usage may be read, but none of the first %d customers has any", min(len(customers), maxProbes)))
	default:
		report.fail("usage", last)
	}
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
		r.line("", "", "to do: "+e.Remedy())
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
