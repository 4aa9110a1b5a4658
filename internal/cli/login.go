package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/check"
	"github.com/azure-csp-exporter/azure_csp_exporter/internal/output"
)

var (
	errSignInFailed      = errors.New("sign-in failed; the refresh token file is unchanged")
	errSignInInterrupted = fmt.Errorf("sign-in %w; the refresh token file is unchanged", errInterrupted)
)

// loginCommand signs a user in and stores the refresh token.
type loginCommand struct{ partner partnerFlags }

func newLogin(to *kingpin.CmdClause) *loginCommand {
	l := &loginCommand{}
	l.partner.define(to)
	validate(to, l.partner.check)
	return l
}

func (l *loginCommand) run(ctx context.Context, env *environment) error {
	cfg := l.partner.uncheckedConfig()
	cfg.Logger = env.logger
	report := check.NewReport(env.stdout)
	if err := signIn(ctx, cfg, env.stdout); err != nil {
		return signInFailure(ctx, err, report)
	}
	report.OK("sign-in", "the refresh token is stored in "+cfg.RefreshTokenFile)
	return check.Run(ctx, cfg, report)
}

func signIn(ctx context.Context, cfg client.Config, stdout io.Writer) error {
	p := &prompt{w: stdout, terminal: output.ScreenOf(stdout).Escapes}
	defer p.end()
	return client.SignIn(ctx, cfg, p.show)
}

// signInFailure reports a rejected sign-in, and returns the error of the command.
func signInFailure(ctx context.Context, err error, report *check.Report) error {
	if ctx.Err() != nil {
		return errSignInInterrupted
	}
	if _, ok := errors.AsType[*client.Error](err); !ok {
		return flagError(err)
	}
	report.Fail(ctx, "sign-in", err)
	return errSignInFailed
}

// prompt shows the device code and the time left to enter it.
type prompt struct {
	w        io.Writer
	terminal bool // whether a line can be overwritten
	stop     chan struct{}
	counting sync.WaitGroup
}

func (p *prompt) show(code client.DeviceCode) {
	minutes := max(1, int(time.Until(code.Expires).Round(time.Minute).Minutes()))
	fmt.Fprintf(p.w, "Open %s and enter the code %s\n", code.VerificationURL, code.UserCode)
	fmt.Fprintf(p.w, "Sign in there as the partner user, with MFA. The code expires in %d min; press Ctrl-C to cancel.\n", minutes)
	if !p.terminal {
		fmt.Fprintln(p.w, "Waiting for the sign-in…")
		return
	}
	p.stop = make(chan struct{})
	p.counting.Go(func() { p.count(code.Expires) })
}

// count updates the time left every second until it is stopped.
func (p *prompt) count(expires time.Time) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		left := max(0, int(time.Until(expires).Round(time.Second).Seconds()))
		line := fmt.Sprintf("\rWaiting for the sign-in, %02d:%02d left… ", left/60, left%60)
		fmt.Fprint(p.w, line)
		select {
		case <-ticker.C:
		case <-p.stop:
			// A terminal may have printed ^C after the line.
			fmt.Fprint(p.w, "\r"+strings.Repeat(" ", len(line))+"\r")
			return
		}
	}
}

// end stops the countdown and erases it.
func (p *prompt) end() {
	if p.stop != nil {
		close(p.stop)
		p.counting.Wait()
	}
}
