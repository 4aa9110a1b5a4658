package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"
)

// exampleLine matches a command line of an example, which may go on in further
// lines.
var exampleLine = regexp.MustCompile(`(?m)^ +azure_csp_exporter ((?:.*\\\n)*.*)$`)

// The help of every command has examples, and the program accepts each of them.
func TestHelpExamples(t *testing.T) {
	_, commands, _ := clitest.Run(t, "--help")
	for _, match := range regexp.MustCompile(`(?m)^([a-z]+)\*? .*\[<flags>\]`).FindAllStringSubmatch(commands, -1) {
		command := match[1]
		status, help, stderr := clitest.Run(t, command, "--help")
		_, examples, found := strings.Cut(help, "\nExamples:\n")
		if status != 0 || stderr != "" || !found {
			t.Errorf("%s: status %d, %q, no examples in\n%s", command, status, stderr, help)
		}
		lines := exampleLine.FindAllStringSubmatch(examples, -1)
		if len(lines) == 0 {
			t.Errorf("%s has no examples: %s", command, examples)
		}
		for _, line := range lines {
			words := strings.Fields(strings.ReplaceAll(line[1], "\\\n", " "))
			for i, word := range words {
				if strings.HasPrefix(word, "@") {
					words[i] = "@" + clitest.Write(t, "# no flags\n")
				}
			}
			if words[0] != command {
				t.Errorf("An example of %s is one of %s", command, words[0])
			}
			if status, _, stderr := clitest.Run(t, append(words, "--help")...); status != 0 || stderr != "" {
				t.Errorf("%q: status %d, %s", line[0], status, stderr)
			}
		}
	}
}

// setupFlags matches the file of flags in docs/setup.md, setupCommands the command lines
// with it, in a shell or a systemd unit.
var (
	setupFlags    = regexp.MustCompile(`(?s)> /etc/azure_csp_exporter/flags <<EOF\n(.*?)\nEOF\n`)
	setupCommands = regexp.MustCompile(`azure_csp_exporter ([a-z]+) @/etc/azure_csp_exporter/flags((?: *\\\n[^\\\n]*)*)`)
)

// The commands of docs/setup.md accept the flags in its file, which need nothing but
// the files that they name.
func TestSetupCommands(t *testing.T) {
	page, err := os.ReadFile("../../docs/setup.md")
	if err != nil {
		t.Fatal(err)
	}
	match := setupFlags.FindSubmatch(page)
	if match == nil {
		t.Fatal("docs/setup.md has no file of flags")
	}
	nowhere := filepath.Join(t.TempDir(), "refresh-token")
	flags := clitest.Write(t, strings.NewReplacer("$TENANT", "contoso.onmicrosoft.com", "$CLIENT", "00000000-0000-0000-0000-000000000000",
		"/var/lib/azure_csp_exporter/refresh-token", nowhere).Replace(string(match[1])))
	commands := map[string]bool{}
	for _, match := range setupCommands.FindAllStringSubmatch(string(page), -1) {
		commands[match[1]] = true
		args := append([]string{match[1], "@" + flags}, strings.Fields(strings.ReplaceAll(match[2], "\\\n", " "))...)
		if match[1] == "login" {
			args = append(args, "--partner.login-url=http://127.0.0.1:1") // It must not reach Microsoft.
		}
		if status, stdout, stderr := clitest.Run(t, args...); status != 1 || strings.Contains(stderr, "see --help") {
			t.Errorf("%q: exit status %d, want 1: %s%s", match[0], status, stdout, stderr)
		}
	}
	for _, command := range []string{"login", "check", "serve"} {
		if !commands[command] {
			t.Errorf("docs/setup.md does not use the file with %s", command)
		}
	}
}
