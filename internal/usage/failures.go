package usage

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/output"
)

// maxNames is the number of customers that are named for a cause of failures.
const maxNames = 3

// Failures collects failures by cause, since one cause often affects many customers.
type Failures struct {
	w       io.Writer
	program string
	verbose bool
	count   int
	causes  []*failureCause
}

// NewFailures returns an empty collection that is printed to a writer, after the name of
// the program. It prints each failure when it occurs if verbose is set, and each cause
// at the end otherwise.
func NewFailures(w io.Writer, program string, verbose bool) *Failures {
	return &Failures{w: w, program: program, verbose: verbose}
}

// failureCause is one cause of failures and the customers that it affects.
type failureCause struct {
	key       string
	err       error // the first one
	tolerated bool
	customers int
	names     []string // of the first customers
}

// Count returns the number of failures that are not tolerated.
func (f *Failures) Count() int { return f.count }

// Add records a failure of the customer of a name, or of no single customer if the
// name is "".
func (f *Failures) Add(customer string, err error) {
	f.count++
	f.record(customer, err, false)
}

// Tolerate records a failure that does not make the command fail.
func (f *Failures) Tolerate(customer string, err error) { f.record(customer, err, true) }

func (f *Failures) record(customer string, err error, tolerated bool) {
	c := f.causeOf(err, tolerated)
	if customer != "" {
		c.customers++
		if len(c.names) < maxNames {
			c.names = append(c.names, fmt.Sprintf("%q", customer))
		}
	}
	if f.verbose {
		one := failureCause{err: err, tolerated: tolerated}
		if customer != "" {
			one.names, one.customers = []string{fmt.Sprintf("%q", customer)}, 1
		}
		one.print(f.w, f.program)
	}
}

func (f *Failures) causeOf(err error, tolerated bool) *failureCause {
	key := fmt.Sprint(tolerated, cache.CauseKey(err))
	i := slices.IndexFunc(f.causes, func(c *failureCause) bool { return c.key == key })
	if i < 0 {
		i = len(f.causes)
		f.causes = append(f.causes, &failureCause{key: key, err: err, tolerated: tolerated})
	}
	return f.causes[i]
}

// print prints the cause on one line: the customers, and the first error.
func (c *failureCause) print(w io.Writer, program string) {
	label := "failed"
	if c.tolerated {
		label = "note"
	}
	if e, ok := errors.AsType[*client.Error](c.err); ok {
		label += fmt.Sprintf(" (%s)", e.Reason)
	}
	customers := strings.Join(c.names, ", ")
	if c.customers > 1 {
		customers = fmt.Sprintf("%d customers: %s", c.customers, customers)
	}
	if c.customers > len(c.names) {
		customers += ", …"
	}
	if customers != "" {
		customers += ": "
	}
	fmt.Fprintf(w, "%s: %s: %s%s\n", program, label, customers, output.OneLine(c.err.Error()))
}

// Result prints the causes and the hints, and returns an error if anything failed.
func (f *Failures) Result() error {
	if !f.verbose {
		for _, c := range f.causes {
			c.print(f.w, f.program)
		}
	}
	for _, hint := range f.hints() {
		fmt.Fprintf(f.w, "%s: hint: %s\n", f.program, hint)
	}
	switch f.count {
	case 0:
		return nil
	case 1:
		return errors.New("incomplete: 1 failure")
	}
	return fmt.Errorf("incomplete: %d failures", f.count)
}

// hints returns the distinct hints of the causes that make the command fail.
func (f *Failures) hints() []string {
	var hints []string
	for _, c := range f.causes {
		e, ok := errors.AsType[*client.Error](c.err)
		if ok && !c.tolerated && !slices.Contains(hints, e.Hint()) {
			hints = append(hints, e.Hint())
		}
	}
	return hints
}
