package cli_test

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"
)

// A wrong flag or file is an error at the start, on one line that names the flag, before
// any request: the partner fails the test on requests it does not expect.
func TestWrongFlagsAreNamed(t *testing.T) {
	t.Parallel()
	aFile := clitest.Write(t, "not a folder")
	nowhere := filepath.Join(filepath.Dir(aFile), "missing")
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	tests := []struct {
		name, flag string
		more       []string // in place of the flag of that name; without a value it is left out
	}{
		{"missing", "--partner.tenant-id", []string{"--partner.tenant-id"}},
		{"missing", "--partner.client-id", []string{"--partner.client-id"}},
		{"missing", "--partner.refresh-token-file", []string{"--partner.refresh-token-file"}},
		{"no tenant id", "--partner.tenant-id", []string{"--partner.tenant-id=a/b"}},
		{"empty tenant id", "--partner.tenant-id", []string{"--partner.tenant-id="}},
		{"no client id", "--partner.client-id", []string{"--partner.client-id=a b"}},
		{"unreadable secret", "--partner.client-secret-file", []string{"--partner.client-secret-file=" + nowhere}},
		{"empty secret", "--partner.client-secret-file", []string{"--partner.client-secret-file=" + clitest.Write(t, " \n")}},
		{"unreadable token", "--partner.refresh-token-file", []string{"--partner.refresh-token-file=" + nowhere}},
		{"empty token", "--partner.refresh-token-file", []string{"--partner.refresh-token-file=" + clitest.Write(t, "\n")}},
		{"a folder for a token", "--partner.refresh-token-file", []string{"--partner.refresh-token-file=" + filepath.Dir(aFile)}},
		{"a file for the token's folder", "--partner.refresh-token-file", []string{"--partner.refresh-token-file=" + aFile + "/token"}},
		{"a token's folder that cannot be written", "--partner.refresh-token-file", []string{"--partner.refresh-token-file=/proc/self/status"}},
		{"unknown cloud", "--partner.cloud", []string{"--partner.cloud=germany"}},
		{"no address", "--partner.api-url", []string{"--partner.api-url=example.com"}},
		{"another scheme", "--partner.api-url", []string{"--partner.api-url=ftp://example.com"}},
		{"an address with a password", "--partner.login-url", []string{"--partner.login-url=https://user:pass@example.com"}},
		{"no duration", "--api.timeout", []string{"--api.timeout=60"}},
		{"no time at all", "--api.timeout", []string{"--api.timeout=0s"}},
		{"zero workers", "--api.concurrency", []string{"--api.concurrency=0"}},
		{"half a worker", "--api.concurrency", []string{"--api.concurrency=0.5"}},
		{"negative duration", "--cache.ttl", []string{"--cache.ttl=-1s"}},
		{"no duration", "--cache.max-age", []string{"--cache.max-age=a day"}},
		{"less than the TTL", "--cache.max-age", []string{"--cache.max-age=59m"}},
		{"negative duration", "--scrape.max-wait", []string{"--scrape.max-wait=-1ms"}},
		{"no expression", "--customers.include", []string{"--customers.include=("}},
		{"no expression", "--customers.exclude", []string{"--customers.exclude=[a"}},
		{"no path", "--web.telemetry-path", []string{"--web.telemetry-path=metrics"}},
		{"a pattern", "--web.telemetry-path", []string{"--web.telemetry-path=/{metrics}"}},
		{"the landing page's", "--web.telemetry-path", []string{"--web.telemetry-path=/"}},
		{"a path that is reserved", "--web.telemetry-path", []string{"--web.telemetry-path=/-/ready"}},
		{"a profile's path", "--web.telemetry-path", []string{"--web.telemetry-path=/debug/pprof"}},
		{"negative duration", "--web.timeout-offset", []string{"--web.timeout-offset=-1s"}},
		{"zero scrapes", "--web.max-requests", []string{"--web.max-requests=0"}},
		{"missing", "--web.config.file", []string{"--web.config.file=" + nowhere}},
		{"unknown field", "--web.config.file", []string{"--web.config.file=" + clitest.Write(t, "tls:\n  cert: x\n")}},
		{"no certificate", "--web.config.file", []string{"--web.config.file=" + clitest.Write(t, "tls_server_config:\n  cert_file: missing\n  key_file: missing\n")}},
		{"port in use", "--web.listen-address", []string{"--web.listen-address=" + taken.Addr().String(), "--log.level=error"}},
		{"no address", "--web.listen-address", []string{"--web.listen-address=here", "--log.level=error"}},
		{"with a secret", "--partner.certificate-file", []string{"--partner.certificate-file=" + clitest.Write(t, "x")}},
		{"without a certificate", "--partner.certificate-key-file", []string{"--partner.certificate-key-file=" + clitest.Write(t, "x")}},
		{"unknown level", "--log.level", []string{"--log.level=trace"}},
		{"unknown format", "--log.format", []string{"--log.format=xml"}},
		{"unknown flag", "--bogus", []string{"--bogus"}},
		{"a secret in place of its file", "--partner.client-secret", []string{"--partner.client-secret=" + fakeSecret}},
	}
	for _, test := range tests {
		t.Run(test.flag+" "+test.name, func(t *testing.T) {
			p := newPartner(t)
			p.on(listPath, listOf()) // The one with the port in use warms up.
			name, _, given := strings.Cut(test.more[0], "=")
			args := slices.DeleteFunc(p.flags("serve"), func(arg string) bool { return strings.HasPrefix(arg, name+"=") })
			if given || !strings.HasPrefix(name, "--partner") {
				args = append(args, test.more...)
			}
			status, stdout, stderr := clitest.Run(t, args...)
			if status == 0 {
				t.Error("The exit status is 0")
			}
			if stdout != "" {
				t.Errorf("Standard output is %q", stdout)
			}
			oneLine := regexp.MustCompile(`^azure_csp_exporter: error: [^\n]*` + regexp.QuoteMeta(test.flag) + `\b[^\n]*\n(azure_csp_exporter: hint: [^\n]*\n)?$`)
			if !oneLine.MatchString(stderr) {
				t.Errorf("Standard error is %q, want one line that names %s", stderr, test.flag)
			}
			if strings.Contains(stderr, fakeSecret) || strings.Contains(stderr, "user:pass") {
				t.Errorf("Standard error has a secret: %q", stderr)
			}
		})
	}
}

// A wrong combination of flags is a wrong command line, whatever the command.
func TestWrongCombinationsExitWith2(t *testing.T) {
	for _, command := range []string{"serve", "check", "login", "customers", "usage"} {
		args := newPartner(t).flags(command)
		for want, more := range map[string]string{
			"--partner.client-secret-file and --partner.certificate-file cannot be combined": "--partner.certificate-file=x",
			"--partner.certificate-key-file needs --partner.certificate-file":                "--partner.certificate-key-file=x",
		} {
			checkRun(t, append(slices.Clone(args), more), 2, "", "azure_csp_exporter: error: "+want+", see --help\n")
		}
		args = with(args, "--partner.refresh-token-file", "/x/token")
		checkRun(t, append(args, "--partner.bootstrap-refresh-token-file=/x/y/../token"), 2, "",
			"azure_csp_exporter: error: --partner.bootstrap-refresh-token-file and --partner.refresh-token-file name the same file, see --help\n")
	}
	checkRun(t, newPartner(t).flags("serve", "--shard=2", "--total-shards=2"), 2, "",
		"azure_csp_exporter: error: --shard: 2 must be less than --total-shards (2), see --help\n")
	checkRun(t, []string{"demo", "--cache.max-age=29s"}, 2, "",
		"azure_csp_exporter: error: --cache.max-age: 29s is less than --cache.ttl (30s); figures would expire before they are refreshed, see --help\n")
}

// Flags can be read from a file, one per line, with comments, beside others.
func TestFlagsFromAFile(t *testing.T) {
	args := spenders(t).flags("usage")
	file := clitest.Write(t, "# the partner\n"+strings.Join(args[1:], "\n")+"\n")
	status, stdout, stderr := clitest.Run(t, "usage", "@"+file, "--output=csv", "c4")
	if status != 0 || stderr != "" || !strings.Contains(stdout, "c4,Adventure Works,ok,EUR,99.994") {
		t.Errorf("Exit status %d, output %q and %q", status, stdout, stderr)
	}
}

// A regular expression is quoted as it was typed, not as it is compiled, and one that
// ends in a quotation is valid.
func TestWrongExpressionIsQuotedAsTyped(t *testing.T) {
	for _, flag := range []string{"--customers.include", "--customers.exclude"} {
		_, _, stderr := clitest.Run(t, newPartner(t).flags("serve", flag+"=con(toso")...)
		if want := "azure_csp_exporter: error: " + flag + ": `con(toso` is not a regular expression: missing closing ), see --help\n"; stderr != want {
			t.Errorf("Standard error is %q, want %q", stderr, want)
		}
	}
	if status, _, stderr := clitest.Run(t, spenders(t).flags("usage", `--customers.include=\QAdventure Works`)...); status != 0 || stderr != "" {
		t.Errorf("Exit status %d, standard error %q", status, stderr)
	}
}

// Each command has its own flags: check serves nothing, and demo needs no partner.
func TestWrongCommands(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"unknown command":      {[]string{"bogus"}, `azure_csp_exporter: error: unknown command "bogus"; the commands are demo, login, check, serve, customers, usage, see --help` + "\n"},
		"after a flag":         {[]string{"--log.level", "debug", "bogus"}, `azure_csp_exporter: error: unknown command "bogus"; the commands are demo, login, check, serve, customers, usage, see --help` + "\n"},
		"an argument of check": {newPartner(t).flags("check", "bogus"), "azure_csp_exporter: error: unexpected bogus, see --help\n"},
		"a web flag of check":  {[]string{"check", "--web.telemetry-path=/x"}, "azure_csp_exporter: error: unknown long flag '--web.telemetry-path', see --help\n"},
		"a partner of demo":    {[]string{"demo", "--partner.tenant-id=x"}, "azure_csp_exporter: error: unknown long flag '--partner.tenant-id', see --help\n"},
		"demo's cache":         {[]string{"demo", "--cache.max-age=29s"}, "azure_csp_exporter: error: --cache.max-age: 29s is less than --cache.ttl (30s); figures would expire before they are refreshed, see --help\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := clitest.Run(t, test.args...)
			if status == 0 || stdout != "" || stderr != test.want {
				t.Errorf("Exit status %d, output %q and %q, want a failure and %q", status, stdout, stderr, test.want)
			}
		})
	}
}

// A missing token file is the most common first mistake: it is the first row of the
// report of check, with a hint.
func TestCheckWithoutTokenFile(t *testing.T) {
	p := newPartner(t)
	p.fresh()
	checkTranscript(t, p.flags("check")...)
}

// The other commands print the same hint, and exit with status 1.
func TestMissingTokenFile(t *testing.T) {
	for _, command := range []string{"serve", "customers", "usage"} {
		t.Run(command, func(t *testing.T) {
			p := newPartner(t)
			p.fresh()
			checkTranscript(t, p.flags(command)...)
		})
	}
	t.Run("and no bootstrap token", func(t *testing.T) {
		p := newPartner(t)
		p.fresh()
		checkTranscript(t, p.flags("serve", "--partner.bootstrap-refresh-token-file="+p.tokenFile+"-bootstrap")...)
	})
}

// Without arguments, the program introduces itself, and names what is missing in a
// fixed order, which kingpin does not.
func TestWithoutArguments(t *testing.T) {
	for range 10 {
		checkTranscript(t)
	}
}

// The URL of the API may end in the version.
func TestAPIURLWithVersion(t *testing.T) {
	p := spenders(t)
	for _, suffix := range []string{"/v1", "/v1/"} {
		p.tokenFile = clitest.Write(t, fmt.Sprintf("fake-refresh-%d\n", p.exchanges))
		status, stdout, stderr := clitest.Run(t, with(p.flags("customers", "--output=csv"), "--partner.api-url", p.URL+suffix)...)
		if status != 0 || strings.Count(stdout, "\n") != 6 {
			t.Errorf("%s: exit status %d, %q, %q", suffix, status, stdout, stderr)
		}
	}
}
