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
		complain(stderr, fmt.Errorf("%w, see --help", err))
		return exitUsage
	}
	env := &environment{stdout: stdout, stderr: stderr, logger: logs.logger(stderr)}
	if err := commands[selected].run(ctx, env); err != nil {
		if !errors.Is(err, syscall.EPIPE) { // The reader closed the pipe.
			complain(stderr, err)
		}
		return statusOf(err)
	}
	return exitOK
}

// statusOf returns the exit status of a command that returned an error.
func statusOf(err error) int {
	if errors.Is(err, errInterrupted) {
		return exitInterrupted
	}
	return exitFailed
}

// complain prints an error on one line; errors of some libraries span several.
func complain(stderr io.Writer, err error) {
	fmt.Fprintf(stderr, "%s: error: %s\n", name, strings.Join(strings.Fields(err.Error()), " "))
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
	return app, newLogFlags(app), map[string]command{
		"serve":     newServe(app.Command("serve", "Serve the metrics. This is the default command.").Default()),
		"demo":      newDemo(app.Command("demo", "Serve the metrics of a simulated partner, without credentials.")),
		"check":     newCheck(app.Command("check", "Check credentials, MFA, permissions and data step by step.")),
		"customers": newCustomers(app.Command("customers", "List the customers.")),
		"usage":     newUsage(app.Command("usage", "Print the usage of all or the given customers in the current billing period.")),
		"login":     newLogin(app.Command("login", "Sign in as a user of the partner, store the refresh token and check it.")),

		"healthcheck": newHealthcheck(app.Command("healthcheck", "Fail unless a URL responds with status 200.").Hidden()),
	}
}

// logFlags configure the log.
type logFlags struct{ level, format string }

func newLogFlags(to flagger) *logFlags {
	f := &logFlags{}
	define(to, "log.level", "Minimum level to log: debug, info, warn or error.", &f.level,
		oneOf("debug", "info", "warn", "error")).Default("info")
	define(to, "log.format", "Output format of the log: logfmt or json.", &f.format,
		oneOf("logfmt", "json")).Default("logfmt")
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
