package host

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"time"
)

const (
	maxLine = 4 << 10 // octets of a line; the rest of it is dropped
	maxRate = 20      // lines a second; further ones are counted
)

// lines is a writer that logs what a process writes, line by line, and not more
// than is good for the log. Any goroutine may use it.
type lines struct {
	log    *slog.Logger
	stream string

	mu     sync.Mutex
	part   []byte
	second int64
	count  int
	held   int // lines dropped in this second
}

func newLines(log *slog.Logger, stream string) *lines { return &lines{log: log, stream: stream} }

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(p)
	for {
		line, rest, ok := bytes.Cut(p, []byte{'\n'})
		l.part = append(l.part, line[:min(len(line), maxLine-len(l.part))]...)
		if !ok {
			return n, nil
		}
		l.emit()
		p = rest
	}
}

// flush logs what has no end of line yet.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.emit()
	l.suppressed()
}

func (l *lines) emit() {
	text := strings.ToValidUTF8(strings.TrimRight(string(l.part), " \t\r"), "?")
	l.part = l.part[:0]
	if text == "" {
		return
	}
	if now := time.Now().Unix(); now != l.second {
		l.suppressed()
		l.second, l.count = now, 0
	}
	if l.count++; l.count > maxRate {
		l.held++
		return
	}
	l.log.Info("detector says", "stream", l.stream, "line", text)
}

func (l *lines) suppressed() {
	if l.held > 0 {
		l.log.Warn("detector says too much", "stream", l.stream, "lines", l.held)
		l.held = 0
	}
}
