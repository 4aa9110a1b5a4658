package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/output"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/usage"
)

// usageCommand prints the usage of customers.
type usageCommand struct {
	partner     partnerFlags
	required    []*kingpin.FlagClause // unless fromCache is set
	output      outputFlags
	concurrency int
	overBudget  bool
	over        float64 // share of the budget, 0 if not set
	fromCache   bool
	cacheFile   string
	strict      bool
	verbose     bool
	customers   usage.Names
}

func newUsage(to *kingpin.CmdClause) *usageCommand {
	cmd := &usageCommand{}
	cmd.required = cmd.partner.defineOptional(to)
	cmd.output.define(to, "name", "cost", "budget-used", "forecast")
	define(to, "api.concurrency", "Maximum number of concurrent usage requests.", &cmd.concurrency, positive).Default("8")
	to.Flag("over-budget", "Only customers whose cost exceeds their budget.").BoolVar(&cmd.overBudget)
	define(to, "over", "Only customers whose cost exceeds this share of their budget, such as 80%.", &cmd.over, percentage)
	to.Flag("from-cache", "Read the exporter's --cache.file instead of Partner Center, without credentials.").BoolVar(&cmd.fromCache)
	to.Flag("cache.file", "Cache file of the exporter, for --from-cache. It is only read.").StringVar(&cmd.cacheFile)
	to.Flag("strict", "Exit with status 1 also if a customer's relationship has ended.").BoolVar(&cmd.strict)
	to.Flag("verbose", "Print a line for each failure instead of one for each cause.").Short('v').BoolVar(&cmd.verbose)
	to.Arg("customer", "Ids, domains or names of the customers to print. Defaults to all customers.").StringsVar((*[]string)(&cmd.customers))
	validate(to, cmd.partner.check, cmd.check)
	return cmd
}

// percentage parses a share such as 80%.
func percentage(text string) (float64, error) {
	number, found := strings.CutSuffix(text, "%")
	percent, err := strconv.ParseFloat(number, 64)
	if err != nil || !found || !(percent > 0 && percent <= 1e6) {
		return 0, fmt.Errorf("%q is not a percentage such as 80%%", text)
	}
	return percent / 100, nil
}

// check rejects combinations of flags.
func (cmd *usageCommand) check() error {
	if err := cmd.checkCustomers(); err != nil {
		return err
	}
	if cmd.overBudget && cmd.over > 0 {
		return errors.New("--over and --over-budget cannot be combined")
	}
	if cmd.fromCache {
		return cmd.checkFromCache()
	}
	if cmd.cacheFile != "" {
		return errors.New("--cache.file needs --from-cache")
	}
	return cmd.checkRequired()
}

// checkFromCache rejects flags that do not suit a cache file.
func (cmd *usageCommand) checkFromCache() error {
	switch {
	case cmd.cacheFile == "":
		return errors.New("--from-cache needs --cache.file")
	case cmd.strict:
		return errors.New("--strict needs Partner Center and cannot be combined with --from-cache")
	}
	return nil
}

// checkCustomers rejects customers that are empty or given in two ways.
func (cmd *usageCommand) checkCustomers() error {
	if len(cmd.customers) > 0 && len(cmd.output.filters()) > 0 {
		return fmt.Errorf("%s cannot be combined with customers as arguments", cmd.output.filters()[0])
	}
	if slices.ContainsFunc(cmd.customers, func(name string) bool { return strings.TrimSpace(name) == "" }) {
		return errors.New("a customer is empty")
	}
	return nil
}

// checkRequired rejects a command line without the flags that every request needs.
func (cmd *usageCommand) checkRequired() error {
	var missing []string
	for _, flag := range cmd.required {
		if model := flag.Model(); model.Value.String() == "" {
			missing = append(missing, model.Name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%w (only --from-cache works without)", missingFlags(missing))
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
	f := &usage.Fetcher{
		Source:      c,
		Customers:   c.CustomerPages,
		Selects:     cmd.output.selects,
		Concurrency: cmd.concurrency,
		PagesAhead:  1,
		FailFast:    cache.NewFailFast(cmd.concurrency),
	}
	if len(cmd.customers) > 0 {
		f.Customers = cmd.customers.Pages(c.CustomerPages)
	}
	if !cmd.output.streams() {
		f.PagesAhead = 1000 // The bar needs the total number of customers.
	}
	if !cmd.output.streams() || output.ScreenOf(env.stdout).Width == 0 { // Progress must not mix with rows on a terminal.
		f.Progress = output.NewProgress(env.stderr)
	}
	return cmd.show(ctx, env, f)
}

// show prints the outcomes of a fetcher. If the context ends them, it prints those that
// there are.
func (cmd *usageCommand) show(ctx context.Context, env *environment, f *usage.Fetcher) error {
	rows := cmd.newRows(env)
	failed := usage.NewFailures(env.stderr, name, cmd.verbose)
	defer f.Progress.Clear()
	for o := range f.Outcomes(ctx) {
		if errors.Is(o.Err, context.Canceled) && ctx.Err() != nil {
			continue
		}
		if o.Err != nil {
			f.Progress.Clear()
			cmd.fail(o, failed)
		}
		if err := rows.Add(o.Row); err != nil {
			return err
		}
		f.Progress.Advance()
	}
	f.Progress.Clear()
	if err := rows.Close(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		_ = failed.Result()
		return errInterrupted
	}
	return cmd.result(env, f, failed)
}

// result prints what there is to note about complete outcomes, and returns an error if
// anything failed.
func (cmd *usageCommand) result(env *environment, f *usage.Fetcher, failed *usage.Failures) error {
	if failed.Count() == 0 {
		cmd.output.noteEmpty(env, f.Listed, f.Selected)
	}
	err := failed.Result()
	if f.FailFast.Stopped() != nil {
		return fmt.Errorf("aborted, every remaining request would fail: %w", err)
	}
	return err
}

// fail records a failure. That a relationship has ended is one with --strict only, and
// that a customer does not exist also if it was named.
func (cmd *usageCommand) fail(o usage.Outcome, failed *usage.Failures) {
	mistaken := len(cmd.customers) > 0 && client.IsNotFound(o.Err)
	if client.ScopeOf(o.Err) == client.ScopeCustomer && !cmd.strict && !mistaken {
		failed.Tolerate(o.Row.Name, o.Err)
		return
	}
	failed.Add(cmp.Or(o.Row.Name, o.Row.ID), o.Err)
}

func (cmd *usageCommand) newRows(env *environment) *usage.Rows {
	over := cmd.over
	if cmd.overBudget {
		over = 1
	}
	return usage.NewRows(env.stdout, cmd.output.format, cmd.output.sort, over)
}

// showCache prints the usage in the cache file of an exporter.
func (cmd *usageCommand) showCache(env *environment) error {
	customers, owner, err := cache.ReadFile(cmd.cacheFile, cmd.owner())
	if err != nil {
		return fmt.Errorf("--cache.file: %w", err)
	}
	byName := usage.NameOrder()
	slices.SortFunc(customers, func(a, b cache.Customer) int { return byName(a.Customer, b.Customer) })
	fmt.Fprintf(env.stderr, "%s: figures of %s%s\n", name, output.Printable(owner), usage.Ages(customers))
	failed := usage.NewFailures(env.stderr, name, cmd.verbose)
	listed := len(customers)
	customers = cmd.selected(customers, failed)
	rows := cmd.newRows(env)
	for _, customer := range customers {
		if err := rows.Add(customer); err != nil {
			return err
		}
	}
	if err := rows.Close(); err != nil {
		return err
	}
	if failed.Count() == 0 {
		cmd.output.noteEmpty(env, listed, len(customers))
	}
	return failed.Result()
}

// owner returns the required owner of the cache file, or "" if the flags do not
// identify one.
func (cmd *usageCommand) owner() string {
	if cmd.partner.tenantID == "" {
		return ""
	}
	return cmd.partner.cloud + "/" + cmd.partner.tenantID
}

// selected returns the customers that the arguments or the flags select.
func (cmd *usageCommand) selected(customers []cache.Customer, failed *usage.Failures) []cache.Customer {
	if len(cmd.customers) == 0 {
		return slices.DeleteFunc(customers, func(c cache.Customer) bool { return !cmd.output.selects(c.Customer) })
	}
	found, missing := cmd.customers.FindRows(customers)
	for _, name := range missing {
		failed.Add("", usage.Missing(name))
	}
	return found
}
