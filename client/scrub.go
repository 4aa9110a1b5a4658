package client

import (
	"errors"
	"net/url"
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
		if secret != "" {
			s = strings.ReplaceAll(s, secret, redacted)
			s = strings.ReplaceAll(s, url.QueryEscape(secret), redacted)
		}
	}
	return printable(tokenLike.ReplaceAllString(s, redacted))
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
