package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConfig(t *testing.T) {
	dir := t.TempDir()
	f := func(text string, code int, out, errText string) {
		t.Helper()
		path := filepath.Join(dir, "weir.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, stderr, c := weir(t, nil, "config", "check", path)
		if c != code || got != strings.ReplaceAll(out, "FILE", path) || !strings.Contains(stderr, errText) {
			t.Errorf("%q: exit %d, %q, %q; want %d, %q, %q", text, c, got, stderr, code, out, errText)
		}
	}
	example, _, code := weir(t, nil, "config", "example")
	if code != 0 {
		t.Fatalf("exit %d", code)
	}
	f(example, 0, "FILE: ok\n", "")
	f("listen: [':2055']\nsauce: {}", 1, "", `line 2: unknown key "sauce": did you mean "source"?`)
	f("elements: [/nowhere/9-none.csv]", 1, "", "no such file")
	f("enrich: {files: {networks: [/nowhere/networks.csv]}}", 1, "", "enrich: ")
	f("pipeline: {batch: 0}", 1, "", "weir.yaml: pipeline: batch is 0: write a number")
	f("{}", 0, "FILE: ok\n", "") // run has a data directory of its own
	schema, _, code := weir(t, nil, "config", "schema")
	if code != 0 || !json.Valid([]byte(schema)) {
		t.Errorf("exit %d, %s", code, schema)
	}
	if _, stderr, code := weir(t, nil, "config", "check"); code != exitUsage || !strings.Contains(stderr, "which file") {
		t.Errorf("exit %d, %q", code, stderr)
	}
}
