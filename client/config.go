package client

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"

	"github.com/go-kit/log/level"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/atomicfile"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/entra"
)

// ConfigError is a field of a [Config] that is empty, or names a file that cannot be
// used.
type ConfigError struct {
	// Field is the name of the field of [Config] that is to be mended.
	Field string
	// Err is the cause, with a hint where the cause does not suggest one.
	Err error
}

// Error names the setting in words.
func (e *ConfigError) Error() string { return (&entra.FileError{Field: e.Field, Err: e.Err}).Error() }

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// checkRequired rejects an empty field that every request to the authority needs. The
// authority would only state that the request is wrong.
func (cfg Config) checkRequired() error {
	if cfg.Cloud == (Cloud{}) {
		return &ConfigError{"Cloud", errors.New("it is empty: set one that CloudByName returns")}
	}
	for _, required := range []struct{ field, value, hint string }{
		{"Cloud.Scope", cfg.Cloud.Scope, "it is empty: set that of a cloud that CloudByName returns"},
		{"TenantID", cfg.TenantID, "it is empty: set the partner's Entra tenant, a GUID or a domain"},
		{"ClientID", cfg.ClientID, "it is empty: set the application (client) id of the app registration"},
	} {
		if required.value == "" {
			return &ConfigError{required.field, errors.New(required.hint)}
		}
	}
	if cfg.RefreshTokens != nil && cfg.RefreshTokenFile != "" {
		return &ConfigError{"RefreshTokens", errors.New("it is set together with RefreshTokenFile: leave one of them out")}
	}
	return nil
}

// SecretFile is a file of a [Config] that holds a credential.
type SecretFile struct {
	// Field is the name of the field of [Config].
	Field string
	// Path is the field's value.
	Path string
}

// SecretFiles returns the files of the configuration that are set. The one of
// CertificateFile holds no secret if the key has a file of its own.
func (cfg Config) SecretFiles() []SecretFile {
	return slices.DeleteFunc([]SecretFile{
		{"RefreshTokenFile", cfg.RefreshTokenFile},
		{"BootstrapRefreshTokenFile", cfg.BootstrapRefreshTokenFile},
		{"ClientSecretFile", cfg.ClientSecretFile},
		{"CertificateFile", cfg.CertificateFile},
		{"CertificateKeyFile", cfg.CertificateKeyFile},
	}, func(f SecretFile) bool { return f.Path == "" })
}

// warnOfPublicFiles logs a warning for each file with a secret that every user of the
// machine can read. The mode of a file on Windows does not state that.
func (cfg Config) warnOfPublicFiles() {
	if runtime.GOOS == "windows" {
		return
	}
	for _, file := range cfg.SecretFiles() {
		info, err := os.Stat(file.Path)
		if err != nil || info.Mode().Perm()&0o007 == 0 || file.Field == "CertificateFile" && cfg.CertificateKeyFile != "" {
			continue
		}
		_ = level.Warn(cfg.Logger).Log("msg", "a file with a secret can be read by every user, or written: take the permission away with chmod o-rwx", "file", file.Path, "mode", info.Mode().Perm())
	}
}

func (cfg Config) credential() entra.Credential {
	return entra.Credential{Secret: cfg.ClientSecret, SecretFile: cfg.ClientSecretFile, CertificateFile: cfg.CertificateFile, CertificateKeyFile: cfg.CertificateKeyFile}
}

// CheckFiles checks, without a request, that the files can be used: a
// refresh token is spent when it is exchanged, so that one which could not be
// stored afterwards must not be. It fails with a [*ConfigError]. A certificate that
// has expired is no failure here, but one of every exchange.
func (cfg Config) CheckFiles() error {
	if cfg.RefreshTokens != nil {
		return fileError(cfg.credential().Check())
	}
	if err := cfg.checkRefreshToken(); err != nil {
		return err
	}
	if err := cfg.credential().Check(); err != nil {
		return fileError(err)
	}
	if err := atomicfile.Probe(cfg.RefreshTokenFile); err != nil {
		return &ConfigError{"RefreshTokenFile", fmt.Errorf("the rotated token cannot be stored: %w", err)}
	}
	return cfg.checkOverlap()
}

// checkRefreshToken wants one refresh token to begin with.
func (cfg Config) checkRefreshToken() error {
	_, _, err := entra.ReadSecret(cfg.RefreshTokenFile)
	switch {
	case err == nil:
		return nil
	case cfg.BootstrapRefreshTokenFile == "" || !errors.Is(err, fs.ErrNotExist):
		return &ConfigError{"RefreshTokenFile", err}
	}
	_, _, bootstrapErr := entra.ReadSecret(cfg.BootstrapRefreshTokenFile)
	if bootstrapErr == nil {
		return nil
	}
	return fmt.Errorf("%w; %w", &ConfigError{"RefreshTokenFile", err}, &ConfigError{"BootstrapRefreshTokenFile", bootstrapErr})
}

// checkOverlap rejects a refresh token file that is one of the others as well, since
// it is going to be replaced.
func (cfg Config) checkOverlap() error {
	for _, file := range cfg.SecretFiles() {
		if file.Field != "RefreshTokenFile" && atomicfile.Same(cfg.RefreshTokenFile, file.Path) {
			return &ConfigError{file.Field, fmt.Errorf("%s is the refresh token file too, which gets replaced: use a file for each", file.Path)}
		}
	}
	return nil
}
