package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/output"
)

// failures prints each failure when it occurs, and each distinct hint once at the
// end.
type failures struct {
	w     io.Writer
	count int
	hints []string
}

// add prints a failure of the customer of a name, or of no single customer if the
// name is "".
func (f *failures) add(customer string, err error) {
	f.count++
	reason := ""
	if e, ok := errors.AsType[*client.Error](err); ok {
		reason = fmt.Sprintf(" (%s)", e.Reason)
		if hint := e.Hint(); !slices.Contains(f.hints, hint) {
			f.hints = append(f.hints, hint)
		}
	}
	if customer != "" {
		customer = fmt.Sprintf("%q: ", customer)
	}
	fmt.Fprintf(f.w, "%s: failed%s: %s%s\n", name, reason, customer, output.OneLine(err.Error()))
}

// result prints the hints, and returns an error if anything failed.
func (f *failures) result() error {
	for _, hint := range f.hints {
		fmt.Fprintf(f.w, "%s: hint: %s\n", name, hint)
	}
	switch f.count {
	case 0:
		return nil
	case 1:
		return errors.New("incomplete: 1 failure")
	}
	return fmt.Errorf("incomplete: %d failures", f.count)
}
