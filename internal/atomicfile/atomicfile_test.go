package atomicfile

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// write creates a file with exactly this mode, whatever the umask.
func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// names returns the names in a folder.
func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// The content is replaced, and nothing else is left in the folder.
func TestWrite(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	write(t, path, "a much longer old content", 0o600)
	if err := Write(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil || string(content) != "new" {
		t.Errorf("%q, %v", content, err)
	}
	if diff := cmp.Diff([]string{"file"}, names(t, folder)); diff != "" {
		t.Error(diff)
	}
}

func TestWriteWithoutFolder(t *testing.T) {
	if err := Write(filepath.Join(t.TempDir(), "none", "file"), nil); err == nil {
		t.Error("a file was written into a folder that does not exist")
	}
}

// A write that fails leaves the folder as it was.
func TestWriteThatFails(t *testing.T) {
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "file", "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(filepath.Join(folder, "file"), []byte("new")); err == nil {
		t.Error("a folder was replaced by a file")
	}
	if diff := cmp.Diff([]string{"file"}, names(t, folder)); diff != "" {
		t.Error(diff)
	}
}

// A symbolic link stays one, relative, absolute, over another link, and to a file that
// does not exist yet.
func TestWriteThroughLinks(t *testing.T) {
	folder := t.TempDir()
	volume := filepath.Join(folder, "volume")
	if err := os.Mkdir(volume, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(volume, "old"), "old", 0o600)
	for link, to := range map[string]string{
		"relative": "volume/old", "absolute": filepath.Join(volume, "old"),
		"twice": "relative", "dangling": "volume/new", "folder": "volume",
	} {
		if err := os.Symlink(to, filepath.Join(folder, link)); err != nil {
			t.Skip("symbolic links cannot be created:", err)
		}
	}
	for link, file := range map[string]string{
		"relative": "old", "absolute": "old", "twice": "old", "dangling": "new", "folder/old": "old", "folder/new": "new",
	} {
		path := filepath.Join(folder, link)
		before, _ := os.Readlink(path)
		if err := Probe(path); err != nil {
			t.Errorf("%s: %v", link, err)
		}
		if err := Write(path, []byte(link)); err != nil {
			t.Errorf("%s: %v", link, err)
		}
		if after, _ := os.Readlink(path); after != before {
			t.Errorf("%s is a link to %q, was one to %q", link, after, before)
		}
		if content, err := os.ReadFile(filepath.Join(volume, file)); err != nil || string(content) != link {
			t.Errorf("%s: the target holds %q, %v", link, content, err)
		}
	}
	if diff := cmp.Diff([]string{"new", "old"}, names(t, volume)); diff != "" {
		t.Error(diff)
	}
}

// A link to itself has no target, and is an error.
func TestWriteThroughEndlessLink(t *testing.T) {
	path := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("link", path); err != nil {
		t.Skip("symbolic links cannot be created:", err)
	}
	if err := Write(path, nil); err == nil {
		t.Error("a link without a target was written to")
	}
	if to, err := os.Readlink(path); err != nil || to != "link" {
		t.Errorf("the link is replaced: %q, %v", to, err)
	}
}

func TestSame(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "file"), "", 0o600)
	for link, to := range map[string]string{"to-file": "file", "to-none": "none", "here": "."} {
		if err := os.Symlink(to, filepath.Join(folder, link)); err != nil {
			t.Skip("symbolic links cannot be created:", err)
		}
	}
	if err := os.Link(filepath.Join(folder, "file"), filepath.Join(folder, "hard")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(folder)
	tests := []struct {
		a, b string
		want bool
	}{
		{"file", "file", true},
		{"file", folder + "/file", true},
		{"file", "to-file", true},
		{"file", "here/./file", true},
		{"file", "hard", true},
		{"none", "./none", true},
		{"none", folder + "/none", true},
		{"none", "to-none", true},
		{"none", "here/none", true},
		{"no-folder/none", folder + "/no-folder/none", true},
		{"file", "none", false},
		{"none", "nothing", false},
		{"file", "", false},
	}
	for _, test := range tests {
		if got := Same(test.a, test.b); got != test.want {
			t.Errorf("%q and %q: %v, want %v", test.a, test.b, got, test.want)
		}
		if got := Same(test.b, test.a); got != test.want {
			t.Errorf("%q and %q: %v, want %v", test.b, test.a, got, test.want)
		}
	}
}
