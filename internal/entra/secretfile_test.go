package entra

import (
	"crypto/elliptic"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/testcert"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/wire"
)

// inUTF16 encodes a text as Windows does.
func inUTF16(order binary.AppendByteOrder, text string) string {
	var encoded []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		encoded = order.AppendUint16(encoded, unit)
	}
	return string(encoded)
}

// The value is read whatever program wrote the file.
func TestReadSecret(t *testing.T) {
	for name, content := range map[string]string{
		"plain":                  "0.AX-fake_token~1",
		"echo":                   "0.AX-fake_token~1\n",
		"Windows":                "0.AX-fake_token~1\r\n",
		"spaces around":          "\n\t 0.AX-fake_token~1 \r\n\r\n",
		"UTF-8 with mark":        "\ufeff0.AX-fake_token~1\r\n",
		"UTF-16 with mark":       inUTF16(binary.LittleEndian, "\ufeff0.AX-fake_token~1\r\n"),
		"UTF-16, the other way":  inUTF16(binary.BigEndian, "\ufeff0.AX-fake_token~1\r\n"),
		"UTF-16 without mark":    inUTF16(binary.LittleEndian, "0.AX-fake_token~1\r\n"),
		"the other way, no mark": inUTF16(binary.BigEndian, "0.AX-fake_token~1\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			if got, _, err := ReadSecret(fileWith(t, content)); err != nil || got != "0.AX-fake_token~1" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// Old secrets of Entra ID have most of ASCII's punctuation in them.
func TestReadSecretWithPunctuation(t *testing.T) {
	for _, secret := range []string{"[aB?c:D-e.F@g/h12=]", "{aB}", "x", `a"b'c`, "a{}", "[x"} {
		if got, _, err := ReadSecret(fileWith(t, secret+"\n")); err != nil || got != secret {
			t.Errorf("%q: got %q, %v", secret, got, err)
		}
	}
}

// What was added on the way to the file is named with the file, and not repeated.
func TestReadSecretRejects(t *testing.T) {
	const (
		asJSON, lines = "holds JSON: write the token or secret by itself", "holds several lines: write the token or secret on one line"
		quoted        = "holds a quotation mark before or after the token or secret: remove it"
		other         = "holds a space or a character that is not ASCII: write the token or secret by itself"
	)
	for content, want := range map[string]string{
		"":                                "is empty",
		" \r\n":                           "is empty",
		"\ufeff\r\n":                      "is empty",
		"\xff\xfe":                        "is empty",
		`{"refresh_token":"fake-token"}`:  asJSON,
		`{"refresh_token":"fake-tok`:      asJSON,
		"{\n  \"a\": \"fake-token\"\n}\n": asJSON,
		`["fake-token"]`:                  asJSON,
		`"fake-token"`:                    quoted,
		`'fake-token'`:                    quoted,
		"“fake-token”\n":                  quoted,
		`fake-token"`:                     quoted,
		"`fake-token`":                    quoted,
		"fake-token-1\nfake-token-2":      lines,
		"fake-\r\ntoken\r\n":              lines,
		"\"fake-\ntoken\"":                lines,
		"fake-token\u2028":                "", // It is white space.
		"fake token":                      other,
		"fake\ttoken":                     other,
		"fake\x00token":                   other,
		"fäke-token":                      other,
		"fake-token\u200b":                other,
		"fake-token\xff":                  other,
		inUTF16(binary.LittleEndian, "\ufeff\"fake-token\""):   quoted,
		inUTF16(binary.LittleEndian, "\ufefffake-\r\ntoken"):   lines,
		inUTF16(binary.LittleEndian, "\ufefffake-token") + "x": other,
		strings.Repeat("x", 64<<10+1):                          "holds more than 64 KiB",
	} {
		file := fileWith(t, content)
		got, _, err := ReadSecret(file)
		if want == "" {
			if err != nil || got != "fake-token" {
				t.Errorf("%.40q: got %q, %v", content, got, err)
			}
			continue
		}
		if err == nil || err.Error() != file+" "+want || got != "" {
			t.Errorf("%.40q: got %q, %v, want that it %s", content, got, err, want)
		}
	}
}

// A certificate that Windows PowerShell wrote is read too.
func TestCertificateInUTF16(t *testing.T) {
	key := testcert.EC(t, elliptic.P256())
	content := testcert.KeyPEM(t, key) + testcert.CertificatePEM(testcert.Certificate(t, key, time.Now().Add(time.Hour)))
	for name, text := range map[string]string{
		"UTF-8 with mark": "\ufeff" + content, "UTF-16": inUTF16(binary.LittleEndian, "\ufeff"+strings.ReplaceAll(content, "\n", "\r\n")),
	} {
		if err := (Credential{CertificateFile: fileWith(t, text)}).Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever a file holds, the value is one that can be sent and stored, and an error
// repeats nothing of it.
func FuzzSecretFile(f *testing.F) {
	for _, content := range []string{
		"fake-token\n", "\ufefffake-token\r\n", inUTF16(binary.LittleEndian, "\ufefffake-token\r\n"), inUTF16(binary.BigEndian, "fake-token"),
		`{"refresh_token":"fake-token"}`, `"fake-token"`, "fake-\ntoken", "\xff\xfe\x00", "\xfe\xff\xd8", "\x00", "[",
	} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		secret, err := decodeSecret(decodeText(content))
		if err != nil {
			if !slices.ContainsFunc([]error{errEmpty, errJSON, errLines, errQuotes, errVisible}, func(known error) bool { return errors.Is(err, known) }) {
				t.Errorf("another error: %v", err)
			}
			return
		}
		if secret == "" || !wire.IsVisible(secret) || strings.Trim(secret, quotes) != secret {
			t.Errorf("%q is no value", secret)
		}
		for _, stored := range []string{secret + "\n", "\ufeff" + secret, inUTF16(binary.LittleEndian, "\ufeff"+secret), inUTF16(binary.BigEndian, secret)} {
			if again, err := decodeSecret(decodeText([]byte(stored))); err != nil || again != secret {
				t.Errorf("%q is read as %q, %v", stored, again, err)
			}
		}
	})
}

func fileWith(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
