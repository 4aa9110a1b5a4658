//go:build unix

package entra_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/entra"
)

// A file whose read does not end is an error that names it after three seconds, and at
// once while that read goes on. When the read has ended, the file is read again.
func TestFileThatHangs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, _, err := entra.ReadSecret(file)
	if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || !strings.HasPrefix(err.Error(), file+" cannot be read within 3s: ") || took < 3*time.Second {
		t.Errorf("after %v: %v, want an error that names the file after 3 s", took, err)
	}
	began = time.Now()
	if _, _, err := entra.ReadSecret(file); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) > 2*time.Second {
		t.Errorf("after %v: %v, want the same error at once", time.Since(began), err)
	}
	writer, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other")
	if err := errors.Join(writer.Close(), os.WriteFile(other, []byte("new\n"), 0o600), os.Rename(other, file)); err != nil {
		t.Fatal(err)
	}
	var secret string
	for began := time.Now(); secret == "" && time.Since(began) < 20*time.Second; {
		secret, _, err = entra.ReadSecret(file)
	}
	if secret != "new" || err != nil {
		t.Errorf("%q, %v, want the content of the file that took the place", secret, err)
	}
}

// A file that never ends is an error.
func TestFileThatNeverEnds(t *testing.T) {
	_, _, err := entra.ReadSecret("/dev/zero")
	if want := "/dev/zero holds more than 64 KiB"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
