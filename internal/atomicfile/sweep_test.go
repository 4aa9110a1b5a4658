package atomicfile

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Sweep removes what a killed process left, and nothing else: neither the temporary
// file of a process that is alive, nor files of others with similar names.
func TestSweep(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "token")
	for _, name := range []string{
		"token", ".token.1234567890.tmp", ".token.7.tmp", ".token.tmp", ".token.backup.tmp", ".token1", "xtoken.1.tmp", ".token.1.tmp.old", ".tokens.1.tmp", "token.1.tmp",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("content"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(folder, ".token.8.tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	alive, err := create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = discard(alive) }()
	if _, err := alive.WriteString("content"); err != nil {
		t.Fatal(err)
	}
	if err := Sweep(path); err != nil {
		t.Error(err)
	}
	want := []string{".token.1.tmp.old", ".token.8.tmp", filepath.Base(alive.Name()), ".token.backup.tmp", ".token.tmp", ".token1", ".tokens.1.tmp", "token", "token.1.tmp", "xtoken.1.tmp"}
	slices.Sort(want)
	if diff := cmp.Diff(want, names(t, folder)); diff != "" {
		t.Error(diff)
	}
	if err := replace(alive, path); err != nil {
		t.Errorf("the process that is alive cannot finish: %v", err)
	}
}

// The temporary files of a symbolic link are beside its target.
func TestSweepBehindALink(t *testing.T) {
	folder := t.TempDir()
	volume := filepath.Join(folder, "volume")
	if err := os.Mkdir(volume, 0o700); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(folder, "link")
	if err := os.Symlink("volume/token", link); err != nil {
		t.Skip("symbolic links cannot be created:", err)
	}
	if err := os.WriteFile(filepath.Join(volume, ".token.1.tmp"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Sweep(link); err != nil {
		t.Error(err)
	}
	if got := names(t, volume); len(got) != 0 {
		t.Errorf("%q is left", got)
	}
}

func TestSweepWithoutFolder(t *testing.T) {
	if err := Sweep(filepath.Join(t.TempDir(), "none", "token")); err != nil {
		t.Error(err)
	}
}
