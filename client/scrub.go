package client

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// tokenLike is what looks like a credential wherever it stands.
var tokenLike = regexp.MustCompile(`(?i)bearer\s+\S+|eyJ[\w-]{8,}[\w.-]*`)

const redacted = "[redacted]"

// scrub removes credentials from a text of a server or a library, and what is too
// long or not printable.
func (t *tokenSource) scrub(s string, more ...string) string {
	t.mu.Lock()
	secrets := slices.Concat(more, []string{t.access, t.refresh, t.stored, t.bootstrap.token, t.proof})
	t.mu.Unlock()
	return scrub(s, secrets)
}

func scrub(s string, secrets []string) string {
	for _, secret := range secrets {
		if secret != "" && len(s) >= len(secret) {
			s = echoes(secret).ReplaceAllString(s, redacted)
		}
	}
	return printable(tokenLike.ReplaceAllString(s, redacted))
}

// echoes returns an expression for what a server may make of a secret: in another
// case, and with characters escaped once or several times, as in %2D and %252D.
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

// scrubError keeps the cause for errors.Is, and scrubs its text.
func (t *tokenSource) scrubError(err error, more ...string) error {
	return &scrubbed{text: t.scrub(err.Error(), more...), err: err}
}

type scrubbed struct {
	text string
	err  error
}

func (s *scrubbed) Error() string { return s.text }

func (s *scrubbed) Is(target error) bool { return errors.Is(s.err, target) }

// printable puts text into one line of at most 1024 bytes, the length of a
// description by Microsoft's documentation.
func printable(s string) string {
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
