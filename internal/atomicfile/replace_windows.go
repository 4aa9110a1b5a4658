package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// A file that another process has open cannot be replaced or removed.
const (
	replaceTries = 20
	replacePause = 50 * time.Millisecond
)

// replace renames a temporary file to the one that it replaces, and closes it before.
// It waits up to a second for other processes that read that file.
func replace(f *os.File, path string) error {
	if err := f.Close(); err != nil {
		return err
	}
	err := os.Rename(f.Name(), path)
	for try := 1; isInUse(err) && try < replaceTries; try++ {
		time.Sleep(replacePause)
		err = os.Rename(f.Name(), path)
	}
	return err
}

func isInUse(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
}

// lock does nothing: Windows does not remove a file that is open.
func lock(*os.File) error { return nil }

// removeAbandoned removes a temporary file unless its process has it open.
func removeAbandoned(path string) error {
	if err := os.Remove(path); !isInUse(err) {
		return err
	}
	return nil
}

// inherit gives a new file the access control list of the file that it replaces. One
// that replaces none has that of its folder.
func inherit(f *os.File, path string) error {
	descriptor, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	list, _, err := descriptor.DACL()
	if errors.Is(err, windows.ERROR_OBJECT_NOT_FOUND) || err == nil && list == nil {
		return nil // The file system has no such lists.
	}
	if err != nil {
		return err
	}
	control, _, err := descriptor.Control()
	if err != nil {
		return err
	}
	kept := windows.SECURITY_INFORMATION(windows.DACL_SECURITY_INFORMATION)
	if control&windows.SE_DACL_PROTECTED != 0 {
		kept |= windows.PROTECTED_DACL_SECURITY_INFORMATION
	}
	return windows.SetNamedSecurityInfo(f.Name(), windows.SE_FILE_OBJECT, kept, nil, nil, list, nil)
}
