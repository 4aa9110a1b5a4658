// Package atomicfile replaces files as a whole.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write replaces a file as a whole, so that it always holds the old content or
// the new one, also after a crash. The file keeps its owner, its group and its
// permissions; a new file, and one that other users may access, has mode 0600. A
// symbolic link stays, and its target is replaced. The content is prepared in the
// folder of the target, which has to be writable.
func Write(path string, content []byte) (err error) {
	path = target(path)
	f, err := create(path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = discard(f)
		}
	}()
	if err := inherit(f, path); err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return replace(f, path)
}

// create returns a new file, with mode 0600, that is going to replace another. It is
// locked until it is closed, so that Sweep leaves it alone.
func create(path string) (*os.File, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return nil, err
	}
	_ = lock(f) // Not every file system has locks. Sweep removes nothing there.
	return f, nil
}

// discard closes and removes a temporary file.
func discard(f *os.File) error {
	_ = f.Close() // A replacement that failed may have closed it.
	return os.Remove(f.Name())
}

// Same reports whether two paths name one file, whether or not it exists.
func Same(a, b string) bool {
	first, errA := os.Stat(a)
	second, errB := os.Stat(b)
	if errA == nil && errB == nil {
		return os.SameFile(first, second)
	}
	return errors.Is(errA, fs.ErrNotExist) && errors.Is(errB, fs.ErrNotExist) && physical(target(a)) == physical(target(b))
}

// maxLinks bounds the symbolic links that target follows, as Linux does.
const maxLinks = 40

// target returns the file that a symbolic link leads to, whether or not it exists, and
// any other path as it is.
func target(path string) string {
	next := path
	for range maxLinks {
		link, err := os.Readlink(next)
		switch {
		case err != nil:
			return next
		case filepath.IsAbs(link):
			next = link
		default:
			next = filepath.Join(filepath.Dir(physical(next)), link)
		}
	}
	return path
}

// physical returns the absolute path of a file without symbolic links to its folder,
// as far as they are known.
func physical(path string) string {
	if folder, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(folder, filepath.Base(path))
	}
	if absolute, err := filepath.Abs(path); err == nil {
		return absolute
	}
	return path
}
