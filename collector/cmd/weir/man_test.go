package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every command has a page, with its flags and its examples.
func TestMan(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1790000000")
	dir := filepath.Join(t.TempDir(), "man1")
	if _, stderr, code := weir(t, nil, "man", dir); code != exitOK {
		t.Fatalf("exit %d, %s", code, stderr)
	}
	read := func(name string) string {
		t.Helper()
		d, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(d)
	}
	has := func(name string, lines ...string) {
		t.Helper()
		page := read(name)
		for _, l := range lines {
			if !strings.Contains(page, l) {
				t.Errorf("%s: %q is not in\n%s", name, l, page)
			}
		}
	}
	has("weir.1", `.TH "WEIR" 1 "2026-09-21" "weir `, ".SH NAME\nweir \\- ", ".BR weir\\-decode (1)\n", ".SH EXIT STATUS")
	has("weir-listen.1", ".SH SYNOPSIS\n.B weir listen [flags]", ".TP\n.B \\-\\-count N\nstop after N flows\n", ".SH EXAMPLES\n.PP\n.nf\n  weir listen \\-\\-demo\n", ".SH OPTIONS OF ALL COMMANDS\n.TP\n.B \\-\\-elements CSV", "(default table)", ".SH SEE ALSO\n.BR weir (1)")
	has("weir-config-check.1", ".BR weir\\-config (1)")
	has("weir-filter.1", ".SH DESCRIPTION")
	n := 0
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		n++
		for line := range strings.Lines(read(pageName(c) + ".1")) {
			if strings.HasPrefix(line, "'") || strings.HasPrefix(line, "\\") && !strings.HasPrefix(line, `\-`) && !strings.HasPrefix(line, `\&`) && !strings.HasPrefix(line, `\e`) {
				t.Errorf("%s: a line that roff would take for a request: %q", c.CommandPath(), line)
			}
		}
		for _, x := range shown(c) {
			walk(x)
		}
	}
	walk(newRoot())
	if files, _ := os.ReadDir(dir); len(files) != n {
		t.Errorf("%d pages, want %d", len(files), n)
	}
	if _, stderr, code := weir(t, nil, "man"); code != exitUsage || !strings.Contains(stderr, "weir man DIR") {
		t.Errorf("exit %d, %q", code, stderr)
	}
}

func TestRoff(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := roff(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	f(`a-b`, `a\-b`)
	f(`\n`, `\en`)
	f(".PP", `\&.PP`)
	f("'tis", `\&'tis`)
	f("  .x", "  .x")
}
