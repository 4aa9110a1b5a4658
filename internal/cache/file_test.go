package cache_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache/cachetest"
)

const owner = "global/contoso.example"

// inFile makes a cache keep a file.
func inFile(path string) func(*cache.Config) {
	return func(c *cache.Config) { c.File, c.Owner = path, owner }
}

// filled returns the path of a file with every kind of customer, and what the
// cache that wrote it held.
func filled(t *testing.T) (string, cache.Snapshot) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cache.json")
	c, _ := cachetest.NewCache(t, cachetest.EveryKind(), inFile(path))
	cachetest.Scrape(t, c)
	c.Close()
	return path, c.Snapshot()
}

// After a restart the first scrape shows what the last one before it did, with
// true ages, and asks for nobody who is fresh.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, before := filled(t)
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("%v, %v, want mode 0600", info, err)
		}
		pass(30 * time.Minute)
		source := cachetest.EveryKind()
		c, logged := cachetest.NewCache(t, source, inFile(path))
		if !c.Ready() {
			t.Error("the file does not make the cache ready")
		}
		c.StartRefresh()
		cachetest.Scrape(t, c)
		if lists, asked := source.TakeCalls(); lists != 0 || !slices.Equal(asked, []string{"broken"}) {
			t.Errorf("%d lists and usages of %q, want 0 and the one that failed", lists, asked)
		}
		after := c.Snapshot()
		byID := cmpopts.SortSlices(func(a, b cache.Customer) bool { return a.ID < b.ID })
		ignored := cmp.Options{cmpopts.IgnoreFields(cache.Stats{}, "Errors", "Lookups", "Hits"), cmpopts.IgnoreUnexported(cache.Snapshot{})}
		if diff := cmp.Diff(before, after, byID, ignored); diff != "" {
			t.Error(diff)
		}
		if lines := logged.Take(); len(lines) != 1 || !strings.Contains(lines[0], "customers=1") {
			t.Errorf("logged %q, want what the failing customer costs", lines)
		}
		pass(24 * time.Hour)
		c, _ = cachetest.NewCache(t, cachetest.New(0), inFile(path))
		if got := cachetest.Costs(c); len(got) != 0 {
			t.Errorf("figures are exposed past their maximal age: %v", got)
		}
	})
}

// A file that cannot be used is set aside with one warning, and the cache starts
// as if there were none.
func TestUnusableFile(t *testing.T) {
	tests := map[string]struct {
		spoil func(path, content string) error
		want  string
	}{
		"truncated": {func(path, content string) error { return overwrite(path, content[:len(content)/2]) }, "broken"},
		"joined":    {func(path, content string) error { return overwrite(path, content+content) }, "broken"},
		"of another partner": {func(path, content string) error {
			return overwrite(path, strings.Replace(content, owner, "global/fabrikam.example", 1))
		}, "fabrikam.example"},
		"of another cloud": {func(path, content string) error {
			return overwrite(path, strings.Replace(content, owner, "china/contoso.example", 1))
		}, "china/"},
		"of a newer version": {func(path, content string) error {
			return overwrite(path, strings.Replace(content, `"format":1`, `"format":2`, 1))
		}, "newer"},
		"of version 0": {func(path, content string) error {
			return overwrite(path, strings.Replace(content, `"format":1`, `"format":0`, 1))
		}, "format 0"},
		"of an unknown state": {func(path, content string) error {
			return overwrite(path, strings.Replace(content, `"no_usage"`, `"asleep"`, 1))
		}, "makes no sense"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path, _ := filled(t)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := test.spoil(path, string(content)); err != nil {
				t.Fatal(err)
			}
			source := cachetest.New(2)
			c, logged := cachetest.NewCache(t, source, inFile(path))
			lines := logged.Take()
			if len(lines) != 1 || !strings.Contains(lines[0], test.want) || !strings.Contains(lines[0], "cache.json.set-aside") {
				t.Errorf("logged %q, want a warning with %q", lines, test.want)
			}
			if _, err := os.Stat(path + ".set-aside"); err != nil {
				t.Error(err)
			}
			cachetest.Scrape(t, c)
			c.Close()
			if got := slices.Sorted(maps.Keys(cachetest.Costs(c))); !slices.Equal(got, []string{"id-0000", "id-0001"}) {
				t.Errorf("figures of %q", got)
			}
			restored, _ := cachetest.NewCache(t, source, inFile(path))
			if got := len(cachetest.Costs(restored)); got != 2 {
				t.Errorf("the new file holds %d customers, want 2", got)
			}
		})
	}
}

func overwrite(path, content string) error { return os.WriteFile(path, []byte(content), 0o600) }

// A file that holds something else stays as and where it is, at the start, at each
// write and under the name to which a broken file would be moved.
func TestForeignFile(t *testing.T) {
	for name, foreign := range map[string]string{
		"text": "root:x:0:0::/root:/bin/sh\n", "json": `{"name":"a package"}`, "no keys": "{}", "a list": "[1]", "bytes": "\x00\xff",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "cache.json")
			if err := overwrite(path, foreign); err != nil {
				t.Fatal(err)
			}
			c, logged := cachetest.NewCache(t, cachetest.New(2), inFile(path))
			if lines := logged.Take(); len(lines) != 1 || !strings.Contains(lines[0], "is not a cache file") {
				t.Errorf("logged %q, want one warning", lines)
			}
			cachetest.Scrape(t, c)
			c.Close()
			if content, err := os.ReadFile(path); err != nil || string(content) != foreign {
				t.Errorf("the file holds %q, %v", content, err)
			}
			if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
				t.Errorf("the folder holds %v, %v", entries, err)
			}
			if lines := logged.Take(); len(lines) != 0 || len(cachetest.Costs(c)) != 2 {
				t.Errorf("logged %q, and %d customers have figures", lines, len(cachetest.Costs(c)))
			}
		})
	}
}

func TestForeignFileInTheWayOfABrokenOne(t *testing.T) {
	path, _ := filled(t)
	if err := errors.Join(overwrite(path, `{"format":1,`), overwrite(path+".set-aside", "mine")); err != nil {
		t.Fatal(err)
	}
	_, logged := cachetest.NewCache(t, cachetest.New(2), inFile(path))
	if lines := logged.Take(); len(lines) != 1 || !strings.Contains(lines[0], "cache.json.set-aside is not a cache file") {
		t.Errorf("logged %q", lines)
	}
	if content, err := os.ReadFile(path + ".set-aside"); err != nil || string(content) != "mine" {
		t.Errorf("the file holds %q, %v", content, err)
	}
}

// An empty file has the owner and permissions that the cache file is meant to have.
func TestEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache.json")
	if err := errors.Join(overwrite(path, ""), os.Chmod(path, 0o640)); err != nil {
		t.Fatal(err)
	}
	c, logged := cachetest.NewCache(t, cachetest.New(2), inFile(path))
	cachetest.Scrape(t, c)
	c.Close()
	if info, err := os.Stat(path); err != nil || info.Size() == 0 || info.Mode() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
	if lines := logged.Take(); len(lines) != 0 {
		t.Errorf("logged %q", lines)
	}
}

// A process that was killed while it wrote the file leaves a temporary one.
func TestTemporaryFilesAreSwept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache.json")
	temporary := filepath.Join(filepath.Dir(path), ".cache.json.123.tmp")
	if err := overwrite(temporary, `{"format":1`); err != nil {
		t.Fatal(err)
	}
	_, logged := cachetest.NewCache(t, cachetest.New(2), inFile(path))
	if _, err := os.Stat(temporary); !errors.Is(err, os.ErrNotExist) || len(logged.Take()) != 0 {
		t.Errorf("%v", err)
	}
}

// A symbolic link stays, also where its target is set aside.
func TestFileBehindALink(t *testing.T) {
	path, _ := filled(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := errors.Join(os.Symlink(path, link), overwrite(path, `{"format":1,`)); err != nil {
		t.Fatal(err)
	}
	c, _ := cachetest.NewCache(t, cachetest.New(2), inFile(link))
	cachetest.Scrape(t, c)
	c.Close()
	if to, err := os.Readlink(link); err != nil || to != path {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	if content, err := os.ReadFile(path + ".set-aside"); err != nil || string(content) != `{"format":1,` {
		t.Errorf("set aside is %q, %v", content, err)
	}
	if customers, _, err := cache.ReadFile(path, owner); err != nil || len(customers) != 2 {
		t.Errorf("the target holds %d customers, %v", len(customers), err)
	}
}

// A folder holds more than what an exporter wrote, and stays where it is.
func TestFolderInTheFilesPlace(t *testing.T) {
	path := t.TempDir()
	c, logged := cachetest.NewCache(t, cachetest.New(2), inFile(path))
	if lines := logged.Take(); len(lines) != 1 || !strings.Contains(lines[0], "not a regular file") {
		t.Errorf("logged %q, want one warning", lines)
	}
	cachetest.Scrape(t, c)
	if info, err := os.Stat(path); err != nil || !info.IsDir() || len(cachetest.Costs(c)) != 2 {
		t.Errorf("%v, %v, %d customers have figures", info, err, len(cachetest.Costs(c)))
	}
}

// Whoever changes the selection gets everybody who is wanted now at once.
func TestRestartWithAnotherSelection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "cache.json")
		one, _ := cachetest.NewCache(t, cachetest.New(3), inFile(path), func(c *cache.Config) { c.Include = expression("id-0001") })
		cachetest.Scrape(t, one)
		one.Close()
		source := cachetest.New(3)
		all, _ := cachetest.NewCache(t, source, inFile(path))
		if all.Ready() {
			t.Error("ready although others are wanted than are in the file")
		}
		cachetest.Scrape(t, all)
		if lists, asked := source.TakeCalls(); lists != 1 || len(asked) != 2 || len(cachetest.Costs(all)) != 3 {
			t.Errorf("%d lists, %d usages, %d customers, want 1, 2 and 3", lists, len(asked), len(cachetest.Costs(all)))
		}
	})
}

// A file that cannot be written costs one warning and no scrape.
func TestUnwritableFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := filepath.Join(t.TempDir(), "later")
		c, logged := cachetest.NewCache(t, cachetest.New(2), inFile(filepath.Join(folder, "cache.json")))
		for range 3 {
			cachetest.Scrape(t, c)
			synctest.Wait()
			pass(time.Hour)
		}
		if lines := logged.Take(); len(lines) != 1 || !strings.Contains(lines[0], "cannot be written") {
			t.Errorf("logged %q, want one warning", lines)
		}
		if got := len(cachetest.Costs(c)); got != 2 {
			t.Errorf("%d customers have figures, want 2", got)
		}
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		cachetest.Scrape(t, c)
		synctest.Wait()
		if lines := logged.Take(); len(lines) != 1 || !strings.Contains(lines[0], "written again") {
			t.Errorf("logged %q, want that it is over", lines)
		}
	})
}

// A cache that has learnt nothing must not replace what an earlier one knew, and
// one that is closed in the middle of a refresh saves what it has.
func TestWhatIsSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "cache.json")
		idle, _ := cachetest.NewCache(t, cachetest.New(2), inFile(path))
		idle.Close()
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("an idle cache wrote a file: %v", err)
		}
		source := cachetest.New(8)
		source.Delay = time.Second
		c, _ := cachetest.NewCache(t, source, inFile(path))
		c.StartRefresh()
		pass(2500 * time.Millisecond)
		c.Close()
		restored, _ := cachetest.NewCache(t, source, inFile(path))
		if got := len(cachetest.Costs(restored)); got != 4 || restored.Ready() {
			t.Errorf("%d customers restored, ready %v, want 4 and false", got, restored.Ready())
		}
		source.TakeCalls()
		cachetest.Scrape(t, restored)
		if lists, asked := source.TakeCalls(); lists != 0 || len(asked) != 4 {
			t.Errorf("%d lists and %d usages, want 0 and 4", lists, len(asked))
		}
	})
}

// A clock that was wrong must not keep customers from being fetched.
func TestFileFromTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pass(365 * 24 * time.Hour)
		path, _ := filled(t)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := overwrite(path, strings.ReplaceAll(string(content), `"2000-12-31`, `"2040-12-31`)); err != nil {
			t.Fatal(err)
		}
		source := cachetest.EveryKind()
		c, _ := cachetest.NewCache(t, source, inFile(path))
		cachetest.Scrape(t, c)
		if lists, asked := source.TakeCalls(); lists != 1 || len(asked) != 6 {
			t.Errorf("%d lists and %d usages, want 1 and 6", lists, len(asked))
		}
		for _, c := range c.Snapshot().Customers {
			if c.Fetched.After(time.Now()) {
				t.Errorf("%s was fetched in the future", c.Name)
			}
		}
	})
}

// What was chosen when the file was written may no longer be wanted.
func TestRestoreSelects(t *testing.T) {
	path, _ := filled(t)
	c, _ := cachetest.NewCache(t, cachetest.New(0), inFile(path), func(c *cache.Config) { c.Include = expression("legacy") })
	if got := slices.Sorted(maps.Keys(cachetest.Costs(c))); !slices.Equal(got, []string{"legacy"}) {
		t.Errorf("figures of %q", got)
	}
}
