package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// Sweep removes the temporary files that killed processes left beside a file which
// they were replacing. It leaves those of a process that is alive.
func Sweep(path string) error {
	path = target(path)
	entries, err := os.ReadDir(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	temporary := regexp.MustCompile(`^\.` + regexp.QuoteMeta(filepath.Base(path)) + `\.[0-9]+\.tmp$`)
	for _, entry := range entries {
		if !entry.Type().IsRegular() || !temporary.MatchString(entry.Name()) {
			continue
		}
		err := removeAbandoned(filepath.Join(filepath.Dir(path), entry.Name()))
		if !errors.Is(err, fs.ErrNotExist) { // A process that is alive has renamed it.
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
