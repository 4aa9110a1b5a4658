package usage

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/output"
)

// Rows prints customers with their usage, and the totals below a table.
type Rows struct {
	w      io.Writer
	format string
	over   float64
	writer output.Writer[cache.Customer]
	totals totals
}

// NewRows returns a writer of rows in a format and an order of package output. If over
// is not 0, it prints only customers whose cost exceeds that share of their budget.
func NewRows(w io.Writer, format, order string, over float64) *Rows {
	return &Rows{w: w, format: format, over: over, writer: output.NewWriter(w, format, order, Listing())}
}

// Add prints a customer. A customer without an id stands for none.
func (r *Rows) Add(c cache.Customer) error {
	if c.ID == "" || r.over > 0 && !isOver(c, r.over) {
		return nil
	}
	r.totals.add(c)
	return r.writer.Add(c)
}

// Close prints the end of the format and, if there are several customers with figures,
// the totals.
func (r *Rows) Close() error {
	if err := r.writer.Close(); err != nil {
		return err
	}
	if r.format != output.Table || r.totals.customers() < 2 {
		return nil
	}
	if _, err := fmt.Fprintln(r.w); err != nil {
		return err
	}
	totals := output.NewWriter(r.w, output.Table, "", totalListing())
	for _, total := range r.totals.sorted() {
		if err := totals.Add(total); err != nil {
			return err
		}
	}
	return totals.Close()
}

// Ages describes when the oldest and the newest figures were fetched.
func Ages(customers []cache.Customer) string {
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
