package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func templatesOf(t *testing.T, in []byte) (all []announcement) {
	t.Helper()
	out, errs, code := weir(t, in, "templates", "--format", "json", "-")
	if code != exitOK || errs != "" {
		t.Fatalf("exit code %d, %s", code, errs)
	}
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	for d.More() {
		var a announcement
		if err := d.Decode(&a); err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	return all
}

// What a capture announces, by tshark's reading of it.
func TestTemplatesOfCapture(t *testing.T) {
	all := templatesOf(t, capture(t, "pcap/v9/softflowd.pcap"))
	if len(all) != 5 {
		t.Fatalf("%d templates, want 5", len(all))
	}
	o := all[0]
	if o.ID != 256 || o.Kind != "options" || o.Version != 9 || o.Scopes != 1 || o.Fields[0].Name != "Interface" || o.Fields[0].Column != "scope" ||
		o.Fields[1].Name != "samplingInterval" || o.Fields[1].Column != "option" {
		t.Errorf("options: %+v", o)
	}
	d := all[1]
	if d.ID != 1024 || d.Kind != "data" || len(d.Fields) != 16 || d.Octets != 42 || d.Fields[0] != (announcedField{ID: 8, Name: "sourceIPv4Address", Octets: 4, Column: "src_addr"}) {
		t.Errorf("data: %+v", d)
	}
	if n := len(templatesOf(t, capture(t, "pcap/v5/softflowd.pcap"))); n != 0 {
		t.Errorf("v5 announces %d templates", n)
	}
}

// Hand-made: an enterprise's element, variable length, and two fields for one
// column.
func TestTemplatesFields(t *testing.T) {
	in := []byte("\x00\x0a\x00\x34\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" +
		"\x00\x02\x00\x34\x01\x02\x00\x09" +
		"\x00\x55\x00\x08" + // octetTotalCount
		"\x00\x01\x00\x08" + // octetDeltaCount
		"\x80\x05\xff\xff\x00\x00\xff\xf0" + // of enterprise 65520
		"\x00\x60\xff\xff" + // applicationName
		"\x00\x1b\x00\x10" + // sourceIPv6Address
		"\x00\xd2\x00\x02" + // paddingOctets
		"\x01\x02\x00\x08" + // collectionTimeMilliseconds: a mediator's, not ours
		"\x00\x0c\x00\x02" + // destinationIPv4Address, too short
		"\x80\x06\x00\x01\x00\x00\x72\x79") // reverseTcpControlBits, and no counter of that direction
	in[3] = byte(len(in))
	in[19] = byte(len(in) - 16)
	all := templatesOf(t, in)
	if len(all) != 1 {
		t.Fatalf("%d templates, want 1", len(all))
	}
	a := all[0]
	if a.Version != 10 || a.Domain != 7 || a.ID != 258 || a.Octets != 45 || a.Exporter != "127.0.0.1:0" {
		t.Errorf("%+v", a)
	}
	want := []announcedField{
		{0, 85, "octetTotalCount", 8, false, "extra"},
		{0, 1, "octetDeltaCount", 8, false, "bytes"},
		{65520, 5, "65520_5", 0, true, "extra"},
		{0, 96, "applicationName", 0, true, "app_name"},
		{0, 27, "sourceIPv6Address", 16, false, "src_addr"},
		{0, 210, "paddingOctets", 2, false, "extra"},
		{0, 258, "collectionTimeMilliseconds", 8, false, "extra"},
		{0, 12, "destinationIPv4Address", 2, false, "extra"},
		{29305, 6, "reverseTcpControlBits", 1, false, "extra"},
	}
	for i, f := range a.Fields {
		if f != want[i] {
			t.Errorf("field %d is %+v, want %+v", i+1, f, want[i])
		}
	}

	out, _, code := weir(t, in, "templates", "-")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != exitOK || len(lines) != 2+len(want) ||
		lines[0] != "exporter 127.0.0.1:0, IPFIX, domain 7, template 258: data, 9 fields, 45 octets and more" ||
		lines[4] != "   65520      5  65520_5                     variable  extra" {
		t.Errorf("table:\n%s", out)
	}
}

// What was announced anew is printed as it was last, what was withdrawn is not.
func TestTemplatesOverTime(t *testing.T) {
	message := func(set string) string {
		return "\x00\x0a\x00" + string(rune(16+len(set))) + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" + set
	}
	in := message("\x00\x02\x00\x0c\x01\x00\x00\x01\x00\x08\x00\x04") +
		message("\x00\x02\x00\x0c\x01\x00\x00\x01\x00\x0c\x00\x04") +
		message("\x00\x02\x00\x0c\x01\x01\x00\x01\x00\x08\x00\x04") +
		message("\x00\x02\x00\x08\x01\x01\x00\x00")
	all := templatesOf(t, []byte(in))
	if len(all) != 1 || all[0].ID != 256 || all[0].Before != 1 || all[0].Fields[0].Name != "destinationIPv4Address" {
		t.Errorf("%+v", all)
	}
	out, _, _ := weir(t, []byte(in), "templates", "-")
	if line, _, _ := strings.Cut(out, "\n"); line != "exporter 127.0.0.1:0, IPFIX, domain 7, template 256: data, 1 field, 4 octets, redefined 1 time" {
		t.Error(line)
	}
	_, stats, code := weir(t, []byte(in), "decode", "--stats", "-")
	if code != exitOK || !strings.Contains(stats, "\ntemplates  3 new or changed\nredefined  1 of them took another's id\nwithdrawn  1 templates, by their exporters\n") {
		t.Errorf("exit code %d: %s", code, stats)
	}
}

func TestTemplatesUsage(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		out, errs, code := weir(t, nil, append([]string{"templates"}, args...)...)
		if code != exitUsage || !strings.Contains(errs, want) || out != "" {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; want %d and %q", args, code, out, errs, exitUsage, want)
		}
	}
	f("templates what? Name a capture")
	f(`no format "xml": it is one of table, json`, "--format", "xml", "x")
	if _, errs, code := weir(t, nil, "templates", "none.pcap"); code != exitError || !strings.Contains(errs, "none.pcap") {
		t.Errorf("no file: exit code %d, stderr %q", code, errs)
	}
}
