package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/entra"
)

// partnerFlags identify the partner, its credentials and the cloud.
type partnerFlags struct {
	tenantID, clientID           string
	secretFile, refreshTokenFile string
	certificateFile, keyFile     string
	bootstrapFile                string
	cloud, apiURL, loginURL      string
	timeout                      time.Duration
}

// requiredFlags are the flags without which no request can be sent, in the order of
// error messages.
var requiredFlags = []string{"partner.tenant-id", "partner.client-id", "partner.refresh-token-file"}

// missingFlags returns the error for flags that are required and not given.
func missingFlags(flags []string) error {
	if len(flags) == 1 {
		return fmt.Errorf("required flag --%s not provided", flags[0])
	}
	return fmt.Errorf("required flags --%s not provided", strings.Join(flags, ", --"))
}

func (f *partnerFlags) define(to flagger) {
	for _, needed := range f.defineOptional(to) {
		needed.Required()
	}
}

// defineOptional defines the flags, and returns those that every request needs. The
// command decides when they are required.
func (f *partnerFlags) defineOptional(to flagger) (needed []*kingpin.FlagClause) {
	tenant := define(to, "partner.tenant-id", "Microsoft Entra tenant of the partner, as GUID or domain name.", &f.tenantID, word)
	id := define(to, "partner.client-id", "Application (client) id of the app registration in the partner's tenant.", &f.clientID, word)
	to.Flag("partner.client-secret-file", "File with the client secret, read before every token request. Public clients have none.").
		StringVar(&f.secretFile)
	to.Flag("partner.certificate-file", "PEM file with a client certificate instead of a secret, read before every token request.").
		StringVar(&f.certificateFile)
	to.Flag("partner.certificate-key-file", "PEM file with the unencrypted private key of the certificate. Defaults to the certificate file.").
		StringVar(&f.keyFile)
	token := to.Flag("partner.refresh-token-file", "File with the refresh token of the partner user. It is replaced whenever the token rotates.")
	token.StringVar(&f.refreshTokenFile)
	to.Flag("partner.bootstrap-refresh-token-file", "Read-only file with a refresh token, used while the refresh token file does not exist, and once after the token in that file is rejected.").
		StringVar(&f.bootstrapFile)
	defineChoice(to, "partner.cloud", "National cloud of the partner: global, usgov or china.", &f.cloud, cloudNames()...).Default("global")
	define(to, "partner.api-url", "URL of the API, overriding the cloud's, for a proxy or a test.", &f.apiURL, apiURL)
	define(to, "partner.login-url", "URL of the login authority, overriding the cloud's, for a proxy or a test.", &f.loginURL, baseURL)
	define(to, "api.timeout", "Timeout of one request, including its retries and the wait for a permit.", &f.timeout, duration(time.Millisecond)).Default("60s")
	return []*kingpin.FlagClause{tenant, id, token}
}

// check rejects combinations of flags.
func (f *partnerFlags) check() error {
	switch {
	case f.secretFile != "" && f.certificateFile != "":
		return errors.New("--partner.client-secret-file and --partner.certificate-file cannot be combined")
	case f.keyFile != "" && f.certificateFile == "":
		return errors.New("--partner.certificate-key-file needs --partner.certificate-file")
	}
	return f.checkOverlap()
}

// checkOverlap rejects flags that name one file twice, since the refresh token file is
// replaced. [client.Config.CheckFiles] also finds two names of one file.
func (f *partnerFlags) checkOverlap() error {
	for _, file := range f.uncheckedConfig().SecretFiles() {
		if file.Field != "RefreshTokenFile" && filepath.Clean(file.Path) == filepath.Clean(f.refreshTokenFile) {
			return fmt.Errorf("%s and %s name the same file", fileFlags[file.Field], fileFlags["RefreshTokenFile"])
		}
	}
	return nil
}

// connect returns a client of the partner. It sends no request.
func (f *partnerFlags) connect(env *environment, concurrency int) (*client.Client, error) {
	cfg, err := f.config()
	if err != nil {
		return nil, err
	}
	cfg.Logger, cfg.Concurrency = env.logger, concurrency
	return client.New(cfg)
}

func cloudNames() []string {
	var names []string
	for _, cloud := range client.Clouds() {
		names = append(names, cloud.Name)
	}
	return names
}

// config returns the configuration of the client after checking its files: an error
// at the first token exchange could lose the rotated refresh token.
func (f *partnerFlags) config() (client.Config, error) {
	cfg := f.uncheckedConfig()
	return cfg, flagError(cfg.CheckFiles())
}

// uncheckedConfig returns the configuration of a sign-in, which does its own checks.
func (f *partnerFlags) uncheckedConfig() client.Config {
	cloud, _ := client.CloudByName(f.cloud)
	if f.apiURL != "" {
		cloud.APIURL = f.apiURL
	}
	if f.loginURL != "" {
		cloud.LoginURL = f.loginURL
	}
	return client.Config{
		Cloud:                     cloud,
		TenantID:                  f.tenantID,
		ClientID:                  f.clientID,
		ClientSecretFile:          f.secretFile,
		CertificateFile:           f.certificateFile,
		CertificateKeyFile:        f.keyFile,
		RefreshTokenFile:          f.refreshTokenFile,
		BootstrapRefreshTokenFile: f.bootstrapFile,
		Timeout:                   f.timeout,
		UserAgent:                 userAgent(),
	}
}

// fileFlags maps fields of the client's configuration to flags.
var fileFlags = map[string]string{
	"ClientSecretFile":          "--partner.client-secret-file",
	"CertificateFile":           "--partner.certificate-file",
	"CertificateKeyFile":        "--partner.certificate-key-file",
	"RefreshTokenFile":          "--partner.refresh-token-file",
	"BootstrapRefreshTokenFile": "--partner.bootstrap-refresh-token-file",
}

// fileError is an error of files with the names of their flags.
type fileError struct {
	text string
	err  error
}

// Error implements error.
func (e *fileError) Error() string { return e.text }

// Unwrap returns the error that names fields of the client's configuration.
func (e *fileError) Unwrap() error { return e.err }

// Hint returns what to do if there is no refresh token yet, and "" otherwise.
func (e *fileError) Hint() string {
	config, ok := errors.AsType[*client.ConfigError](e.err)
	if !ok || config.Field != "RefreshTokenFile" || !errors.Is(e.err, fs.ErrNotExist) {
		return ""
	}
	// A sign-in cannot store a token in a folder that does not exist.
	if file, ok := errors.AsType[*fs.PathError](e.err); ok {
		if _, err := os.Stat(filepath.Dir(file.Path)); err != nil {
			return "create the folder " + filepath.Dir(file.Path) + ", which the exporter has to write to"
		}
	}
	return entra.HintLogin
}

// flagError replaces the configuration fields in an error by the names of their
// flags. Several errors become one line.
func flagError(err error) error {
	if err == nil {
		return nil
	}
	return &fileError{flagText(err), err}
}

func flagText(err error) string {
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		var all []string
		for _, one := range several.Unwrap() {
			all = append(all, flagText(one))
		}
		return strings.Join(all, "; ")
	}
	if e, ok := errors.AsType[*client.ConfigError](err); ok {
		return fmt.Sprintf("%s: %v", fileFlags[e.Field], e.Err)
	}
	return err.Error()
}

func userAgent() string {
	if version.Version == "" {
		return name + "/devel"
	}
	return name + "/" + version.Version
}
