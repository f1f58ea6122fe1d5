package decode

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/ie"
	"github.com/weirflow/weir/shared/template"
)

// An Ethernet frame with a VLAN tag, IPv4 of 60 octets, TCP with SYN.
var (
	sectionFrame   = join([]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x81, 0, 0, 42, 8, 0}, sectionPacket)
	sectionPacket  = join([]byte{0x45, 8, 0, 60, 0, 0, 0, 0, 63, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}, sectionSegment)
	sectionSegment = join(be(1000, 2), be(443, 2), be(1, 4), be(0, 4), []byte{0x50, 2, 0, 0, 0, 0, 0, 0})
)

func sampledText(f *flow.Flow) string {
	return fmt.Sprint(f.SrcAddr, ":", f.SrcPort, ">", f.DstAddr, ":", f.DstPort, " ", f.Proto, " flags ", f.TCPFlags,
		" tos ", f.TOS, " vlan ", f.SrcVLAN, " type ", f.EtherType, " ", f.Bytes, "/", f.Packets, " l2 ", f.L2Bytes, " marks ", f.Marks)
}

// Packets in records: PSAMP's packet reports, RFC 5476 and 5477; NetFlow-lite.
func TestSections(t *testing.T) {
	f := func(name string, version uint16, fields []flowtest.Field, record []byte, want string) {
		t.Helper()
		var b flow.Batch
		decodeAll(t, newDecoder(), &b, flowtest.Packet(version, 1, flowtest.Template(version, 300, fields), flowtest.Set(300, record)))
		if len(b.Flows) != 1 {
			t.Fatalf("%s: %d flows", name, len(b.Flows))
		}
		if got := sampledText(&b.Flows[0]); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	whole := "10.0.0.1:1000>10.0.0.2:443 6 flags 2 tos 8 vlan 42 type 2048 60/1 l2 78 marks 0"
	f("frame", 10, []flowtest.Field{flowtest.F(0, 312, 2), flowtest.F(0, 315, 0xffff)}, join(be(78, 2), sized(sectionFrame)), whole)
	f("frame of fixed length", 10, []flowtest.Field{flowtest.F(0, 312, 2), flowtest.F(0, 315, 64)}, join(be(78, 2), sectionFrame, make([]byte, 64-len(sectionFrame))), whole)
	f("frame of Ethernet", 10, []flowtest.Field{flowtest.F(0, 312, 2), flowtest.F(0, 408, 2), flowtest.F(0, 315, 0xffff)}, join(be(78, 2), be(1, 2), sized(sectionFrame)), whole)
	f("frame of 802.11", 10, []flowtest.Field{flowtest.F(0, 312, 2), flowtest.F(0, 408, 2), flowtest.F(0, 315, 0xffff)}, join(be(78, 2), be(2, 2), sized(sectionFrame)),
		":::0>:::0 0 flags 0 tos 0 vlan 0 type 0 78/1 l2 78 marks 4")
	f("not from its start", 10, []flowtest.Field{flowtest.F(0, 312, 2), flowtest.F(0, 409, 2), flowtest.F(0, 315, 0xffff)}, join(be(78, 2), be(14, 2), sized(sectionFrame)),
		":::0>:::0 0 flags 0 tos 0 vlan 0 type 0 78/1 l2 78 marks 4")
	f("fewer octets", 10, []flowtest.Field{flowtest.F(0, 410, 2), flowtest.F(0, 315, 0xffff)}, join(be(18, 2), sized(sectionFrame)),
		":::0>:::0 0 flags 0 tos 0 vlan 42 type 2048 0/1 l2 0 marks 0")
	f("NetFlow-lite", 9, []flowtest.Field{flowtest.F(0, 312, 2), flowtest.F(0, 102, 2), flowtest.F(0, 103, 2), flowtest.F(0, 104, 64)},
		join(be(78, 2), be(0, 2), be(uint64(len(sectionFrame)), 2), sectionFrame, make([]byte, 64-len(sectionFrame))), whole)
	f("packet", 10, []flowtest.Field{flowtest.F(0, 313, 0xffff)}, sized(sectionPacket), "10.0.0.1:1000>10.0.0.2:443 6 flags 2 tos 8 vlan 0 type 0 60/1 l2 0 marks 0")
	f("segment", 10, []flowtest.Field{flowtest.F(0, 4, 1), flowtest.F(0, 224, 8), flowtest.F(0, 314, 0xffff)}, join([]byte{6}, be(60, 8), sized(sectionSegment)),
		":::1000>:::443 6 flags 2 tos 0 vlan 0 type 0 60/1 l2 0 marks 0")
	f("label stack and what is behind", 10, []flowtest.Field{flowtest.F(0, 316, 0xffff), flowtest.F(0, 317, 0xffff)}, join(sized([]byte{0, 1, 1, 64}), sized(sectionPacket)),
		"10.0.0.1:1000>10.0.0.2:443 6 flags 2 tos 8 vlan 0 type 0 60/1 l2 0 marks 0")
	// What the record says by itself counts; a record that counts is no packet's.
	f("record first", 10, []flowtest.Field{flowtest.F(0, 7, 2), flowtest.F(0, 1, 4), flowtest.F(0, 2, 4), flowtest.F(0, 313, 0xffff)},
		join(be(5, 2), be(9000, 4), be(9, 4), sized(sectionPacket)), "10.0.0.1:5>10.0.0.2:443 6 flags 2 tos 8 vlan 0 type 0 9000/9 l2 0 marks 0")
	f("a report without packet", 10, []flowtest.Field{flowtest.F(0, 301, 8), flowtest.F(0, 8, 4), flowtest.F(0, 224, 2)}, join(be(1, 8), []byte{10, 0, 0, 1}, be(99, 2)),
		"10.0.0.1:0>:::0 0 flags 0 tos 0 vlan 0 type 0 99/1 l2 0 marks 0")
}

// RFC 5477 §8.4: when a packet was observed, by any of four elements. What
// selected it says the sampling rate.
func TestPacketReports(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(0, 302, 8), flowtest.F(0, 323, 8), flowtest.F(0, 313, 0xffff)}
	selector := flowtest.OptionsTemplate(10, 301, 1, []flowtest.Field{flowtest.F(0, 302, 8), flowtest.F(0, 304, 2), flowtest.F(0, 305, 4), flowtest.F(0, 306, 4)})
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, flowtest.Packet(10, 1, selector, flowtest.Set(301, join(be(7, 8), be(1, 2), be(1, 4), be(99, 4))),
		flowtest.Template(10, 300, fields), flowtest.Set(300, join(be(7, 8), be(flowtest.Export*1000-1500, 8), sized(sectionPacket)))))
	f := &b.Flows[0]
	if want := int64(at - 1500e6); f.Start != want || f.End != want || !f.Set.Has(flow.FieldEnd) || f.SamplingRate != 100 {
		t.Errorf("from %d to %d, 1 in %d; want %d, 100", f.Start, f.End, f.SamplingRate, want)
	}
	for id, v := range map[uint16][]byte{
		322: be(flowtest.Export, 4), 324: be((flowtest.Export+2_208_988_800)<<32, 8), 325: be((flowtest.Export+2_208_988_800)<<32, 8),
	} {
		b.Reset()
		decodeAll(t, newDecoder(), &b, flowtest.Packet(10, 1, flowtest.Template(10, 300, []flowtest.Field{flowtest.F(0, id, uint16(len(v)))}), flowtest.Set(300, v)))
		if f := &b.Flows[0]; f.Start != at || f.End != at {
			t.Errorf("element %d: from %d to %d, want %d", id, f.Start, f.End, int64(at))
		}
	}
}

func TestSectionsInner(t *testing.T) {
	outer := join([]byte{0x45, 0, 0, 80, 0, 0, 0, 0, 63, 4, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2}, sectionPacket)
	fields := []flowtest.Field{flowtest.F(0, 313, 0xffff)}
	d := newDecoder()
	d.SFlow.Packet.Inner = true
	var b flow.Batch
	decodeAll(t, d, &b, flowtest.Packet(10, 1, flowtest.Template(10, 300, fields), flowtest.Set(300, sized(outer))))
	if f := &b.Flows[0]; f.SrcAddr.String() != "10.0.0.1" || f.Bytes != 60 {
		t.Errorf("%s", sampledText(f))
	}
}

// A record of one octet that names 60,000 octets of properties must not become
// as long.
func TestCommonPropertiesAreShort(t *testing.T) {
	var b flow.Batch
	decodeAll(t, newDecoder(), &b,
		flowtest.Packet(10, 1, flowtest.OptionsTemplate(10, 301, 1, []flowtest.Field{flowtest.F(0, 137, 1), flowtest.F(0, 8, 4), flowtest.F(9, 77, 60000)}),
			flowtest.Set(301, join([]byte{1, 10, 0, 0, 1}, make([]byte, 60000)))),
		flowtest.Packet(10, 1, flowtest.Template(10, 300, []flowtest.Field{flowtest.F(0, 137, 1)}), flowtest.Set(300, bytes.Repeat([]byte{1}, 1000))))
	for i := range b.Flows {
		n := 0
		for _, v := range b.Extra(&b.Flows[i]) {
			n += len(v)
		}
		if n > 1 || b.Flows[i].SrcAddr.String() != "10.0.0.1" {
			t.Fatalf("record %d has %d octets beside its columns, and comes from %v", i, n, b.Flows[i].SrcAddr)
		}
	}
	if len(b.Flows) != 1000 || len(b.Options) != 1 {
		t.Errorf("%d flows, %d options", len(b.Flows), len(b.Options))
	}
}

// RFC 5473: properties that many records share.
func TestCommonProperties(t *testing.T) {
	properties := []flowtest.Field{flowtest.F(0, 137, 8), flowtest.F(0, 8, 4), flowtest.F(0, 10, 4), flowtest.F(0, 96, 0xffff), flowtest.F(0, 82, 0xffff), flowtest.F(9, 77, 2)}
	fields := []flowtest.Field{flowtest.F(0, 137, 8), flowtest.F(0, 12, 4), flowtest.F(0, 10, 4), flowtest.F(9, 77, 2), flowtest.F(0, 1, 4)}
	option := func(id uint64, host byte) []byte {
		return join(be(id, 8), []byte{10, 0, 0, host}, be(5, 4), sized([]byte("web")), sized([]byte("eth0")), be(700, 2))
	}
	record := func(id uint64) []byte {
		return join(be(id, 8), []byte{192, 0, 2, 1}, be(6, 4), be(800, 2), be(60, 4))
	}
	d := newDecoder()
	var b flow.Batch
	template := flowtest.Packet(10, 1, flowtest.OptionsTemplate(10, 301, 1, properties), flowtest.Template(10, 300, fields))
	data := flowtest.Packet(10, 1, flowtest.Set(301, join(option(1, 1), option(2, 2))), flowtest.Set(300, join(record(1), record(2), record(3))))
	decodeAll(t, d, &b, template, data)
	e := encode.New(encode.IPFIX)
	for i, want := range []string{"10.0.0.1", "10.0.0.2", ""} {
		f := &b.Flows[i]
		text := string(e.AppendJSON(nil, &b, f))
		if f.InIf != 6 || f.Bytes != 60 || f.DstAddr.String() != "192.0.2.1" || f.Exporter.String() != "192.0.2.1" || f.Received != at {
			t.Errorf("record %d has lost what is its own: %s", i, text)
		}
		if want == "" {
			if f.Set.Has(flow.FieldSrcAddr) || strings.Contains(text, "eth0") {
				t.Errorf("record %d names what is not known: %s", i, text)
			}
			continue
		}
		if f.SrcAddr.String() != want || string(b.Strings.Get(f.AppName)) != "web" || !strings.Contains(text, `"interfaceName":"eth0"`) {
			t.Errorf("record %d: %s", i, text)
		}
		var extras string
		for x, v := range b.Extra(f) {
			if x.PEN == 9 {
				extras += fmt.Sprintf("%d #%d=%x ", x.ID, x.Ord, v)
			}
		}
		if extras != "77 #0=0320 77 #1=02bc " {
			t.Errorf("record %d: extras %s", i, extras)
		}
	}
	// Changed ones count from there on; refreshed ones cost nothing.
	b.Reset()
	decodeAll(t, d, &b, flowtest.Packet(10, 1, flowtest.Set(301, option(1, 9)), flowtest.Set(300, record(1))))
	if got := b.Flows[0].SrcAddr.String(); got != "10.0.0.9" {
		t.Errorf("%s after a change", got)
	}
	decodeAll(t, d, &b, data)
	if n := testing.AllocsPerRun(20, func() {
		b.Reset()
		d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: flowtestRecords})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

var flowtestRecords = flowtest.Packet(10, 1, flowtest.Set(300, join(be(1, 8), []byte{192, 0, 2, 1}, be(6, 4), be(800, 2), be(60, 4))))

// RFC 5610: an exporter says what its own elements are.
func TestElementsDescribed(t *testing.T) {
	const pen = 55555
	fields := []flowtest.Field{
		flowtest.F(0, 346, 4), flowtest.F(0, 303, 2), flowtest.F(0, 339, 1), flowtest.F(0, 344, 1), flowtest.F(0, 345, 2), flowtest.F(0, 341, 0xffff), flowtest.F(0, 340, 0xffff),
	}
	describe := func(pen, id uint64, typ byte, name string) []byte {
		return join(be(pen, 4), be(id, 2), []byte{typ, 3}, be(2, 2), sized([]byte(name)), sized([]byte("what it is")))
	}
	var b flow.Batch
	d := newDecoder()
	decodeAll(t, d, &b, flowtest.Packet(10, 1, flowtest.OptionsTemplate(10, 301, 2, fields), flowtest.Set(301, join(
		describe(pen, 7, 4, "weirTestCounter"), describe(pen, 8, 13, "bad name"), describe(0, 1, 13, "mine"), describe(0, 8, 13, "alsoMine"),
		describe(9, 8232, 4, "notCiscos"), describe(pen, 9, 200, "noType"), describe(pen, 7, 13, "another"), describe(pen, 10, 4, "weirTestCounter"),
		// Names that some profile writes as another's, or that were an element's second.
		describe(pen, 11, 4, "weir_test_counter"), describe(pen+2, 12, 4, "WeirTestCounter"), describe(pen, 13, 1, "sourceIPv4Address"),
		describe(pen, 14, 1, "reverseOctetDeltaCount"), describe(pen, 15, 13, "src_addr"), describe(pen, 16, 13, "version"),
		describe(pen, 17, 4, "weirTest_2"), describe(pen, 18, 13, "DNS_qname")))))
	e, ok := ie.Lookup(pen, 7)
	if !ok || e.Name != "weirTestCounter" || e.Type != ie.Unsigned64 || e.Semantics != ie.DeltaCounter || e.Units != "octets" {
		t.Errorf("%+v, %v", e, ok)
	}
	for id := uint16(8); id <= 18; id++ {
		for pen := range uint32(3) {
			if e, ok := ie.Lookup(55555+pen, id); ok {
				t.Errorf("%+v was learned", e)
			}
		}
	}
	if e, _ := ie.Lookup(0, 1); e.Name != "octetDeltaCount" {
		t.Errorf("an exporter renamed element 1: %+v", e)
	}
	if e, _ := ie.ByName("weirTestCounter"); e.PEN != pen {
		t.Errorf("by name: %+v", e)
	}
	decodeAll(t, d, &b, flowtest.Packet(10, 1, flowtest.Template(10, 300, []flowtest.Field{flowtest.F(pen, 7, 4)}), flowtest.Set(300, be(77, 4))))
	if got := string(encode.New(encode.IPFIX).AppendJSON(nil, &b, &b.Flows[0])); !strings.Contains(got, `"weirTestCounter":77`) {
		t.Errorf("%s", got)
	}
	// A store that wants none learns none; so does one that has enough.
	for _, most := range []int{-1, 1} {
		d := New(template.NewStore(template.Limits{Elements: most}))
		decodeAll(t, d, &b, flowtest.Packet(10, 1, flowtest.OptionsTemplate(10, 301, 2, fields), flowtest.Set(301, describe(pen+1, 1, 4, "tooMany"))))
		if _, ok := ie.Lookup(pen+1, 1); ok {
			t.Errorf("learned with a limit of %d", most)
		}
	}
}

// Each layout of common properties costs a compilation: an exporter has so many
// in a second, and the others wait for the next.
func TestCommonPropertiesAreBounded(t *testing.T) {
	properties := []flowtest.Field{flowtest.F(0, 137, 4), flowtest.F(0, 82, 0xffff)}
	var set []byte
	for id := range uint64(200) {
		set = append(set, join(be(id+1, 4), sized(make([]byte, id+1)))...)
	}
	d := newDecoder()
	var b flow.Batch
	decodeAll(t, d, &b, flowtest.Packet(10, 1, flowtest.OptionsTemplate(10, 301, 1, properties), flowtest.Template(10, 300, properties[:1])))
	known := func(seconds int64) (n int) {
		b.Reset()
		var ids []byte
		for id := range uint64(200) {
			ids = append(ids, be(id+1, 4)...)
		}
		d.Decode(&b, Datagram{From: flowtest.From, Time: at + seconds*1e9, Data: flowtest.Packet(10, 1, flowtest.Set(301, set), flowtest.Set(300, ids))})
		for i := range b.Flows {
			for e := range b.Extra(&b.Flows[i]) {
				if e.ID == 82 {
					n++
				}
			}
		}
		return n
	}
	if a, again, later := known(0), known(0), known(1); a != 64 || again != 64 || later != 128 {
		t.Errorf("%d, again %d, a second later %d are known; want 64, 64, 128", a, again, later)
	}
}
