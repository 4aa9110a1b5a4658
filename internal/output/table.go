package output

import (
	"bufio"
	"io"
	"slices"
	"strings"
)

// gap is the number of blanks between two columns.
const gap = 2

// leastName is the width below which the first column is not shortened as long as
// other columns can be dropped.
const leastName = 16

// Column is a column of a table. The first column of a table is truncated where
// the terminal is too narrow.
type Column[R any] struct {
	Head  string
	Right bool // aligned right, as amounts are
	// Rank is the order in which narrow terminals drop columns, the highest first.
	// Columns of rank 0 are never dropped.
	Rank  int
	Cell  func(R, Screen) string
	Style func(R) Style // nil stands for Plain
}

// tableWriter keeps all rows, since the longest cell determines the width of its
// column.
type tableWriter[R any] struct {
	w       io.Writer
	screen  Screen
	columns []Column[R]
	rows    []R
}

func (t *tableWriter[R]) Add(row R) error {
	t.rows = append(t.rows, row)
	return nil
}

// Close prints nothing if there is no row.
func (t *tableWriter[R]) Close() error {
	if len(t.rows) == 0 {
		return nil
	}
	columns := t.fit()
	w := bufio.NewWriter(t.w)
	var line strings.Builder
	for i := -1; i < len(t.rows); i++ { // Row -1 is the header.
		line.Reset()
		for j := range columns {
			if j > 0 {
				line.WriteString(strings.Repeat(" ", gap))
			}
			columns[j].write(&line, t, i, j == len(columns)-1)
		}
		line.WriteByte('\n')
		if _, err := w.WriteString(line.String()); err != nil {
			return err
		}
	}
	return w.Flush()
}

// sized is a column with the text of its cells.
type sized[R any] struct {
	Column[R]

	texts []string
	width int
}

func (t *tableWriter[R]) size(c Column[R]) sized[R] {
	s := sized[R]{Column: c, texts: make([]string, len(t.rows)), width: cells.StringWidth(c.Head)}
	for i, row := range t.rows {
		s.texts[i] = Printable(c.Cell(row, t.screen))
		s.width = max(s.width, cells.StringWidth(s.texts[i]))
	}
	return s
}

// fit drops columns by rank, and then truncates the first one, until the table fits
// the terminal. Without a terminal the width is unlimited.
func (t *tableWriter[R]) fit() []sized[R] {
	var columns []sized[R]
	for _, c := range t.columns {
		columns = append(columns, t.size(c))
	}
	if t.screen.Width == 0 {
		return columns
	}
	for {
		room := t.screen.Width - widthOf(columns[1:])
		last := leastNeeded(columns)
		if room >= min(columns[0].width, leastName) || columns[last].Rank == 0 {
			columns[0].width = max(min(columns[0].width, room), cells.StringWidth(columns[0].Head))
			return columns
		}
		columns = slices.Delete(columns, last, last+1)
	}
}

// widthOf returns the width of the columns, including the gap before each.
func widthOf[R any](columns []sized[R]) int {
	width := 0
	for _, c := range columns {
		width += gap + c.width
	}
	return width
}

// leastNeeded returns the index of the first column of the highest rank.
func leastNeeded[R any](columns []sized[R]) int {
	least := 0
	for i, c := range columns {
		if c.Rank > columns[least].Rank {
			least = i
		}
	}
	return least
}

// write prints a cell, or the head for row -1. The last column has no trailing
// blanks.
func (s *sized[R]) write(line *strings.Builder, t *tableWriter[R], row int, last bool) {
	text, as := s.Head, Bold
	if row >= 0 {
		text, as = cells.Truncate(s.texts[row], s.width, "…"), Plain
		if s.Style != nil {
			as = s.Style(t.rows[row])
		}
	}
	blanks := strings.Repeat(" ", max(s.width-cells.StringWidth(text), 0))
	if s.Right {
		line.WriteString(blanks)
	}
	line.WriteString(t.screen.paint(text, as))
	if !s.Right && !last {
		line.WriteString(blanks)
	}
}
