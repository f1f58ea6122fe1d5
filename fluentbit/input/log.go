package input

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
)

// NewLog returns a logger that gives each record to emit as one line without
// time and level, which Fluent Bit writes itself. emit is called by one
// goroutine at a time.
func NewLog(emit func(level slog.Level, line string)) *slog.Logger {
	out := &lines{emit: emit}
	text := slog.NewTextHandler(&out.buf, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
				return slog.Attr{}
			}
			return a
		},
	})
	return slog.New(lineHandler{text, out})
}

// lines is what a logger and those derived from it share.
type lines struct {
	mu   sync.Mutex
	buf  bytes.Buffer // of the text handler
	emit func(slog.Level, string)
}

// A lineHandler lets a text handler write the attributes behind the message.
type lineHandler struct {
	slog.Handler
	out *lines
}

func (h lineHandler) Handle(ctx context.Context, r slog.Record) error {
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	h.out.buf.Reset()
	if err := h.Handler.Handle(ctx, r); err != nil {
		return err
	}
	line := strings.ReplaceAll(r.Message, "\n", " ")
	if attrs := strings.TrimSpace(h.out.buf.String()); attrs != "" {
		line += ": " + attrs
	}
	h.out.emit(r.Level, line)
	return nil
}

func (h lineHandler) WithAttrs(as []slog.Attr) slog.Handler {
	return lineHandler{h.Handler.WithAttrs(as), h.out}
}

func (h lineHandler) WithGroup(name string) slog.Handler {
	return lineHandler{h.Handler.WithGroup(name), h.out}
}
