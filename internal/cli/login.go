package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/azure-csp-exporter/azure_csp_exporter/client"
)

var (
	errSignInFailed  = errors.New("the sign-in failed, and the refresh token file is unchanged")
	errSignInGivenUp = errors.New("the sign-in was given up, and the refresh token file is unchanged")
)

// loginCommand gets a refresh token.
type loginCommand struct{ partner partnerFlags }

func newLogin(to flagger) *loginCommand {
	l := &loginCommand{}
	l.partner.define(to)
	return l
}

func (l *loginCommand) run(ctx context.Context, env *environment) error {
	cfg := l.partner.uncheckedConfig()
	cfg.Logger = env.logger
	report := &report{w: env.stdout}
	if err := signIn(ctx, cfg, env.stdout); err != nil {
		return signInFailure(ctx, err, report)
	}
	report.ok("sign-in", "the refresh token is stored in "+cfg.RefreshTokenFile)
	return examine(ctx, cfg, report)
}

func signIn(ctx context.Context, cfg client.Config, stdout io.Writer) error {
	p := &prompt{w: stdout, terminal: isTerminal(stdout)}
	defer p.end()
	return client.SignIn(ctx, cfg, p.show)
}

// signInFailure reports what the authority has to say, and leaves to the caller
// what is not the authority's.
func signInFailure(ctx context.Context, err error, report *report) error {
	if ctx.Err() != nil {
		return errSignInGivenUp
	}
	if _, ok := errors.AsType[*client.Error](err); !ok {
		return flagError(err)
	}
	report.fail("sign-in", err)
	return errSignInFailed
}

// prompt tells the user what to do, and how long there is time for it.
type prompt struct {
	w        io.Writer
	terminal bool // so that a line can be written over
	stop     chan struct{}
	counting sync.WaitGroup
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

func (p *prompt) show(code client.DeviceCode) {
	minutes := max(1, int(time.Until(code.Expires).Round(time.Minute).Minutes()))
	fmt.Fprintf(p.w, "Open %s and enter the code %s\n", code.VerificationURL, code.UserCode)
	fmt.Fprintf(p.w, "Sign in there as the partner user, with MFA. The code expires in %d min; Ctrl-C gives up.\n", minutes)
	if !p.terminal {
		fmt.Fprintln(p.w, "Waiting for the sign-in…")
		return
	}
	p.stop = make(chan struct{})
	p.counting.Go(func() { p.count(code.Expires) })
}

// count writes the time that is left over itself, until it is stopped.
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
			// A terminal may have put ^C after the line.
			fmt.Fprint(p.w, "\r"+strings.Repeat(" ", len(line))+"\r")
			return
		}
	}
}

// end wipes the time off, if it was shown.
func (p *prompt) end() {
	if p.stop != nil {
		close(p.stop)
		p.counting.Wait()
	}
}
