//go:build !windows

package atomicfile

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// nobody is a user and a group without rights.
const nobody = 65534

// access returns owner, group and permissions of a file.
func access(t *testing.T, path string) string {
	t.Helper()
	var stat syscall.Stat_t
	if err := syscall.Stat(path, &stat); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d:%d %o", stat.Uid, stat.Gid, stat.Mode&0o7777)
}

// Permissions that an administrator chose stay, but not those of a file that every user
// may read.
func TestWriteKeepsPermissions(t *testing.T) {
	for mode, want := range map[os.FileMode]os.FileMode{
		0o600: 0o600, 0o640: 0o640, 0o660: 0o660, 0o400: 0o400, 0o644: 0o600, 0o666: 0o600, 0o602: 0o600,
	} {
		path := filepath.Join(t.TempDir(), "file")
		write(t, path, "old", mode)
		if err := Write(path, []byte("new")); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%v becomes %v, %v, want %v", mode, info.Mode(), err, want)
		}
	}
}

func TestNewFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := Write(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// A command that root runs leaves the files to the user that the exporter runs as.
func TestRootKeepsOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may give files away")
	}
	folder := t.TempDir()
	old, fresh := filepath.Join(folder, "old"), filepath.Join(folder, "new")
	write(t, old, "old", 0o640)
	if err := os.Chown(old, nobody, 12345); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(folder, nobody, 54321); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{old: "65534:12345 640", fresh: "65534:54321 600"} {
		if err := Write(path, []byte("new")); err != nil {
			t.Fatal(err)
		}
		if got := access(t, path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

// Another user cannot keep owner and group. The content is written all the same, and
// no group gets the permissions that were another group's.
func TestOthersKeepWhatTheyMay(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may become another user")
	}
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	write(t, path, "old", 0o640)
	for _, name := range []string{filepath.Dir(folder), folder} {
		if err := os.Chmod(name, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	asNobody(t, func() {
		if err := Write(path, []byte("new")); err != nil {
			t.Error(err)
		}
	})
	if got, want := access(t, path), "65534:65534 600"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// asNobody calls f as a user without rights.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	groups, err := syscall.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(syscall.Setgroups([]int{nobody}))
	defer func() { must(syscall.Setgroups(groups)) }()
	must(syscall.Setegid(nobody))
	defer func() { must(syscall.Setegid(0)) }()
	must(syscall.Seteuid(nobody))
	defer func() { must(syscall.Seteuid(0)) }()
	f()
}
