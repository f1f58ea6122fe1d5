package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// web tells whether an expected record is one that the filter "dst port 443 and
// proto tcp" lets through.
func web(r map[string]any) bool {
	return r["destinationTransportPort"] == json.Number("443") && r["protocolIdentifier"] == json.Number("6")
}

// The records that pass are those that another decoder says, with the places
// they have without a filter, in each format.
func TestDecodeFilter(t *testing.T) {
	in := capture(t, "same/same.pcap")
	all, _, _ := weir(t, in, "decode", "--meta", "-")
	var want []string
	for _, line := range strings.Split(strings.TrimSpace(all), "\n") {
		if r := objects(t, line)[0]; r["kind"] == "flow" && web(r) {
			want = append(want, line)
		}
	}
	n := 0
	for _, r := range objects(t, string(capture(t, "same/same.jsonl"))) {
		if web(r) {
			n++
		}
	}
	if n == 0 || n != len(want) {
		t.Fatalf("%d records to let through, want %d", len(want), n)
	}
	const filter = "dst port 443 and proto tcp"
	got, errs, code := weir(t, in, "decode", "--meta", "--filter", filter, "-")
	if code != exitOK || errs != "" || !slices.Equal(strings.Split(strings.TrimSpace(got), "\n"), want) {
		t.Errorf("exit code %d, stderr %q, got\n%s\nwant\n%s", code, errs, got, strings.Join(want, "\n"))
	}
	got, _, _ = weir(t, in, "decode", "--format", "table", "--filter", filter, "-")
	if lines := strings.Count(got, "\n"); lines != 1+n {
		t.Errorf("table: %d lines, want a title and %d", lines, n)
	}
	one, _, _ := weir(t, in, "decode", "--format", "msgpack", "--filter", filter, "-")
	rest, _, _ := weir(t, in, "decode", "--format", "msgpack", "--filter", "not ("+filter+")", "-")
	whole, _, _ := weir(t, in, "decode", "--format", "msgpack", "-")
	if len(one) == 0 || len(rest) == 0 || len(one)+len(rest) != len(whole) {
		t.Errorf("msgpack: %d and %d octets, want %d together", len(one), len(rest), len(whole))
	}
}

func TestListenFilter(t *testing.T) {
	n := 0
	for _, r := range objects(t, string(capture(t, "pcap/v5/pmacctd.jsonl"))) {
		if web(r) {
			n++
		}
	}
	s := start(t, "--filter", "dst port 443 and proto tcp", "--count", fmt.Sprint(n), "127.0.0.1:0")
	replay(t, s.addr(t), "pcap/v5/pmacctd.pcap")
	if code := s.wait(t); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if lines := strings.Count(s.stdout.String(), "\n"); lines != 1+n {
		t.Errorf("%d lines, want a title and %d:\n%s", lines, n, s.stdout.String())
	}
	if !strings.Contains(s.stderr.String(), fmt.Sprintf("matched    %d\n", n)) {
		t.Errorf("summary:\n%s", s.stderr.String())
	}
}

func TestFilterErrors(t *testing.T) {
	const want = `weir: --filter: column 14: "prot" is no field: did you mean "proto"?
port 443 and prot tcp
             ^^^^
`
	for cmd, arg := range map[string]string{"decode": "-", "listen": "127.0.0.1:0"} {
		_, errs, code := weir(t, nil, cmd, "--filter", "port 443 and prot tcp", arg)
		if code != exitUsage || errs != want {
			t.Errorf("%s: exit code %d, got\n%s\nwant\n%s", cmd, code, errs, want)
		}
	}
	out, _, code := weir(t, nil, "help", "filter")
	if code != exitOK || !strings.Contains(out, "src net 10.0.0.0/8") {
		t.Errorf("help filter: exit code %d, %s", code, out)
	}
}
