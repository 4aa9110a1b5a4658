package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-kit/log/level"
)

// notifyHangups returns a channel of the signals that ask the exporter to read its files
// again, and a function that restores what the signals did before. SIGPIPE is ignored
// meanwhile: a log without a reader is no reason to end.
func notifyHangups() (hangups <-chan os.Signal, restore func()) {
	notified, ignored := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(notified, syscall.SIGHUP)
	signal.Notify(ignored, syscall.SIGPIPE)
	return notified, func() {
		signal.Stop(notified)
		signal.Stop(ignored)
	}
}

// reloadAt checks the files and reloads at each signal, until the context is done. With
// a file that cannot be used it reloads too, since the others may have changed.
func (f *exporterFlags) reloadAt(ctx context.Context, signals <-chan os.Signal, env *environment, checkFiles func() error, reload func()) {
	for {
		select {
		case <-signals:
		case <-ctx.Done():
			return
		}
		_ = level.Info(env.logger).Log("msg", "reading the files again and refreshing")
		if err := errors.Join(flagError(checkFiles()), f.checkWebConfig()); err != nil {
			_ = level.Error(env.logger).Log("msg", "a file cannot be used", "err", err)
		}
		reload()
	}
}
