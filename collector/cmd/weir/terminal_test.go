package main

import (
	"bytes"
	"encoding/json"
	"testing"
)

// What exporters call things is no command to the terminal.
func TestTerminal(t *testing.T) {
	const evil = "\x1b[31m\u009b2J\u202eé日\n"
	if got := printable(evil); got != "\ufffd[31m\ufffd2J\ufffdé日\ufffd" {
		t.Errorf("%q", got)
	}
	var out bytes.Buffer
	if err := printJSON(&out, []string{evil, "😀<"}); err != nil {
		t.Fatal(err)
	}
	if want := "[\n  \"\\u001b[31m\\u009b2J\\u202eé日\\n\",\n  \"😀\\u003c\"\n]\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	var back []string
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back[0] != evil {
		t.Errorf("%q, %v", back, err)
	}
}
