//go:build cgo

package main

import (
	"log/slog"
	"strings"
	"testing"

	flb "github.com/fluent/fluent-bit-go/input"

	"github.com/weirflow/weir/fluentbit/input"
)

func TestGuard(t *testing.T) {
	var lines []string
	log := input.NewLog(func(l slog.Level, s string) {
		if l == slog.LevelError {
			lines = append(lines, s)
		}
	})
	if code := guard(log, "callback", func() int { return flb.FLB_OK }); code != flb.FLB_OK || len(lines) != 0 {
		t.Errorf("code %d, log %q", code, lines)
	}
	code := guard(log, "callback", func() int { panic("our bug") })
	if code != flb.FLB_ERROR {
		t.Errorf("code %d after a panic", code)
	}
	if len(lines) != 1 || !strings.HasPrefix(lines[0], "callback: panic: our bug") || strings.Contains(lines[0], "\n") {
		t.Errorf("log %q", lines)
	}
}

// A callback for an instance that doesn't exist must not crash: Fluent Bit could
// still call while the instance ends.
func TestUnknownInstance(t *testing.T) {
	if _, ok := instances.Get(77); ok {
		t.Fatal("handle 77 exists")
	}
	if code := FLBPluginExit(); code != flb.FLB_OK {
		t.Errorf("exit without an instance: %d", code)
	}
}
