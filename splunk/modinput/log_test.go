package modinput

import (
	"bytes"
	"log/slog"
	"testing"
	"time"
)

func TestLog(t *testing.T) {
	var out bytes.Buffer
	log := NewLogger(&out, slog.LevelInfo)
	f := func(want string) {
		t.Helper()
		if got := out.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		out.Reset()
	}
	log.Debug("nobody asked")
	f("")
	log.Info("listening", "address", "127.0.0.1:2055", "n", 3, "for", time.Second)
	f("INFO listening address=127.0.0.1:2055 n=3 for=1s\n")
	log.Warn("two\nlines", "why", "a b\nERROR c", "empty", "")
	f("WARN two lines why=\"a b\\nERROR c\" empty=\"\"\n")
	log.Error("x", slog.Group("g", "a", 1, "b", "="))
	f("ERROR x g.a=1 g.b=\"=\"\n")
	log.With("k", "v").WithGroup("g").With("a", 1).Info("x", "b", 2)
	f("INFO x k=v g.a=1 g.b=2\n")
}
