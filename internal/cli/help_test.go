package cli_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"
)

// exampleLine matches a command line of an example, which may go on in further
// lines.
var exampleLine = regexp.MustCompile(`(?m)^ +azure_csp_exporter ((?:.*\\\n)*.*)$`)

// The help of every command has examples, and each of them can be typed as it
// stands.
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
			if words[0] != command {
				t.Errorf("An example of %s is one of %s", command, words[0])
			}
			if status, _, stderr := clitest.Run(t, append(words, "--help")...); status != 0 || stderr != "" {
				t.Errorf("%q: status %d, %s", line[0], status, stderr)
			}
		}
	}
}
