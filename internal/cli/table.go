package cli

import (
	"bufio"
	"io"
	"slices"
	"strings"
)

// gap is between two columns.
const gap = 2

// leastName is how far the first column is shortened before others are left out.
const leastName = 16

// column is one of a table. The first one is shortened where there is not enough
// room.
type column[R any] struct {
	head  string
	right bool // whether the column is flush right, as amounts are
	// rank says in which order narrow terminals leave columns out, the highest
	// first. Those of rank 0 always stay.
	rank  int
	cell  func(R, screen) string
	style func(R) style // nil for a plain one
}

// tableWriter keeps the rows, since the longest cell makes the width of a column.
type tableWriter[R any] struct {
	w       io.Writer
	screen  screen
	columns []column[R]
	rows    []R
}

func (t *tableWriter[R]) add(row R) error {
	t.rows = append(t.rows, row)
	return nil
}

// end prints nothing at all where there is no row.
func (t *tableWriter[R]) end() error {
	if len(t.rows) == 0 {
		return nil
	}
	columns := t.fit()
	w := bufio.NewWriter(t.w)
	var line strings.Builder
	for i := -1; i < len(t.rows); i++ { // The heads are the row before the first.
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

// sized is a column with its texts.
type sized[R any] struct {
	column[R]

	texts []string
	width int
}

func (t *tableWriter[R]) size(c column[R]) sized[R] {
	s := sized[R]{column: c, texts: make([]string, len(t.rows)), width: cells.StringWidth(c.head)}
	for i, row := range t.rows {
		s.texts[i] = printable(c.cell(row, t.screen))
		s.width = max(s.width, cells.StringWidth(s.texts[i]))
	}
	return s
}

// fit leaves out columns, and then shortens the first one, until the others have
// room. Without a terminal there is always room.
func (t *tableWriter[R]) fit() []sized[R] {
	var columns []sized[R]
	for _, c := range t.columns {
		columns = append(columns, t.size(c))
	}
	if t.screen.width == 0 {
		return columns
	}
	for {
		room := t.screen.width - widthOf(columns[1:])
		last := leastNeeded(columns)
		if room >= min(columns[0].width, leastName) || columns[last].rank == 0 {
			columns[0].width = max(min(columns[0].width, room), cells.StringWidth(columns[0].head))
			return columns
		}
		columns = slices.Delete(columns, last, last+1)
	}
}

// widthOf returns the width of columns with the gap before each.
func widthOf[R any](columns []sized[R]) int {
	width := 0
	for _, c := range columns {
		width += gap + c.width
	}
	return width
}

func leastNeeded[R any](columns []sized[R]) int {
	least := 0
	for i, c := range columns {
		if c.rank > columns[least].rank {
			least = i
		}
	}
	return least
}

// write prints the cell of a row, or the head. Nothing follows the last column,
// not even blanks.
func (s *sized[R]) write(line *strings.Builder, t *tableWriter[R], row int, last bool) {
	text, as := s.head, bold
	if row >= 0 {
		text, as = cells.Truncate(s.texts[row], s.width, "…"), plain
		if s.style != nil {
			as = s.style(t.rows[row])
		}
	}
	blanks := strings.Repeat(" ", max(s.width-cells.StringWidth(text), 0))
	if s.right {
		line.WriteString(blanks)
	}
	line.WriteString(t.screen.paint(text, as))
	if !s.right && !last {
		line.WriteString(blanks)
	}
}
