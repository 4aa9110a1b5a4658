package client

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"time"
)

// secretFiles are those that only their owner ought to read.
func (cfg Config) secretFiles() []string {
	files := []string{cfg.RefreshTokenFile, cfg.BootstrapRefreshTokenFile, cfg.ClientSecretFile}
	if cfg.CertificateFile != "" {
		files = append(files, cmp.Or(cfg.CertificateKeyFile, cfg.CertificateFile))
	}
	return files
}

// warnIfPublic warns of a file with a secret that every user of the machine can
// read.
func (c *Client) warnIfPublic(file string) {
	info, err := os.Stat(file)
	if err == nil && info.Mode().Perm()&0o007 != 0 {
		c.warn("msg", "a file with a secret can be read by every user, or written: take the permission away with chmod o-rwx", "file", file, "mode", info.Mode().Perm())
	}
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
