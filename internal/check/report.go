package check

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/azure-csp-exporter/azure_csp_exporter/internal/output"
)

// Report prints a line for each step, and a hint for each failed one.
type Report struct {
	w        io.Writer
	terminal bool
	failed   bool
	// interrupted suppresses the lines that follow an interruption.
	interrupted bool
}

// NewReport returns a report without lines.
func NewReport(w io.Writer) *Report {
	return &Report{w: w, terminal: output.ScreenOf(w).Escapes}
}

// Err returns [ErrFailed] if a step failed.
func (r *Report) Err() error {
	if r.failed {
		return ErrFailed
	}
	return nil
}

// begin shows the current step on a terminal until its line is printed.
func (r *Report) begin(step string) {
	if r.terminal && !r.interrupted {
		fmt.Fprintf(r.w, "...   %s", step)
	}
}

// OK reports a step that succeeded.
func (r *Report) OK(step, text string) { r.line("ok", step, text) }

func (r *Report) note(step, text string) { r.line("note", step, text) }

// Fail reports a failed step with the hint of its error, or that the context ended
// it.
func (r *Report) Fail(ctx context.Context, step string, err error) {
	if ctx.Err() != nil {
		r.failed = true
		r.line("stop", step, "interrupted")
		r.interrupted = true
		return
	}
	hint := ""
	var hinter interface{ Hint() string }
	if errors.As(err, &hinter) {
		hint = hinter.Hint()
	}
	r.fail(step, err.Error(), hint)
}

// fail reports a failed step with a hint, unless that is "".
func (r *Report) fail(step, text, hint string) {
	r.failed = true
	r.line("FAIL", step, text)
	if hint != "" {
		r.line("", "", "hint: "+hint)
	}
}

// FailFiles reports that the files cannot be used, so that no other step is possible.
// It returns [ErrFailed].
func (r *Report) FailFiles(ctx context.Context, err error) error {
	r.Fail(ctx, "files", err)
	r.skip("token", "clock", "mfa", "customers", "role", "usage", "budgets", "throttle")
	return ErrFailed
}

func (r *Report) skip(steps ...string) {
	for _, step := range steps {
		r.line("skip", step, "skipped because of the failure above")
	}
}

func (r *Report) line(state, step, text string) {
	if r.interrupted {
		return
	}
	if r.terminal {
		fmt.Fprint(r.w, "\r\x1b[K") // The step that begin showed.
	}
	fmt.Fprintf(r.w, "%-4s  %-9s  %s\n", state, step, text)
}
