package modinput

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMaxKBps(t *testing.T) {
	home := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(home, "etc", path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	is := func(want int) {
		t.Helper()
		if got := maxKBps(home); got != want {
			t.Errorf("maxKBps is %d, want %d", got, want)
		}
	}
	write("system/default/limits.conf", "[thruput]\nmaxKBps = 0\n")
	write("apps/other/local/limits.conf", "[thruput]\nmaxKBps = 7\n")
	is(0) // no universal forwarder
	write("apps/SplunkUniversalForwarder/default/limits.conf", "# a comment\n[search]\nmaxKBps = 1\n[thruput]\nmaxKBps = 256\n")
	is(7)
	write("apps/other/local/limits.conf", "[thruput]\nmaxKBps = many\n")
	is(256)
	write("apps/zz/local/limits.conf", "[thruput]\nmaxKBps=1024")
	is(1024)
	write("system/local/limits.conf", "[thruput]\n maxKBps = 0\n")
	is(0)
	if maxKBps("") != 0 {
		t.Error("a limit of no Splunk")
	}
}

func TestTooFast(t *testing.T) {
	f := func(limit int, events uint64, format Format, output Output, want bool) {
		t.Helper()
		var logs console
		cfg := Default()
		cfg.Format, cfg.Output = format, output
		r := reporter{cfg: &cfg, log: NewLogger(&logs, slog.LevelInfo), limit: limit}
		r.tooFast(events, time.Minute)
		if got := strings.Contains(logs.String(), "maxKBps = 0"); got != want {
			t.Errorf("%d events a minute, limit %d: %q", events, limit, logs.String())
		}
	}
	f(256, 60*2000, PSV, Stdout, false)
	f(256, 60*2600, PSV, Stdout, true)
	f(256, 60*1000, JSON, Stdout, true)
	f(256, 60*9000, PSV, HEC, false)
	f(0, 60*90000, PSV, Stdout, false)
	f(1024, 60*2600, PSV, Stdout, false)
}
