package cache_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
)

// A file tells of the customers what the cache that wrote it did, at any age.
func TestReadFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, before := filled(t)
		pass(365 * 24 * time.Hour)
		for _, wanted := range []string{owner, ""} {
			customers, got, err := cache.ReadFile(path, wanted)
			if err != nil || got != owner {
				t.Errorf("It is %q's, %v, want %q's", got, err, owner)
			}
			byID := cmpopts.SortSlices(func(a, b cache.Customer) bool { return a.ID < b.ID })
			if diff := cmp.Diff(before.Customers, customers, byID); diff != "" {
				t.Error(diff)
			}
		}
	})
}

// Whatever is wrong with a file is said, and the file stays as and where it is.
func TestReadFileThatCannotBeUsed(t *testing.T) {
	tests := map[string]struct{ content, want string }{
		"empty":               {"", "it is broken: unexpected end of JSON input"},
		"broken":              {`{"format":1,`, "it is broken: unexpected end of JSON input"},
		"something else":      {`{"name":"a package"}`, "it is not a cache file"},
		"a list":              {`[]`, "it is not a cache file"},
		"of a newer exporter": {`{"format":2,"owner":"global/contoso.example"}`, "it has format 2 of a newer exporter, not 1"},
		"of another partner":  {`{"format":1,"owner":"global/fabrikam.example"}`, `it belongs to "global/fabrikam.example", not to "global/contoso.example"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "cache.json")
			if err := os.WriteFile(path, []byte(test.content), 0o400); err != nil {
				t.Fatal(err)
			}
			_, _, err := cache.ReadFile(path, owner)
			if want := path + ": " + test.want; err == nil || err.Error() != want {
				t.Errorf("It says %v, want %s", err, want)
			}
			entries, err := os.ReadDir(filepath.Dir(path))
			if err != nil || len(entries) != 1 {
				t.Errorf("The folder holds %v, %v", entries, err)
			}
			if content, err := os.ReadFile(path); err != nil || string(content) != test.content {
				t.Errorf("The file holds %q, %v", content, err)
			}
		})
	}
	_, _, err := cache.ReadFile(filepath.Join(t.TempDir(), "missing"), owner)
	if err == nil || !strings.HasSuffix(err.Error(), "missing: no such file or directory") {
		t.Errorf("It says %v of a file that is missing", err)
	}
}
