package cli_test

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli"
)

// terminal opens a pseudo terminal. It returns the file that a program writes to, and a
// function that returns what it showed once the program has ended.
func terminal(t *testing.T, columns uint16) (tty *os.File, seen func() string) {
	t.Helper()
	person, tty, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo terminal: %v", err)
	}
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: columns}); err != nil {
		t.Fatal(err)
	}
	text := make(chan string)
	go func() {
		all, _ := io.ReadAll(person) // It ends with an error when the program has.
		text <- string(all)
	}()
	return tty, func() string {
		_ = tty.Close()
		defer func() { _ = person.Close() }()
		return strings.ReplaceAll(<-text, "\r\n", "\n")
	}
}

// On a terminal budgets are bars, and what has no room is left out.
func TestUsageOnATerminal(t *testing.T) {
	const wide = `NAME              ID  CURRENCY       COST      BUDGET  USED                   FORECAST  FROM        TO          MODIFIED
Contoso           c0  EUR         1500.50     1000.00  ██████████ 150% over    1500.50  2020-01-01  2020-01-31  2020-01-31
Ärger & Söhne     c1  EUR          -20.25           -  -                        -20.25  2020-01-05  2020-02-04  -
株式会社ひまわり  c2  JPY       250000.00  1000000.00  ██░░░░░░░░  25%       250000.00  2020-01-01  2020-01-31  -
Fabrikam          c3  -                 -           -  no usage                      -  -           -           -
Adventure Works   c4  EUR           99.99        0.00  - over                        -  -           -           -

TOTAL       COST  CUSTOMERS
EUR      1580.24          3
JPY    250000.00          1
`
	const eighty = `NAME              CURRENCY       COST      BUDGET  USED                   FORECAST
Contoso           EUR         1500.50     1000.00  ██████████ 150% over    1500.50
Ärger & Söhne     EUR          -20.25           -  -                        -20.25
株式会社ひまわり  JPY       250000.00  1000000.00  ██░░░░░░░░  25%       250000.00
Fabrikam          -                 -           -  no usage                      -
Adventure Works   EUR           99.99        0.00  - over                        -

TOTAL       COST  CUSTOMERS
EUR      1580.24          3
JPY    250000.00          1
`
	const narrow = `NAME          CURRENCY       COST  USED
Contoso       EUR         1500.50  ██████████ 150% over
Ärger & Söh…  EUR          -20.25  -
株式会社ひ…   JPY       250000.00  ██░░░░░░░░  25%
Fabrikam      -                 -  no usage
Adventure W…  EUR           99.99  - over

TOTAL       COST  CUSTOMERS
EUR      1580.24          3
JPY    250000.00          1
`
	for columns, want := range map[uint16]string{200: wide, 84: eighty, 55: narrow} {
		t.Run(strconv.Itoa(int(columns)), func(t *testing.T) {
			t.Setenv("NO_COLOR", "1")
			if diff := cmp.Diff(want, usageOn(t, columns)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Heads are bold, customers over budget red, and forecasts over it yellow, unless
// NO_COLOR is set.
func TestUsageInColour(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	without := usageOn(t, 200)
	t.Setenv("NO_COLOR", "")
	with := usageOn(t, 200)
	painted := regexp.MustCompile("\x1b\\[(\\d+)m([^\x1b]*)\x1b\\[0m")
	if diff := cmp.Diff(without, painted.ReplaceAllString(with, "$2")); diff != "" {
		t.Errorf("Colours change more than colours:\n%s", diff)
	}
	var got []string
	for _, match := range painted.FindAllStringSubmatch(with, -1) {
		got = append(got, match[1]+" "+match[2])
	}
	want := []string{
		"1 NAME", "1 ID", "1 CURRENCY", "1 COST", "1 BUDGET", "1 USED", "1 FORECAST", "1 FROM", "1 TO", "1 MODIFIED",
		"31 ██████████ 150% over", "33 1500.50", "31 - over",
		"1 TOTAL", "1 COST", "1 CUSTOMERS",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A terminal without escape sequences gets neither colours nor bars, nor a line that is
// overwritten, but tables of its width.
func TestDumbTerminal(t *testing.T) {
	t.Setenv("TERM", "dumb")
	text := usageOn(t, 55)
	if strings.ContainsAny(text, "\x1b\r█░") || !strings.Contains(text, "\nAdventure Works   EUR           99.99  - over\n") {
		t.Errorf("usage prints %q", text)
	}
	p := spenders(t)
	tty, seen := terminal(t, 120)
	cli.Run(t.Context(), p.flags("check"), tty, tty)
	if text := seen(); strings.ContainsAny(text, "\x1b\r") || strings.Contains(text, "...") {
		t.Errorf("check prints %q", text)
	}
}

// login shows on a terminal the time left for the sign-in, and erases it.
func TestLoginOnATerminal(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(1)})
	sim.SetSignIn(simulator.SignIn{Interval: time.Second})
	tty, shown := terminal(t, 120)
	status := cli.Run(t.Context(), simulated(t, sim, "login"), tty, tty)
	if text := shown(); status != 0 || !regexp.MustCompile(`press Ctrl-C to cancel\.\n\rWaiting for the sign-in, 15:00 left… .*\r +\r\r\x1b\[Kok    sign-in `).MatchString(text) {
		t.Errorf("Exit status %d, terminal %q", status, text)
	}
}

// usageOn returns what usage prints on a terminal.
func usageOn(t *testing.T, columns uint16) string {
	t.Helper()
	p := spenders(t)
	tty, seen := terminal(t, columns)
	var stderr strings.Builder
	if status := cli.Run(t.Context(), p.flags("usage"), tty, &stderr); status != 0 || stderr.String() != "" {
		t.Errorf("Exit status %d, standard error %q", status, &stderr)
	}
	return seen()
}

// If standard error is a terminal, it shows progress, which is erased at the end.
// Standard output has none of it.
func TestProgressOnATerminal(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Config{Customers: clitest.Billed(40)})
	sim.SetFaults(simulator.Faults{Latency: 50 * time.Millisecond})
	tty, seen := terminal(t, 80)
	var stdout strings.Builder
	status := cli.Run(t.Context(), simulated(t, sim, "usage", "--output=csv", "--api.concurrency=2"), &stdout, tty)
	text := seen()
	if status != 0 || strings.Count(stdout.String(), "\n") != 41 || strings.ContainsAny(stdout.String(), "\x1b\r█") {
		t.Errorf("Status %d:\n%s", status, stdout.String())
	}
	frames := strings.Split(text, "\r\x1b[K")
	if len(frames) < 3 || frames[0] != "" || frames[len(frames)-1] != "" {
		t.Fatalf("The bar is %q", frames)
	}
	counted := regexp.MustCompile(`^(\d+ of more than \d+ customers|[█░]{30} \d+ of 40 customers(, \S+ left)?)$`)
	for _, frame := range frames[1 : len(frames)-1] {
		if !counted.MatchString(frame) || len([]rune(frame)) > 79 {
			t.Errorf("The bar is %q", frame)
		}
	}
	if !strings.Contains(text, " of 40 customers") {
		t.Errorf("There is no bar: %q", text)
	}
}

// Files and pipes get neither bars nor colours, and no bar is printed between rows.
func TestNoProgress(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Config{Customers: clitest.Billed(12)})
	sim.SetFaults(simulator.Faults{Latency: 50 * time.Millisecond})
	args := simulated(t, sim, "usage", "--output=csv", "--api.concurrency=1")
	_, _, stderr := clitest.Run(t, args...)
	if stderr != "" {
		t.Errorf("Standard error is %q", stderr)
	}
	tty, seen := terminal(t, 60)
	status := cli.Run(t.Context(), args, tty, tty)
	if text := seen(); status != 0 || strings.ContainsAny(text, "\x1b█") || strings.Count(text, "\n") != 13 {
		t.Errorf("Status %d: %q", status, text)
	}
}

// Names with control characters do not control the terminal, in any format.
func TestHostileNamesOnATerminal(t *testing.T) {
	names := []string{"\x1b[2J\x1b]0;title\x07", "a\rb\nc\td", "\u009b31m\u0085", "\u202eevil\u2066", "\x7f\x00"}
	for _, format := range []string{"table", "json", "csv"} {
		for _, command := range []string{"customers", "usage"} {
			p := newPartner(t)
			p.on(listPath, listOfAny(t, names...))
			for _, id := range []string{"c0", "c1", "c2", "c3", "c4"} {
				p.on("/v1/customers/"+id+"/usagesummary", apiError(http.StatusBadRequest, "3000", "None."))
			}
			t.Setenv("NO_COLOR", "1")
			tty, seen := terminal(t, 200)
			status := cli.Run(t.Context(), p.flags(command, "--output="+format), tty, tty)
			text := seen()
			if status != 0 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 }) {
				t.Errorf("%s as %s with status %d: %q", command, format, status, text)
			}
			if lines := strings.Count(text, "\n"); format == "table" && lines != len(names)+1 {
				t.Errorf("%s has %d lines: %q", command, lines, text)
			}
		}
	}
}
