package atomicfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/atomicfile"
)

// The content and the mode are replaced together, and nothing else is left in
// the folder.
func TestWrite(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	if err := os.WriteFile(path, []byte("a much longer old content"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Write(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil || string(content) != "new" {
		t.Errorf("%q, %v", content, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestWriteWithoutFolder(t *testing.T) {
	if err := atomicfile.Write(filepath.Join(t.TempDir(), "none", "file"), nil); err == nil {
		t.Error("a file was written into a folder that does not exist")
	}
}

// A probe tells whether a file could be written, and leaves nothing behind.
func TestProbe(t *testing.T) {
	folder := t.TempDir()
	if err := atomicfile.Probe(filepath.Join(folder, "file")); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 0 {
		t.Errorf("%v, %v", entries, err)
	}
	for _, path := range []string{folder, filepath.Join(folder, "none", "file")} {
		if atomicfile.Probe(path) == nil || atomicfile.Write(path, nil) == nil {
			t.Errorf("%s can be written", path)
		}
	}
}
