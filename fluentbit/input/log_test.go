package input

import (
	"errors"
	"log/slog"
	"testing"
)

func TestLog(t *testing.T) {
	var level slog.Level
	var line string
	log := NewLog(func(l slog.Level, s string) { level, line = l, s })
	f := func(wantLevel slog.Level, want string) {
		t.Helper()
		if level != wantLevel || line != want {
			t.Errorf("%v %q, want %v %q", level, line, wantLevel, want)
		}
	}
	log.Info("listening")
	f(slog.LevelInfo, "listening")
	log.With("port", 2055).Warn("dropped", "events", 7, "error", errors.New("no room"))
	f(slog.LevelWarn, `dropped: port=2055 events=7 error="no room"`)
	log.Debug("two\nlines", "a", "b\nc")
	f(slog.LevelDebug, `two lines: a="b\nc"`)
}
