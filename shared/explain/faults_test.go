package explain

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/template"
)

func u32(values ...uint32) (d []byte) {
	for _, v := range values {
		d = binary.BigEndian.AppendUint32(d, v)
	}
	return d
}

func cat(parts ...[]byte) (d []byte) {
	for _, p := range parts {
		d = append(d, p...)
	}
	return d
}

// tagged puts a format and a length before the octets of a record or a sample.
func tagged(format uint32, parts ...[]byte) []byte {
	d := cat(parts...)
	return cat(u32(format, uint32(len(d))), d)
}

// sflowOf puts samples behind a header of 28 octets.
func sflowOf(samples ...[]byte) []byte {
	return cat(u32(5, 1, 0x0a000001, 7, 100, 5000, uint32(len(samples))), cat(samples...))
}

// sampleOf puts records behind the 40 octets of a flow sample.
func sampleOf(records ...[]byte) []byte {
	return tagged(1, u32(1, 3, 1000, 5000, 0, 3, 4, uint32(len(records))), cat(records...))
}

// A fault stands at the octets that are wrong, with the section that they break;
// a decoder finds the same.
func TestFaults(t *testing.T) {
	source := []flowtest.Field{flowtest.F(0, 8, 4)}
	name := []flowtest.Field{flowtest.F(0, 96, 0xffff)}
	list := []flowtest.Field{flowtest.F(0, 291, 0xffff)}
	sub := []flowtest.Field{flowtest.F(0, 292, 0xffff)}
	v5 := flowtest.New(1).V5(2)
	v8 := make([]byte, 28+28)
	v8[1], v8[3], v8[22], v8[23] = 8, 1, 1, 2
	with := func(d []byte, at int, v byte) []byte {
		d = cat(d)
		d[at] = v
		return d
	}
	for _, c := range []struct {
		name   string
		data   []byte
		offset int
		kind   decode.Fault
		text   string
		ref    string
	}{
		{"no octets", nil, 0, decode.ErrShort, "0 octets has no version", ""},
		{"version 3", []byte{0, 3, 0, 0}, 0, decode.ErrVersion, "version 3 is none", ""},
		{"v5 header cut", v5[:23], 22, decode.ErrShort, "24 octets is cut short: there are 23", "Cisco NetFlow v5, header"},
		{"v5 record cut", v5[:24+48+47], 2, decode.ErrCount, "promises 2 records of 48 octets, there is room for 1", "Cisco NetFlow v5, header"},
		{"v8 scheme", with(v8, 22, 15), 22, decode.ErrVersion, "scheme 15 is none of 1 to 14", "Cisco NetFlow v8, header"},
		{"v8 version", with(v8, 23, 1), 23, decode.ErrVersion, "no version but 2", "Cisco NetFlow v8, header"},
		{"v9 header cut", flowtest.Header(9, 1, 0)[:18], 16, decode.ErrShort, "20 octets is cut short: there are 18", "RFC 3954 §5.1"},
		{"set below 4", flowtest.Packet(9, 1, []byte{1, 0, 0, 3}), 22, decode.ErrSetLength, "shorter than its own header of 4", "RFC 3954 §5.2"},
		{"set too long", flowtest.Packet(10, 1, []byte{1, 0, 0, 9}), 18, decode.ErrSetLength, "9 octets, and there are 4", "RFC 7011 §3.3.2"},
		{"message too long", with(flowtest.Packet(10, 1), 3, 17), 2, decode.ErrShort, "17 octets, and there are 16", "RFC 7011 §3.1"},
		{"message below 16", with(flowtest.Packet(10, 1), 3, 15), 2, decode.ErrShort, "shorter than its own header", "RFC 7011 §3.1"},
		{"no template", flowtest.Packet(10, 9, flowtest.Set(300, make([]byte, 8))), 16, decode.ErrNoTemplate, "template 300 is not known: this exporter has not announced it for domain 9", ""},
		{"template cut", flowtest.Packet(10, 1, flowtest.Set(2, []byte{1, 0, 0, 2, 0, 8, 0, 4})), 20, decode.ErrTemplate, "cut short: 8 octets are left", "RFC 7011 §3.4.1"},
		{"template of nothing", flowtest.Packet(9, 1, flowtest.Template(9, 256, []flowtest.Field{{ID: 8}})), 24, decode.ErrTemplate, "no octets", "RFC 3954 §5.2"},
		{"template id", flowtest.Packet(10, 1, flowtest.OptionsTemplate(10, 255, 1, source)), 20, decode.ErrTemplate, "below 256", "RFC 7011 §3.4.2.2"},
		{"withdrawal", flowtest.Packet(10, 1, flowtest.Set(2, []byte{1, 0, 0, 0})), 20, decode.ErrWithdrawal, "must not be sent over UDP", "RFC 7011 §8.4"},
		{"value cut", flowtest.Packet(10, 1, flowtest.Template(10, 256, name), flowtest.Set(256, []byte{1, 'a', 9, 'b'})), 35, decode.ErrShort,
			"applicationName of 9 octets is cut short: 1 octet is left", "RFC 7011 §3.4.3"},
		{"no record", flowtest.Packet(10, 1, flowtest.Template(10, 256, []flowtest.Field{{ID: 27, Len: 16}}), flowtest.Set(256, []byte{9, 9, 9, 9, 9, 9, 9, 9})), 32, decode.ErrShort,
			"8 octets are too many for padding", "RFC 7011 §3.3.1"},
		{"list of nothing", flowtest.Packet(10, 1, flowtest.Template(10, 256, list), flowtest.Set(256, []byte{0})), 33, decode.ErrList, "a semantic at least", "RFC 6313 §4.5.1"},
		{"list cut", flowtest.Packet(10, 1, flowtest.Template(10, 256, list), flowtest.Set(256, []byte{8, 3, 0, 8, 0, 4, 1, 2, 3})), 33, decode.ErrList, "not what its type says", "RFC 6313 §4.5.1"},
		{"list's template", flowtest.Packet(10, 1, flowtest.Template(10, 256, sub), flowtest.Set(256, []byte{4, 3, 1, 1, 9})), 34, decode.ErrListTemplate, "template 257 is not known", "RFC 6313 §4.5"},

		{"sflow version", u32(4, 1), 0, decode.ErrVersion, "sFlow version 4", sflowRef},
		{"sflow cut", u32(5, 1, 1, 1, 1), 20, decode.ErrShort, "the header is cut short: there are 20 octets", sflowRef},
		{"sflow agent", u32(5, 3, 1, 1, 1, 1, 1), 4, decode.ErrShort, "address type 3", sflowRef},
		{"sflow samples", with(sflowOf(), 27, 1), 28, decode.ErrCount, "promises 1 samples, there are 0", sflowRef},
		{"sample too long", sflowOf(u32(1, 99)), 32, decode.ErrShort, "99 octets are promised, and there are 0", sflowRef},
		{"sample too short", sflowOf(tagged(1, u32(1, 2))), 44, decode.ErrShort, "cut short before its records", sflowRef},
		{"record missing", sflowOf(tagged(1, u32(1, 3, 1000, 5000, 0, 3, 4, 1))), 68, decode.ErrShort, "promises more records", sflowRef},
		{"record too short", sflowOf(sampleOf(tagged(1001, u32(1, 2, 3)))), 88, decode.ErrRecord, "not what its format says", sflowRef},
		{"socket too short", sflowOf(sampleOf(tagged(2100, u32(6, 1)))), 68, decode.ErrRecord, "not what its format says", "sFlow host"},
		{"counters too short", sflowOf(tagged(2, u32(1, 3, 1), tagged(1, u32(1, 6)))), 64, decode.ErrRecord, "generic interface counters", sflowRef},
	} {
		w := newTwin()
		x := w.same(t, decode.Datagram{From: flowtest.From, Time: at, Data: c.data})
		covered(t, x)
		printed(t, x)
		if len(x.Faults) != 1 {
			t.Errorf("%s: %d faults", c.name, len(x.Faults))
			continue
		}
		n := x.Faults[0]
		if n.Offset != c.offset || n.Fault.Kind != c.kind || !strings.Contains(n.Fault.Text, c.text) || n.Fault.Ref != c.ref {
			t.Errorf("%s: at %d, %s: %s (%s)", c.name, n.Offset, n.Fault.Label, n.Fault.Text, n.Fault.Ref)
		}
		if lines := texts(x, "FAULT "+c.kind.Label()); len(lines) != 1 || !strings.HasPrefix(lines[0], fmt.Sprintf("%04x FAULT", c.offset)) {
			t.Errorf("%s: lines %q", c.name, lines)
		}
	}
}

// What is odd is noted where it stands.
func TestNotes(t *testing.T) {
	source := []flowtest.Field{flowtest.F(0, 8, 4)}
	f := func(name, want string, data ...[]byte) {
		t.Helper()
		x := explained(data...)
		lines := texts(x, " note ")
		if len(x.Faults) > 0 || len(lines) != 1 || lines[0] != want {
			t.Errorf("%s: %d faults, notes %q, want %q", name, len(x.Faults), lines, want)
		}
		if !x.Odd() {
			t.Errorf("%s: is not odd", name)
		}
	}
	sequence := func(d []byte, at int, v uint32) []byte {
		d = cat(d)
		binary.BigEndian.PutUint32(d[at:], v)
		return d
	}
	v5 := flowtest.New(1).V5(1)
	copy(v5[24+28:], v5[24+24:24+28]) // it ends when it starts
	v5[24+36], v5[24+46], v5[24+47] = 0, 0, 0
	f("v9 count", "0002 note the packet holds 2: 1 template and 1 data record",
		sequence(cat(flowtest.Packet(9, 1, flowtest.Template(9, 256, source), flowtest.Set(256, make([]byte, 4)))), 0, 9<<16|3))
	f("clock", "0008 note 3 days after the datagram arrived", sequence(v5, 8, flowtest.Export+3*86400+100))
	f("sampling", "0016 note a sampling mode with an interval of 0", cat(v5[:22], []byte{0x40, 0}, v5[24:]))
	f("padding", "0046 note padding is not zero", cat(v5[:24+47], []byte{7}))
	f("flow's times", "0018 note the flow ends before it starts", sequence(v5, 24+24, flowtest.Uptime))
	f("behind the records", "0048 note they are no whole record, or the header doesn't count them", cat(v5, []byte{1}))
	f("v5 lost", "0010 note expected 1: 9 records are missing before this datagram", v5, sequence(v5, 16, 10))
	f("v5 late", "0010 note expected 2: this datagram is late or repeated, or the exporter was restarted", v5, sequence(v5, 16, 1), v5)
	f("v9 lost", "000c note expected 1: 1 export packet is missing before this datagram", flowtest.Packet(9, 1), sequence(flowtest.Packet(9, 1), 12, 2))
	f("ipfix lost", "0008 note expected 1: 4 data records are missing before this datagram",
		flowtest.Packet(10, 1, flowtest.Template(10, 256, source), flowtest.Set(256, make([]byte, 4))), sequence(flowtest.Packet(10, 1), 8, 5))
	// softflowd's numbers count the message that they are in, but its options not:
	// the first that tells is doubtful, and then none is odd but one that is.
	message := func(number uint32, n int) []byte {
		return sequence(flowtest.Packet(10, 1, flowtest.Set(256, make([]byte, 4*n))), 8, number)
	}
	announced := sequence(flowtest.Packet(10, 1, flowtest.Template(10, 256, source), flowtest.OptionsTemplate(10, 257, 1, source),
		flowtest.Set(256, make([]byte, 8)), flowtest.Set(257, make([]byte, 4))), 8, 2)
	const itself = ", or it counts itself, as" // softflowd does, in the next line
	f2 := func(name string, want []string, data ...[]byte) {
		t.Helper()
		e := New(template.NewStore(template.Limits{}))
		var lines []string
		for _, d := range data {
			lines = append(lines, texts(e.Explain(decode.Datagram{From: flowtest.From, Time: at, Data: d}), " note ")...)
		}
		if !slices.Equal(lines, want) {
			t.Errorf("%s: notes %q, want %q", name, lines, want)
		}
	}
	f2("ipfix counts itself", []string{"0008 note expected 5: 4 data records are missing before this datagram" + itself},
		announced, message(9, 7), message(12, 3), message(15, 3), message(17, 2), message(26, 9))
	f2("ipfix counts itself, two of a size", []string{"0008 note expected 5: 4 data records are missing before this datagram" + itself},
		announced, message(9, 7), message(16, 7), message(18, 2), message(26, 8))
	f2("ipfix counts itself, and some are missing", []string{
		"0008 note expected 5: 4 data records are missing before this datagram" + itself,
		"0008 note expected 14: 5 data records are missing before this datagram",
	}, announced, message(9, 7), message(12, 3), message(19, 2), message(20, 1))
	f2("ipfix counts itself, and was restarted", []string{
		"0008 note expected 5: 4 data records are missing before this datagram" + itself,
		"0008 note expected 14: this datagram is late or repeated, or the exporter was restarted",
	}, announced, message(9, 7), message(12, 3), message(2, 2), message(3, 1), message(8, 5))
	f2("ipfix counts as it should, and some are missing", []string{
		"0008 note expected 5: 4 data records are missing before this datagram" + itself,
		"0008 note expected 18: 1 data record is missing before this datagram",
	}, announced, message(9, 7), message(16, 2), message(19, 1))
	f("sflow restarted", "0010 note expected 101: the exporter was restarted, or counts otherwise", sflowOf(), sequence(sflowOf(), 16, 1<<31))
	f("reserved set", "0014 note set ids below 256 are reserved, but for those of templates", sequence(flowtest.Packet(9, 1, flowtest.Set(9, nil)), 0, 9<<16))
	f("template's length", "0018 note unsigned8 can't have 2 octets (RFC 7011 §6)", flowtest.Packet(10, 1, flowtest.Template(10, 256, []flowtest.Field{{ID: 4, Len: 2}})))
	f("template's variable", "0018 note unsigned8 has no variable length (RFC 7011 §7)", flowtest.Packet(10, 1, flowtest.Template(10, 256, []flowtest.Field{{ID: 4, Len: 0xffff}})))
	f("redefined", "0014 note it replaces another template of this id", flowtest.Packet(10, 1, flowtest.Template(10, 256, source)),
		flowtest.Packet(10, 1, flowtest.Template(10, 256, []flowtest.Field{{ID: 4, Len: 1}})))
	f("no scope", "0018 note an options template must have a scope (RFC 7011 §3.4.2.2)", flowtest.Packet(10, 1, flowtest.OptionsTemplate(10, 256, 0, source)))
	f("long length", "0020 note one octet would have been enough for this length", flowtest.Packet(10, 1,
		flowtest.Template(10, 256, []flowtest.Field{{ID: 96, Len: 0xffff}}), flowtest.Set(256, []byte{255, 0, 1, 'a'})))
	f("interval 0", "0020 note an interval of 0 is none: the sampling rate stays unknown", flowtest.Packet(10, 1,
		flowtest.Template(10, 256, []flowtest.Field{{ID: 34, Len: 4}}), flowtest.Set(256, make([]byte, 4))))
	f("rate 0", "002c note a rate of 0 is none: it stays unknown", sflowOf(tagged(1, u32(1, 3, 0, 5000, 0, 3, 4, 0))))
	f("behind the samples", "001c note the header doesn't count them", cat(sflowOf(), u32(1)))
	f("record longer than its format", "0050 note its format doesn't have them", sflowOf(sampleOf(tagged(1029, u32(1, 2, 3)))))
	f("sample cut", "005c note cut short: the sample ends here", sflowOf(sampleOf(tagged(1, u32(1, 64, 0, 13), make([]byte, 13)))))

	// An octet behind the message, and octets too few for a set.
	short := flowtest.Packet(10, 1)
	f("behind the message", "0010 note the header's length ends before them", cat(short, []byte{1}))
	short[3] = 18
	f("behind the sets", "0010 note they are too few for a set", cat(short, []byte{1, 2}))
}

// Over a connection a withdrawal is obeyed, and what was announced goes with it.
func TestConnection(t *testing.T) {
	w := newTwin()
	send := func(closed bool, sets ...[]byte) *Explanation {
		t.Helper()
		dg := decode.Datagram{From: flowtest.From, To: flowtest.From, Over: template.TCP, Time: at, Closed: closed}
		if closed {
			w.dec.Decode(&w.batch, dg)
			return w.e.Explain(dg)
		}
		dg.Data = flowtest.Packet(10, 1, sets...)
		return w.same(t, dg)
	}
	tmpl := flowtest.Template(10, 256, []flowtest.Field{{ID: 8, Len: 4}})
	data := flowtest.Set(256, make([]byte, 4))
	if x := send(false, tmpl, data, flowtest.Set(2, []byte{1, 0, 0, 0}), data); len(texts(x, "withdrawal")) != 1 || x.Flows != 1 || len(x.Faults) != 1 {
		t.Errorf("%s", x.AppendText(nil, "", Style{}))
	}
	if x := send(false, tmpl, flowtest.Set(2, []byte{0, 2, 0, 0}), data); len(texts(x, "withdrawal of all")) != 1 || x.Flows != 0 {
		t.Errorf("%s", x.AppendText(nil, "", Style{}))
	}
	if x := send(false, flowtest.Set(2, []byte{1, 1, 0, 0})); len(texts(x, "there is no such template")) != 1 || len(x.Faults) != 0 {
		t.Errorf("%s", x.AppendText(nil, "", Style{}))
	}
	if x := send(false, flowtest.Set(2, []byte{0, 9, 0, 0})); len(x.Faults) != 1 || x.Faults[0].Fault.Kind != decode.ErrTemplate {
		t.Errorf("%s", x.AppendText(nil, "", Style{}))
	}
	send(false, tmpl)
	if x := send(true); x != nil {
		t.Error("the end of a connection is no datagram")
	}
	if x := send(false, data); x.Flows != 0 {
		t.Error("a template outlived its connection")
	}
}

// A template that comes later explains the data before it, which are a fault all
// the same.
func TestLater(t *testing.T) {
	e := New(template.NewStore(template.Limits{}))
	data := decode.Datagram{From: flowtest.From, Time: at, Data: flowtest.Packet(10, 1, flowtest.Set(256, []byte{192, 0, 2, 1}))}
	tmpl := decode.Datagram{From: flowtest.From, Time: at, Data: flowtest.Packet(10, 1, flowtest.Template(10, 256, []flowtest.Field{{ID: 12, Len: 4}}))}
	other := decode.Datagram{From: flowtest.From, Time: at, Data: flowtest.Packet(10, 1, flowtest.Template(10, 256, []flowtest.Field{{ID: 8, Len: 4}}))}
	for _, dg := range []decode.Datagram{data, data, tmpl, data, other, data} {
		e.Learn(dg)
	}
	want := func(dg decode.Datagram, element, fault string) {
		t.Helper()
		x := e.Explain(dg)
		if n := len(texts(x, element)); n != 1 || x.Flows != 1 {
			t.Errorf("%d lines with %s, %d flows", n, element, x.Flows)
		}
		if (fault != "") != (len(x.Faults) == 1) || fault != "" && !strings.Contains(x.Faults[0].Fault.Text, fault) {
			t.Errorf("faults %v, want %q", x.Faults, fault)
		}
	}
	want(data, "destinationIPv4Address", "comes later, 2 datagrams further on")
	want(data, "destinationIPv4Address", "comes later, 1 datagram further on")
	e.Explain(tmpl)
	want(data, "destinationIPv4Address", "")
	e.Explain(other)
	want(data, "sourceIPv4Address", "")
}
