// Package cli is the command line: it knows flags, files and signals, and wires
// typed configuration into client and collector. Each sub-command has a file of
// its own.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"
	"github.com/prometheus/common/version"
)

// name is the program's, in help texts, metrics and requests.
const name = "azure_csp_exporter"

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1 // what was asked for did not work
	exitUsage  = 2 // it was asked for wrongly
)

// command is a sub-command with its flags.
type command interface {
	// run does what the command is for until it is done or the context ends.
	run(ctx context.Context, env *environment) error
}

// environment is what every command gets.
type environment struct {
	stdout, stderr io.Writer
	logger         log.Logger
}

// Run runs the program with the arguments after its name, until it is done or
// the context ends, and returns the exit status.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	stderr = log.NewSyncWriter(stderr) // The log shares it with what else is said there.
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
		if !errors.Is(err, syscall.EPIPE) { // Whoever was reading has read enough.
			complain(stderr, err)
		}
		return exitFailed
	}
	return exitOK
}

// complain prints an error in one line; some libraries' take several.
func complain(stderr io.Writer, err error) {
	fmt.Fprintf(stderr, "%s: error: %s\n", name, strings.Join(strings.Fields(err.Error()), " "))
}

func newApplication(stdout, stderr io.Writer) (*kingpin.Application, *logFlags, map[string]command) {
	app := kingpin.New(name, "Exposes what the customers of an Azure CSP partner spend as Prometheus metrics.")
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
		"check":     newCheck(app.Command("check", "Say step by step whether credentials, MFA, permissions and data are in order.")),
		"customers": newCustomers(app.Command("customers", "List the customers.")),
		"usage":     newUsage(app.Command("usage", "Show what customers have spent in the current billing period, all of them or those that are named.")),
		"login":     newLogin(app.Command("login", "Sign in as a user of the partner, store the refresh token, and check it.")),
	}
}
