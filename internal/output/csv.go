package output

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// csvWriter prints a header and one line per row.
type csvWriter[R any] struct {
	w      *csv.Writer
	fields []Field[R]
	begun  bool
}

func newCSVWriter[R any](w io.Writer, fields []Field[R]) *csvWriter[R] {
	return &csvWriter[R]{w: csv.NewWriter(w), fields: fields}
}

func (c *csvWriter[R]) Add(row R) error {
	if err := c.begin(); err != nil {
		return err
	}
	record := make([]string, len(c.fields))
	for i, field := range c.fields {
		record[i] = csvCell(field.Value(row))
	}
	return c.write(record)
}

func (c *csvWriter[R]) Close() error { return c.begin() }

// begin prints the header once.
func (c *csvWriter[R]) begin() error {
	if c.begun {
		return nil
	}
	c.begun = true
	var names []string
	for _, field := range c.fields {
		names = append(names, field.Name)
	}
	return c.write(names)
}

// write flushes after each record, so that output streams.
func (c *csvWriter[R]) write(record []string) error {
	if err := c.w.Write(record); err != nil {
		return err
	}
	c.w.Flush()
	return c.w.Error()
}

// csvCell returns "" for an unknown value.
func csvCell(value any) string {
	switch v := value.(type) {
	case string:
		return harmless(v)
	case *float64:
		if v != nil {
			return strconv.FormatFloat(*v, 'f', -1, 64)
		}
	case time.Time:
		if !v.IsZero() {
			return v.Format(time.RFC3339)
		}
	}
	return ""
}

// formula lists the characters that begin a formula in spreadsheets, including
// their full-width forms.
const formula = "=+-@＝＋－＠"

// harmless replaces control characters and puts an apostrophe before text that a
// spreadsheet would evaluate as a formula.
func harmless(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, text)
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(text, isBlank))
	if strings.ContainsRune(formula, first) && text != "" || strings.HasPrefix(text, "\t") || strings.HasPrefix(text, "\n") {
		return "'" + text
	}
	return text
}

// isBlank reports whether a spreadsheet might skip the character before a formula.
func isBlank(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) }
