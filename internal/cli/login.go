package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// signIn shows the device code and, on a terminal, the time left to enter it.
func signIn(ctx context.Context, cfg client.Config, stdout io.Writer) error {
	var left *output.Countdown
	defer func() { left.Stop() }()
	return client.SignIn(ctx, cfg, func(code client.DeviceCode) {
		const waiting = "Waiting for the sign-in"
		minutes := max(1, int(time.Until(code.Expires).Round(time.Minute).Minutes()))
		fmt.Fprintf(stdout, "Open %s and enter the code %s\n", code.VerificationURL, code.UserCode)
		fmt.Fprintf(stdout, "Sign in there as the partner user, with MFA. The code expires in %d min; press Ctrl-C to cancel.\n", minutes)
		if output.ScreenOf(stdout).Escapes {
			left = output.StartCountdown(stdout, waiting, code.Expires)
		} else {
			fmt.Fprintln(stdout, waiting+"…")
		}
	})
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
