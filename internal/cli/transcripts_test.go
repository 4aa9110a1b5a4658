package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/client/simulator"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cache"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli"
)

// session is a transcript in the documentation: arguments and output.
type session struct{ arguments, output string }

var consoleBlock = regexp.MustCompile("(?ms)^```console\n\\$ azure_csp_exporter ([^\n]*)\n(.*?)^```$")

func sessions(t *testing.T) []session {
	t.Helper()
	text, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []session
	for _, match := range consoleBlock.FindAllStringSubmatch(string(text), -1) {
		all = append(all, session{match[1], match[2]})
	}
	return all
}

// volatileInDocs lists what differs from run to run in the transcripts.
var volatileInDocs = []struct {
	pattern     *regexp.Regexp
	replacement string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`), "ID"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`/\S*/azure_csp_exporter-demo-\d+`), "FOLDER"},
	{regexp.MustCompile(`version="[^"]*"`), "version=VERSION"},
	// A forecast is of now, while the simulator's time stands still.
	{regexp.MustCompile(`(\d{2}%(?: over)?) +[\d.]+(  \d{4}-\d\d-\d\d  \d{4})`), "$1 FORECAST$2"},
	{regexp.MustCompile(`is stored in \S+`), "is stored in FILE"},
	{regexp.MustCompile(`address=\[::\]:\d+`), "address=ADDRESS"},
	{regexp.MustCompile(`ts=\S+ level=info caller=\S+ time=\S+`), "ts=TIME level=info"},
	{regexp.MustCompile(`ts=\S+`), "ts=TIME"},
}

func stable(text string) string {
	for _, m := range volatileInDocs {
		text = m.pattern.ReplaceAllString(text, m.replacement)
	}
	return text
}

// transcriptTime is when the transcripts were taken.
var transcriptTime = time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)

// twelve returns the partner of the transcripts.
func twelve() *simulator.Simulator {
	sim := simulator.New(simulator.Config{Customers: simulator.Fleet(12), Now: func() time.Time { return transcriptTime }})
	sim.SetSignIn(simulator.SignIn{Interval: time.Second})
	return sim
}

// cacheOfTwelve returns the file of an exporter that has fetched all customers at the
// time of the transcripts.
func cacheOfTwelve(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cache.json")
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(transcriptTime)) // A bubble's clock begins long before that.
		cloud, _ := client.CloudByName("global")
		partner, err := client.New(client.Config{
			Cloud: cloud, TenantID: simulator.TenantID, ClientID: simulator.ClientID, Transport: simulator.Transport{Handler: twelve()},
			ClientSecretFile: clitest.Write(t, simulator.ClientSecret), RefreshTokenFile: clitest.Write(t, simulator.RefreshToken),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer partner.Close()
		cache := cache.New(partner, cache.Config{
			Concurrency: 1, TTL: time.Hour, MaxAge: 24 * time.Hour, File: file, Owner: "global/" + simulator.TenantID,
		})
		cache.Refresh(t.Context())
		cache.Close()
	})
	return file
}

// The documentation shows what the program prints, for every command.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	commands, cacheFile := map[string]bool{}, cacheOfTwelve(t)
	for _, s := range sessions(t) {
		command, _, _ := strings.Cut(s.arguments, " ")
		commands[command] = true
		t.Run(s.arguments, func(t *testing.T) {
			got := runSession(t, expand(t, s.arguments, cacheFile), s.output)
			if diff := cmp.Diff(stable(s.output), stable(got)); diff != "" {
				t.Errorf("docs/commands.md (-) and the program (+) differ:\n%s\nThe program prints\n%s", diff, got)
			}
		})
	}
	for _, command := range []string{"serve", "demo", "login", "check", "customers", "usage"} {
		if !commands[command] {
			t.Errorf("docs/commands.md has no transcript of %s", command)
		}
	}
}

// expand puts the flags that lead to the simulator in place of the dots, and free
// ports and real files in place of those of the documentation.
func expand(t *testing.T, arguments, cacheFile string) []string {
	t.Helper()
	var args []string
	for i, word := range shellWords(arguments) {
		switch word {
		case "…":
			args = append(args, simulated(t, twelve(), args[0])[1:]...)
		case "--cache.file=cache.json":
			args = append(args, "--cache.file="+cacheFile)
		default:
			args = append(args, word)
		}
		if i == 0 && (word == "serve" || word == "demo") && !strings.Contains(arguments, "--backfill") {
			args = append(args, "--web.listen-address=127.0.0.1:0")
		}
	}
	return args
}

// shellWords splits at spaces outside single quotes.
func shellWords(line string) []string {
	var words []string
	for _, match := range regexp.MustCompile(`(?:'[^']*'|[^ '])+`).FindAllString(line, -1) {
		words = append(words, strings.ReplaceAll(match, "'", ""))
	}
	return words
}

// runSession returns what a program prints, both to standard output and to standard
// error. One that serves is ended when it has printed as many lines as are wanted,
// and its output at the end is left out.
func runSession(t *testing.T, args []string, want string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	both := clitest.NewOutput()
	done := make(chan struct{})
	go func() {
		defer close(done)
		cli.Run(ctx, args, both, both)
	}()
	serves, lines, timeout := args[0] == "serve" || args[0] == "demo", strings.Count(want, "\n"), time.After(clitest.Patience)
	for {
		text, grown := both.Read()
		if serves && strings.Count(text, "\n") >= lines {
			cancel()
			<-done
			return strings.Join(strings.SplitAfterN(text, "\n", lines+1)[:lines], "")
		}
		select {
		case <-done:
			return both.String()
		case <-grown:
		case <-timeout:
			t.Fatalf("%q does not print the expected lines, but\n%s", args, text)
		}
	}
}
