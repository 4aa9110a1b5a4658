package client

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"
)

func storeToken(file, token string) error {
	return renameio.WriteFile(file, []byte(token+"\n"), 0o600,
		renameio.WithStaticPermissions(0o600), renameio.WithTempDir(filepath.Dir(file)))
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
