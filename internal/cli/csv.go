package cli

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// csvWriter prints a line a row, after one with the names of the fields.
type csvWriter[R any] struct {
	w      *csv.Writer
	fields []field[R]
	begun  bool
}

func newCSVWriter[R any](w io.Writer, fields []field[R]) *csvWriter[R] {
	return &csvWriter[R]{w: csv.NewWriter(w), fields: fields}
}

func (c *csvWriter[R]) add(row R) error {
	if err := c.begin(); err != nil {
		return err
	}
	record := make([]string, len(c.fields))
	for i, field := range c.fields {
		record[i] = csvCell(field.value(row))
	}
	return c.write(record)
}

func (c *csvWriter[R]) end() error { return c.begin() }

func (c *csvWriter[R]) begin() error {
	if c.begun {
		return nil
	}
	c.begun = true
	var names []string
	for _, field := range c.fields {
		names = append(names, field.name)
	}
	return c.write(names)
}

// write lets nobody wait for a line.
func (c *csvWriter[R]) write(record []string) error {
	if err := c.w.Write(record); err != nil {
		return err
	}
	c.w.Flush()
	return c.w.Error()
}

// csvCell leaves a cell empty where the value is not known.
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

// formula is what spreadsheets take for the beginning of one, also in the wide
// forms of East Asia.
const formula = "=+-@＝＋－＠"

// harmless returns a text of which no spreadsheet makes a formula, and no terminal
// a command: an apostrophe before it makes it a text.
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

// isBlank says whether a spreadsheet might pass over a character before a formula.
func isBlank(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) }
