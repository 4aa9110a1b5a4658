package cli

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"
)

// partnerExample holds the flags common to the examples with a partner.
const partnerExample = "--partner.tenant-id=contoso.onmicrosoft.com --partner.client-id=00000000-0000-0000-0000-000000000000 " +
	"--partner.refresh-token-file=/var/lib/azure_csp_exporter/refresh-token"

// example is a command line and its purpose.
type example struct{ command, purpose, arguments string }

// examples lists the examples in the order of the help.
var examples = []example{
	{"demo", "Serve the metrics of a simulated partner:", ""},
	{"demo", "Write a history for Prometheus:", "--backfill=35d"},
	{"login", "Sign in once, without a secret or a certificate:", partnerExample},
	{"login", "Sign in with a certificate:", partnerExample + " --partner.certificate-file=client.crt --partner.certificate-key-file=client.key"},
	{"check", "Check a new setup:", partnerExample},
	{"check", "Check a setup whose flags are in a file, one per line:", "@/etc/azure_csp_exporter/flags"},
	{"serve", "Serve the metrics, and keep the cache across restarts:", partnerExample + " --cache.file=/var/lib/azure_csp_exporter/cache.json"},
	{"serve", "Serve a quarter of the customers:", partnerExample + " --shard=0 --total-shards=4"},
	{"customers", "List the customers as CSV:", partnerExample + " --output=csv"},
	{"usage", "Show customers over budget, the highest share first:", partnerExample + " --over-budget --sort=budget-used"},
	{"usage", "Show the exporter's cache file, without a request:", "--from-cache --cache.file=/var/lib/azure_csp_exporter/cache.json"},
}

// helpTemplate returns kingpin's template, extended by the examples of the selected
// command.
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

// examplesOf returns the examples of a command: the purpose, followed by the command
// line with one flag per line.
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

// prepareManPage adds a one-line title and the examples to kingpin's template, a
// global variable, and therefore runs once.
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

// prepareCompletion makes kingpin's script for bash, a global variable, complete the value
// after "--flag=": bash passes the equals sign as a word of its own.
var prepareCompletion = sync.OnceFunc(func() {
	const word = `    cur="${COMP_WORDS[COMP_CWORD]}"` + "\n"
	kingpin.BashCompletionTemplate = strings.Replace(kingpin.BashCompletionTemplate, word, word+`    [ "${cur}" = "=" ] && cur=""`+"\n", 1)
})

// completed returns the words to complete as kingpin understands them. It removes the
// equals signs, and an unfinished first word, which kingpin would complete as an
// argument of the default command: without it kingpin offers all commands, and the
// shell filters them.
func completed(args []string) []string {
	if len(args) < 2 || args[0] != "--completion-bash" {
		return args
	}
	if len(args) == 2 && !strings.HasPrefix(args[1], "-") {
		return args[:1]
	}
	words := slices.DeleteFunc(slices.Clone(args), func(word string) bool { return word == "=" })
	if args[len(args)-1] == "=" {
		words = append(words, "") // the value that is not begun yet
	}
	return words
}
