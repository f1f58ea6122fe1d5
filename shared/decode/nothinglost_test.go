package decode

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
)

// Nothing that an exporter sends is lost: a test for each way that it could be,
// with the smallest datagrams that show it. What a datagram means stands in them
// by hand, and in the RFCs.

// read decodes datagrams, any of which may hold a fault, and returns the flows
// as text: their addresses, and their extras.
func read(d *Decoder, datagrams ...[]byte) string {
	var all []string
	e := encode.New(encode.IPFIX)
	for _, data := range datagrams {
		var b flow.Batch
		_ = d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: data})
		for i := range b.Flows {
			f := &b.Flows[i]
			s := ""
			if f.Set.Has(flow.FieldSrcAddr) {
				s += "from " + f.SrcAddr.String()
			}
			if f.Set.Has(flow.FieldDstAddr) {
				s += "to " + f.DstAddr.String()
			}
			if f.Set.Has(flow.FieldAppName) {
				s += "app " + string(b.Strings.Get(f.AppName))
			}
			if f.SamplingRate != 0 {
				s += fmt.Sprint(" 1:", f.SamplingRate)
			}
			for x, v := range b.Extra(f) {
				s += fmt.Sprintf(" %d/%d=%x", x.PEN, x.ID, v)
			}
			all = append(all, s)
		}
		for i := range b.Options {
			all = append(all, string(e.AppendOptionJSON(nil, &b, &b.Options[i])))
		}
	}
	return strings.Join(all, "; ")
}

var (
	fromField = []flowtest.Field{flowtest.F(0, 8, 4)}
	toField   = []flowtest.Field{flowtest.F(0, 12, 4)}
	host1     = []byte{192, 0, 2, 1}
	host2     = []byte{192, 0, 2, 2}
)

// wants decodes datagrams with a new decoder and wants these flows and faults.
func wants(t *testing.T, want string, faults map[Fault]uint64, datagrams ...[]byte) *Decoder {
	t.Helper()
	d := newDecoder()
	if got := read(d, datagrams...); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for f := range d.Stats.Faults {
		if n := d.Stats.Faults[f]; n != faults[Fault(f)] {
			t.Errorf("%v: %d, want %d", Fault(f), n, faults[Fault(f)])
		}
	}
	return d
}

// An element that no registry has, between two that are known. v9 has plain
// 16-bit types (RFC 3954 §8).
func TestUnknownField(t *testing.T) {
	for version, id := range map[uint16]uint16{9: 65000, 10: 32000} {
		fields := []flowtest.Field{flowtest.F(0, 8, 4), flowtest.F(0, id, 3), flowtest.F(0, 12, 4)}
		wants(t, fmt.Sprintf("from 192.0.2.1to 192.0.2.2 0/%d=616263", id), nil, flowtest.Packet(version, 1,
			flowtest.Template(version, 256, fields), flowtest.Set(256, join(host1, []byte("abc"), host2))))
	}
}

// An enterprise that no registry has (RFC 7011 §3.2), in a fixed and in a
// variable length.
func TestUnknownEnterprise(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(4242424242, 1, 2), flowtest.F(0, 8, 4), flowtest.F(4242424242, 2, 0xffff)}
	wants(t, "from 192.0.2.1 4242424242/1=0102 4242424242/2=616263", nil, flowtest.Packet(10, 1,
		flowtest.Template(10, 256, fields), flowtest.Set(256, join([]byte{1, 2}, host1, []byte("\x03abc")))))
}

// RFC 7011 §8: data may come before its template.
func TestTemplateAfterData(t *testing.T) {
	for _, version := range []uint16{9, 10} {
		d := wants(t, "from 192.0.2.1", map[Fault]uint64{ErrNoTemplate: 1},
			flowtest.Packet(version, 1, flowtest.Set(256, host1)), flowtest.Packet(version, 1, flowtest.Template(version, 256, fromField)))
		if d.Stats.Waiting != 4 || d.Stats.Recovered != 4 {
			t.Errorf("%+v", d.Stats)
		}
	}
}

// Options in one packet with data: what they say holds for the data behind them,
// not for those before them.
func TestOptionsBeforeAndAfterData(t *testing.T) {
	rate := []flowtest.Field{flowtest.F(0, 149, 4), flowtest.F(0, 34, 4)}
	said := func(n uint64) []byte { return flowtest.Set(257, join(be(1, 4), be(n, 4))) }
	wants(t, `from 192.0.2.1; from 192.0.2.2 1:100; `+
		`{"observationDomainId":1,"samplingInterval":100}; {"observationDomainId":1,"samplingInterval":7}; from 192.0.2.1 1:7`, nil,
		flowtest.Packet(10, 1, flowtest.Template(10, 256, fromField), flowtest.Set(256, host1),
			flowtest.OptionsTemplate(10, 257, 1, rate), said(100), flowtest.Set(256, host2), said(7)),
		flowtest.Packet(10, 1, flowtest.Set(256, host1)))
}

// A template that is announced anew, otherwise, replaces the one before; what was
// decoded keeps its meaning. A data template may become one of options.
func TestRedefinition(t *testing.T) {
	for _, version := range []uint16{9, 10} {
		long := []flowtest.Field{flowtest.F(0, 12, 4), flowtest.F(0, 20000, 1)}
		wants(t, "from 192.0.2.1; to 192.0.2.1 0/20000=07", nil,
			flowtest.Packet(version, 1, flowtest.Template(version, 256, fromField), flowtest.Set(256, host1)),
			flowtest.Packet(version, 1, flowtest.Template(version, 256, long), flowtest.Set(256, join(host1, []byte{7}))))
		wants(t, "from 192.0.2.1; to 192.0.2.2", nil, flowtest.Packet(version, 1, // in one packet
			flowtest.Template(version, 256, fromField), flowtest.Set(256, host1),
			flowtest.Template(version, 256, toField), flowtest.Set(256, host2)))
	}
	wants(t, `from 192.0.2.1; {"observationDomainId":9}; from 192.0.2.2`, nil,
		flowtest.Packet(10, 1, flowtest.Template(10, 256, fromField), flowtest.Set(256, host1)),
		flowtest.Packet(10, 1, flowtest.OptionsTemplate(10, 256, 1, []flowtest.Field{flowtest.F(0, 149, 4)}), flowtest.Set(256, be(9, 4))),
		flowtest.Packet(10, 1, flowtest.Template(10, 256, fromField), flowtest.Set(256, host2)))
}

// A withdrawal over UDP (RFC 7011 §8.4 forbids it), of one template and of all, is
// ignored and counted.
func TestWithdrawalOverUDP(t *testing.T) {
	one := flowtest.Set(2, []byte{1, 0, 0, 0})
	all := flowtest.Set(2, []byte{0, 2, 0, 0})
	options := flowtest.Set(3, []byte{0, 3, 0, 0})
	wants(t, "from 192.0.2.1", map[Fault]uint64{ErrWithdrawal: 3}, flowtest.Packet(10, 1,
		flowtest.Template(10, 256, fromField), one, all, options, flowtest.Set(256, host1)))
}

// Padding at the end of sets (RFC 7011 §3.3.1, RFC 3954 §5.3), with zeros or with
// what was there, and as an element of its own (210).
func TestPadding(t *testing.T) {
	for _, version := range []uint16{9, 10} {
		tmpl := flowtest.Template(version, 256, fromField)
		for n := range 4 {
			for _, fill := range []byte{0, 0xaa} {
				pad := make([]byte, n)
				for i := range pad {
					pad[i] = fill
				}
				zeros := make([]byte, n)
				wants(t, "from 192.0.2.1; from 192.0.2.2", nil, flowtest.Packet(version, 1,
					flowtest.Set(binary.BigEndian.Uint16(tmpl), join(tmpl[4:], zeros)), flowtest.Set(256, join(host1, host2, pad))))
			}
		}
		fields := []flowtest.Field{flowtest.F(0, 210, 3), flowtest.F(0, 8, 4), flowtest.F(0, 210, 1)}
		wants(t, "from 192.0.2.1; from 192.0.2.2", nil, flowtest.Packet(version, 1, flowtest.Template(version, 256, fields),
			flowtest.Set(256, join([]byte("abc"), host1, []byte("d"), []byte{0, 0, 0}, host2, []byte{0}))))
	}
}

// Variable length (RFC 7011 §7): in one octet, in three, and nothing at all.
func TestVariableLength(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(0, 96, 0xffff), flowtest.F(9, 1, 0xffff), flowtest.F(0, 8, 4)}
	long := strings.Repeat("x", 300)
	wants(t, "from 192.0.2.1app web 9/1=01; from 192.0.2.2app  9/1=; from 192.0.2.1app "+long+" 9/1=02", nil,
		flowtest.Packet(10, 1, flowtest.Template(10, 256, fields), flowtest.Set(256, join(
			[]byte("\x03web"), []byte{1, 1}, host1,
			[]byte{0}, []byte{0}, host2,
			[]byte{255, 1, 44}, []byte(long), []byte{255, 0, 1, 2}, host1))))
}

// The same id in two domains of one exporter (vflow 94 and 97).
func TestSeveralDomains(t *testing.T) {
	for _, version := range []uint16{9, 10} {
		wants(t, "from 192.0.2.1; to 192.0.2.1", map[Fault]uint64{ErrNoTemplate: 1},
			flowtest.Packet(version, 1, flowtest.Template(version, 256, fromField)),
			flowtest.Packet(version, 2, flowtest.Template(version, 256, toField)),
			flowtest.Packet(version, 1, flowtest.Set(256, host1)),
			flowtest.Packet(version, 2, flowtest.Set(256, host1)),
			flowtest.Packet(version, 3, flowtest.Set(256, host1)))
	}
}

// An exporter starts again: its uptime and its sequence numbers begin anew, its
// ids may mean something else. A jump of the sequence alone costs no template
// (beats 13821, 14904, 24270).
func TestExporterRestart(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(0, 8, 4), flowtest.F(0, 21, 4)}
	other := []flowtest.Field{flowtest.F(0, 21, 4), flowtest.F(0, 12, 4)}
	packet := func(uptime, sequence uint32, sets ...[]byte) []byte {
		p := flowtest.Packet(9, 1, sets...)
		binary.BigEndian.PutUint32(p[4:], uptime)
		binary.BigEndian.PutUint32(p[12:], sequence)
		return p
	}
	d := newDecoder()
	var b flow.Batch
	decodeAll(t, d, &b,
		packet(4_000_000_000, 90_000, flowtest.Template(9, 256, fields), flowtest.Set(256, join(host1, be(3_999_999_000, 4)))),
		packet(4_000_001_000, 1<<31, flowtest.Set(256, join(host1, be(4_000_000_000, 4)))),
		packet(2_000, 0, flowtest.Set(256, join(host1, be(1_000, 4)))), // its template is not announced yet
		packet(3_000, 1, flowtest.Template(9, 256, other), flowtest.Set(256, join(be(2_000, 4), host2))))
	if len(b.Flows) != 4 {
		t.Fatalf("%d flows, want 4", len(b.Flows))
	}
	for i := range b.Flows {
		if f := &b.Flows[i]; f.End != at-1e9 || f.Marks != 0 {
			t.Errorf("flow %d ended %d ns from the export, marks %b", i+1, f.End-at, f.Marks)
		}
	}
	if f := &b.Flows[3]; f.DstAddr.String() != "192.0.2.2" || f.Set.Has(flow.FieldSrcAddr) {
		t.Errorf("%+v", f)
	}
}

// The exporter's uptime wraps after 49.7 days: a flow that began before is not
// 49.7 days younger or older (goflow2 305, pmacct 640, nfdump 14, softflowd 52).
func TestUptimeWrap(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(0, 22, 4), flowtest.F(0, 21, 4)}
	p := flowtest.Packet(9, 1, flowtest.Template(9, 256, fields), flowtest.Set(256, join(be(1<<32-500, 4), be(499, 4))))
	binary.BigEndian.PutUint32(p[4:], 500)
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, p)
	if f := &b.Flows[0]; f.Start != at-1000e6 || f.End != at-1e6 || f.Marks != 0 {
		t.Errorf("%d to %d ns from the export, marks %b", f.Start-at, f.End-at, f.Marks)
	}
}

// RFC 6759 §4.1: a selector may be longer than the column holds; then all of it
// is kept.
func TestLongApplication(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(0, 95, 0xffff)}
	long := []byte{13, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, flowtest.Packet(10, 1, flowtest.Template(10, 300, fields), flowtest.Set(300, join([]byte{10}, long, []byte{2, 3, 80}))))
	for i, want := range []string{"0/95=0d010203040506070809", ""} {
		got := ""
		for e, v := range b.Extra(&b.Flows[i]) {
			got += fmt.Sprintf("%d/%d=%x", e.PEN, e.ID, v)
		}
		if got != want {
			t.Errorf("record %d: extras %q, want %q", i, got, want)
		}
	}
	if b.Flows[0].AppID != 13<<56|0x01020304050607 || b.Flows[1].AppID != 3<<56|80 {
		t.Errorf("applications %x, %x", b.Flows[0].AppID, b.Flows[1].AppID)
	}
}
