package atomicfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A probe leaves the file and its folder as they are.
func TestProbe(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	if err := Probe(path); err != nil {
		t.Errorf("a file that does not exist: %v", err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 0 {
		t.Errorf("a probe leaves %v, %v", entries, err)
	}
	if err := os.WriteFile(path, []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Probe(path); err != nil {
		t.Errorf("a file that exists: %v", err)
	}
	content, err := os.ReadFile(path)
	if err != nil || string(content) != "content" {
		t.Errorf("a probe leaves %q, %v", content, err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 {
		t.Errorf("a probe leaves %v, %v", entries, err)
	}
}

func TestProbeRefuses(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(folder, filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		folder:                           "is not a regular file",
		filepath.Join(folder, "link"):    "is not a regular file",
		os.DevNull:                       "is not a regular file",
		filepath.Join(folder, "no", "x"): "must be writable",
		filepath.Join(file, "x"):         "must be writable",
	} {
		if err := Probe(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want that it %s", path, err, want)
		}
	}
}

// Docker and Kubernetes mount single files so, with subPath.
func TestIsMountPoint(t *testing.T) {
	const mountinfo = `22 26 0:21 / /sys rw,nosuid shared:13 - sysfs none rw
812 790 8:1 /srv/token /credentials/refresh-token rw,relatime - ext4 /dev/sda1 rw
813 790 8:1 /srv /my\040credentials\134x rw,relatime - ext4 /dev/sda1 rw
broken line
`
	for path, want := range map[string]bool{
		"/credentials/refresh-token": true,
		`/my credentials\x`:          true,
		"/credentials":               false,
		"/credentials/refresh":       false,
		"/srv/token":                 false,
		"":                           false,
	} {
		if got := isMountPoint(strings.NewReader(mountinfo), path); got != want {
			t.Errorf("%q is mounted by itself: %v, want %v", path, got, want)
		}
	}
}
