package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/daemon"
	"github.com/weirflow/weir/collector/source"
	"github.com/weirflow/weir/collector/store"
	"github.com/weirflow/weir/shared/flowtest"
)

// What a collector has stored is checked, exported, imported elsewhere, merged and
// erased, by hand.
func TestStoreCommands(t *testing.T) {
	if !store.Built {
		t.Skip("built without the store")
	}
	dir := t.TempDir()
	c := daemon.Default()
	c.Data = filepath.Join(dir, "data")
	c.Listen = source.Listens{{Address: "127.0.0.1:0"}}
	c.API.Listen = "127.0.0.1:0"
	d, err := daemon.Start(c, daemon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	stop := func() {
		if err := d.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}
	defer stop()
	out, err := net.Dial("udp", d.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	m := flowtest.New(1)
	for range 10 {
		if _, err := out.Write(m.V5(30)); err != nil {
			t.Fatal(err)
		}
	}
	for start := time.Now(); d.Stats().Outputs[0].Written < 300 && time.Since(start) < 20*time.Second; {
		time.Sleep(10 * time.Millisecond)
	}
	weir := func(code int, args ...string) string {
		t.Helper()
		var out, errs strings.Builder
		if got := run(t.Context(), args, strings.NewReader(""), &out, &errs); got != code {
			t.Fatalf("weir %q ends with %d:\n%s%s", args, got, out.String(), errs.String())
		}
		return out.String() + errs.String()
	}
	shows := func(text, pattern string) {
		t.Helper()
		if !regexp.MustCompile(pattern).MatchString(text) {
			t.Errorf("no %s in:\n%s", pattern, text)
		}
	}
	shows(weir(exitError, "store", "check", "--data", c.Data), "(stop it first|open already)")
	shows(weir(exitOK, "erase", "127.0.0.1", "--data", c.Data, "--api", d.URL()), "^300 flows erased")
	for range 10 {
		if _, err := out.Write(m.V5(30)); err != nil {
			t.Fatal(err)
		}
	}
	for start := time.Now(); d.Stats().Outputs[0].Written < 600 && time.Since(start) < 20*time.Second; {
		time.Sleep(10 * time.Millisecond)
	}
	stop()

	shows(weir(exitOK, "store", "check", "--data", c.Data), `segments  \d+, .*\nflows     300, 0 of them`)
	file := filepath.Join(dir, "all.parquet")
	shows(weir(exitOK, "store", "export", "--data", c.Data, "--output", file), "300 flows")
	weir(exitError, "store", "export", "--data", c.Data, "--output", file) // it is there
	lines := weir(exitOK, "store", "export", "--data", c.Data, "--format", "jsonl", "proto", "tcp")
	if n := strings.Count(lines, `"proto":6`); n == 0 || n == 300 || n != strings.Count(lines, `"src_addr"`) {
		t.Errorf("%d flows of TCP in %s", n, lines)
	}
	other := filepath.Join(dir, "other")
	shows(weir(exitOK, "store", "import", "--data", other, file), "300 flows")
	shows(weir(exitOK, "store", "compact", "--data", other), `^\d+ segments`)
	shows(weir(exitOK, "store", "check", "--data", other), `flows     300,`)
	shows(weir(exitOK, "erase", "--offline", "--data", other, "127.0.0.1"), "^300 flows erased")
	shows(weir(exitOK, "store", "check", "--data", other), `flows     0,`)
	shows(weir(exitError, "store", "check", "--data", filepath.Join(dir, "nowhere")), "there is no store")
	shows(weir(exitUsage, "erase", "router"), "is no address")
	shows(weir(exitUsage, "store", "export", "--data", c.Data, "--from", "noon"), "is no time")
	if err := os.WriteFile(filepath.Join(dir, "x"), []byte("what is this"), 0o600); err != nil {
		t.Fatal(err)
	}
	shows(weir(exitError, "store", "import", "--data", other, filepath.Join(dir, "x")), "import .*x")
}
