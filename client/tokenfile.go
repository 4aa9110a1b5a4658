package client

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"
)

// storeToken replaces the file as a whole, and its mode with it.
func storeToken(file, token string) error {
	pending, err := renameio.NewPendingFile(file,
		renameio.WithStaticPermissions(0o600), renameio.WithTempDir(filepath.Dir(file)))
	if err != nil {
		return err
	}
	defer func() { _ = pending.Cleanup() }() // It does nothing after a success.
	if _, err := pending.WriteString(token + "\n"); err != nil {
		return err
	}
	return pending.CloseAtomicallyReplace()
}

// readSecret returns a file's content without the white space around it, and
// when it was written.
func readSecret(file string) (string, time.Time, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", time.Time{}, err
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return "", time.Time{}, err
	}
	secret := strings.TrimSpace(string(content))
	if secret == "" {
		return "", time.Time{}, fmt.Errorf("%s is empty", file)
	}
	return secret, info.ModTime(), nil
}
