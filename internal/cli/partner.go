package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// partnerFlags say who the partner is, and how to reach Partner Center.
type partnerFlags struct {
	tenantID, clientID           string
	secretFile, refreshTokenFile string
	certificateFile, keyFile     string
	seedFile                     string
	cloud, apiURL, loginURL      string
	timeout                      time.Duration
}

func (f *partnerFlags) define(to flagger) {
	for _, needed := range f.defineOptional(to) {
		needed.Required()
	}
}

// defineOptional leaves it to the command when to insist on the flags that every
// call needs, which it returns.
func (f *partnerFlags) defineOptional(to flagger) (needed []*kingpin.FlagClause) {
	tenant := define(to, "partner.tenant-id", "The partner's Entra tenant, a GUID or a domain.", &f.tenantID, word)
	id := define(to, "partner.client-id", "The id of the application that is registered with the partner's tenant.", &f.clientID, word)
	to.Flag("partner.client-secret-file", "File with the application's secret, read anew for every token. A public client has none.").
		StringVar(&f.secretFile)
	to.Flag("partner.certificate-file", "PEM file with a certificate in place of a secret, read anew for every token.").
		StringVar(&f.certificateFile)
	to.Flag("partner.certificate-key-file", "PEM file with the certificate's private key, unencrypted. Without it, the key is in the certificate file.").
		StringVar(&f.keyFile)
	token := to.Flag("partner.refresh-token-file", "File with the refresh token of the partner user. It is replaced whenever the token is rotated.")
	token.StringVar(&f.refreshTokenFile)
	to.Flag("partner.bootstrap-refresh-token-file", "File with a refresh token that is only read: it is used while the refresh token file does not exist, and once if the token in that is refused.").
		StringVar(&f.seedFile)
	define(to, "partner.cloud", "National cloud of the partner: global, usgov or china.", &f.cloud, oneOf(cloudNames()...)).Default("global")
	define(to, "partner.api-url", "Address of the API in place of the cloud's, for a proxy or a test.", &f.apiURL, baseURL)
	define(to, "partner.login-url", "Address of the login authority in place of the cloud's, for a proxy or a test.", &f.loginURL, baseURL)
	define(to, "api.timeout", "Limit of one call, with its retries and the wait for its turn.", &f.timeout, duration(time.Millisecond)).Default("60s")
	return []*kingpin.FlagClause{tenant, id, token}
}

// connect returns a client of the partner that has called nobody yet.
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

// config checks the files, so that what is wrong with them is said at the start
// and not at the first exchange of tokens, which would cost the refresh token.
func (f *partnerFlags) config() (client.Config, error) {
	cfg := f.uncheckedConfig()
	return cfg, flagError(cfg.CheckFiles())
}

// uncheckedConfig is for a sign-in, which checks what it needs itself.
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
		BootstrapRefreshTokenFile: f.seedFile,
		Timeout:                   f.timeout,
		UserAgent:                 userAgent(),
	}
}

// fileFlags are the flags behind the fields of the client's configuration.
var fileFlags = map[string]string{
	"ClientSecretFile":          "--partner.client-secret-file",
	"CertificateFile":           "--partner.certificate-file",
	"CertificateKeyFile":        "--partner.certificate-key-file",
	"RefreshTokenFile":          "--partner.refresh-token-file",
	"BootstrapRefreshTokenFile": "--partner.bootstrap-refresh-token-file",
}

// flagError names the flag where the client names a field, and all flags where it
// names several.
func flagError(err error) error {
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		var all []string
		for _, one := range several.Unwrap() {
			all = append(all, flagError(one).Error())
		}
		return errors.New(strings.Join(all, "; "))
	}
	e, ok := errors.AsType[*client.ConfigError](err)
	if !ok {
		return err
	}
	return fmt.Errorf("%s: %w", fileFlags[e.Field], e.Err)
}

func userAgent() string {
	if version.Version == "" {
		return name + "/devel"
	}
	return name + "/" + version.Version
}
