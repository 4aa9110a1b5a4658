package cli

import (
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// screen is what an output is shown on. The zero value is no terminal.
type screen struct {
	width  int // in cells
	colour bool
}

// screenOf asks what an output is. Only a file can be a terminal.
func screenOf(output io.Writer) screen {
	file, ok := output.(interface{ Fd() uintptr })
	if !ok {
		return screen{}
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil || width <= 0 {
		return screen{}
	}
	return screen{width: width, colour: !noColour()}
}

// noColour says whether the user wants no colours from any program
// (https://no-color.org).
func noColour() bool {
	return os.Getenv("NO_COLOR") != "" //nolint:forbidigo // This convention is an environment variable by definition.
}

// style is how a terminal shows a text, as the parameters of an escape sequence.
type style string

// The styles.
const (
	plain  style = ""
	bold   style = "1"
	red    style = "31"
	yellow style = "33"
)

func (s screen) paint(text string, as style) string {
	if !s.colour || as == plain || text == "" {
		return text
	}
	return "\x1b[" + string(as) + "m" + text + "\x1b[0m"
}

// cells measures texts as terminals do, whatever the locale says.
var cells = &runewidth.Condition{StrictEmojiNeutral: true}

// printable returns a text that cannot move a terminal's cursor, turn its
// writing round or break a line.
func printable(text string) string {
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
