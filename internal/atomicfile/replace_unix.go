//go:build !windows

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// replace renames a temporary file to the one that it replaces, and closes it. It is
// locked until then.
func replace(f *os.File, path string) error {
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return f.Close()
}

// lock locks a file until it is closed. It fails at once if the file is locked.
func lock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// removeAbandoned removes a temporary file unless its process holds the lock. One that
// is new and empty may be about to be locked.
func removeAbandoned(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0) //nolint:gosec // It is beside the file that the user names.
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // It is not written.
	info, err := f.Stat()
	if err != nil || lock(f) != nil || info.Size() == 0 && time.Since(info.ModTime()) < time.Second {
		return err
	}
	return os.Remove(path)
}

// others are the permissions of users who are neither owner nor in the group.
const others = 0o007

// inherit gives a new file the owner and the group of the file that it replaces, and
// its permissions unless they are those of a file without secrets. Where there is none and root creates it, it gets the owner and the
// group of its folder: the program that runs as another user has to read it.
func inherit(f *os.File, path string) error {
	mode := fs.FileMode(0o600)
	model, err := os.Stat(path)
	switch {
	case err == nil:
		if kept := model.Mode().Perm(); kept&others == 0 {
			mode = kept
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case os.Geteuid() != 0:
		return nil
	default:
		if model, err = os.Stat(filepath.Dir(path)); err != nil {
			return err
		}
	}
	hasGroup, err := chown(f, model)
	if err != nil {
		return err
	}
	if !hasGroup {
		mode &^= 0o070
	}
	return f.Chmod(mode)
}

// chown gives a file the owner and the group of a model, as far as this user may,
// and reports whether it has the group then. Only root may give a file away.
func chown(f *os.File, model fs.FileInfo) (hasGroup bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	uid, gid := ownerOf(model)
	haveUID, haveGID := ownerOf(info)
	if uid == haveUID && gid == haveGID || f.Chown(uid, gid) == nil {
		return true, nil
	}
	return gid == haveGID || f.Chown(-1, gid) == nil, nil
}

// ownerOf returns -1, which changes nothing, where the owner is not known.
func ownerOf(info fs.FileInfo) (uid, gid int) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1, -1
	}
	return int(stat.Uid), int(stat.Gid)
}
