package wire

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// tokenLike matches what looks like a credential.
var tokenLike = regexp.MustCompile(`(?i)bearer\s+\S+|eyJ[\w-]{8,}[\w.-]*`)

const redacted = "[redacted]"

// Redact removes secrets, and what looks like one, from a text of a server or a
// library, and returns it as one printable line.
func Redact(s string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" && len(s) >= len(secret) {
			s = echoes(secret).ReplaceAllString(s, redacted)
		}
	}
	return Printable(tokenLike.ReplaceAllString(s, redacted))
}

// echoes returns an expression for the forms in which a server may repeat a secret:
// in another case, and with characters escaped once or several times, as in %2D and
// %252D.
func echoes(secret string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("(?i)")
	for _, r := range secret {
		b.WriteString("(?:" + regexp.QuoteMeta(string(r)) + "|")
		for _, octet := range []byte(string(r)) {
			fmt.Fprintf(&b, "%%(?:25)*%02x", octet)
		}
		b.WriteString(")")
	}
	return regexp.MustCompile(b.String())
}

// RedactError redacts the text of an error, and keeps its causes for errors.Is.
func RedactError(err error, secrets ...string) error {
	return &redactedError{text: Redact(err.Error(), secrets...), err: err}
}

type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string { return e.text }

func (e *redactedError) Is(target error) bool { return errors.Is(e.err, target) }

// Printable returns a text as one line of at most 1024 bytes, the length of a
// description by Microsoft's documentation.
func Printable(s string) string {
	const longest = 1024
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "�")), " ")
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s)
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return s
}
