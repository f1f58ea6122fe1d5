package input

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

// A full ring is reported, but not at every call.
func TestLossReport(t *testing.T) {
	var lines []string
	x := start(t, map[string]string{})
	x.log = NewLog(func(l slog.Level, s string) {
		if l == slog.LevelWarn {
			lines = append(lines, s)
		}
	})
	x.ring = newRing(1000, 1000, 100)
	put(x.ring, 0, 237)
	now := time.Now()
	for i := range 5 {
		x.report(now.Add(time.Duration(i) * time.Second))
	}
	if len(lines) != 1 || !strings.Contains(lines[0], "events=140") {
		t.Fatalf("reports: %q", lines)
	}
	put(x.ring, 237, 50)
	x.report(now.Add(5 * time.Second))
	if len(lines) != 1 {
		t.Errorf("reported again after 5 s: %q", lines)
	}
	x.report(now.Add(11 * time.Second))
	if len(lines) != 2 || !strings.Contains(lines[1], "events=50") {
		t.Errorf("reports: %q", lines)
	}
}
