//go:build !windows

package atomicfile

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A file that is new and empty may belong to a process that is about to lock it.
func TestSweepOfEmptyFiles(t *testing.T) {
	folder := t.TempDir()
	for name, age := range map[string]time.Duration{".token.1.tmp": 0, ".token.2.tmp": time.Hour} {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := Sweep(filepath.Join(folder, "token")); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{".token.1.tmp"}, names(t, folder)); diff != "" {
		t.Error(diff)
	}
}
