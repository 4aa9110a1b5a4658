// Package cli implements the command line: it parses flags and passes typed
// configuration to the client, the cache and the collector. Each sub-command has
// a file of its own.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/common/version"
	sloggokit "github.com/tjhop/slog-gokit"
)

// name is the name of the program in help texts, metrics and requests.
const name = "azure_csp_exporter"

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1 // the command failed
	exitUsage  = 2 // the command line is wrong

	exitInterrupted = 130 // 128 + SIGINT, as in shells
)

// errInterrupted is the error of a command that Ctrl-C ended before it was done.
var errInterrupted = errors.New("interrupted")

// command is a sub-command with its flags.
type command interface {
	// run executes the command until it is done or the context is.
	run(ctx context.Context, env *environment) error
}

// environment holds the outputs that every command gets.
type environment struct {
	stdout, stderr io.Writer
	logger         log.Logger
}

// Run runs the program with the arguments that follow its name, until it is done
// or the context is, and returns the exit status.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	stderr = log.NewSyncWriter(stderr) // The log and the messages of a command share it.
	app, logs, commands := newApplication(stdout, stderr)
	exited := false
	app.Terminate(func(int) { exited = true })
	selected, err := app.Parse(completed(args))
	switch {
	case exited: // --help or --version
		return exitOK
	case err != nil:
		if len(args) == 0 {
			introduce(stderr, app)
		}
		complain(stderr, fmt.Errorf("%w, see --help", usageError(err, args, commands)))
		return exitUsage
	}
	env := &environment{stdout: stdout, stderr: stderr, logger: logs.logger(stderr)}
	if err := commands[selected].run(ctx, env); err != nil {
		if errors.Is(err, context.Canceled) || ctx.Err() != nil && !serves(selected) && !errors.Is(err, errInterrupted) {
			err = errInterrupted
		}
		if !errors.Is(err, syscall.EPIPE) { // The reader closed the pipe.
			complain(stderr, err)
		}
		return statusOf(err)
	}
	return exitOK
}

// serves reports whether a command ends with its context without being interrupted.
func serves(command string) bool { return command == "serve" || command == "demo" }

// statusOf returns the exit status of a command that returned an error.
func statusOf(err error) int {
	if errors.Is(err, errInterrupted) {
		return exitInterrupted
	}
	return exitFailed
}

// complain prints an error on one line, since errors of some libraries span several,
// and its hint on another one.
func complain(stderr io.Writer, err error) {
	fmt.Fprintf(stderr, "%s: error: %s\n", name, strings.Join(strings.Fields(err.Error()), " "))
	var hinter interface{ Hint() string }
	if errors.As(err, &hinter) && hinter.Hint() != "" {
		fmt.Fprintf(stderr, "%s: hint: %s\n", name, hinter.Hint())
	}
}

// usageError returns kingpin's error of a command line, with missing flags in a fixed
// order, and with the commands if the first argument is none of them.
func usageError(err error, args []string, commands map[string]command) error {
	text := err.Error()
	if strings.HasPrefix(text, "required flag(s) ") {
		return missingFlags(slices.DeleteFunc(slices.Clone(requiredFlags), func(flag string) bool {
			return !strings.Contains(text, "'--"+flag+"'")
		}))
	}
	word, unexpected := strings.CutPrefix(text, "unexpected ")
	isCommand := func(arg string) bool { return commands[arg] != nil }
	if unexpected && !slices.ContainsFunc(args, isCommand) {
		return fmt.Errorf("unknown command %q; the commands are %s", word, strings.Join(commandOrder, ", "))
	}
	return err
}

// introduce prints what the program is and its commands.
func introduce(w io.Writer, app *kingpin.Application) {
	model := app.Model()
	fmt.Fprintf(w, "%s: %s\n\nCommands:\n", name, strings.TrimSuffix(model.Help, "."))
	for _, c := range model.Commands {
		if slices.Contains(commandOrder, c.Name) {
			fmt.Fprintf(w, "  %-9s  %s\n", c.Name, c.Help)
		}
	}
	fmt.Fprintln(w)
}

func newApplication(stdout, stderr io.Writer) (*kingpin.Application, *logFlags, map[string]command) {
	app := kingpin.New(name, "Prometheus exporter for the cost of Azure CSP customers.")
	app.UsageWriter(stdout)
	app.ErrorWriter(stderr)
	app.Version(version.Print(name))
	app.VersionFlag.Short('V')
	app.HelpFlag.Short('h')
	app.UsageTemplate(helpTemplate())
	prepareManPage()
	prepareCompletion()
	return app, newLogFlags(app), map[string]command{
		"demo":      newDemo(app.Command("demo", "Serve the metrics of a simulated partner, without credentials.")),
		"login":     newLogin(app.Command("login", "Sign in as a user of the partner, store the refresh token and check it.")),
		"check":     newCheck(app.Command("check", "Check credentials, MFA, permissions and data step by step.")),
		"serve":     newServe(app.Command("serve", "Serve the metrics. This is the default command.").Default()),
		"customers": newCustomers(app.Command("customers", "List the customers.")),
		"usage":     newUsage(app.Command("usage", "Print the usage of all or the given customers in the current billing period.")),

		"healthcheck": newHealthcheck(app.Command("healthcheck", "Fail unless a URL responds with status 200.").Hidden()),
	}
}

// commandOrder lists the commands in the order in which a new user needs them.
var commandOrder = []string{"demo", "login", "check", "serve", "customers", "usage"}

// logFlags configure the log.
type logFlags struct{ level, format string }

func newLogFlags(to flagger) *logFlags {
	f := &logFlags{}
	defineChoice(to, "log.level", "Minimum level to log: debug, info, warn or error.", &f.level,
		"debug", "info", "warn", "error").Default("info")
	defineChoice(to, "log.format", "Output format of the log: logfmt or json.", &f.format, "logfmt", "json").Default("logfmt")
	return f
}

func (f *logFlags) logger(w io.Writer) log.Logger {
	w = log.NewSyncWriter(w)
	logger := log.NewLogfmtLogger(w)
	if f.format == "json" {
		logger = log.NewJSONLogger(w)
	}
	logger = log.With(logger, "ts", log.DefaultTimestampUTC)
	return level.NewFilter(logger, level.Allow(level.ParseDefault(f.level, level.InfoValue())))
}

// slogger adapts the logger for libraries that use slog. The logger itself filters
// by level.
func slogger(logger log.Logger) *slog.Logger {
	all := &slog.LevelVar{}
	all.Set(slog.LevelDebug)
	return slog.New(sloggokit.NewGoKitHandler(logger, all))
}
