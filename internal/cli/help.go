package cli

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"
)

// partnerExample are the flags that every example with a partner needs.
const partnerExample = "--partner.tenant-id=contoso.onmicrosoft.com --partner.client-id=00000000-0000-0000-0000-000000000000 " +
	"--partner.refresh-token-file=/var/lib/azure_csp_exporter/refresh-token"

// example is a command line and what it is good for.
type example struct{ command, purpose, arguments string }

// examples are in the order of the help.
var examples = []example{
	{"demo", "See the metrics of a simulated partner:", ""},
	{"demo", "Write a history for Prometheus:", "--backfill=35d"},
	{"login", "Sign in once, without a secret or a certificate:", partnerExample},
	{"login", "Sign in with a certificate:", partnerExample + " --partner.certificate-file=client.crt --partner.certificate-key-file=client.key"},
	{"check", "Find out what is missing:", partnerExample},
	{"serve", "Serve the metrics, and keep what is known across restarts:", partnerExample + " --cache.file=/var/lib/azure_csp_exporter/cache.json"},
	{"serve", "Serve a quarter of the customers:", partnerExample + " --shard=0 --total-shards=4"},
	{"customers", "List the customers as CSV:", partnerExample + " --output=csv"},
	{"usage", "See who is over budget, the worst first:", partnerExample + " --over-budget --sort=budget-used"},
	{"usage", "Read what the exporter has cached, without a call:", "--from-cache --cache.file=/var/lib/azure_csp_exporter/cache.json"},
}

// helpTemplate is kingpin's own, with the examples of the selected command.
func helpTemplate() string {
	var b strings.Builder
	b.WriteString(kingpin.DefaultUsageTemplate)
	b.WriteString(`{{if .Context.SelectedCommand}}{{$command := .Context.SelectedCommand.FullCommand}}`)
	for _, command := range exampleCommands() {
		fmt.Fprintf(&b, `{{if eq $command %q}}{{%q}}{{end}}`, command, examplesOf(command, "  "))
	}
	b.WriteString(`{{end}}`)
	return b.String()
}

func exampleCommands() []string {
	var commands []string
	for _, e := range examples {
		if !slices.Contains(commands, e.command) {
			commands = append(commands, e.command)
		}
	}
	return commands
}

// examplesOf has a line for each purpose, and the command line below it, with one
// flag a line.
func examplesOf(command, indent string) string {
	var b strings.Builder
	b.WriteString("Examples:\n")
	for _, e := range examples {
		if e.command == command {
			fmt.Fprintf(&b, "%s%s\n\n%s  %s\n\n", indent, e.purpose, indent, e.line(indent))
		}
	}
	return b.String()
}

func (e example) line(indent string) string {
	words := append([]string{name + " " + e.command}, strings.Fields(e.arguments)...)
	return strings.Join(words, " \\\n"+indent+"    ")
}

// prepareManPage gives kingpin's template a title in one line, and the examples.
// It is the library's own variable, and so changed once only.
var prepareManPage = sync.OnceFunc(func() {
	template := strings.Replace(kingpin.ManPageTemplate, `.TH {{.App.Name}} 1 {{.App.Version}} "{{.App.Author}}"`,
		fmt.Sprintf(`.TH %s 1 "" "%s %s" "User Commands"`, name, name, version.Version), 1)
	template = strings.Replace(template, ".SH \"NAME\"\n{{.App.Name}}", ".SH \"NAME\"\n{{.App.Name}} \\- cost of Azure CSP customers for Prometheus", 1)
	var b strings.Builder
	b.WriteString(template)
	b.WriteString(".SH \"EXAMPLES\"\n")
	for _, e := range examples {
		fmt.Fprintf(&b, ".PP\n%s\n.PP\n.nf\n.RS\n%s\n.RE\n.fi\n", e.purpose, strings.ReplaceAll(strings.ReplaceAll(e.line(""), `\`, `\e`), "-", `\-`))
	}
	kingpin.ManPageTemplate = b.String()
})

// completed leaves out an unfinished first word, which kingpin takes for one of
// the default command: it then offers all commands, of which the shell chooses.
func completed(args []string) []string {
	if len(args) == 2 && args[0] == "--completion-bash" && !strings.HasPrefix(args[1], "-") {
		return args[:1]
	}
	return args
}
