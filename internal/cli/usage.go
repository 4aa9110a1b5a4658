package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
)

// usageCommand shows what customers have spent.
type usageCommand struct {
	partner     partnerFlags
	needed      []*kingpin.FlagClause // of the partner, to ask for usage
	output      outputFlags
	concurrency int
	overBudget  bool
	fromCache   bool
	cacheFile   string
	ids         []string
}

func newUsage(to *kingpin.CmdClause) *usageCommand {
	c := &usageCommand{}
	c.needed = c.partner.defineOptional(to)
	c.output.define(to, "name", "cost", "budget-used", "forecast")
	define(to, "api.concurrency", "Most usage calls in flight.", &c.concurrency, positive).Default("8")
	to.Flag("over-budget", "Only customers who have spent more than their budget.").BoolVar(&c.overBudget)
	to.Flag("from-cache", "Show what the exporter's --cache.file holds, without credentials and calls.").BoolVar(&c.fromCache)
	to.Flag("cache.file", "The exporter's file, for --from-cache. It is only read.").StringVar(&c.cacheFile)
	to.Arg("customer-id", "Customers to show, all if there is none.").StringsVar(&c.ids)
	to.Validate(func(*kingpin.CmdClause) error { return c.check() })
	return c
}

// check refuses flags that do not go together.
func (c *usageCommand) check() error {
	if len(c.ids) > 0 && c.output.name != nil {
		return errors.New("--name: choose customers either by name or by id")
	}
	if slices.ContainsFunc(c.ids, func(id string) bool { return strings.TrimSpace(id) == "" }) {
		return errors.New("a customer id is empty")
	}
	if c.fromCache {
		if c.cacheFile == "" {
			return errors.New("--from-cache needs --cache.file")
		}
		return nil
	}
	for _, flag := range c.needed {
		if model := flag.Model(); model.Value.String() == "" {
			return fmt.Errorf("required flag --%s not provided, which only --from-cache does without", model.Name)
		}
	}
	return nil
}

func (c *usageCommand) run(ctx context.Context, env *environment) error {
	if c.fromCache {
		return c.showCache(env)
	}
	partner, err := c.partner.connect(env, c.concurrency)
	if err != nil {
		return err
	}
	defer partner.Close()
	e := &enquiry{
		source:      partner,
		customers:   partner.CustomerPages,
		selects:     c.output.selects,
		concurrency: c.concurrency,
		pagesAhead:  1,
		breaker:     cache.NewFailFast(c.concurrency),
	}
	if len(c.ids) > 0 {
		e.customers = c.named
	}
	if !c.output.streams() {
		e.pagesAhead = 1000 // The bar can show the whole as soon as all are listed.
	}
	if !c.output.streams() || screenOf(env.stdout).width == 0 { // Nothing comes between rows on a terminal.
		e.progress = newProgress(env.stderr)
	}
	return c.show(ctx, env, e)
}

// named takes the place of the list of customers, which costs calls.
func (c *usageCommand) named(context.Context) iter.Seq2[[]client.Customer, error] {
	return func(yield func([]client.Customer, error) bool) {
		var customers []client.Customer
		for _, id := range c.uniqueIDs() {
			customers = append(customers, client.Customer{ID: id})
		}
		yield(customers, nil)
	}
}

// uniqueIDs returns the ids as they were given, each customer's first one.
func (c *usageCommand) uniqueIDs() []string {
	var ids []string
	known := map[string]bool{}
	for _, id := range c.ids {
		if canonical := client.CanonicalID(id); !known[canonical] {
			known[canonical] = true
			ids = append(ids, strings.TrimSpace(id))
		}
	}
	return ids
}

// show prints the outcomes of an enquiry.
func (c *usageCommand) show(ctx context.Context, env *environment, e *enquiry) error {
	rows := newRowWriter(env, &c.output, usageListing())
	failed := &failures{w: env.stderr}
	defer e.progress.clear()
	for o := range e.outcomes(ctx) {
		if ctx.Err() != nil {
			break
		}
		if o.err != nil {
			e.progress.clear()
			failed.add(o.row.Name, o.err)
		} else if err := c.add(o.row, rows); err != nil {
			return err
		}
		e.progress.advance()
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	e.progress.clear()
	if err := rows.end(); err != nil {
		return err
	}
	err := failed.result()
	if e.breaker.Stopped() != nil {
		return fmt.Errorf("gave up, since every customer would fail: %w", err)
	}
	return err
}

// add prints a row, unless only those over budget are wanted and this is none.
func (c *usageCommand) add(row cache.Customer, rows rowWriter[cache.Customer]) error {
	if c.overBudget && (row.Figures == nil || !row.Figures.OverBudget()) {
		return nil
	}
	return rows.add(row)
}

// showCache prints what an exporter knows.
func (c *usageCommand) showCache(env *environment) error {
	customers, owner, err := cache.ReadFile(c.cacheFile, c.owner())
	if err != nil {
		return fmt.Errorf("--cache.file: %w", err)
	}
	byName := nameOrder()
	slices.SortFunc(customers, func(a, b cache.Customer) int { return byName(a.Customer, b.Customer) })
	fmt.Fprintf(env.stderr, "%s: figures of %s%s\n", name, printable(owner), ages(customers))
	failed := &failures{w: env.stderr}
	customers = c.wanted(customers, failed)
	rows := newRowWriter(env, &c.output, usageListing())
	for _, customer := range customers {
		if err := c.add(customer, rows); err != nil {
			return err
		}
	}
	if err := rows.end(); err != nil {
		return err
	}
	return failed.result()
}

// owner returns whose the file has to be, "" if the flags do not say.
func (c *usageCommand) owner() string {
	if c.partner.tenantID == "" {
		return ""
	}
	return c.partner.cloud + "/" + c.partner.tenantID
}

// wanted chooses customers by name or id.
func (c *usageCommand) wanted(customers []cache.Customer, failed *failures) []cache.Customer {
	ids := map[string]bool{}
	for _, id := range c.uniqueIDs() {
		ids[client.CanonicalID(id)] = true
	}
	chosen := slices.DeleteFunc(customers, func(customer cache.Customer) bool {
		if len(c.ids) > 0 {
			return !ids[client.CanonicalID(customer.ID)]
		}
		return !c.output.selects(customer.Name)
	})
	for _, customer := range chosen {
		delete(ids, client.CanonicalID(customer.ID))
	}
	for _, id := range c.uniqueIDs() {
		if ids[client.CanonicalID(id)] {
			failed.add("", fmt.Errorf("customer %q is not in the file", id))
		}
	}
	return chosen
}

// ages says between which moments figures were fetched.
func ages(customers []cache.Customer) string {
	var first, last time.Time
	for _, customer := range customers {
		if customer.Figures == nil {
			continue
		}
		if first.IsZero() || customer.Fetched.Before(first) {
			first = customer.Fetched
		}
		if customer.Fetched.After(last) {
			last = customer.Fetched
		}
	}
	if first.IsZero() {
		return ", none yet"
	}
	return fmt.Sprintf(", known to be current between %s and %s", first.Format(time.RFC3339), cmp.Or(last, first).Format(time.RFC3339))
}
