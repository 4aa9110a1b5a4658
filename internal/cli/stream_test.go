package cli

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
)

// UsageSummary makes everything a source for enquiries, too.
var _ usageSource = everything{}

// invented pages hold so many customers, who exist no longer than needed.
func invented(customers int) func(context.Context) iter.Seq2[[]client.Customer, error] {
	return func(context.Context) iter.Seq2[[]client.Customer, error] {
		return func(yield func([]client.Customer, error) bool) {
			for first := 0; first < customers; first += 500 {
				var page []client.Customer
				for i := first; i < first+500; i++ {
					page = append(page, client.Customer{ID: strconv.Itoa(i), Name: fmt.Sprintf("customer %d", i)})
				}
				if !yield(page, nil) {
					return
				}
			}
		}
	}
}

// gauge measures the heap when the last row is printed, at which nothing of the
// others needs to be there any more.
type gauge struct {
	last string
	rows int
	heap uint64
}

func (g *gauge) Write(p []byte) (int, error) {
	g.rows++
	if bytes.Contains(p, []byte(g.last)) {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		g.heap = stats.HeapAlloc
	}
	return len(p), nil
}

// heapOf returns the heap at the last of so many rows.
func heapOf(t *testing.T, customers int, flags outputFlags) uint64 {
	t.Helper()
	g := &gauge{last: fmt.Sprintf("customer %d\"", customers-1)}
	if flags.format == "csv" {
		g.last = fmt.Sprintf("customer %d,", customers-1)
	}
	c := &usageCommand{output: flags}
	e := &enquiry{source: everything{}, customers: invented(customers), selects: flags.selects, concurrency: 8, pagesAhead: 1, breaker: cache.NewFailFast(8)}
	if err := c.show(t.Context(), &environment{stdout: g, stderr: io.Discard}, e); err != nil {
		t.Fatal(err)
	}
	if g.rows < customers || g.heap == 0 {
		t.Fatalf("%d rows were printed of %d, and the heap was %d", g.rows, customers, g.heap)
	}
	return g.heap
}

// Streaming takes the same memory whatever the number of customers. Sorting does
// not, which shows that the test can tell.
func TestStreamingTakesConstantMemory(t *testing.T) {
	const few, many, slack = 1000, 10000, 500 << 10
	for _, flags := range []outputFlags{{format: "csv"}, {format: "json"}, {format: "csv", sort: "name"}} {
		heapOf(t, few, flags) // What is made once is made.
		before, after := heapOf(t, few, flags), heapOf(t, many, flags)
		if grown := after > before+slack; grown != (flags.sort != "") {
			t.Errorf("With %v, %d customers take %d bytes and %d take %d", flags, few, before, many, after)
		}
	}
}

// An enquiry that is broken off leaves nothing running, whatever it was at: the
// bubble waits for its end.
func TestEnquiryBrokenOff(t *testing.T) {
	for _, after := range []int{1, 2, 700} {
		synctest.Test(t, func(t *testing.T) {
			e := &enquiry{source: everything{}, customers: invented(5000), selects: func(string) bool { return true }, concurrency: 3, pagesAhead: 1, breaker: cache.NewFailFast(3)}
			rows := 0
			for range e.outcomes(t.Context()) {
				if rows++; rows == after {
					break
				}
			}
			if rows != after {
				t.Errorf("It yielded %d, want %d", rows, after)
			}
		})
	}
}

// The bar waits until it is worth it, does not flicker, and says what it knows.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		p := &progress{w: &b, width: 60, next: time.Now().Add(progressPatience)}
		step := func(wait time.Duration, do func(), want string) {
			t.Helper()
			time.Sleep(wait) // It is the bubble's clock.
			b.Reset()
			do()
			if got := b.String(); got != want {
				t.Errorf("It prints %q, want %q", got, want)
			}
		}
		step(0, func() { p.list(500) }, "")
		step(499*time.Millisecond, p.advance, "")
		step(0, p.clear, "")
		step(time.Millisecond, p.advance, "\r\x1b[K2 of more than 500 customers")
		step(99*time.Millisecond, p.advance, "")
		step(time.Hour, func() { p.list(1) }, "\r\x1b[K3 of more than 501 customers")
		step(time.Hour, p.listedAll, "")
		step(time.Hour, p.advance, "\r\x1b[K░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░ 4 of 501 customers")
		p.done = 250
		step(time.Hour, p.advance, "\r\x1b[K███████████████░░░░░░░░░░░░░░░ 251 of 501 customers")
		step(time.Hour, p.clear, "\r\x1b[K")
		step(time.Hour, p.clear, "")
		p.done, p.width = 500, 20
		step(time.Hour, p.advance, "\r\x1b[K██████████████████…")
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

// Whatever customers are called, a CSV has their texts in the right cells, and no
// text in it is a formula, while negative amounts stay numbers.
func FuzzCSV(f *testing.F) {
	for _, text := range []string{"", "a,b", `"`, "a\nb", "\r\n=1", "=1", "-1", "\t@", "'", "\ufeff=", "\x00=1", "\xff-", "＝", " ", "#N/A", "ab;=1"} {
		f.Add(text, "EUR", -1.5)
	}
	f.Fuzz(func(t *testing.T, title, code string, amount float64) {
		row := cache.Customer{
			Customer: client.Customer{ID: title, Name: title}, Status: cache.StatusOK,
			Figures: &client.UsageSummary{Usage: client.Usage{TotalCost: amount, Currency: code}},
		}
		var b bytes.Buffer
		w := newCSVWriter(&b, usageListing().fields)
		if err := w.add(row); err != nil {
			t.Fatal(err)
		}
		records, err := csv.NewReader(&b).ReadAll()
		if err != nil || len(records) != 2 {
			t.Fatalf("%d records, %v", len(records), err)
		}
		for i, text := range map[int]string{0: client.CanonicalID(title), 1: title, 2: "ok", 3: code} {
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
		if strings.HasPrefix(records[1][4], "'") {
			t.Errorf("The amount %v is a text: %q", amount, records[1][4])
		}
	})
}

// Whatever customers are called, a row of a table is one line as wide as its
// terminal at most, without what could steer it.
func FuzzTable(f *testing.F) {
	for _, text := range []string{"", "Contoso", "株式会社ひまわり", "🚲 Velo", "👩‍👩‍👧‍👦", "\x1b[2J", "a\nb", "\u202e", "हिमालय ट्रेडर्स", "\xff", "\u0301", strings.Repeat("long ", 50)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, title string) {
		var b strings.Builder
		w := &tableWriter[client.Customer]{w: &b, screen: screen{width: 40}, columns: customerListing().columns}
		_ = w.add(client.Customer{ID: "1", Name: title})
		if err := w.end(); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(b.String(), "\n")
		if len(lines) != 3 || lines[2] != "" {
			t.Fatalf("It is %q", lines)
		}
		if width := cells.StringWidth(lines[1]); width > 40 {
			t.Errorf("%q is %d cells wide", lines[1], width)
		}
		if printable(lines[1]) != lines[1] {
			t.Errorf("%q is not printable", lines[1])
		}
	})
}

// hesitant answers for everybody but the first customer, until it is let go.
type hesitant struct {
	everything

	asked   atomic.Int64
	release chan struct{}
}

func (h *hesitant) UsageSummary(ctx context.Context, id string) (client.UsageSummary, error) {
	if h.asked.Add(1); id == "0" {
		<-h.release
	}
	return h.everything.UsageSummary(ctx, id)
}

// A slow answer stops the others only after a while, so that what waits to be
// printed behind it is bounded.
func TestEnquiryLooksAheadSoFar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const concurrency = 4
		h := &hesitant{release: make(chan struct{})}
		e := &enquiry{source: h, customers: invented(5000), selects: func(string) bool { return true }, concurrency: concurrency, pagesAhead: 1, breaker: cache.NewFailFast(concurrency)}
		go func() {
			synctest.Wait()
			// The first one has left the queue, and waits for its answer.
			if asked := h.asked.Load(); asked != 1+lookahead*concurrency {
				t.Errorf("%d were asked for beside a slow one, want %d", asked, 1+lookahead*concurrency)
			}
			close(h.release)
		}()
		rows := 0
		for range e.outcomes(t.Context()) {
			rows++
		}
		if rows != 5000 {
			t.Errorf("%d rows came, want 5000", rows)
		}
	})
}

// Whatever a message holds, a failure is one line that steers no terminal.
func TestFailuresAreOneLine(t *testing.T) {
	var b strings.Builder
	f := &failures{w: &b}
	f.add("", errors.New("proxy said:\n\x1b[2J  no"))
	if got, want := b.String(), "azure_csp_exporter: failed: proxy said: \uFFFD[2J no\n"; got != want {
		t.Errorf("It says %q, want %q", got, want)
	}
}
