package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode"
	"unicode/utf8"
)

// jsonWriter prints one array with an object per line, and writes each object when
// it is added.
type jsonWriter[R any] struct {
	w      io.Writer
	fields []Field[R]
	begun  bool
}

func (j *jsonWriter[R]) Add(row R) error {
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
		value, err := jsonValue(field.Value(row))
		if err != nil {
			return fmt.Errorf("%s: %w", field.Name, err)
		}
		fmt.Fprintf(&b, "%q: %s", field.Name, value)
	}
	b.WriteByte('}')
	_, err := j.w.Write(b.Bytes())
	return err
}

func (j *jsonWriter[R]) Close() error {
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

// escapeControls escapes the control characters that JSON permits in strings, so
// that they do not reach a terminal.
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
