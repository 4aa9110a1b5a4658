package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode"
	"unicode/utf8"
)

// jsonWriter prints one array, an object a line, each as soon as it is there.
type jsonWriter[R any] struct {
	w      io.Writer
	fields []field[R]
	begun  bool
}

func (j *jsonWriter[R]) add(row R) error {
	var b bytes.Buffer
	b.WriteString(",\n  {")
	if !j.begun {
		b.Reset()
		b.WriteString("[\n  {")
	}
	j.begun = true
	for i, field := range j.fields {
		if i > 0 {
			b.WriteString(", ")
		}
		value, err := jsonValue(field.value(row))
		if err != nil {
			return fmt.Errorf("%s: %w", field.name, err)
		}
		fmt.Fprintf(&b, "%q: %s", field.name, value)
	}
	b.WriteByte('}')
	_, err := j.w.Write(b.Bytes())
	return err
}

func (j *jsonWriter[R]) end() error {
	closing := "\n]\n"
	if !j.begun {
		closing = "[]\n"
	}
	_, err := io.WriteString(j.w, closing)
	return err
}

func jsonValue(value any) ([]byte, error) {
	if t, ok := value.(time.Time); ok && t.IsZero() {
		return []byte("null"), nil
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return escapeControls(bytes.TrimSpace(b.Bytes())), err
}

// escapeControls escapes the control characters that JSON allows in strings, since
// they can steer a terminal.
func escapeControls(text []byte) []byte {
	if !bytes.ContainsFunc(text, unicode.IsControl) {
		return text
	}
	var b bytes.Buffer
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if unicode.IsControl(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.Write(text[:size])
		}
		text = text[size:]
	}
	return b.Bytes()
}
