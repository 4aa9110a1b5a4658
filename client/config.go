package client

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/atomicfile"
)

// ConfigError is a file of a [Config] that cannot be worked with.
type ConfigError struct {
	// Field is the name of the field of [Config] that is to be mended.
	Field string
	// Err is the cause, with a hint where the cause does not suggest one.
	Err error
}

// Error names the setting in words.
func (e *ConfigError) Error() string { return settings[e.Field] + ": " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *ConfigError) Unwrap() error { return e.Err }

var settings = map[string]string{
	"ClientSecretFile":          "client secret file",
	"CertificateFile":           "certificate file",
	"CertificateKeyFile":        "certificate key file",
	"RefreshTokenFile":          "refresh token file",
	"BootstrapRefreshTokenFile": "bootstrap refresh token file",
}

// CheckFiles checks, without a request, that the files can be used: a
// refresh token is spent when it is exchanged, so that one which could not be
// stored afterwards must not be. It fails with a [*ConfigError]. A certificate that
// has expired is no failure here, but one of every exchange.
func (cfg Config) CheckFiles() error {
	if err := cfg.checkRefreshToken(); err != nil {
		return err
	}
	if _, err := cfg.readCredential(); err != nil {
		return err
	}
	if err := atomicfile.Probe(cfg.RefreshTokenFile); err != nil {
		return &ConfigError{"RefreshTokenFile", fmt.Errorf("the rotated token cannot be stored: %w", err)}
	}
	return cfg.checkOverlap()
}

// checkRefreshToken wants one refresh token to begin with.
func (cfg Config) checkRefreshToken() error {
	_, _, err := readSecret(cfg.RefreshTokenFile)
	switch {
	case err == nil:
		return nil
	case cfg.BootstrapRefreshTokenFile == "" || !errors.Is(err, fs.ErrNotExist):
		return &ConfigError{"RefreshTokenFile", err}
	}
	_, _, bootstrapErr := readSecret(cfg.BootstrapRefreshTokenFile)
	if bootstrapErr == nil {
		return nil
	}
	return fmt.Errorf("%w; %w", &ConfigError{"RefreshTokenFile", err}, &ConfigError{"BootstrapRefreshTokenFile", bootstrapErr})
}

// checkOverlap refuses a refresh token file that is one of the others as well,
// since it is going to be replaced.
func (cfg Config) checkOverlap() error {
	replaced, err := os.Stat(cfg.RefreshTokenFile)
	if err != nil {
		return nil //nolint:nilerr // A file that does not exist is none of the others.
	}
	for field, file := range map[string]string{
		"ClientSecretFile":          cfg.ClientSecretFile,
		"CertificateFile":           cfg.CertificateFile,
		"CertificateKeyFile":        cfg.CertificateKeyFile,
		"BootstrapRefreshTokenFile": cfg.BootstrapRefreshTokenFile,
	} {
		if other, err := os.Stat(file); err == nil && os.SameFile(replaced, other) {
			return &ConfigError{field, fmt.Errorf("%s is the refresh token file too, which gets replaced: use a file for each", file)}
		}
	}
	return nil
}
