// Package wire decodes and redacts the responses of Microsoft's servers, for the
// clients of Partner Center and of Entra ID.
package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// ErrNoError is returned for a body that is not an error of the documented form.
var ErrNoError = errors.New("the body is not an error of the documented form")

// TrimBOM removes the byte order mark that Partner Center puts before its bodies,
// where there is one.
func TrimBOM(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) }

// Decode decodes one JSON object. Its errors describe the body without quoting it,
// since a body may hold anything.
func Decode(body []byte, into any) error {
	body = bytes.TrimSpace(TrimBOM(body))
	switch {
	case len(body) == 0:
		return errors.New("the body is empty")
	case body[0] == '<':
		return errors.New("the body is HTML or XML, not JSON")
	case body[0] != '{':
		return errors.New("the body is not a JSON object")
	}
	if err := json.Unmarshal(body, into); err != nil {
		return JSONError(err)
	}
	return nil
}

// JSONError describes an error of encoding/json without the value that it quotes.
func JSONError(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("the body is broken JSON at byte %d: %w", syntax.Offset, err)
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("the body does not have the documented form: json: cannot unmarshal %s into Go struct field %s", strings.Fields(wrong.Value)[0], wrong.Field)
	}
	return fmt.Errorf("the body does not have the documented form: %w", err)
}

// IsRejection reports whether a status states that the request is at fault. Such a
// status counts only from Microsoft: proxies respond with pages of their own. Any
// gateway may send the others.
func IsRejection(status int) bool {
	switch status {
	case http.StatusProxyAuthRequired, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	}
	return status < http.StatusInternalServerError
}

// IsVisible reports whether a token consists of visible ASCII, as the value of a
// header has to.
func IsVisible(token string) bool {
	return !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// UUID returns an id of a server only if it is one, since ids are printed, and
// fallback otherwise.
func UUID(s, fallback string) string {
	id, err := uuid.Parse(s)
	if err != nil {
		return fallback
	}
	return id.String()
}
