package output

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// row is a row of the tests.
type row struct {
	name, code string
	amount     *float64
}

func rowListing() Listing[row] {
	return Listing[row]{
		Columns: []Column[row]{
			{Head: "NAME", Cell: func(r row, _ Screen) string { return r.name }},
			{Head: "CODE", Rank: 1, Cell: func(r row, _ Screen) string { return r.code }},
			{Head: "SECOND NAME", Rank: 2, Cell: func(r row, _ Screen) string { return r.name }},
		},
		Fields: []Field[row]{
			{Name: "name", Value: func(r row) any { return r.name }},
			{Name: "code", Value: func(r row) any { return r.code }},
			{Name: "amount", Value: func(r row) any { return r.amount }},
		},
	}
}

// CSV keeps every text in its cell and never as a formula, while negative amounts
// stay numbers.
func FuzzCSV(f *testing.F) {
	for _, text := range []string{"", "a,b", `"`, "a\nb", "\r\n=1", "=1", "-1", "\t@", "'", "\ufeff=", "\x00=1", "\xff-", "＝", " ", "#N/A", "ab;=1"} {
		f.Add(text, "EUR", -1.5)
	}
	f.Fuzz(func(t *testing.T, title, code string, amount float64) {
		var b bytes.Buffer
		w := NewWriter(&b, CSV, "", rowListing())
		if err := w.Add(row{title, code, &amount}); err != nil {
			t.Fatal(err)
		}
		records, err := csv.NewReader(&b).ReadAll()
		if err != nil || len(records) != 2 {
			t.Fatalf("%d records, %v", len(records), err)
		}
		for i, text := range map[int]string{0: title, 1: code} {
			cell := records[1][i]
			if cell != harmless(text) || !utf8.ValidString(cell) {
				t.Errorf("Cell %d is %q of %q", i, cell, text)
			}
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r\n") {
				t.Errorf("Cell %d is a formula: %q", i, cell)
			}
			if kept := strings.TrimPrefix(cell, "'"); !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r >= 0x7f }) && kept != strings.TrimPrefix(text, "'") {
				t.Errorf("Cell %d is %q of %q", i, cell, text)
			}
		}
		if strings.HasPrefix(records[1][2], "'") {
			t.Errorf("The amount %v is a text: %q", amount, records[1][2])
		}
	})
}

// A row of a table is one printable line, at most as wide as its terminal.
func FuzzTable(f *testing.F) {
	for _, text := range []string{"", "Contoso", "株式会社ひまわり", "🚲 Velo", "👩‍👩‍👧‍👦", "\x1b[2J", "a\nb", "\u202e", "हिमालय ट्रेडर्स", "\xff", "\u0301", strings.Repeat("long ", 50)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, title string) {
		var b strings.Builder
		w := &tableWriter[row]{w: &b, screen: Screen{Width: 40}, columns: rowListing().Columns}
		_ = w.Add(row{name: title})
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(b.String(), "\n")
		if len(lines) != 3 || lines[2] != "" {
			t.Fatalf("It is %q", lines)
		}
		if width := cells.StringWidth(lines[1]); width > 40 {
			t.Errorf("%q is %d cells wide", lines[1], width)
		}
		if Printable(lines[1]) != lines[1] {
			t.Errorf("%q is not printable", lines[1])
		}
	})
}

func TestHarmless(t *testing.T) {
	for text, want := range map[string]string{
		"":           "",
		"Contoso":    "Contoso",
		"a=b, c":     "a=b, c",
		"=1+1":       "'=1+1",
		"+1":         "'+1",
		"-1":         "'-1",
		"@SUM(A1)":   "'@SUM(A1)",
		"\t=1":       "'\t=1",
		"\tx":        "'\tx",
		"\rx":        "'\nx",
		"a\r\nb\rc":  "a\nb\nc",
		"  =1":       "'  =1",
		"\u00a0-1":   "'\u00a0-1",
		"\u200b=1":   "'\u200b=1",
		"＝1":         "'＝1",
		"'quoted'":   "'quoted'",
		"\x00=1":     "\uFFFD=1",
		"a\x1b[2Jb":  "a\uFFFD[2Jb",
		"\xff\xfe=1": "\uFFFD\uFFFD=1",
	} {
		if got := harmless(text); got != want {
			t.Errorf("Of %q it makes %q, want %q", text, got, want)
		}
	}
}

// Progress appears after a delay, is updated at intervals, and has a bar once the
// total is final.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		p := newProgress(&b, 80)
		step := func(wait time.Duration, do func(), want string) {
			t.Helper()
			time.Sleep(wait) // in a bubble
			b.Reset()
			do()
			if got := b.String(); got != want {
				t.Errorf("It prints %q, want %q", got, want)
			}
		}
		step(0, func() { p.Grow(500) }, "")
		step(499*time.Millisecond, p.Advance, "")
		step(0, p.Clear, "")
		step(time.Millisecond, p.Advance, "\r\x1b[K2 of more than 500 customers")
		step(99*time.Millisecond, p.Advance, "")
		step(9*time.Second+401*time.Millisecond, func() { p.Grow(1) }, "\r\x1b[K3 of more than 501 customers")
		step(0, p.Complete, "")
		step(10*time.Second, p.Advance, "\r\x1b[K░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░ 4 of 501 customers, 41m25s left")
		p.done = 250
		step(80*time.Second, p.Advance, "\r\x1b[K███████████████░░░░░░░░░░░░░░░ 251 of 501 customers, 1m40s left")
		step(time.Hour, p.Clear, "\r\x1b[K")
		step(time.Hour, p.Clear, "")
		p.done = 500
		step(0, p.Advance, "\r\x1b[K██████████████████████████████ 501 of 501 customers")
		p.done, p.width = 500, 20
		step(time.Hour, p.Advance, "\r\x1b[K██████████████████…")
	})
}

// failing fails every write.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

// An error of the underlying writer is returned in every format, sorted or not.
func TestWriteErrors(t *testing.T) {
	for _, format := range []string{Table, JSON, CSV} {
		for _, order := range []string{"", "name"} {
			l := rowListing()
			l.Orders = map[string]func(a, b row) int{"name": func(a, b row) int { return strings.Compare(a.name, b.name) }}
			w := NewWriter(failing{}, format, order, l)
			if err := errors.Join(w.Add(row{name: "b"}), w.Add(row{name: "a"}), w.Close()); err == nil || !strings.Contains(err.Error(), "disk full") {
				t.Errorf("%s, order %q: error %v, want disk full", format, order, err)
			}
		}
	}
}

// Unknown values are null in JSON and empty in CSV, and an order sorts in every
// format.
func TestFormats(t *testing.T) {
	amount := -1.5
	for format, want := range map[string]string{
		Table: "NAME  CODE  SECOND NAME\na           a\nb     EUR   b\n", //nolint:dupword // A cell may repeat another one.
		JSON:  "[\n  {\"name\": \"a\", \"code\": \"\", \"amount\": null},\n  {\"name\": \"b\", \"code\": \"EUR\", \"amount\": -1.5}\n]\n",
		CSV:   "name,code,amount\na,,\nb,EUR,-1.5\n",
	} {
		var b strings.Builder
		l := rowListing()
		l.Orders = map[string]func(a, b row) int{"name": func(a, b row) int { return strings.Compare(a.name, b.name) }}
		w := NewWriter(&b, format, "name", l)
		if err := errors.Join(w.Add(row{"b", "EUR", &amount}), w.Add(row{name: "a"}), w.Close()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format, diff)
		}
	}
}
