package decode

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/packet"
	"github.com/weirflow/weir/shared/sflow"
)

func u32(v ...uint32) (d []byte) {
	for _, x := range v {
		d = binary.BigEndian.AppendUint32(d, x)
	}
	return d
}

// tagged puts a data format and a length before d.
func tagged(format uint32, d ...[]byte) []byte {
	v := join(d...)
	return join(u32(format, uint32(len(v))), v)
}

// sflowOf is a datagram of agent 10.0.0.9, sub-agent 7.
func sflowOf(samples ...[]byte) []byte {
	return join(u32(5, 1, 0x0a000009, 7, 99, 1234, uint32(len(samples))), join(samples...))
}

func compactOf(in, out uint32, records ...[]byte) []byte {
	return tagged(1, u32(1, 3, 1000, 50000, 0, in, out, uint32(len(records))), join(records...))
}

var (
	frameTCP = join(
		[]byte{0, 0, 0, 0, 0, 2}, []byte{0, 0, 0, 0, 0, 1}, be(0x0800, 2),
		[]byte{0x45, 0x10, 0x05, 0xdc, 0, 1, 0x40, 0, 60, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2},
		be(443, 2), be(50000, 2), be(1, 4), be(2, 4), []byte{0x50, 0x18}, be(1024, 2), be(0, 4))
	headerTCP  = tagged(1, u32(1, 1518, 4, uint32(len(frameTCP))), frameTCP, make([]byte, 2))
	switchRec  = tagged(1001, u32(100, 0, 200, 0))
	routerRec  = tagged(1002, u32(1, 0x0a0000fe, 24, 16))
	gatewayRec = tagged(1003, u32(1, 0xc0000201, 64500, 64501, 64502, 1, 2, 3, 64510, 64511, 64512, 2, 1, 2, 100))
)

// one decodes a datagram that holds one flow and no fault.
func one(t *testing.T, data []byte) (*flow.Batch, *flow.Flow) {
	t.Helper()
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, data)
	if len(b.Flows) != 1 {
		t.Fatalf("%d flows, want 1", len(b.Flows))
	}
	return &b, &b.Flows[0]
}

func extras(b *flow.Batch, f *flow.Flow) map[flow.Element]string {
	m := map[flow.Element]string{}
	for e, v := range b.Extra(f) {
		m[e] = string(v)
	}
	return m
}

func TestSFlowSample(t *testing.T) {
	b, f := one(t, sflowOf(compactOf(3, 4, switchRec, headerTCP, routerRec, gatewayRec)))
	want := flow.Flow{
		Set: sflowSet.Union(sflowTimes).Union(flow.SetOf(
			flow.FieldSender, flow.FieldInIf, flow.FieldOutIf, flow.FieldSamplingRate, flow.FieldDirection,
			flow.FieldSrcMAC, flow.FieldDstMAC, flow.FieldEtherType, flow.FieldSrcVLAN, flow.FieldDstVLAN,
			flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldProto, flow.FieldTOS, flow.FieldTTL, flow.FieldIPVersion,
			flow.FieldSrcPort, flow.FieldDstPort, flow.FieldTCPFlags, flow.FieldNextHop, flow.FieldSrcMask,
			flow.FieldDstMask, flow.FieldBGPNextHop, flow.FieldSrcAS, flow.FieldDstAS)),
		Start: at, End: at, Received: at, Bytes: 1500, Packets: 1, L2Bytes: 1518,
		SrcMAC: 1, DstMAC: 2, EtherType: 0x800, SrcVLAN: 100, DstVLAN: 200,
		SrcAddr: flow.AddrFrom4([4]byte{10, 0, 0, 1}), DstAddr: flow.AddrFrom4([4]byte{10, 0, 0, 2}),
		NextHop: flow.AddrFrom4([4]byte{10, 0, 0, 254}), BGPNextHop: flow.AddrFrom4([4]byte{192, 0, 2, 1}),
		Exporter: flow.AddrFrom4([4]byte{10, 0, 0, 9}), Sender: flow.AddrFrom(flowtest.From.Addr()), Domain: 7,
		SrcAS: 64501, DstAS: 64512, InIf: 3, OutIf: 4, SamplingRate: 1000, SrcMask: 24, DstMask: 16,
		SrcPort: 443, DstPort: 50000, TCPFlags: 0x18, Proto: 6, TOS: 0x10, TTL: 60, IPVersion: 4, Version: flow.SFlow5,
	}
	got := *f
	got.SetExtra(0, 0)
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	x := extras(b, f)
	if v := x[flow.Element{PEN: sflow.PEN, ID: 1003}]; v != string(gatewayRec[8:]) || len(x) != 1 {
		t.Errorf("extras %x", x)
	}
}

func TestSFlowExpandedSample(t *testing.T) {
	_, f := one(t, sflowOf(tagged(3, u32(1, 0, 70000, 10, 1, 0, 0, 80000, 0, 70000, 1), headerTCP)))
	if f.InIf != 80000 || f.OutIf != 70000 || f.SamplingRate != 10 || f.SrcPort != 443 {
		t.Errorf("got %+v", f)
	}
	if !f.Set.Has(flow.FieldDirection) || f.Direction != 1 {
		t.Error("a source that is the output interface means egress")
	}
}

func TestSFlowAgents(t *testing.T) {
	v6 := netip.MustParseAddr("2001:db8::9")
	for _, c := range []struct {
		agent            []byte
		exporter, sender string
	}{
		{u32(1, 0x0a000009), "10.0.0.9", "192.0.2.1"},
		{u32(1, 0xc0000201), "192.0.2.1", ""},
		{join(u32(2), v6.AsSlice()), "2001:db8::9", "192.0.2.1"},
		{u32(0), "192.0.2.1", ""},
		{u32(1, 0), "192.0.2.1", ""},
	} {
		var b flow.Batch
		decodeAll(t, newDecoder(), &b, join(u32(5), c.agent, u32(0, 1, 2, 2), compactOf(1, 2, headerTCP), tagged(2, u32(5, 9, 0))))
		f, n := &b.Flows[0], &b.Counters[0]
		if f.Exporter.String() != c.exporter || n.Exporter != f.Exporter || n.Sender != f.Sender {
			t.Errorf("%x: exporter %s, want %s; counter's %s", c.agent, f.Exporter, c.exporter, n.Exporter)
		}
		if has := f.Set.Has(flow.FieldSender); has != (c.sender != "") || has && f.Sender.String() != c.sender {
			t.Errorf("%x: sender %v %s, want %q", c.agent, has, f.Sender, c.sender)
		}
	}
}

// PEERS: interfaces that are no index.
func TestSFlowInterfaces(t *testing.T) {
	for _, c := range []struct {
		raw           uint32
		index         uint32
		known         bool
		format, value uint32
		status        uint8
	}{
		{raw: 7, index: 7, known: true},
		{raw: 0},
		{raw: 0x3fffffff, value: 0x3fffffff},
		{raw: 1<<30 | 258, format: 1, value: 258, status: 130},
		{raw: 1<<30 | 256, format: 1, value: 256, status: 128},
		{raw: 2<<30 | 7, format: 2, value: 7},
		{raw: 2 << 30, format: 2},
	} {
		for name, data := range map[string][]byte{
			"compact":  compactOf(1, c.raw, headerTCP),
			"expanded": tagged(3, u32(1, 0, 1, 10, 1, 0, 0, 1, c.raw>>30, c.raw&0x3fffffff, 1), headerTCP),
		} {
			b, f := one(t, sflowOf(data))
			if f.Set.Has(flow.FieldOutIf) != c.known || f.OutIf != c.index || f.FwdStatus != c.status {
				t.Errorf("%s %#x: index %v %d, status %d", name, c.raw, f.Set.Has(flow.FieldOutIf), f.OutIf, f.FwdStatus)
			}
			want := ""
			if c.format != 0 || c.value != 0 {
				want = string(u32(c.format, c.value))
			}
			if got := extras(b, f)[flow.Element{PEN: sflow.PEN, ID: sflow.Output}]; got != want {
				t.Errorf("%s %#x: kept %x, want %x", name, c.raw, got, want)
			}
		}
	}
	b, f := one(t, sflowOf(compactOf(0x3fffffff, 2)))
	if f.Set.Has(flow.FieldInIf) || extras(b, f)[flow.Element{PEN: sflow.PEN, ID: sflow.Input}] != string(u32(0, 0x3fffffff)) {
		t.Error("the internal interface became an index")
	}
}

func TestSFlowDiscarded(t *testing.T) {
	b, f := one(t, sflowOf(tagged(5, u32(1, 0, 3, 0, 3, 0, 257, 1), headerTCP)))
	if f.InIf != 3 || f.FwdStatus != 137 || f.Packets != 1 || f.Bytes != 1500 || f.Set.Has(flow.FieldSamplingRate) || f.Set.Has(flow.FieldOutIf) {
		t.Errorf("got %+v", f)
	}
	if got := extras(b, f)[flow.Element{PEN: sflow.PEN, ID: sflow.Reason}]; got != string(u32(257)) {
		t.Errorf("reason %x", got)
	}
}

// Each record by itself, in its smallest form: what it fills, and whether it is
// kept.
func TestSFlowRecords(t *testing.T) {
	a6 := netip.MustParseAddr("2001:db8::1").AsSlice()
	b6 := netip.MustParseAddr("2001:db8::2").AsSlice()
	text := func(s string) []byte { return join(u32(uint32(len(s))), []byte(s), make([]byte, -len(s)&3)) }
	for _, c := range []struct {
		name   string
		record []byte
		kept   bool
		want   map[flow.Field]any
	}{
		{"ethernet", tagged(2, u32(64), []byte{0, 0, 0, 0, 0, 1, 0, 0}, []byte{0, 0, 0, 0, 0, 2, 0, 0}, u32(0x806)), false, map[flow.Field]any{
			flow.FieldSrcMAC: 1, flow.FieldDstMAC: 2, flow.FieldEtherType: 0x806, flow.FieldL2Bytes: 64, flow.FieldBytes: 64}},
		{"ipv4", tagged(3, u32(60, 6, 0x0a000001, 0x0a000002, 80, 443, 2, 8)), false, map[flow.Field]any{
			flow.FieldSrcAddr: "10.0.0.1", flow.FieldDstAddr: "10.0.0.2", flow.FieldSrcPort: 80, flow.FieldDstPort: 443,
			flow.FieldProto: 6, flow.FieldTCPFlags: 2, flow.FieldTOS: 8, flow.FieldBytes: 60}},
		{"ipv4 without ports", tagged(3, u32(60, 1, 0x0a000001, 0x0a000002, 0, 0, 0, 8)), false, map[flow.Field]any{
			flow.FieldSrcAddr: "10.0.0.1", flow.FieldDstAddr: "10.0.0.2", flow.FieldProto: 1, flow.FieldTOS: 8, flow.FieldBytes: 60}},
		{"ipv6", tagged(4, u32(80, 17), a6, b6, u32(53, 54, 0, 4)), false, map[flow.Field]any{
			flow.FieldSrcAddr: "2001:db8::1", flow.FieldDstAddr: "2001:db8::2", flow.FieldSrcPort: 53, flow.FieldDstPort: 54,
			flow.FieldProto: 17, flow.FieldTOS: 4, flow.FieldBytes: 80}},
		{"switch", switchRec, false, map[flow.Field]any{flow.FieldSrcVLAN: 100, flow.FieldDstVLAN: 200}},
		{"switch with priority", tagged(1001, u32(100, 5, 200, 0)), true, map[flow.Field]any{flow.FieldSrcVLAN: 100, flow.FieldDstVLAN: 200}},
		{"switch, out unknown", tagged(1001, u32(100, 0, 1<<32-1, 1<<32-1)), true, map[flow.Field]any{flow.FieldSrcVLAN: 100}},
		{"router", routerRec, false, map[flow.Field]any{flow.FieldNextHop: "10.0.0.254", flow.FieldSrcMask: 24, flow.FieldDstMask: 16}},
		{"router, ipv6", tagged(1002, u32(2), a6, u32(48, 64)), false, map[flow.Field]any{flow.FieldNextHop: "2001:db8::1", flow.FieldSrcMask: 48, flow.FieldDstMask: 64}},
		{"router, no hop", tagged(1002, u32(0, 24, 16)), false, map[flow.Field]any{flow.FieldSrcMask: 24, flow.FieldDstMask: 16}},
		{"gateway", gatewayRec, true, map[flow.Field]any{flow.FieldBGPNextHop: "192.0.2.1", flow.FieldSrcAS: 64501, flow.FieldDstAS: 64512}},
		{"gateway, two segments", tagged(1003, u32(1, 1, 1, 2, 3, 2, 2, 1, 10, 1, 2, 20, 30, 0, 0)), true, map[flow.Field]any{
			flow.FieldBGPNextHop: "0.0.0.1", flow.FieldSrcAS: 2, flow.FieldDstAS: 30}},
		{"gateway, no path", tagged(1003, u32(1, 1, 1, 2, 3, 0, 0, 0)), true, map[flow.Field]any{
			flow.FieldBGPNextHop: "0.0.0.1", flow.FieldSrcAS: 2, flow.FieldDstAS: 1}},
		{"user", tagged(1004, u32(106), text("alice"), u32(106), text("")), true, map[flow.Field]any{flow.FieldUser: "alice"}},
		{"url", tagged(1005, u32(1), text("/index"), text("example.org")), true, nil},
		{"mpls", tagged(1006, u32(1, 0x0a000001, 1, 0x00abc1ff, 0)), true, map[flow.Field]any{flow.FieldNextHop: "10.0.0.1", flow.FieldMPLSLabel: 0xabc1}},
		{"nat", tagged(1007, u32(1, 0x0a000001, 1, 0x0a000002)), false, map[flow.Field]any{flow.FieldNATSrcAddr: "10.0.0.1", flow.FieldNATDstAddr: "10.0.0.2"}},
		{"nat ports", tagged(1020, u32(1000, 2000)), false, map[flow.Field]any{flow.FieldNATSrcPort: 1000, flow.FieldNATDstPort: 2000}},
		{"mpls tunnel", tagged(1008, text("lsp"), u32(1, 2)), true, nil},
		{"vlan tunnel", tagged(1012, u32(1, 0x81000064)), true, nil},
		{"decapsulation", tagged(1027, u32(50)), true, nil},
		{"vni", tagged(1030, u32(5000)), true, nil},
		{"socket", tagged(2100, u32(6, 0x0a000001, 0x0a000002, 80, 5000)), false, map[flow.Field]any{
			flow.FieldSrcAddr: "10.0.0.1", flow.FieldDstAddr: "10.0.0.2", flow.FieldProto: 6, flow.FieldSrcPort: 80, flow.FieldDstPort: 5000}},
		{"socket, ipv6", tagged(2101, u32(17), a6, b6, u32(53, 5000)), false, map[flow.Field]any{
			flow.FieldSrcAddr: "2001:db8::1", flow.FieldDstAddr: "2001:db8::2", flow.FieldProto: 17, flow.FieldSrcPort: 53, flow.FieldDstPort: 5000}},
		{"token ring", tagged(1, u32(3, 100, 4, 4), u32(1)), true, map[flow.Field]any{flow.FieldL2Bytes: 100, flow.FieldBytes: 96}},
		{"ipv4 header", tagged(1, u32(11, 1500, 0, 20), frameTCP[14:34]), false, map[flow.Field]any{
			flow.FieldSrcAddr: "10.0.0.1", flow.FieldDstAddr: "10.0.0.2", flow.FieldProto: 6, flow.FieldTOS: 16, flow.FieldTTL: 60,
			flow.FieldIPVersion: 4, flow.FieldL2Bytes: 1500, flow.FieldBytes: 1500}},
	} {
		b, f := one(t, sflowOf(compactOf(0, 0, c.record)))
		always := flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldReceived, flow.FieldPackets, flow.FieldExporter,
			flow.FieldSender, flow.FieldDomain, flow.FieldVersion, flow.FieldSamplingRate)
		set := always
		for x, v := range c.want {
			set.Add(x)
			switch v := v.(type) {
			case int:
				if f.Uint(x) != uint64(v) {
					t.Errorf("%s: %s is %d, want %d", c.name, flow.Fields[x].Name, f.Uint(x), v)
				}
			case string:
				got := string(b.Strings.Get(flow.Str(f.Uint(x))))
				if a := f.Addr(x); a != nil {
					got = a.String()
				}
				if got != v {
					t.Errorf("%s: %s is %s, want %s", c.name, flow.Fields[x].Name, got, v)
				}
			}
		}
		if f.Set != set {
			t.Errorf("%s: columns %b, want %b", c.name, f.Set, set)
		}
		id := uint16(binary.BigEndian.Uint32(c.record))
		if v, ok := extras(b, f)[flow.Element{PEN: sflow.PEN, ID: id}]; ok != c.kept || ok && v != string(c.record[8:]) {
			t.Errorf("%s: kept %v %x", c.name, ok, v)
		}
	}
}

func TestSFlowMarksFrames(t *testing.T) {
	arp := join(make([]byte, 12), be(0x806, 2), make([]byte, 28))
	_, f := one(t, sflowOf(compactOf(1, 2, tagged(1, u32(1, 64, 4, uint32(len(arp))), arp))))
	if f.Bytes != 60 || f.L2Bytes != 64 || f.Marks != flow.LinkBytes || f.EtherType != 0x806 {
		t.Errorf("got %+v", f)
	}
}

func TestSFlowKeeps(t *testing.T) {
	vendor := tagged(9<<12|5, []byte("abcd"))
	b, f := one(t, sflowOf(compactOf(1, 2, vendor, tagged(1030, u32(1)), tagged(1030, u32(2)), vendor)))
	want := map[flow.Element]string{
		{PEN: sflow.PEN, ID: sflow.Vendor}:         string(u32(9<<12|5)) + "abcd",
		{PEN: sflow.PEN, ID: sflow.Vendor, Ord: 1}: string(u32(9<<12|5)) + "abcd",
		{PEN: sflow.PEN, ID: 1030}:                 string(u32(1)),
		{PEN: sflow.PEN, ID: 1030, Ord: 1}:         string(u32(2)),
	}
	got := extras(b, f)
	if len(got) != len(want) {
		t.Errorf("got %x", got)
	}
	for e, v := range want {
		if got[e] != v {
			t.Errorf("%v: %x, want %x", e, got[e], v)
		}
	}

	d := newDecoder()
	d.SFlow = SFlow{KeepHeaders: true, Packet: packet.Options{Inner: true}}
	rec := tagged(1, u32(1, 1600, 4, uint32(len(vxlan))), vxlan)
	var in flow.Batch
	decodeAll(t, d, &in, sflowOf(compactOf(1, 2, rec)))
	f = &in.Flows[0]
	x := extras(&in, f)
	if f.SrcAddr.String() != "10.0.0.1" || f.SrcVLAN != 5 || f.Bytes != 1500 ||
		x[flow.Element{ID: 245}] != "\x00\x06" || x[flow.Element{ID: 351}] != "\x01\x00\x00\x00\x00\x00\x12\x34" ||
		x[flow.Element{PEN: sflow.PEN, ID: 1}] != string(rec[8:]) {
		t.Errorf("inner %+v, extras %x", f, x)
	}
}

func TestSFlowCounters(t *testing.T) {
	iface := join(u32(3, 6), be(1e9, 8), u32(1, 3), be(100, 8), u32(1, 2, 3, 4, 5, 6), be(200, 8), u32(7, 8, 9, 10, 11, 12))
	eth := tagged(2, make([]byte, 52))
	for name, sample := range map[string][]byte{
		"compact":  tagged(2, u32(5, 3, 2), tagged(1, iface), eth),
		"expanded": tagged(4, u32(5, 0, 3, 2), tagged(1, iface), eth),
	} {
		d := newDecoder()
		var b flow.Batch
		decodeAll(t, d, &b, sflowOf(sample))
		if len(b.Counters) != 1 || d.Stats.Counters != 1 || len(b.Flows) != 0 {
			t.Fatalf("%s: %d counters, counted %d", name, len(b.Counters), d.Stats.Counters)
		}
		c := b.Counters[0]
		want := flow.Interface{Index: 3, Type: 6, Speed: 1e9, Direction: 1, Status: 3, InOctets: 100, OutOctets: 200,
			InUnicast: 1, InMulticast: 2, InBroadcast: 3, InDiscards: 4, InErrors: 5, InUnknownProtos: 6,
			OutUnicast: 7, OutMulticast: 8, OutBroadcast: 9, OutDiscards: 10, OutErrors: 11, Promiscuous: 12}
		if c.Interface != want || !c.HasInterface || c.Index != 3 || c.Class != 0 || c.Sequence != 5 || c.Received != at || c.Domain != 7 {
			t.Errorf("%s: got %+v", name, c)
		}
		var ids []uint16
		for e, v := range b.Records(&c) {
			ids = append(ids, e.ID)
			if e.PEN != sflow.PEN || e.ID == 1 && !bytes.Equal(v, iface) || e.ID == 2 && len(v) != 52 {
				t.Errorf("%s: %v %x", name, e, v)
			}
		}
		if len(ids) != 2 {
			t.Errorf("%s: records %v", name, ids)
		}
		if b.Reset(); len(b.Counters) != 0 {
			t.Error("Reset leaves counters")
		}
	}
}

// Nobody may be swamped by counters that they don't look at.
func TestSFlowCountersAreBounded(t *testing.T) {
	d := newDecoder()
	var b flow.Batch
	data := sflowOf(tagged(2, u32(1, 1, 0)), compactOf(1, 2, headerTCP))
	for range sflowCounters + 10 {
		d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: data})
	}
	if len(b.Counters) != sflowCounters || d.Stats.Faults[ErrFull] != 10 || len(b.Flows) != sflowCounters+10 {
		t.Errorf("%d counters, %d flows, faults %v", len(b.Counters), len(b.Flows), d.Stats.Faults)
	}
	b.Reset()
	data = sflowOf(tagged(2, u32(1, 1, 1), tagged(9<<12|1, make([]byte, 60000))))
	for range 1000 {
		d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: data})
	}
	if size, _ := b.Arena(0); int(size) > sflowArena+len(data) {
		t.Errorf("counters take %d octets", size)
	}
}

func TestSFlowFaults(t *testing.T) {
	whole := compactOf(1, 2, headerTCP)
	for _, c := range []struct {
		name   string
		data   []byte
		fault  error
		flows  int
		counts int
	}{
		{"no version", be(0, 2), ErrShort, 0, 0},
		{"version 4", u32(4, 1, 1, 1, 1, 0), ErrVersion, 0, 0},
		{"address type", u32(5, 3, 1, 1, 1, 1, 1), ErrShort, 0, 0},
		{"header cut", u32(5, 1, 1, 1, 1, 1), ErrShort, 0, 0},
		{"no samples", u32(5, 1, 1, 1, 1, 1, 0), nil, 0, 0},
		{"more samples than there are", join(u32(5, 1, 1, 1, 1, 1, 1<<32-1), whole), ErrCount, 1, 0},
		{"trailing octets", join(sflowOf(whole), make([]byte, 7)), nil, 1, 0},
		{"sample cut", sflowOf(whole, whole)[:28+len(whole)+len(whole)-1], ErrShort, 1, 0},
		{"length of 2³²-1", join(u32(5, 1, 1, 1, 1, 1, 1), u32(1, 1<<32-1), make([]byte, 99)), ErrShort, 0, 0},
		{"record beyond its sample", sflowOf(tagged(1, u32(1, 3, 1, 1, 0, 1, 2, 1, 1001, 17), make([]byte, 16)), whole), ErrShort, 1, 0},
		{"records promised", sflowOf(tagged(1, u32(1, 3, 1, 1, 0, 1, 2, 2), switchRec), whole), ErrShort, 1, 0},
		{"short samples", sflowOf(tagged(1, u32(1)), tagged(3, u32(1)), tagged(5, u32(1)), tagged(2, u32(1)), tagged(4, u32(1, 2, 3)), whole), ErrShort, 1, 0},
		{"vendor's sample", sflowOf(tagged(4300<<12|1002, u32(1)), whole), nil, 1, 0},
		{"empty records", sflowOf(compactOf(1, 2, tagged(1), tagged(2), tagged(3), tagged(4), tagged(1001), tagged(1002), tagged(1003), tagged(1004),
			tagged(1006), tagged(1007), tagged(1020), tagged(2100), tagged(2101))), ErrRecord, 1, 0},
		{"path beyond its record", sflowOf(compactOf(1, 2, tagged(1003, u32(1, 1, 1, 2, 3, 1, 2, 1<<31, 0, 0)))), ErrRecord, 1, 0},
		{"segments beyond their record", sflowOf(compactOf(1, 2, tagged(1003, u32(1, 1, 1, 2, 3, 1<<32-1)))), ErrRecord, 1, 0},
		{"user beyond its record", sflowOf(compactOf(1, 2, tagged(1004, u32(1, 1<<32-1, 0, 0)))), ErrRecord, 1, 0},
		{"labels beyond their record", sflowOf(compactOf(1, 2, tagged(1006, u32(1, 1, 1<<30, 0)))), ErrRecord, 1, 0},
		{"generic counters cut", sflowOf(tagged(2, u32(5, 3, 1), tagged(1, make([]byte, 87)))), ErrRecord, 0, 1},
		{"header longer than its record", sflowOf(compactOf(1, 2, tagged(1, u32(1, 99, 0, 1<<32-1), frameTCP))), nil, 1, 0},
	} {
		d := newDecoder()
		var b flow.Batch
		err := d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: c.data})
		if err != c.fault || len(b.Flows) != c.flows || len(b.Counters) != c.counts {
			t.Errorf("%s: %v, %d flows, %d counters; want %v, %d, %d", c.name, err, len(b.Flows), len(b.Counters), c.fault, c.flows, c.counts)
		}
	}
}

func TestSFlowWithoutTime(t *testing.T) {
	var b flow.Batch
	if err := newDecoder().Decode(&b, Datagram{From: flowtest.From, Data: sflowOf(compactOf(1, 2, headerTCP))}); err != nil {
		t.Fatal(err)
	}
	if f := &b.Flows[0]; f.Set.Has(flow.FieldStart) || f.Set.Has(flow.FieldEnd) || f.Set.Has(flow.FieldReceived) {
		t.Error("a sample of no time has one")
	}
}

// What is not announced is not kept room for.
func TestSFlowCost(t *testing.T) {
	var b flow.Batch
	newDecoder().Decode(&b, Datagram{From: flowtest.From, Time: at, Data: u32(5, 1, 1, 1, 1, 1, 1<<32-1)})
	if cap(b.Flows) != 0 || cap(b.Counters) != 0 {
		t.Errorf("28 octets make room for %d flows and %d counters", cap(b.Flows), cap(b.Counters))
	}
}

func TestSFlowNoAllocations(t *testing.T) {
	user := tagged(1004, u32(106, 4), []byte("root"), u32(106, 0))
	data := sflowOf(compactOf(3, 4, headerTCP, switchRec, routerRec, gatewayRec, user), compactOf(2<<30, 1<<30, tagged(9<<12|5, u32(1))),
		tagged(2, u32(5, 3, 1), tagged(1, make([]byte, 88))))
	d := newDecoder()
	var b flow.Batch
	decodeAll(t, d, &b, data)
	if n := testing.AllocsPerRun(100, func() {
		b.Reset()
		d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: data})
	}); n != 0 {
		t.Errorf("%v allocations a datagram", n)
	}
}
