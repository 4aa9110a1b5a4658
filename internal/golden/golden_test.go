package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorder is a test that records its failure.
type recorder struct {
	testing.TB

	failure string
}

func (*recorder) Helper()      {}
func (*recorder) Name() string { return "TestX/a_case" }

func (r *recorder) Errorf(format string, args ...any) { r.failure = fmt.Sprintf(format, args...) }
func (r *recorder) Error(args ...any)                 { r.failure = fmt.Sprint(args...) }

// A text that differs from its file fails with a diff, and -update writes the file.
func TestCheck(t *testing.T) {
	t.Chdir(t.TempDir())
	path := filepath.Join("testdata", "TestX", "a_case.golden")
	check := func(text, wantFailure string) {
		t.Helper()
		r := &recorder{}
		Check(r, text)
		if (wantFailure == "") != (r.failure == "") || !strings.Contains(r.failure, wantFailure) {
			t.Errorf("The failure is %q, want %q", r.failure, wantFailure)
		}
	}
	check("one\ntwo\n", path+": no such file or directory; -update creates it")
	*update = true
	defer func() { *update = false }()
	check("one\ntwo\n", "")
	*update = false
	check("one\ntwo\n", "")
	check("one\nthree\n", path+" (-want +got); -update rewrites it:\n")
	if content, err := os.ReadFile(path); err != nil || string(content) != "one\ntwo\n" {
		t.Errorf("The file has %q, %v", content, err)
	}
}
