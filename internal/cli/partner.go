package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

// partnerFlags say who the partner is, and how to reach Partner Center.
type partnerFlags struct {
	tenantID, clientID           string
	secretFile, refreshTokenFile string
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
	token := to.Flag("partner.refresh-token-file", "File with the refresh token of the partner user. It is replaced whenever the token is rotated.")
	token.StringVar(&f.refreshTokenFile)
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
	if err := readable(f.refreshTokenFile); err != nil {
		return client.Config{}, fmt.Errorf("--partner.refresh-token-file: %w", err)
	}
	return f.signInConfig()
}

// signInConfig does without a refresh token, which a sign-in brings.
func (f *partnerFlags) signInConfig() (client.Config, error) {
	if f.secretFile != "" {
		if err := readable(f.secretFile); err != nil {
			return client.Config{}, fmt.Errorf("--partner.client-secret-file: %w", err)
		}
	}
	if err := writable(filepath.Dir(f.refreshTokenFile)); err != nil {
		return client.Config{}, fmt.Errorf("--partner.refresh-token-file: its folder must be writable to store the rotated token: %w", err)
	}
	cloud, _ := client.CloudByName(f.cloud)
	if f.apiURL != "" {
		cloud.APIURL = f.apiURL
	}
	if f.loginURL != "" {
		cloud.LoginURL = f.loginURL
	}
	return client.Config{
		Cloud:            cloud,
		TenantID:         f.tenantID,
		ClientID:         f.clientID,
		ClientSecretFile: f.secretFile,
		RefreshTokenFile: f.refreshTokenFile,
		Timeout:          f.timeout,
		UserAgent:        userAgent(),
	}, nil
}

func userAgent() string {
	if version.Version == "" {
		return name + "/devel"
	}
	return name + "/" + version.Version
}

func readable(file string) error {
	content, err := os.ReadFile(file)
	if err == nil && len(bytes.TrimSpace(content)) == 0 {
		return fmt.Errorf("%s is empty", file)
	}
	return err
}

func writable(folder string) error {
	probe, err := os.CreateTemp(folder, ".writable-*")
	if err != nil {
		return err
	}
	if err := probe.Close(); err != nil {
		return err
	}
	return os.Remove(probe.Name())
}
