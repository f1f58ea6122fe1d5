package plugin

import (
	"context"
	"log/slog"
	"slices"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
)

// logHandler hands what the collector's packages log to Grafana.
type logHandler struct{ to log.Logger }

func (h logHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h logHandler) Handle(_ context.Context, r slog.Record) error {
	var args []any
	r.Attrs(func(a slog.Attr) bool {
		args = append(args, a.Key, a.Value.Any())
		return true
	})
	switch {
	case r.Level >= slog.LevelError:
		h.to.Error(r.Message, args...)
	case r.Level >= slog.LevelWarn:
		h.to.Warn(r.Message, args...)
	case r.Level >= slog.LevelInfo:
		h.to.Info(r.Message, args...)
	default:
		h.to.Debug(r.Message, args...)
	}
	return nil
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var args []any
	for _, a := range attrs {
		args = append(args, a.Key, a.Value.Any())
	}
	return logHandler{h.to.With(slices.Clip(args)...)}
}

// WithGroup is not used by what logs here.
func (h logHandler) WithGroup(string) slog.Handler { return h }
