package entra

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/wire"
)

// ReadSecret returns the token or secret that a file holds, and the file's
// modification time. White space around the value is no part of it.
func ReadSecret(file string) (string, time.Time, error) {
	text, modified, err := readText(file)
	if err != nil {
		return "", time.Time{}, err
	}
	secret, err := decodeSecret(text)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("%s %w", file, err)
	}
	return secret, modified, nil
}

// readText returns the content of a text file in UTF-8, whatever its encoding, and its
// modification time.
func readText(file string) ([]byte, time.Time, error) {
	content, modified, err := readFile(file)
	if err != nil {
		return nil, time.Time{}, err
	}
	return decodeText(content), modified, nil
}

// decodeText returns a text in UTF-8 without a byte order mark. UTF-16, which Windows
// PowerShell writes, is recognized by its mark, or by the zero byte of a first
// character in ASCII.
func decodeText(content []byte) []byte {
	decoder := unicode.BOMOverride(transform.Nop)
	if len(content) > 1 && content[0] != 0 && content[1] == 0 {
		decoder = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder()
	}
	if len(content) > 1 && content[0] == 0 && content[1] != 0 {
		decoder = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder()
	}
	text, _, err := transform.Bytes(decoder, content)
	if err != nil {
		return content
	}
	return text
}

// Errors of a file with a token or secret. They follow the name of the file, and
// repeat nothing of the content.
var (
	errEmpty   = errors.New("is empty")
	errJSON    = errors.New("holds JSON: write the token or secret by itself")
	errLines   = errors.New("holds several lines: write the token or secret on one line")
	errQuotes  = errors.New("holds a quotation mark before or after the token or secret: remove it")
	errVisible = errors.New("holds a space or a character that is not ASCII: write the token or secret by itself")
)

// quotes are the marks in which a value may have been copied.
const quotes = "\"'`“”„‘’‚«»"

// decodeSecret returns the token or secret that a text consists of. It rejects what
// was added to the value or lost from it on the way to the file, since the
// authority would only state that the value is wrong.
func decodeSecret(text []byte) (string, error) {
	secret := strings.TrimSpace(string(text))
	switch {
	case secret == "":
		return "", errEmpty
	case isJSON(secret):
		return "", errJSON
	case strings.ContainsAny(secret, "\r\n\u2028\u2029"):
		return "", errLines
	case strings.Trim(secret, quotes) != secret:
		return "", errQuotes
	case !wire.IsVisible(secret):
		return "", errVisible
	}
	return secret, nil
}

// isJSON reports whether a text is an object or an array, or the beginning of an
// object.
func isJSON(text string) bool {
	return strings.HasPrefix(text, `{"`) || strings.ContainsAny(text[:1], "{[") && json.Valid([]byte(text))
}
