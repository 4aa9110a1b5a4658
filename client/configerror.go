package client

import (
	"fmt"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/atomicfile"
)

// ConfigError is a file of a [Config] that cannot be worked with.
type ConfigError struct {
	// Field is the name of the field of [Config] that is to be mended.
	Field string
	// Err says what is wrong, and what to do where that is not plain.
	Err error
}

// Error names the setting in words.
func (e *ConfigError) Error() string { return settings[e.Field] + ": " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *ConfigError) Unwrap() error { return e.Err }

var settings = map[string]string{
	"ClientSecretFile":   "client secret file",
	"CertificateFile":    "certificate file",
	"CertificateKeyFile": "certificate key file",
	"RefreshTokenFile":   "refresh token file",
}

// CheckFiles finds out, without calling anybody, whether the files can be used: a
// refresh token is spent when it is exchanged, so that one which could not be
// stored afterwards must not be. It fails with a [*ConfigError]. A certificate that
// has expired is no failure here, but one of every exchange.
func (cfg Config) CheckFiles() error {
	if _, _, err := readSecret(cfg.RefreshTokenFile); err != nil {
		return &ConfigError{"RefreshTokenFile", err}
	}
	if _, err := cfg.readCredential(); err != nil {
		return err
	}
	if err := atomicfile.Probe(cfg.RefreshTokenFile); err != nil {
		return &ConfigError{"RefreshTokenFile", fmt.Errorf("the rotated token cannot be stored: %w", err)}
	}
	return nil
}
