package output

import (
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// Screen describes the terminal that an output is connected to. The zero value
// stands for an output that is not a terminal.
type Screen struct {
	Width int // in cells
	// Escapes reports whether the terminal interprets escape sequences, so that a line
	// can be overwritten.
	Escapes bool
	Colour  bool
}

// ScreenOf returns the screen of an output. Only a file can be a terminal.
func ScreenOf(output io.Writer) Screen {
	file, ok := output.(interface{ Fd() uintptr })
	if !ok {
		return Screen{}
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil || width <= 0 {
		return Screen{}
	}
	escapes := !isDumb()
	return Screen{Width: width, Escapes: escapes, Colour: escapes && !noColour()}
}

// isDumb reports whether the terminal is one without escape sequences, such as a
// shell in an editor.
func isDumb() bool {
	return os.Getenv("TERM") == "dumb" //nolint:forbidigo // Only the environment has the kind of terminal.
}

// noColour reports whether the user disabled colours (https://no-color.org).
func noColour() bool {
	return os.Getenv("NO_COLOR") != "" //nolint:forbidigo // This convention is an environment variable by definition.
}

// Style is the appearance of text on a terminal, as the parameter of an escape
// sequence.
type Style string

// The styles.
const (
	Plain  Style = ""
	Bold   Style = "1"
	Red    Style = "31"
	Yellow Style = "33"
)

func (s Screen) paint(text string, as Style) string {
	if !s.Colour || as == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(as) + "m" + text + "\x1b[0m"
}

// cells measures text in terminal cells, independent of the locale.
var cells = &runewidth.Condition{StrictEmojiNeutral: true}

// Printable replaces characters that could move a terminal's cursor, change the
// direction of its text or break a line.
func Printable(text string) string {
	const joiner, nonJoiner = '\u200d', '\u200c' // Emoji and some scripts need these.
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsGraphic(r), r == joiner, r == nonJoiner:
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// OneLine joins the lines of a message, and makes it printable.
func OneLine(text string) string { return Printable(strings.Join(strings.Fields(text), " ")) }
