package decode

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"reflect"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/template"
)

func newDecoder() *Decoder { return New(template.NewStore(template.Limits{})) }

// at is the arrival of the packets that flowtest makes.
const at = flowtest.Export * 1e9

func decodeAll(t *testing.T, d *Decoder, b *flow.Batch, datagrams ...[]byte) {
	t.Helper()
	for _, data := range datagrams {
		if err := d.Decode(b, Datagram{From: flowtest.From, Time: at, Data: data}); err != nil {
			t.Fatalf("decode: %v", err)
		}
	}
}

func be(v uint64, n int) []byte { return binary.BigEndian.AppendUint64(nil, v)[8-n:] }

func join(parts ...[]byte) (d []byte) {
	for _, p := range parts {
		d = append(d, p...)
	}
	return d
}

func TestV5(t *testing.T) {
	data := flowtest.New(7).V5(30)
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, data)
	if len(b.Flows) != 30 {
		t.Fatalf("%d flows, want 30", len(b.Flows))
	}
	for i := range b.Flows {
		f, r := &b.Flows[i], data[24+48*i:]
		u16 := func(o int) uint64 { return uint64(binary.BigEndian.Uint16(r[o:])) }
		u32 := func(o int) uint64 { return uint64(binary.BigEndian.Uint32(r[o:])) }
		ms := func(o int) int64 { return at - (flowtest.Uptime-int64(u32(o)))*1e6 }
		for _, c := range []struct {
			name      string
			got, want any
		}{
			{"SrcAddr", f.SrcAddr.Netip(), netip.AddrFrom4([4]byte(r[0:4]))},
			{"DstAddr", f.DstAddr.Netip(), netip.AddrFrom4([4]byte(r[4:8]))},
			{"NextHop", f.NextHop.Netip(), netip.AddrFrom4([4]byte(r[8:12]))},
			{"InIf", uint64(f.InIf), u16(12)}, {"OutIf", uint64(f.OutIf), u16(14)},
			{"Packets", f.Packets, u32(16)}, {"Bytes", f.Bytes, u32(20)},
			{"Start", f.Start, ms(24)}, {"End", f.End, ms(28)},
			{"SrcPort", uint64(f.SrcPort), u16(32)}, {"DstPort", uint64(f.DstPort), u16(34)},
			{"TCPFlags", f.TCPFlags, uint16(r[37])}, {"Proto", f.Proto, r[38]}, {"TOS", f.TOS, r[39]},
			{"SrcAS", uint64(f.SrcAS), u16(40)}, {"DstAS", uint64(f.DstAS), u16(42)},
			{"SrcMask", f.SrcMask, r[44]}, {"DstMask", f.DstMask, r[45]},
			{"SamplingRate", f.SamplingRate, uint32(100)},
			{"Exporter", f.Exporter.Netip(), flowtest.From.Addr()},
			{"Received", f.Received, int64(at)}, {"Version", f.Version, uint8(5)},
		} {
			if c.got != c.want {
				t.Errorf("record %d: %s is %v, want %v", i, c.name, c.got, c.want)
			}
		}
	}
}

func TestV5UnknownSampling(t *testing.T) {
	data := flowtest.New(7).V5(1)
	binary.BigEndian.PutUint16(data[22:], 1<<14) // a mode, but interval 0: unknown, not 1
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, data)
	if f := b.Flows[0]; f.Set.Has(flow.FieldSamplingRate) || f.SamplingRate != 0 {
		t.Errorf("sampling rate %d, want unknown", f.SamplingRate)
	}
}

func TestV5Count(t *testing.T) {
	data := flowtest.New(7).V5(3)
	data[3] = 30 // promises more than there are
	var b flow.Batch
	d := newDecoder()
	if err := d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: data}); !errors.Is(err, ErrCount) {
		t.Errorf("got %v, want %v", err, ErrCount)
	}
	if len(b.Flows) != 3 || d.Stats.Faults[ErrCount] != 1 {
		t.Errorf("%d flows, counted %d", len(b.Flows), d.Stats.Faults[ErrCount])
	}
}

// SEMANTICS Time: modulo 2³² and signed (goflow2 305, pmacct 640, nfdump 14,
// softflowd 52).
func TestUptime(t *testing.T) {
	f := func(uptime, switched uint32, want int64) {
		t.Helper()
		data := flowtest.New(7).V5(1)
		binary.BigEndian.PutUint32(data[4:], uptime)
		binary.BigEndian.PutUint32(data[24+24:], switched)
		binary.BigEndian.PutUint32(data[24+28:], switched)
		var b flow.Batch
		decodeAll(t, newDecoder(), &b, data)
		if got := b.Flows[0].End - at; got != want*1e6 {
			t.Errorf("uptime %d, switched %d: %d ns from the export, want %d ms", uptime, switched, got, want)
		}
	}
	f(100_000, 99_000, -1000)
	f(100_000, 100_005, 5)          // ended just after the header was stamped
	f(500, 0xffffffff-499, -1000)   // wrapped in between
	f(0xffffffff-499, 500, 1000)    // wraps just after
	f(1<<31, 1<<31-3600e3, -3600e3) // in the middle
	f(86_400_000, 0, -86_400_000)   // since it booted
}

func TestImpossibleTimes(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(0, 152, 8), flowtest.F(0, 153, 8)}
	now := uint64(flowtest.Export * 1000)
	f := func(start, end uint64, wantStart, wantEnd int64, replaced uint64) {
		t.Helper()
		var b flow.Batch
		d := newDecoder()
		decodeAll(t, d, &b, flowtest.Packet(10, 1, flowtest.Template(10, 300, fields),
			flowtest.Set(300, join(be(start, 8), be(end, 8)))))
		x := b.Flows[0]
		if x.Start != wantStart*1e6 || x.End != wantEnd*1e6 || d.Stats.Replaced != replaced {
			t.Errorf("%d–%d: got %d–%d, %d replaced; want %d–%d, %d", start, end, x.Start, x.End, d.Stats.Replaced, wantStart*1e6, wantEnd*1e6, replaced)
		}
		if (x.Marks&flow.TimeReplaced != 0) != (replaced > 0) {
			t.Errorf("%d–%d: marks %b", start, end, x.Marks)
		}
	}
	n := int64(now)
	f(now-1000, now-500, n-1000, n-500, 0)
	f(now-1000, now+3600e3, n-1000, n+3600e3, 0)
	f(now-1000, now+3600e3+1, n-1000, n, 1)    // more than an hour ahead
	f(now-500, now-1000, n-500, n, 1)          // end before start
	f(0, now-1000, n, n, 1)                    // before the horizon; the end then lies before it
	f(1<<63, 1<<63, n, n, 1)                   // beyond what a time can be
	f(now+1, now, n, n, 1)                     //
	f(now-31*86400e3, now, n, n, 1)            //
	f(now-29*86400e3, now, n-29*86400e3, n, 0) //
}

func TestTemplateKinds(t *testing.T) {
	for _, c := range []struct {
		name    string
		version uint16
		fields  []flowtest.Field
	}{{"v9", 9, flowtest.Twenty}, {"ipfix", 10, flowtest.TwentyIPFIX}, {"named", 10, flowtest.Named}} {
		t.Run(c.name, func(t *testing.T) {
			m := flowtest.New(3)
			set := m.Data(260, 24, c.fields)
			var b flow.Batch
			d := newDecoder()
			decodeAll(t, d, &b, flowtest.Packet(c.version, 5, flowtest.Template(c.version, 260, c.fields), set))
			sameAsSlow(t, &b, uint8(c.version), c.fields, set[4:])
			if d.Stats.Flows != 24 || d.Stats.Templates != 1 {
				t.Errorf("counted %d flows, %d templates", d.Stats.Flows, d.Stats.Templates)
			}
			// The same announcement again changes nothing.
			decodeAll(t, d, &b, flowtest.Packet(c.version, 5, flowtest.Template(c.version, 260, c.fields)))
			if d.Stats.Templates != 1 {
				t.Errorf("an identical template counted as new")
			}
		})
	}
}

// vFlow keys templates without the domain (its issues 94, 97).
func TestDomainsNeverMeet(t *testing.T) {
	a := []flowtest.Field{flowtest.F(0, 8, 4)}
	z := []flowtest.Field{flowtest.F(0, 12, 4)}
	var b flow.Batch
	decodeAll(t, newDecoder(), &b,
		flowtest.Packet(9, 1, flowtest.Template(9, 256, a)),
		flowtest.Packet(9, 2, flowtest.Template(9, 256, z)),
		flowtest.Packet(9, 1, flowtest.Set(256, []byte{192, 0, 2, 7})),
		flowtest.Packet(9, 2, flowtest.Set(256, []byte{192, 0, 2, 8})))
	if got := b.Flows[0].SrcAddr.String(); got != "192.0.2.7" {
		t.Errorf("domain 1: source %s", got)
	}
	if f := b.Flows[1]; f.Set.Has(flow.FieldSrcAddr) || f.DstAddr.String() != "192.0.2.8" || f.Domain != 2 {
		t.Errorf("domain 2: %+v", f)
	}
}

// The v9 header's Count must not bound parsing: tshark and Filebeat stop there.
func TestCountIgnored(t *testing.T) {
	p := flowtest.Packet(9, 1, flowtest.Template(9, 256, []flowtest.Field{flowtest.F(0, 8, 4)}), flowtest.Set(256, make([]byte, 4*5)))
	p[3] = 1
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, p)
	if len(b.Flows) != 5 {
		t.Errorf("%d flows, want 5", len(b.Flows))
	}
}

// v9 types are plain 16-bit numbers: 33002 is no enterprise element.
func TestV9HighTypes(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(0, 33002, 2), flowtest.F(0, 8, 4)}
	tmpl := flowtest.Set(0, join(be(256, 2), be(2, 2), be(33002, 2), be(2, 2), be(8, 2), be(4, 2)))
	_ = fields
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, flowtest.Packet(9, 1, tmpl, flowtest.Set(256, []byte{3, 233, 10, 0, 0, 1})))
	f := &b.Flows[0]
	if f.SrcAddr.String() != "10.0.0.1" {
		t.Errorf("source %s", f.SrcAddr)
	}
	for e, v := range b.Extra(f) {
		if e != (flow.Element{ID: 33002}) || string(v) != "\x03\xe9" {
			t.Errorf("extra %v %x", e, v)
		}
		return
	}
	t.Error("no extra")
}

func TestUnknownElementsAreKept(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(0, 8, 4), flowtest.F(6871, 40, 3), flowtest.F(0, 20000, 2), flowtest.F(0, 8, 4), flowtest.F(29306, 1, 8), flowtest.F(9, 12235, 0xffff), flowtest.F(0, 7, 2)}
	rec := func(s string) []byte {
		return join([]byte{10, 0, 0, 1}, []byte("abc"), []byte{1, 2}, []byte{10, 0, 0, 9}, be(77, 8), []byte{byte(len(s))}, []byte(s), []byte{0, 80})
	}
	set := flowtest.Set(300, join(rec("one"), rec(""), rec("a longer one")))
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, flowtest.Packet(10, 1, flowtest.Template(10, 300, fields), set))
	sameAsSlow(t, &b, 10, fields, set[4:])
}

// Two samplers in a domain have a rate each (akvorado 997), from options in the
// packet of their template (akvorado 89); without a rate flows are kept
// (akvorado 1238).
func TestOptionsGiveRates(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(0, 8, 4), flowtest.F(0, 48, 1)}
	data := func(sampler byte) []byte { return flowtest.Set(256, []byte{10, 0, 0, 1, sampler}) }
	opts := []flowtest.Field{flowtest.F(0, 1, 4), flowtest.F(0, 48, 1), flowtest.F(0, 50, 4)}
	said := func(sampler byte, rate uint64) []byte {
		return flowtest.Set(257, join(be(0, 4), []byte{sampler}, be(rate, 4)))
	}
	var b flow.Batch
	d := newDecoder()
	// Template, options template, options and data in one packet; then a second
	// sampler in the same domain; then a changed rate.
	decodeAll(t, d, &b,
		flowtest.Packet(9, 1, flowtest.Template(9, 256, fields), data(1), flowtest.OptionsTemplate(9, 257, 1, opts), said(1, 100), data(1)),
		flowtest.Packet(9, 1, said(2, 2000), data(2), data(1)),
		flowtest.Packet(9, 1, said(1, 500), data(1), data(3)),
		flowtest.Packet(9, 2, flowtest.Template(9, 256, fields), data(1)))
	want := []uint32{0, 100, 2000, 100, 500, 0, 0}
	if len(b.Flows) != len(want) {
		t.Fatalf("%d flows", len(b.Flows))
	}
	for i, w := range want {
		if f := b.Flows[i]; f.SamplingRate != w || f.Set.Has(flow.FieldSamplingRate) != (w > 0) {
			t.Errorf("flow %d: rate %d, want %d", i, f.SamplingRate, w)
		}
	}
	if len(b.Options) != 3 || d.Stats.Options != 3 {
		t.Fatalf("%d options records", len(b.Options))
	}
	o := &b.Options[0]
	if o.Scopes != 1 || o.Template != 257 || o.Domain != 1 {
		t.Errorf("options %+v", o)
	}
	n := 0
	for e, v := range b.Fields(o) {
		if e.ID != opts[n].ID || len(v) != int(opts[n].Len) {
			t.Errorf("field %d is %v %x", n, e, v)
		}
		n++
	}
	if n != 3 {
		t.Errorf("%d fields", n)
	}
}

func TestRatesOfRecords(t *testing.T) {
	f := func(fields []flowtest.Field, rec []byte, want uint32) {
		t.Helper()
		var b flow.Batch
		decodeAll(t, newDecoder(), &b, flowtest.Packet(10, 1, flowtest.Template(10, 300, fields), flowtest.Set(300, rec)))
		if got := b.Flows[0]; got.SamplingRate != want || got.Set.Has(flow.FieldSamplingRate) != (want > 0) {
			t.Errorf("%v: rate %d, want %d", fields, got.SamplingRate, want)
		}
	}
	f([]flowtest.Field{flowtest.F(0, 34, 4)}, be(1000, 4), 1000)
	f([]flowtest.Field{flowtest.F(0, 34, 4)}, be(0, 4), 0)
	f([]flowtest.Field{flowtest.F(0, 50, 2)}, be(64, 2), 64)
	f([]flowtest.Field{flowtest.F(0, 305, 4), flowtest.F(0, 306, 4)}, join(be(1, 4), be(511, 4)), 512)
	f([]flowtest.Field{flowtest.F(0, 305, 4), flowtest.F(0, 306, 4)}, join(be(0, 4), be(511, 4)), 0)
	f([]flowtest.Field{flowtest.F(0, 309, 4), flowtest.F(0, 310, 4)}, join(be(2, 4), be(200, 4)), 100)
	f([]flowtest.Field{flowtest.F(0, 311, 8)}, be(0x3f847ae147ae147b, 8), 100) // 0.01
	f([]flowtest.Field{flowtest.F(0, 311, 4)}, be(0x3c23d70a, 4), 100)
	f([]flowtest.Field{flowtest.F(0, 305, 2), flowtest.F(0, 306, 8)}, join(be(1, 2), be(9, 8)), 10)
	f([]flowtest.Field{flowtest.F(0, 309, 4), flowtest.F(0, 310, 4)}, join(be(100, 4), be(10, 4)), 0)
	f([]flowtest.Field{flowtest.F(0, 34, 4), flowtest.F(0, 50, 4)}, join(be(0, 4), be(100, 4)), 100)
	f([]flowtest.Field{flowtest.F(0, 34, 4), flowtest.F(0, 305, 1), flowtest.F(0, 306, 1)}, join(be(0, 4), be(1, 1), be(99, 1)), 100)
	f([]flowtest.Field{flowtest.F(0, 34, 4), flowtest.F(0, 50, 4)}, join(be(7, 4), be(100, 4)), 7)
}

// Uptimes in IPFIX, with the boot time and without (ipfix-rita 19).
func TestIPFIXUptime(t *testing.T) {
	// Uptime elements with the boot time in the record, in the options, nowhere.
	boot := uint64(flowtest.Export*1000 - flowtest.Uptime)
	up := join(be(flowtest.Uptime-9000, 4), be(flowtest.Uptime-1000, 4))
	fields := []flowtest.Field{flowtest.F(0, 22, 4), flowtest.F(0, 21, 4)}
	var b flow.Batch
	d := newDecoder()
	decodeAll(t, d, &b,
		flowtest.Packet(10, 1, flowtest.Template(10, 300, fields), flowtest.Set(300, up)),
		flowtest.Packet(10, 1, flowtest.Template(10, 301, append(fields[:2:2], flowtest.Field{ID: 160, Len: 8})), flowtest.Set(301, join(up, be(boot, 8)))),
		flowtest.Packet(10, 1, flowtest.OptionsTemplate(10, 302, 1, []flowtest.Field{flowtest.F(0, 149, 4), flowtest.F(0, 160, 8)}), flowtest.Set(302, join(be(1, 4), be(boot, 8)))),
		flowtest.Packet(10, 1, flowtest.Set(300, up)))
	if f := b.Flows[0]; f.Start != at || f.End != at || f.Marks != flow.TimeReplaced {
		t.Errorf("unknown boot: %+v", f)
	}
	kept := map[flow.Element]string{}
	for e, v := range b.Extra(&b.Flows[0]) {
		kept[e] = string(v)
	}
	if want := (map[flow.Element]string{{ID: 22}: string(up[:4]), {ID: 21}: string(up[4:])}); !reflect.DeepEqual(kept, want) {
		t.Errorf("unknown boot: kept %x, want %x", kept, want)
	}
	for i := 1; i < 3; i++ {
		if f := b.Flows[i]; f.HasExtra() && i == 2 {
			t.Errorf("flow %d: uptimes are kept, though they are times", i)
		} else if f.Start != at-9000e6 || f.End != at-1000e6 || f.Marks != 0 {
			t.Errorf("flow %d: %d %d marks %b", i, f.Start-at, f.End-at, f.Marks)
		}
	}
}

func TestTimesOfIPFIX(t *testing.T) {
	sec := uint64(flowtest.Export - 10)
	ntp := (sec+2208988800)<<32 | 1<<31 // half a second later
	f := func(id, n uint16, v []byte, want int64) {
		t.Helper()
		var b flow.Batch
		decodeAll(t, newDecoder(), &b, flowtest.Packet(10, 1, flowtest.Template(10, 300, []flowtest.Field{{ID: id, Len: n}}), flowtest.Set(300, v)))
		if got := b.Flows[0].Start; got != want {
			t.Errorf("element %d: %d, want %d", id, got, want)
		}
	}
	s := int64(sec) * 1e9
	f(150, 4, be(sec, 4), s)
	f(152, 8, be(sec*1000+123, 8), s+123e6)
	f(154, 8, be(ntp|0x7ff, 8), s+5e8) // the low 11 bits don't count
	f(156, 8, be(ntp, 8), s+5e8)
	f(158, 4, be(10_000_000, 4), s)
}

func TestDurations(t *testing.T) {
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, flowtest.Packet(10, 1,
		flowtest.Template(10, 300, []flowtest.Field{flowtest.F(0, 152, 8), flowtest.F(0, 161, 4)}), flowtest.Set(300, join(be(flowtest.Export*1000-5000, 8), be(2000, 4))),
		flowtest.Template(10, 301, []flowtest.Field{flowtest.F(0, 153, 8), flowtest.F(0, 162, 4)}), flowtest.Set(301, join(be(flowtest.Export*1000-3000, 8), be(2_000_000, 4)))))
	for i, f := range b.Flows {
		if f.Start != at-5000e6 || f.End != at-3000e6 {
			t.Errorf("flow %d: %d–%d", i, f.Start-at, f.End-at)
		}
	}
}

func TestOneTemplateForBothFamilies(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(0, 8, 4), flowtest.F(0, 27, 16)}
	v6 := netip.MustParseAddr("2001:db8::1").As16()
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, flowtest.Packet(9, 1, flowtest.Template(9, 300, fields),
		flowtest.Set(300, join([]byte{10, 0, 0, 1}, make([]byte, 16), make([]byte, 4), v6[:]))))
	if a, z := b.Flows[0].SrcAddr.String(), b.Flows[1].SrcAddr.String(); a != "10.0.0.1" || z != "2001:db8::1" {
		t.Errorf("sources %s, %s", a, z)
	}
}

func TestReducedLengths(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(0, 1, 3), flowtest.F(0, 2, 1), flowtest.F(0, 10, 2), flowtest.F(0, 16, 2), flowtest.F(0, 8, 2), flowtest.F(0, 7, 4)}
	set := flowtest.Set(300, []byte{1, 2, 3, 9, 0, 7, 0xfd, 0xe8, 10, 1, 0, 0, 1, 187})
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, flowtest.Packet(10, 1, flowtest.Template(10, 300, fields), set))
	f := &b.Flows[0]
	if f.Bytes != 0x010203 || f.Packets != 9 || f.InIf != 7 || f.SrcAS != 65000 || f.SrcPort != 443 {
		t.Errorf("%+v", f)
	}
	if f.Set.Has(flow.FieldSrcAddr) || !f.HasExtra() {
		t.Error("an address of 2 octets is an extra, not an address")
	}
}

func TestFaults(t *testing.T) {
	f := func(name string, data []byte, want Fault) {
		t.Helper()
		var b flow.Batch
		d := newDecoder()
		err := d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: data})
		if want == none && err != nil || want != none && !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if want != none && d.Stats.Faults[want] == 0 {
			t.Errorf("%s: not counted", name)
		}
	}
	tmpl := func(version uint16, fields ...flowtest.Field) []byte {
		return flowtest.Packet(version, 1, flowtest.Template(version, 256, fields))
	}
	f("nothing", nil, ErrShort)
	f("version 3", []byte{0, 3, 0, 0}, ErrVersion)
	f("v5 header", flowtest.New(1).V5(0)[:20], ErrShort)
	f("v9 header", flowtest.Header(9, 1, 0)[:19], ErrShort)
	f("ipfix header", flowtest.Header(10, 1, 0)[:15], ErrShort)
	f("no sets", flowtest.Packet(9, 1), none)
	f("set beyond the end", flowtest.Packet(9, 1, []byte{1, 0, 0, 99}), ErrSetLength)
	f("set of length 0", flowtest.Packet(9, 1, []byte{1, 0, 0, 0}), ErrSetLength)
	f("data before its template", flowtest.Packet(9, 1, flowtest.Set(256, make([]byte, 8))), ErrNoTemplate)
	f("template without octets", tmpl(9, flowtest.Field{ID: 8}), ErrTemplate)
	f("template of no fields", tmpl(9), ErrTemplate)
	f("withdrawal", tmpl(10), ErrWithdrawal)
	f("template of 28 octets that claims 65,535 fields", flowtest.Packet(9, 1, []byte{0, 0, 0, 8, 1, 0, 0xff, 0xff}), ErrTemplate)
	f("too long a record", tmpl(9, flowtest.Field{ID: 1, Len: 40000}, flowtest.Field{ID: 2, Len: 40000}), ErrTemplate)
	f("template id 5", flowtest.Packet(9, 1, flowtest.Template(9, 5, flowtest.Twenty)), ErrTemplate)
	f("field without octets among others", tmpl(9, flowtest.Field{ID: 8, Len: 4}, flowtest.Field{ID: 12}), none)
	f("variable record cut short", flowtest.Packet(10, 1, flowtest.Template(10, 256, []flowtest.Field{flowtest.F(0, 96, 0xffff)}),
		flowtest.Set(256, []byte{1, 'a', 9, 'b'})), ErrShort)
	f("padding", flowtest.Packet(9, 1, flowtest.Template(9, 256, flowtest.Twenty), flowtest.Set(256, make([]byte, 3))), none)
}

// A fault in a set costs that set only.
func TestFaultIsContained(t *testing.T) {
	var b flow.Batch
	d := newDecoder()
	err := d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: flowtest.Packet(9, 1,
		flowtest.Set(999, make([]byte, 8)),
		flowtest.Template(9, 256, []flowtest.Field{flowtest.F(0, 8, 4)}),
		flowtest.Template(9, 257, []flowtest.Field{flowtest.F(0, 8, 0)}),
		flowtest.Set(256, []byte{10, 0, 0, 1}))})
	if !errors.Is(err, ErrNoTemplate) || len(b.Flows) != 1 || d.Stats.Faults[ErrTemplate] != 1 || d.Stats.Waiting != 8 {
		t.Errorf("%v, %d flows, %+v", err, len(b.Flows), d.Stats)
	}
}

// A set that begins within an IPFIX message and runs beyond its length is read,
// one that begins behind it is not.
func TestSetBeyondTheMessage(t *testing.T) {
	p := flowtest.Packet(10, 1, flowtest.Template(10, 256, []flowtest.Field{flowtest.F(0, 8, 4)}),
		flowtest.Set(256, make([]byte, 8)), flowtest.Set(256, make([]byte, 4)))
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)-10)) // into the first data set
	var b flow.Batch
	d := newDecoder()
	err := d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: p})
	if !errors.Is(err, ErrSetLength) || len(b.Flows) != 2 {
		t.Errorf("%v, %d flows; want %v, 2", err, len(b.Flows), ErrSetLength)
	}
}

// An exporter whose clock is years behind, and one bad time.
func TestClockOff(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(0, 152, 8), flowtest.F(0, 153, 8)}
	p := flowtest.Packet(10, 1, flowtest.Template(10, 300, fields), flowtest.Set(300, join(be(5000, 8), be(9e6, 8))))
	binary.BigEndian.PutUint32(p[4:], 100) // 1970
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, p)
	if f := b.Flows[0]; f.Start != at || f.End != at || f.Marks != flow.TimeReplaced {
		t.Errorf("start %d, end %d, marks %b; want both at arrival", f.Start, f.End, f.Marks)
	}
}

func TestLimits(t *testing.T) {
	d := New(template.NewStore(template.Limits{Sessions: 2, Templates: 3}))
	var b flow.Batch
	for i := range 5 {
		from := netip.AddrPortFrom(flowtest.From.Addr(), uint16(1000+i))
		for id := range 5 {
			d.Decode(&b, Datagram{From: from, Time: at, Data: flowtest.Packet(9, 1, flowtest.Template(9, uint16(256+id), flowtest.Twenty))})
		}
	}
	// Three templates each; the exporters make room for one another.
	if d.Stats.Templates != 15 || d.Stats.Faults[ErrTemplate] != 10 || d.store.Len() != 2 {
		t.Errorf("%+v, %d sessions", d.Stats, d.store.Len())
	}
}

func TestNoAllocations(t *testing.T) {
	m := flowtest.New(1)
	opts := []flowtest.Field{flowtest.F(0, 1, 4), flowtest.F(0, 48, 1), flowtest.F(0, 50, 4)}
	extra := append([]flowtest.Field{flowtest.F(6871, 40, 4), flowtest.F(0, 20000, 2)}, flowtest.TwentyIPFIX...)
	for name, data := range map[string][]byte{
		"v1":    packetV1(24),
		"v5":    m.V5(30),
		"v6":    packetV6(27),
		"v7":    packetV7(27),
		"v8.6":  packetV8(6, 44),
		"v8.14": packetV8(14, 35),
		"v9":    flowtest.Packet(9, 1, flowtest.Template(9, 260, flowtest.Twenty), m.Data(260, 24, flowtest.Twenty)),
		"ipfix": flowtest.Packet(10, 1, flowtest.Template(10, 260, flowtest.TwentyIPFIX), m.Data(260, 24, flowtest.TwentyIPFIX)),
		"named": flowtest.Packet(10, 1, flowtest.Template(10, 260, flowtest.Named), m.Data(260, 24, flowtest.Named)),
		"extra": flowtest.Packet(10, 1, flowtest.Template(10, 260, extra), m.Data(260, 24, extra)),
		"options": flowtest.Packet(9, 1, flowtest.OptionsTemplate(9, 261, 1, opts),
			flowtest.Set(261, join(be(0, 4), []byte{1}, be(100, 4)))),
		"garbage": {0, 3, 1},
		"set cut": flowtest.Packet(9, 1, []byte{1, 0, 0, 99}),
	} {
		d := newDecoder()
		var b flow.Batch
		dg := Datagram{From: flowtest.From, Time: at, Data: data}
		run := func() {
			d.Decode(&b, dg)
			b.Reset()
		}
		run()
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations a datagram", name, n)
		}
	}
}
