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
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/output"
)

// usageCommand prints the usage of customers.
type usageCommand struct {
	partner     partnerFlags
	required    []*kingpin.FlagClause // unless fromCache is set
	output      outputFlags
	concurrency int
	overBudget  bool
	fromCache   bool
	cacheFile   string
	ids         []string
}

func newUsage(to *kingpin.CmdClause) *usageCommand {
	cmd := &usageCommand{}
	cmd.required = cmd.partner.defineOptional(to)
	cmd.output.define(to, "name", "cost", "budget-used", "forecast")
	define(to, "api.concurrency", "Maximum number of concurrent usage requests.", &cmd.concurrency, positive).Default("8")
	to.Flag("over-budget", "Only customers whose cost exceeds their budget.").BoolVar(&cmd.overBudget)
	to.Flag("from-cache", "Read the exporter's --cache.file instead of Partner Center, without credentials.").BoolVar(&cmd.fromCache)
	to.Flag("cache.file", "Cache file of the exporter, for --from-cache. It is only read.").StringVar(&cmd.cacheFile)
	to.Arg("customer-id", "Ids of the customers to print. Defaults to all customers.").StringsVar(&cmd.ids)
	validate(to, cmd.partner.check, cmd.check)
	return cmd
}

// check rejects combinations of flags.
func (cmd *usageCommand) check() error {
	if len(cmd.ids) > 0 && cmd.output.name != nil {
		return errors.New("--name cannot be combined with customer ids")
	}
	if slices.ContainsFunc(cmd.ids, func(id string) bool { return strings.TrimSpace(id) == "" }) {
		return errors.New("a customer id is empty")
	}
	if cmd.fromCache {
		if cmd.cacheFile == "" {
			return errors.New("--from-cache needs --cache.file")
		}
		return nil
	}
	for _, flag := range cmd.required {
		if model := flag.Model(); model.Value.String() == "" {
			return fmt.Errorf("required flag --%s not provided (only --from-cache works without it)", model.Name)
		}
	}
	return nil
}

func (cmd *usageCommand) run(ctx context.Context, env *environment) error {
	if cmd.fromCache {
		return cmd.showCache(env)
	}
	c, err := cmd.partner.connect(env, cmd.concurrency)
	if err != nil {
		return err
	}
	defer c.Close()
	f := &fetcher{
		source:      c,
		customers:   c.CustomerPages,
		selects:     cmd.output.selects,
		concurrency: cmd.concurrency,
		pagesAhead:  1,
		failFast:    cache.NewFailFast(cmd.concurrency),
	}
	if len(cmd.ids) > 0 {
		f.customers = cmd.named
	}
	if !cmd.output.streams() {
		f.pagesAhead = 1000 // The bar needs the total number of customers.
	}
	if !cmd.output.streams() || output.ScreenOf(env.stdout).Width == 0 { // Progress must not mix with rows on a terminal.
		f.progress = output.NewProgress(env.stderr)
	}
	return cmd.show(ctx, env, f)
}

// named yields the given customers instead of the list of all customers.
func (cmd *usageCommand) named(context.Context) iter.Seq2[[]client.Customer, error] {
	return func(yield func([]client.Customer, error) bool) {
		var customers []client.Customer
		for _, id := range cmd.uniqueIDs() {
			customers = append(customers, client.Customer{ID: id})
		}
		yield(customers, nil)
	}
}

// uniqueIDs returns the given ids without duplicates.
func (cmd *usageCommand) uniqueIDs() []string {
	var ids []string
	known := map[string]bool{}
	for _, id := range cmd.ids {
		if canonical := client.CanonicalID(id); !known[canonical] {
			known[canonical] = true
			ids = append(ids, strings.TrimSpace(id))
		}
	}
	return ids
}

// show prints the outcomes of a fetcher.
func (cmd *usageCommand) show(ctx context.Context, env *environment, f *fetcher) error {
	rows := newWriter(env, &cmd.output, usageListing())
	failed := &failures{w: env.stderr}
	defer f.progress.Clear()
	for o := range f.outcomes(ctx) {
		if ctx.Err() != nil {
			break
		}
		if o.err != nil {
			f.progress.Clear()
			failed.add(o.row.Name, o.err)
		} else if err := cmd.add(o.row, rows); err != nil {
			return err
		}
		f.progress.Advance()
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	f.progress.Clear()
	if err := rows.Close(); err != nil {
		return err
	}
	if failed.count == 0 {
		cmd.output.noteEmpty(env, f.listed, f.chosen)
	}
	err := failed.result()
	if f.failFast.Stopped() != nil {
		return fmt.Errorf("aborted, every remaining request would fail: %w", err)
	}
	return err
}

// add prints a row, subject to --over-budget.
func (cmd *usageCommand) add(row cache.Customer, rows output.Writer[cache.Customer]) error {
	if cmd.overBudget && (row.Figures == nil || !row.Figures.OverBudget()) {
		return nil
	}
	return rows.Add(row)
}

// showCache prints the usage in the cache file of an exporter.
func (cmd *usageCommand) showCache(env *environment) error {
	customers, owner, err := cache.ReadFile(cmd.cacheFile, cmd.owner())
	if err != nil {
		return fmt.Errorf("--cache.file: %w", err)
	}
	byName := nameOrder()
	slices.SortFunc(customers, func(a, b cache.Customer) int { return byName(a.Customer, b.Customer) })
	fmt.Fprintf(env.stderr, "%s: figures of %s%s\n", name, output.Printable(owner), ages(customers))
	failed := &failures{w: env.stderr}
	listed := len(customers)
	customers = cmd.selected(customers, failed)
	rows := newWriter(env, &cmd.output, usageListing())
	for _, customer := range customers {
		if err := cmd.add(customer, rows); err != nil {
			return err
		}
	}
	if err := rows.Close(); err != nil {
		return err
	}
	if failed.count == 0 {
		cmd.output.noteEmpty(env, listed, len(customers))
	}
	return failed.result()
}

// owner returns the required owner of the cache file, or "" if the flags do not
// identify one.
func (cmd *usageCommand) owner() string {
	if cmd.partner.tenantID == "" {
		return ""
	}
	return cmd.partner.cloud + "/" + cmd.partner.tenantID
}

// selected returns the customers selected by name or id.
func (cmd *usageCommand) selected(customers []cache.Customer, failed *failures) []cache.Customer {
	ids := map[string]bool{}
	for _, id := range cmd.uniqueIDs() {
		ids[client.CanonicalID(id)] = true
	}
	chosen := slices.DeleteFunc(customers, func(customer cache.Customer) bool {
		if len(cmd.ids) > 0 {
			return !ids[client.CanonicalID(customer.ID)]
		}
		return !cmd.output.selects(customer.Name)
	})
	for _, customer := range chosen {
		delete(ids, client.CanonicalID(customer.ID))
	}
	for _, id := range cmd.uniqueIDs() {
		if ids[client.CanonicalID(id)] {
			failed.add("", fmt.Errorf("customer %q is not in the file", id))
		}
	}
	return chosen
}

// ages describes when the oldest and the newest figures were fetched.
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
		return ", which has none yet"
	}
	return fmt.Sprintf(", fetched between %s and %s", first.Format(time.RFC3339), cmp.Or(last, first).Format(time.RFC3339))
}
