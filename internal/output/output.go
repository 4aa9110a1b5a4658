// Package output prints rows as a table, as JSON or as CSV, and shows progress on
// a terminal.
//
// Values come from a server: whatever they contain, no format lets them control
// a terminal, and CSV gives a spreadsheet no formula.
package output

import (
	"io"
	"slices"
)

// The formats of [NewWriter].
const (
	Table = "table"
	JSON  = "json"
	CSV   = "csv"
)

// Listing describes how rows of a type are printed.
type Listing[R any] struct {
	Columns []Column[R]                 // of tables
	Fields  []Field[R]                  // of JSON and CSV
	Orders  map[string]func(a, b R) int // comparisons for sorting, by name
}

// Field is a value of a row in JSON and CSV.
type Field[R any] struct {
	Name string
	// Value returns a string, a *float64 or a time.Time. A nil pointer and the zero
	// time are unknown: null in JSON, an empty cell in CSV.
	Value func(R) any
}

// Writer prints rows.
type Writer[R any] interface {
	// Add prints a row, or keeps it until Close where the format or the order
	// requires all rows.
	Add(row R) error
	// Close prints the kept rows and the end of the format. It does not close the
	// underlying writer.
	Close() error
}

// NewWriter returns a writer of rows in a format. Rows are printed as they are
// added, except in tables and where order names one of the listing's orders.
func NewWriter[R any](to io.Writer, format, order string, l Listing[R]) Writer[R] {
	var w Writer[R]
	switch format {
	case JSON:
		w = &jsonWriter[R]{w: to, fields: l.Fields}
	case CSV:
		w = newCSVWriter(to, l.Fields)
	default:
		w = &tableWriter[R]{w: to, screen: ScreenOf(to), columns: l.Columns}
	}
	if order != "" {
		return &sorter[R]{to: w, compare: l.Orders[order]}
	}
	return w
}

// sorter keeps all rows, and passes them on in order when it is closed.
type sorter[R any] struct {
	to      Writer[R]
	compare func(a, b R) int
	rows    []R
}

func (s *sorter[R]) Add(row R) error {
	s.rows = append(s.rows, row)
	return nil
}

func (s *sorter[R]) Close() error {
	slices.SortStableFunc(s.rows, s.compare)
	for _, row := range s.rows {
		if err := s.to.Add(row); err != nil {
			return err
		}
	}
	return s.to.Close()
}

// OrDash returns a dash for an unknown text.
func OrDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
