package cli

import (
	"io"
	"log/slog"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	sloggokit "github.com/tjhop/slog-gokit"
)

// logFlags say what is logged, and how.
type logFlags struct{ level, format string }

func newLogFlags(to flagger) *logFlags {
	f := &logFlags{}
	define(to, "log.level", "Least severity that is logged: debug, info, warn or error.", &f.level,
		oneOf("debug", "info", "warn", "error")).Default("info")
	define(to, "log.format", "Format of the log: logfmt or json.", &f.format,
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

// slogger hands the logger to libraries that want slog. The logger filters by
// level itself.
func slogger(logger log.Logger) *slog.Logger {
	all := &slog.LevelVar{}
	all.Set(slog.LevelDebug)
	return slog.New(sloggokit.NewGoKitHandler(logger, all))
}
