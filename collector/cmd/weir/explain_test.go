package main

import (
	"context"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// titles returns the lines of an output that begin a datagram.
func titles(out string) (all []string) {
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "#") {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all
}

func TestExplain(t *testing.T) {
	in := capture(t, "pcap/v9/pmacctd.pcap")
	f := func(n int, args ...string) string {
		t.Helper()
		out, errs, code := weir(t, in, append([]string{"explain", "-"}, args...)...)
		if code != exitOK || errs != "" || len(titles(out)) != n {
			t.Errorf("%q: exit code %d, %d datagrams, want %d; stderr %q", args, code, len(titles(out)), n, errs)
		}
		return out
	}
	all := f(8)
	if !strings.HasPrefix(all, "#1  127.0.0.1:40000 → 127.0.0.1:2055  2026-11-02T10:00:55.000Z\nNetFlow v9, 508 octets, 4 templates, 3 flows\n") {
		t.Errorf("begins %.200q", all)
	}
	if !strings.Contains(all, "\n0004  00 37 c5 58                sysUpTime                        3655000 ms: booted 2026-11-02T09:00:00Z\n") {
		t.Error("no uptime")
	}
	if strings.ContainsRune(all, '\x1b') {
		t.Error("colours on what is no terminal")
	}
	if got := titles(f(2, "--packet", "2-3")); len(got) == 2 && (!strings.HasPrefix(got[0], "#2 ") || !strings.HasPrefix(got[1], "#3 ")) {
		t.Errorf("packets %q", got)
	}
	f(1, "--packet", "3")
	f(1, "--limit", "1")
	f(8, "--exporter", "127.0.0.1")
	f(0, "--exporter", "127.0.0.2")
	f(0, "--faults")
	if out, _, _ := weir(t, in, "explain", "--limit", "1", "--color", "always", "-"); !strings.Contains(out, "\x1b[") {
		t.Error("no colours")
	}
	if out := f(1, "--packet", "2", "--records", "1"); !strings.Contains(out, "… 5 records more") {
		t.Error("more than one record")
	}
	out, _, code := weir(t, in, "explain", "--format", "json", "-")
	objects := objects(t, out)
	if code != exitOK || len(objects) != 8 || objects[0]["protocol"] != "NetFlow v9" || objects[0]["to"] != "127.0.0.1:2055" || objects[0]["root"] == nil {
		t.Errorf("json: exit code %d, %d objects, %v", code, len(objects), objects[0])
	}
}

// Templates of one file are known in the next, and those that come later explain
// data before them, which are a fault.
func TestExplainFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, digits string) string {
		d, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, d, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tmpl := file("template", "000a001c6ae85f5700000000000000070002000c0100000100080004")
	data := file("data", "000a00186ae85f570000000000000007"+"01000008c0000209")
	for _, c := range []struct{ first, second, want string }{
		{tmpl, data, ""},
		{data, tmpl, "template 256 comes later, 1 datagram further on"},
	} {
		out, errs, code := weir(t, nil, "explain", c.first, c.second)
		if code != exitOK || errs != "" || !strings.Contains(out, "0014  c0 00 02 09                  sourceIPv4Address              192.0.2.9 ") ||
			!strings.Contains(out, c.want) || (c.want != "") != strings.Contains(out, "FAULT") {
			t.Errorf("exit code %d, stderr %q:\n%s", code, errs, out)
		}
	}
	out, errs, code := weir(t, nil, "explain", filepath.Join(dir, "none"), data)
	if code != exitError || strings.Count(errs, "\n") != 1 || len(titles(out)) != 1 {
		t.Errorf("exit code %d, stderr %q", code, errs)
	}
}

func TestExplainHex(t *testing.T) {
	out, errs, code := weir(t, []byte("000a 001c 6ae8 5f57 0000 0002 0000 0007\n0002 000c 0100 0001 0008 0004\n"), "explain", "--hex", "-")
	if code != exitOK || errs != "" || !strings.Contains(out, "IPFIX, 28 octets, 1 template\n") {
		t.Errorf("exit code %d, stderr %q:\n%s", code, errs, out)
	}
	if _, errs, code := weir(t, []byte("nothing"), "explain", "--hex", "-"); code != exitError || !strings.Contains(errs, "no hexadecimal digits") {
		t.Errorf("exit code %d, stderr %q", code, errs)
	}
}

func TestExplainUsage(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		out, errs, code := weir(t, nil, append([]string{"explain"}, args...)...)
		if code != exitUsage || !strings.Contains(errs, want) || out != "" {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; want %d and %q", args, code, out, errs, exitUsage, want)
		}
	}
	f("explain what? Name a capture")
	f("--listen takes no FILE", "--listen", ":0", "x")
	f(`no format "xml"`, "--format", "xml", "x")
	f(`"red" is none of auto, always, never`, "--color", "red", "x")
	f(`"-3" is none of auto, all, or a number`, "--records", "-3", "x")
	f(`"3-2" is neither N nor N-M`, "--packet", "3-2", "x")
	f(`"x" is neither N nor N-M`, "--packet", "x", "x")
	f(`"router" is no address`, "--exporter", "router", "x")
	f("--limit: -1 is below 0", "--limit", "-1", "x")
	f("write host:port", "--listen", "nowhere")
}

func TestExplainListen(t *testing.T) {
	s := &session{done: make(chan int, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() {
		s.done <- run(ctx, []string{"explain", "--listen", "127.0.0.1:0", "--limit", "2"}, nil, &s.stdout, &s.stderr)
	}()
	c, err := net.Dial("udp", s.addr(t).String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	send := func(digits string) {
		d, _ := hex.DecodeString(digits)
		if _, err := c.Write(d); err != nil {
			t.Fatal(err)
		}
	}
	send("000a001c6ae85f5700000000000000070002000c0100000100080004")
	until(t, "the first datagram", func() bool { return strings.Contains(s.stdout.String(), "template 256") })
	send("000a00186ae85f570000000000000007" + "01000008c0000209")
	if code := s.wait(t); code != exitOK || !strings.Contains(s.stdout.String(), "192.0.2.9") {
		t.Errorf("exit code %d:\n%s%s", code, s.stdout.String(), s.stderr.String())
	}
}
