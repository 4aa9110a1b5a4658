package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// failures tells on the standard error what could not be read, a line each as it
// happens, so that none of them has to be kept. What to do about them is said
// once at the end.
type failures struct {
	w        io.Writer
	count    int
	remedies []string
}

// add tells of a failure. Who is a customer's name, or "".
func (f *failures) add(who string, err error) {
	f.count++
	reason := ""
	if e, ok := errors.AsType[*client.Error](err); ok {
		reason = fmt.Sprintf(" (%s)", e.Reason)
		if remedy := e.Hint(); !slices.Contains(f.remedies, remedy) {
			f.remedies = append(f.remedies, remedy)
		}
	}
	if who != "" {
		who = fmt.Sprintf("%q: ", who)
	}
	fmt.Fprintf(f.w, "%s: failed%s: %s%s\n", name, reason, who, oneLine(err.Error()))
}

// result says what to do, and returns nil if nothing failed.
func (f *failures) result() error {
	for _, remedy := range f.remedies {
		fmt.Fprintf(f.w, "%s: hint: %s\n", name, remedy)
	}
	switch f.count {
	case 0:
		return nil
	case 1:
		return errors.New("not everything could be read: 1 failure")
	}
	return fmt.Errorf("not everything could be read: %d failures", f.count)
}

// oneLine keeps a message, parts of which come from elsewhere, to one line.
func oneLine(text string) string { return printable(strings.Join(strings.Fields(text), " ")) }
