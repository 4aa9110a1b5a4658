// Package atomicfile replaces files that only their owner may read.
package atomicfile

import (
	"path/filepath"

	"github.com/google/renameio/v2"
)

// Write replaces a file as a whole, so that it always holds the old content or
// the new one, also after a crash. Its mode is 0600, whatever it was. The file is
// prepared in the same folder, which has to be writable.
func Write(path string, content []byte) error {
	// WriteFile would keep the mode of an existing file.
	pending, err := renameio.NewPendingFile(path,
		renameio.WithStaticPermissions(0o600), renameio.WithTempDir(filepath.Dir(path)))
	if err != nil {
		return err
	}
	defer func() { _ = pending.Cleanup() }() // It does nothing after a success.
	if _, err := pending.Write(content); err != nil {
		return err
	}
	return pending.CloseAtomicallyReplace()
}
