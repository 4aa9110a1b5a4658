package cli

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"
)

var errInterrupted = errors.New("interrupted")

// outputFlags are those of the commands that list something.
type outputFlags struct {
	format string
	sort   string
	name   *regexp.Regexp
}

func (f *outputFlags) define(to *kingpin.CmdClause, orders ...string) {
	define(to, "output", "What to print: table, json (one array) or csv. Only a table holds all rows in memory.", &f.format, oneOf("table", "json", "csv")).Default("table")
	define(to, "sort", "Order of the rows: "+strings.Join(orders, ", ")+". It takes all rows in memory. Without it, rows come in Partner Center's order, as they arrive.", &f.sort, oneOf(orders...))
	define(to, "name", "Only customers in whose name this regular expression (RE2) is found, whatever the case.", &f.name, found)
}

// found accepts regular expressions that may match anywhere, as people search. An
// empty one is none.
func found(text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, nil
	}
	return regexp.Compile("(?i:" + text + ")")
}

// selects says whether a customer of that name is wanted.
func (f *outputFlags) selects(name string) bool { return f.name == nil || f.name.MatchString(name) }

// streams says whether rows are printed as they arrive.
func (f *outputFlags) streams() bool { return f.format != "table" && f.sort == "" }

// listing is what can be shown of rows of a kind.
type listing[R any] struct {
	columns []column[R] // of tables
	fields  []field[R]  // of JSON and CSV
	orders  map[string]func(a, b R) int
}

// field is a value of a row: a string, a *float64 or a time. Nil and zero times
// are values that are not known.
type field[R any] struct {
	name  string
	value func(R) any
}

// rowWriter prints rows.
type rowWriter[R any] interface {
	add(row R) error
	// end prints what remains to be printed after the last row.
	end() error
}

// newRowWriter returns a writer to the standard output.
func newRowWriter[R any](env *environment, f *outputFlags, l listing[R]) rowWriter[R] {
	var w rowWriter[R]
	switch f.format {
	case "json":
		w = &jsonWriter[R]{w: env.stdout, fields: l.fields}
	case "csv":
		w = newCSVWriter(env.stdout, l.fields)
	default:
		w = &tableWriter[R]{w: env.stdout, screen: screenOf(env.stdout), columns: l.columns}
	}
	if f.sort != "" {
		return &sorter[R]{to: w, order: l.orders[f.sort]}
	}
	return w
}

// sorter holds the rows back until it has all of them.
type sorter[R any] struct {
	to    rowWriter[R]
	order func(a, b R) int
	rows  []R
}

func (s *sorter[R]) add(row R) error {
	s.rows = append(s.rows, row)
	return nil
}

func (s *sorter[R]) end() error {
	slices.SortStableFunc(s.rows, s.order)
	for _, row := range s.rows {
		if err := s.to.add(row); err != nil {
			return err
		}
	}
	return s.to.end()
}
