package cli_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/cli/clitest"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/golden"
)

// volatile lists what differs from run to run in golden transcripts.
var volatile = []struct {
	pattern     *regexp.Regexp
	replacement string
}{
	{regexp.MustCompile(`(/[\w.-]+)+/\d{3}/`), "DIR/"}, // a folder of testing.T.TempDir
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`\b20[2-9]\d-\d\d-\d\dT\d\d:\d\d:\d\dZ("?\}|\n)`), "NOW$1"}, // the column fetched
	{regexp.MustCompile(`(?m)^.*level=debug msg=request .*\n`), ""},
}

// checkTranscript runs a command that ends by itself, and compares its exit status and
// what it prints with the golden file of the test. It returns the transcript.
func checkTranscript(t *testing.T, args ...string) string {
	t.Helper()
	status, stdout, stderr := clitest.Run(t, args...)
	checkGolden(t, status, stdout, stderr)
	return stdout + stderr
}

func checkGolden(t *testing.T, status int, stdout, stderr string) {
	t.Helper()
	text := fmt.Sprintf("-- stdout --\n%s-- stderr --\n%s-- exit status %d --\n", stdout, stderr, status)
	for _, v := range volatile {
		text = v.pattern.ReplaceAllString(text, v.replacement)
	}
	golden.Check(t, text)
}
