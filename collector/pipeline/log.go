package pipeline

import (
	"log/slog"
	"sync"
	"time"
)

// logEvery is how often a message of one kind is logged.
const logEvery = 10 * time.Second

// A limitedLog logs what may happen for every packet: a message at once, and
// then at most one of its kind in logEvery, which tells how many were left out.
type limitedLog struct {
	log  *slog.Logger
	mu   sync.Mutex
	seen map[string]*seen
}

type seen struct {
	last   time.Time
	hidden int
}

// due tells whether a message of this kind is to be logged now.
func (l *limitedLog) due(msg string) (hidden int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.seen[msg]
	if s == nil {
		if l.seen == nil {
			l.seen = map[string]*seen{}
		}
		s = new(seen)
		l.seen[msg] = s
	}
	if now := time.Now(); now.Sub(s.last) >= logEvery {
		hidden, s.hidden, s.last = s.hidden, 0, now
		return hidden, true
	}
	s.hidden++
	return 0, false
}

func (l *limitedLog) warn(msg, err string) {
	if hidden, ok := l.due(msg); ok {
		l.log.Warn(msg, "error", err, "more_like_it", hidden)
	}
}

func (l *limitedLog) error(msg, err, stack string) {
	if hidden, ok := l.due(msg); ok {
		l.log.Error(msg, "error", err, "more_like_it", hidden, "stack", stack)
	}
}
