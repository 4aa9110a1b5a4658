// Package golden compares what a test produces with a file in the test's folder
// testdata. The flag -update rewrites the files:
//
//	go test ./internal/cli -update
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files and generated documentation")

// Update reports whether files are rewritten instead of compared.
func Update() bool { return *update }

// Check compares a text with the file testdata/NAME.golden, in which NAME is the
// name of the test. With -update it writes the file.
func Check(tb testing.TB, got string) {
	tb.Helper()
	path := filepath.Join("testdata", filepath.FromSlash(tb.Name())+".golden")
	if *update {
		if err := write(path, got); err != nil {
			tb.Error(err)
		}
		return
	}
	want, err := os.ReadFile(path) //nolint:gosec // The path is made from the name of the test.
	if err != nil {
		tb.Errorf("%v; -update creates it", err)
		return
	}
	if diff := cmp.Diff(lines(string(want)), lines(got)); diff != "" {
		tb.Errorf("%s (-want +got); -update rewrites it:\n%s", path, diff)
	}
}

// lines splits a text, since a diff of lines is easier to read than one of long strings.
func lines(text string) []string { return strings.Split(text, "\n") }

func write(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}
