package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/testdata"
)

// weir runs a command line.
func weir(t *testing.T, stdin []byte, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, bytes.NewReader(stdin), &out, &errs)
	return out.String(), errs.String(), code
}

func capture(t *testing.T, path string) []byte {
	t.Helper()
	b, err := testdata.FS.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func objects(t *testing.T, lines string) (all []map[string]any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(lines))
	d.UseNumber()
	for d.More() {
		var m map[string]any
		if err := d.Decode(&m); err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// The values are those that every host gives: SEMANTICS, Names.
func TestDecodeSame(t *testing.T) {
	out, errs, code := weir(t, capture(t, "same/same.pcap"), "decode", "--meta", "-")
	if code != exitOK || errs != "" {
		t.Fatalf("exit code %d, stderr %q", code, errs)
	}
	var got []map[string]any
	options := 0
	for _, r := range objects(t, out) {
		switch r["kind"] {
		case "flow":
			got = append(got, r)
		case "options":
			options++
		default:
			t.Fatalf("record of kind %v", r["kind"])
		}
	}
	if options == 0 {
		t.Error("no options record was printed")
	}
	want := objects(t, string(capture(t, "same/same.jsonl")))
	if len(got) != len(want) {
		t.Fatalf("got %d flows, want %d", len(got), len(want))
	}
	for i := range want {
		for k, v := range want[i] {
			if !reflect.DeepEqual(got[i][k], v) {
				t.Errorf("flow %d: %s is %v, want %v", i+1, k, got[i][k], v)
			}
		}
	}
}

func TestDecodeMeta(t *testing.T) {
	in := capture(t, "same/same.pcap")
	for _, profile := range []string{"ipfix", "ecs", "flat"} {
		out, _, code := weir(t, in, "decode", "--meta", "--profile", profile, "-")
		if code != exitOK {
			t.Fatalf("%s: exit code %d", profile, code)
		}
		for i, line := range strings.Split(strings.TrimSpace(out), "\n") {
			if k := duplicate(t, line); k != "" {
				t.Fatalf("%s: line %d has %q twice: %s", profile, i+1, k, line)
			}
			r := objects(t, line)[0]
			for _, k := range []string{"kind", "version", "packet", "record", "exporter", "domain"} {
				if r[k] == nil {
					t.Fatalf("%s: line %d lacks %s: %s", profile, i+1, k, line)
				}
			}
			if r["kind"] == "flow" && (r["start"] == nil || r["end"] == nil) {
				t.Fatalf("%s: line %d lacks start or end: %s", profile, i+1, line)
			}
		}
	}
}

// duplicate returns a key that a JSON object has twice.
func duplicate(t *testing.T, object string) string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(object))
	type level struct {
		keys map[string]bool // nil: an array
		key  bool            // a key is next
	}
	var stack []level
	for {
		tok, err := d.Token()
		if err != nil {
			return ""
		}
		top := len(stack) - 1
		if s, ok := tok.(string); ok && top >= 0 && stack[top].key {
			if stack[top].keys[s] {
				return s
			}
			stack[top].keys[s] = true
			stack[top].key = false
			continue
		}
		switch tok {
		case json.Delim('{'):
			stack = append(stack, level{map[string]bool{}, true})
			continue
		case json.Delim('['):
			stack = append(stack, level{})
			continue
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:top]
			top--
		}
		if top >= 0 && stack[top].keys != nil {
			stack[top].key = true
		}
	}
}

func TestMetaMarks(t *testing.T) {
	f := flow.Flow{Set: flow.SetOf(flow.FieldStart), Start: 1, Exporter: addr("192.0.2.1"), Domain: 7, Version: 10}
	g := func(marks flow.Mark, want string) {
		t.Helper()
		f.Marks = marks
		got := string(appendJoined(appendFlowMeta(nil, &f, encode.IPFIX, 3, 4), []byte("{}")))
		want = `{"kind":"flow","version":10,"packet":3,"record":4,"exporter":"192.0.2.1","domain":7,"start":"1970-01-01T00:00:00.000000001Z"` + want + "}"
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	g(0, "")
	g(flow.Reverse, `,"reverse":true`)
	g(flow.Reverse|flow.TimeReplaced, `,"reverse":true,"time_replaced":true`)
}

func TestDecodeFormats(t *testing.T) {
	in := capture(t, "same/same.pcap")
	want := len(objects(t, string(capture(t, "same/same.jsonl"))))

	out, _, _ := weir(t, in, "decode", "-")
	plain := objects(t, out)
	if len(plain) != want || plain[0]["kind"] != nil {
		t.Errorf("json: %d lines, kind %v; want %d and none", len(plain), plain[0]["kind"], want)
	}

	out, _, _ = weir(t, in, "decode", "--format", "msgpack", "-")
	d := msgpack.NewDecoder(strings.NewReader(out))
	n := 0
	for ; ; n++ {
		m, err := d.DecodeMap()
		if err != nil {
			break
		}
		if m["sourceIPv4Address"] == nil && m["sourceIPv6Address"] == nil {
			t.Fatalf("msgpack: record %d lacks a source: %v", n+1, m)
		}
	}
	if n != want {
		t.Errorf("msgpack: %d maps, want %d", n, want)
	}

	out, _, _ = weir(t, in, "decode", "--format", "table", "-")
	if got := strings.Count(out, "\n"); got != want+1 {
		t.Errorf("table: %d lines, want a title and %d", got, want)
	}
}

// What one file announces holds for the next.
// A sampled packet of VXLAN: 10.0.0.1 to 10.0.0.2, in it 192.0.2.1 to 192.0.2.2.
func TestDecodeInner(t *testing.T) {
	mac := make([]byte, 12)
	ipv4 := func(src, dst byte, net []byte, proto byte, d []byte) []byte {
		return slices.Concat([]byte{0x45, 0, 0, byte(20 + len(d)), 0, 0, 0, 0, 64, proto, 0, 0}, net, []byte{src}, net, []byte{dst}, d)
	}
	inside := slices.Concat(mac, []byte{8, 0}, ipv4(1, 2, []byte{192, 0, 2}, 1, []byte{8, 0, 0, 0, 0, 0, 0, 0}))
	outside := slices.Concat(mac, []byte{8, 0}, ipv4(1, 2, []byte{10, 0, 0}, 17, slices.Concat(
		[]byte{0, 9, 0x12, 0xb5, 0, byte(16 + len(inside)), 0, 0}, []byte{8, 0, 0, 0, 0, 0, 7, 0}, inside)))
	outside = append(outside, make([]byte, -len(outside)&3)...)
	var in []byte
	words := func(v ...int) {
		for _, x := range v {
			in = binary.BigEndian.AppendUint32(in, uint32(x))
		}
	}
	words(5, 1, 0xc0000201, 0, 1, 1, 1, 1, 32+8+16+len(outside), 1, 3, 1000, 1, 0, 3, 4, 1, 1, 16+len(outside), 1, 1518, 4, len(outside))
	in = append(in, outside...)
	for _, c := range []struct{ flag, src, proto string }{{"--inner=false", "10.0.0.1", "17"}, {"--inner", "192.0.2.1", "1"}} {
		out, errs, code := weir(t, in, "decode", c.flag, "-")
		if code != exitOK || errs != "" {
			t.Fatalf("%s: exit code %d, stderr %q", c.flag, code, errs)
		}
		got := objects(t, out)[0]
		if got["sourceIPv4Address"] != c.src || got["protocolIdentifier"] != json.Number(c.proto) {
			t.Errorf("%s: %s", c.flag, out)
		}
	}
}

func TestDecodeFilesShareTemplates(t *testing.T) {
	c := capture(t, "pcap/ipfix/pmacctd.pcap")
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole.pcap")
	if err := os.WriteFile(whole, c, 0o600); err != nil {
		t.Fatal(err)
	}
	once, _, _ := weir(t, nil, "decode", whole)
	twice, errs, code := weir(t, nil, "decode", "--stats", whole, whole)
	if code != exitOK || twice != once+once {
		t.Errorf("exit code %d; %d octets once, %d twice", code, len(once), len(twice))
	}
	for _, want := range []string{"datagrams  18 ", "flows      94\n", "exporter   127.0.0.1:", "version 10: "} {
		if !strings.Contains(errs, want) {
			t.Errorf("stats lack %q:\n%s", want, errs)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("good.pcap", capture(t, "pcap/v5/pmacctd.pcap"))
	flows := strings.Count(string(capture(t, "pcap/v5/pmacctd.jsonl")), "\n")

	// f decodes path, then the good file, which must come out whole.
	f := func(path string, more int, want ...string) {
		t.Helper()
		out, errs, code := weir(t, nil, "decode", path, good)
		if code != exitError {
			t.Errorf("%s: exit code %d, want %d", path, code, exitError)
		}
		if n := strings.Count(out, "\n"); n != flows+more {
			t.Errorf("%s: %d flows, want %d", path, n, flows+more)
		}
		for _, w := range want {
			if !strings.Contains(errs, w) {
				t.Errorf("%s: stderr %q lacks %q", path, errs, w)
			}
		}
	}
	f(filepath.Join(dir, "none.pcap"), 0, "none.pcap", "no such file")
	f(file("text", []byte("hello")), 0, "text: neither a pcap file nor")
	f(file("empty", nil), 0, "empty: capture is empty")
	whole := capture(t, "pcap/v5/pmacctd.pcap")
	f(file("cut.pcap", whole[:len(whole)-1]), 29, "cut.pcap: pcap packet 2 at offset ", "unexpected EOF")
	v5 := make([]byte, 24+48)
	v5[1], v5[3] = 5, 2
	f(file("count.dat", v5), 1, "count.dat: packet 1 at offset 0: header's count of records doesn't fit the datagram (octet 2)")
	many := bytes.Repeat([]byte("\x00\x0a\x00\x14\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x04"), 30)
	f(file("many.dat", many), 0, "many.dat: packet 20 at offset 380: data set came before its template (octet 16, set 256)", "many.dat: and 10 more packets like these")
}

// The shell is offered all that a flag may be.
func TestCompletion(t *testing.T) {
	f := func(flag string, want []string) {
		t.Helper()
		out, _, _ := weir(t, nil, "__complete", "decode", flag, "")
		got := strings.Split(out[:strings.LastIndex(out, "\n:")], "\n") // a line with a number comes last
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", flag, got, want)
		}
	}
	f("--profile", encode.Profiles())
	f("--format", formats)
}

func TestUsage(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		out, errs, code := weir(t, nil, args...)
		if code != exitUsage || !strings.Contains(errs, want) || out != "" {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; want %d and %q", args, code, out, errs, exitUsage, want)
		}
	}
	f("did you mean decode?", "decod")
	f("decode what?", "decode")
	f("unknown flag: --fromat (see: weir decode --help)", "decode", "--fromat", "json", "x")
	f(`no format "xml": it is one of json, table, msgpack, protobuf`, "decode", "--format", "xml", "x")
	f(`no profile "xml": it is one of ipfix, ecs, flat, cim, otel`, "decode", "--profile", "xml", "x")
	f("--meta goes with --format json or protobuf", "decode", "--meta", "--format", "table", "x")
	f(`listen address "2055" is not understood`, "listen", "2055")
	f("--stats-every: -1s is below 0", "listen", "--stats-every", "-1s")
	f("takes no arguments", "version", "now")
}

func TestVersion(t *testing.T) {
	out, _, code := weir(t, nil, "version")
	if code != exitOK || !strings.HasPrefix(out, "weir ") || strings.Count(out, "\n") != 1 {
		t.Errorf("exit code %d, %q", code, out)
	}
}

// What a capture has lost is an error too.
func TestDecodeLostInput(t *testing.T) {
	whole := capture(t, "pcap/v5/pmacctd.pcap")
	cut := append([]byte(nil), whole[:len(whole)-100]...) // the second packet, kept in part
	first := 24 + 16 + int(binary.LittleEndian.Uint32(whole[24+8:]))
	binary.LittleEndian.PutUint32(cut[first+8:], uint32(len(cut)-first-16))
	out, errs, code := weir(t, cut, "decode", "-")
	if code != exitError || !strings.Contains(errs, "1 packets that the capture holds the beginning of only (snaplen): what they held is lost") || !strings.Contains(out, "octetDeltaCount") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
