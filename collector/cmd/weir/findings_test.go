package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/daemon"
	"github.com/weirflow/weir/collector/source"
)

// Findings are added, listed, kept over a restart, and erased with an address.
func TestFindingsCommands(t *testing.T) {
	c := daemon.Default()
	c.Data, c.Store.Off = t.TempDir(), true
	c.Listen = source.Listens{{Address: "127.0.0.1:0"}}
	c.API.Listen = "127.0.0.1:0"
	begin := func() *daemon.Daemon {
		t.Helper()
		d, err := daemon.Start(c, daemon.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := begin()
	f := func(code int, stdin, want string, args ...string) string {
		t.Helper()
		args = append(args, "--api", d.URL(), "--data", c.Data)
		out, errs, got := weir(t, []byte(stdin), args...)
		if got != code || !strings.Contains(out+errs, want) {
			t.Errorf("weir %q: exit %d, %s%s, want %q", args, got, out, errs, want)
		}
		return out
	}
	minute := time.Now().UTC().Truncate(time.Minute)
	finding := func(key, severity string, at time.Time) string {
		return fmt.Sprintf(`{"detector": "scan", "class": "scan.horizontal", "severity": %q, "confidence": 1, "coverage": 1,
			"start": %q, "end": %q, "key": %q, "explanation": "%s scans"}`, severity, at.Format(time.RFC3339), at.Add(time.Minute).Format(time.RFC3339), key, key)
	}
	f(exitOK, "", "there are no such findings", "findings")
	file := filepath.Join(t.TempDir(), "found.jsonl")
	old := finding("10.0.0.3", "low", minute.Add(-48*time.Hour))
	if err := os.WriteFile(file, []byte(finding("10.0.0.1", "high", minute)+"\n["+finding("10.0.0.2", "low", minute)+","+old+"]"), 0o600); err != nil {
		t.Fatal(err)
	}
	ids := f(exitOK, "", "", "findings", "add", file)
	if again := f(exitOK, old, "", "findings", "add", "-"); strings.Count(ids, "\n") != 3 || !strings.HasSuffix(ids, again) {
		t.Errorf("ids are %s, then %s", ids, again)
	}
	f(exitError, `{"class": 7}`, "findings 1 to 1: the body is no finding", "findings", "add", "-")
	f(exitError, `{`, "read the findings: unexpected EOF", "findings", "add", "-")
	f(exitError, "", "no such file", "findings", "add", filepath.Join(c.Data, "nothing"))
	f(exitOK, "", "", "findings", "add", os.DevNull)

	if err := d.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	d = begin()
	defer func() { d.Stop(t.Context()) }()
	if out := f(exitOK, "", "10.0.0.1 scans", "findings"); strings.Count(out, "\n") != 4 || !strings.HasPrefix(out, "WINDOW (UTC)") {
		t.Error(out)
	}
	f(exitOK, "", "and 2 more: --limit 3 shows them", "findings", "--limit", "1")
	if out := f(exitOK, "", "10.0.0.1 scans", "findings", "--severity", "medium"); strings.Contains(out, "10.0.0.2") {
		t.Error(out)
	}
	if out := f(exitOK, "", "10.0.0.2 scans", "findings", "--from", minute.Format(time.RFC3339)); strings.Contains(out, "10.0.0.3") {
		t.Error(out)
	}
	f(exitOK, "", `"more": 0`, "findings", "--format", "json", "--class", "scan.", "--detector", "scan")
	f(exitUsage, "", `no severity "bad": it is one of info,`, "findings", "--severity", "bad")
	f(exitUsage, "", `no format "xml": it is one of`, "findings", "--format", "xml")
	f(exitError, "", `from is "soon"`, "findings", "--from", "soon")
	f(exitOK, "", "0 flows erased, from 0 segments; 0 sums changed, 1 findings erased", "erase", "10.0.0.1")
	if out := f(exitOK, "", "10.0.0.2 scans", "findings"); strings.Contains(out, "10.0.0.1") {
		t.Error(out)
	}
}

// What is more than a body holds goes in several.
func TestAddManyFindings(t *testing.T) {
	c := daemon.Default()
	c.Data, c.Store.Off = t.TempDir(), true
	c.Listen = source.Listens{{Address: "127.0.0.1:0"}}
	c.API.Listen = "127.0.0.1:0"
	d, err := daemon.Start(c, daemon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Stop(t.Context())
	var in strings.Builder
	for i := range 2500 {
		fmt.Fprintf(&in, `{"class": "scan", "severity": "low", "start": "%[1]s", "end": "%[2]s", "key": "k%[3]d", "explanation": "%[4]s"}`,
			time.Now().UTC().Format(time.DateOnly)+"T00:00:00Z", time.Now().UTC().Format(time.DateOnly)+"T00:01:00Z", i, strings.Repeat("a", 1000))
	}
	out, errs, code := weir(t, []byte(in.String()), "findings", "add", "-", "--api", d.URL(), "--data", c.Data)
	if code != exitOK || strings.Count(out, "\n") != 2500 {
		t.Errorf("exit %d, %d ids, %s", code, strings.Count(out, "\n"), errs)
	}
}
