package decode

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/packet"
	"github.com/weirflow/weir/shared/sflow"
)

// The slow, obvious decoder of sFlow: it reads one word after the other, as the
// specification lists them. Sampled headers it gives to package packet, which
// has a slow twin of its own.

// An xdr reads words; bad tells that there were not enough.
type xdr struct {
	d   []byte
	bad bool
}

func (x *xdr) octets(n uint32) []byte {
	if uint64(n) > uint64(len(x.d)) {
		x.bad = true
		return make([]byte, min(n, 20))
	}
	v := x.d[:n]
	x.d = x.d[n:]
	return v
}

func (x *xdr) u32() uint32 { return binary.BigEndian.Uint32(x.octets(4)) }

// addr reads an address; ok is false for one of unknown type, of no octets.
func (x *xdr) addr() (a flow.Addr, ok bool) {
	switch x.u32() {
	case 0:
		return a, false
	case 1:
		return flow.AddrFrom4([4]byte(x.octets(4))), true
	case 2:
		return flow.Addr(x.octets(16)), true
	}
	x.bad = true
	return a, false
}

// text reads a string and its padding to whole words.
func (x *xdr) text() string {
	n := x.u32()
	v := x.octets(n)
	if x.bad {
		return ""
	}
	x.octets(-n & 3)
	return string(v)
}

// A slowSFlow is what a datagram holds.
type slowSFlow struct {
	flows    []slowFlow
	counters []slowCounter
	faults   [NumFaults]uint64
}

type slowFlow struct {
	flow.Flow          // User is not set
	user      string   // of User
	extras    []string // in any order
}

type slowCounter struct {
	flow.Counter
	records []string
}

func slowly(dg Datagram, o SFlow) (s slowSFlow) {
	x := &xdr{d: dg.Data[:min(len(dg.Data), 1<<16-1)]}
	version := x.u32()
	if x.bad {
		s.faults[ErrShort]++
		return s
	}
	if version != 5 {
		s.faults[ErrVersion]++
		return s
	}
	agent, ok := x.addr()
	var proto flow.Flow
	set := func(x flow.Field, v uint64) { proto.SetUint(x, v); proto.Set.Add(x) }
	set(flow.FieldDomain, uint64(x.u32()))
	x.u32() // sequence
	x.u32() // uptime
	count := x.u32()
	if x.bad {
		s.faults[ErrShort]++
		return s
	}
	sender := flow.AddrFrom(dg.From.Addr())
	proto.Exporter = sender
	if zero := agent == flow.AddrFrom4([4]byte{}) || agent == (flow.Addr{}); ok && !zero && agent != sender {
		proto.Exporter, proto.Sender = agent, sender
		proto.Set.Add(flow.FieldSender)
	}
	proto.Set.Add(flow.FieldExporter)
	set(flow.FieldVersion, 105)
	for ; count > 0; count-- {
		if len(x.d) == 0 {
			s.faults[ErrCount]++
			return s
		}
		format, n := x.u32(), uint32(0)
		if !x.bad {
			n = x.u32()
		}
		v := x.octets(n)
		if x.bad {
			s.faults[ErrShort]++
			return s
		}
		ok := true
		switch format {
		case 1, 3, 5:
			f := slowFlow{Flow: proto}
			if dg.Time != 0 {
				for _, x := range []flow.Field{flow.FieldStart, flow.FieldEnd, flow.FieldReceived} {
					f.set(x, uint64(dg.Time))
				}
			}
			f.set(flow.FieldPackets, 1)
			if ok = f.sample(&xdr{d: v}, format, o, &s.faults); ok {
				s.flows = append(s.flows, f)
			}
		case 2, 4:
			c := slowCounter{Counter: flow.Counter{Received: dg.Time, Exporter: proto.Exporter, Sender: proto.Sender, Domain: proto.Domain, Version: 105}}
			if ok = c.sample(&xdr{d: v}, format, &s.faults); ok {
				s.counters = append(s.counters, c)
			}
		}
		if !ok {
			s.faults[ErrShort]++
		}
	}
	return s
}

func (f *slowFlow) set(x flow.Field, v uint64) {
	f.SetUint(x, v)
	f.Set.Add(x)
}

func (f *slowFlow) setAddr(x flow.Field, a flow.Addr) {
	*f.Addr(x) = a
	f.Set.Add(x)
}

// keep notes an extra; ord tells how many of that name there are already.
func keepSlow(all *[]string, pen, id uint32, v []byte) {
	ord := 0
	for slices.Contains(*all, fmt.Sprintf("%d/%d/%d", pen, id, ord)) {
		ord++
	}
	*all = append(*all, fmt.Sprintf("%d/%d/%d", pen, id, ord), fmt.Sprintf("%d/%d/%d=%x", pen, id, ord, v))
}

func keepSlowRecord(all *[]string, format uint32, v []byte) {
	if format < 4096 {
		keepSlow(all, 14706, format, v)
	} else {
		keepSlow(all, 14706, 4096, append(u32(format), v...))
	}
}

// sample enters a flow sample, and returns false if it is cut short.
func (f *slowFlow) sample(x *xdr, format uint32, o SFlow, faults *[NumFaults]uint64) bool {
	x.u32() // sequence
	var class, index, rate, inFormat, in, outFormat, out uint32
	if format == 1 {
		w := x.u32()
		class, index = w>>24, w&0xffffff
	} else {
		class, index = x.u32(), x.u32()
	}
	if format != 5 {
		rate = x.u32()
		x.u32() // pool
	}
	x.u32() // drops
	switch format {
	case 1:
		i, o := x.u32(), x.u32()
		inFormat, in, outFormat, out = i>>30, i&0x3fffffff, o>>30, o&0x3fffffff
	case 3:
		inFormat, in, outFormat, out = x.u32(), x.u32(), x.u32(), x.u32()
	case 5:
		in, out = x.u32(), x.u32()
	}
	if f.side(flow.FieldInIf, sflow.Input, inFormat, in); x.bad {
		return false
	}
	f.side(flow.FieldOutIf, sflow.Output, outFormat, out)
	if outFormat == 1 {
		f.set(flow.FieldFwdStatus, uint64(discarded(out)))
	}
	if format == 5 {
		reason := x.u32()
		f.set(flow.FieldFwdStatus, uint64(discarded(reason)))
		keepSlow(&f.extras, 14706, sflow.Reason, u32(reason))
	}
	if rate != 0 {
		f.set(flow.FieldSamplingRate, uint64(rate))
	}
	if class == 0 && index != 0 && f.InIf != f.OutIf {
		if index == f.InIf {
			f.set(flow.FieldDirection, 0)
		}
		if index == f.OutIf {
			f.set(flow.FieldDirection, 1)
		}
	}
	n := x.u32()
	if x.bad {
		return false
	}
	var s slowParts
	for ; n > 0; n-- {
		format, size := x.u32(), uint32(0)
		if !x.bad {
			size = x.u32()
		}
		v := x.octets(size)
		if x.bad {
			return false
		}
		before := f.Flow
		switch r := (&xdr{d: v}); f.record(&s, format, r, v) {
		case broken:
			f.Flow = before
			faults[ErrRecord]++
			keepSlowRecord(&f.extras, format, v)
		case partly:
			keepSlowRecord(&f.extras, format, v)
		}
	}
	f.finish(&s, o, faults)
	return true
}

func (f *slowFlow) side(x flow.Field, id, format, value uint32) {
	switch {
	case format != 0 || value == 0x3fffffff || value == 0xffffffff:
		keepSlow(&f.extras, 14706, id, u32(format, value))
	case value != 0:
		f.set(x, uint64(value))
	}
}

// slowParts is what waits for the last record.
type slowParts struct {
	header, socket []byte
	six            bool
	ip, ether      uint32
}

func (f *slowFlow) record(s *slowParts, format uint32, x *xdr, v []byte) verdict {
	whole := func() verdict { // what was read was there
		if x.bad {
			return broken
		}
		return entered
	}
	switch format {
	case 1:
		if len(v) < 16 {
			return broken
		}
		if s.header != nil {
			return partly
		}
		s.header = v
		return entered
	case 2:
		ether, src, dst, typ := x.u32(), x.octets(8), x.octets(8), x.u32()
		if x.bad {
			return broken
		}
		s.ether = ether
		f.set(flow.FieldSrcMAC, binary.BigEndian.Uint64(src)>>16)
		f.set(flow.FieldDstMAC, binary.BigEndian.Uint64(dst)>>16)
		f.set(flow.FieldEtherType, uint64(min(typ, 0xffff)))
	case 3, 4:
		ip, proto := x.u32(), x.u32()
		var src, dst flow.Addr
		if format == 3 {
			src, dst = flow.AddrFrom4([4]byte(x.octets(4))), flow.AddrFrom4([4]byte(x.octets(4)))
		} else {
			src, dst = flow.Addr(x.octets(16)), flow.Addr(x.octets(16))
		}
		sport, dport, flags, tos := x.u32(), x.u32(), x.u32(), x.u32()
		if x.bad {
			return broken
		}
		s.ip = ip
		f.setAddr(flow.FieldSrcAddr, src)
		f.setAddr(flow.FieldDstAddr, dst)
		f.set(flow.FieldProto, uint64(proto&0xff))
		f.set(flow.FieldTOS, uint64(tos&0xff))
		if slices.Contains([]uint32{6, 17, 33, 132, 136}, proto&0xff) {
			f.set(flow.FieldSrcPort, uint64(sport&0xffff))
			f.set(flow.FieldDstPort, uint64(dport&0xffff))
		}
		if proto&0xff == 6 {
			f.set(flow.FieldTCPFlags, uint64(flags&0xff))
		}
	case 1001:
		in, inPriority, out, outPriority := x.u32(), x.u32(), x.u32(), x.u32()
		if x.bad {
			return broken
		}
		if in < 4096 {
			f.set(flow.FieldSrcVLAN, uint64(in))
		}
		if out < 4096 {
			f.set(flow.FieldDstVLAN, uint64(out))
		}
		if inPriority != 0 || outPriority != 0 {
			return partly
		}
	case 1002:
		if hop, ok := x.addr(); ok {
			f.setAddr(flow.FieldNextHop, hop)
		}
		f.set(flow.FieldSrcMask, uint64(min(x.u32(), 255)))
		f.set(flow.FieldDstMask, uint64(min(x.u32(), 255)))
		return whole()
	case 1003:
		if hop, ok := x.addr(); ok {
			f.setAddr(flow.FieldBGPNextHop, hop)
		}
		dst, src := x.u32(), x.u32()
		x.u32() // peer
		for n := x.u32(); n > 0 && !x.bad; n-- {
			x.u32() // sequence or set
			for m := x.u32(); m > 0 && !x.bad; m-- {
				dst = x.u32()
			}
		}
		f.set(flow.FieldSrcAS, uint64(src))
		f.set(flow.FieldDstAS, uint64(dst))
		if x.bad {
			return broken
		}
		return partly
	case 1004:
		x.u32() // character set
		user := x.text()
		x.u32()
		x.u32() // the octets of the destination's user, who may be cut
		if x.bad {
			return broken
		}
		if user != "" {
			f.user = user
			f.Set.Add(flow.FieldUser)
		}
		return partly
	case 1006:
		hop, ok := x.addr()
		n := x.u32()
		if x.bad || uint64(n)*4 > uint64(len(x.d)) {
			return broken
		}
		if ok && !f.Set.Has(flow.FieldNextHop) {
			f.setAddr(flow.FieldNextHop, hop)
		}
		if n > 0 {
			f.set(flow.FieldMPLSLabel, uint64(x.u32()>>8))
		}
		return partly
	case 1007:
		if src, ok := x.addr(); ok {
			f.setAddr(flow.FieldNATSrcAddr, src)
		}
		if dst, ok := x.addr(); ok {
			f.setAddr(flow.FieldNATDstAddr, dst)
		}
		return whole()
	case 1020:
		f.set(flow.FieldNATSrcPort, uint64(x.u32()&0xffff))
		f.set(flow.FieldNATDstPort, uint64(x.u32()&0xffff))
		return whole()
	case 2100, 2101:
		if s.socket != nil {
			return partly
		}
		s.socket, s.six = v, format == 2101
	default:
		return partly
	}
	return entered
}

func (f *slowFlow) finish(s *slowParts, o SFlow, faults *[NumFaults]uint64) {
	var in packet.Info
	var frame, stripped uint32
	if s.header != nil {
		x := &xdr{d: s.header}
		protocol := x.u32()
		frame, stripped = x.u32(), x.u32()
		octets := x.d[4:]
		octets = octets[:min(uint64(x.u32()), uint64(len(octets)))]
		read := true
		switch protocol {
		case 1:
			in = packet.Ethernet(&f.Flow, octets, o.Packet)
		case 7, 14:
			in = packet.PPP(&f.Flow, octets, o.Packet)
		case 11, 12:
			in = packet.IP(&f.Flow, octets, o.Packet)
		case 13:
			in = packet.MPLS(&f.Flow, octets, o.Packet)
		default:
			read = false
		}
		if !read || o.KeepHeaders {
			keepSlow(&f.extras, 14706, 1, s.header)
		}
	}
	if in.CustomerVLAN != 0 {
		keepSlow(&f.extras, 0, 245, be(uint64(in.CustomerVLAN), 2))
	}
	if in.Tunnel() == packet.VXLAN {
		keepSlow(&f.extras, 0, 351, be(1<<56|uint64(in.VNI), 8))
	}
	switch {
	case in.Bytes > 0:
		f.set(flow.FieldBytes, uint64(in.Bytes))
	case s.ip > 0:
		f.set(flow.FieldBytes, uint64(s.ip))
	case frame > stripped:
		f.set(flow.FieldBytes, uint64(frame-stripped))
		f.Marks |= flow.LinkBytes
	case s.ether > 0 && frame == 0:
		f.set(flow.FieldBytes, uint64(s.ether))
		f.Marks |= flow.LinkBytes
	}
	if frame > 0 {
		f.set(flow.FieldL2Bytes, uint64(frame))
	} else if s.ether > 0 {
		f.set(flow.FieldL2Bytes, uint64(s.ether))
	}
	if s.socket == nil {
		return
	}
	x := &xdr{d: s.socket}
	proto := x.u32()
	var src, dst flow.Addr
	if s.six {
		src, dst = flow.Addr(x.octets(16)), flow.Addr(x.octets(16))
	} else {
		src, dst = flow.AddrFrom4([4]byte(x.octets(4))), flow.AddrFrom4([4]byte(x.octets(4)))
	}
	sport, dport := x.u32(), x.u32()
	id := uint32(2100)
	if s.six {
		id = 2101
	}
	if f.Set.Has(flow.FieldSrcAddr) || f.Set.Has(flow.FieldEtherType) {
		keepSlow(&f.extras, 14706, id, s.socket)
		return
	}
	if x.bad {
		faults[ErrRecord]++
		keepSlow(&f.extras, 14706, id, s.socket)
		return
	}
	f.setAddr(flow.FieldSrcAddr, src)
	f.setAddr(flow.FieldDstAddr, dst)
	f.set(flow.FieldSrcPort, uint64(sport&0xffff))
	f.set(flow.FieldDstPort, uint64(dport&0xffff))
	f.set(flow.FieldProto, uint64(proto&0xff))
}

// sample enters a counter sample, and returns false if it is cut short.
func (c *slowCounter) sample(x *xdr, format uint32, faults *[NumFaults]uint64) bool {
	c.Sequence = x.u32()
	if format == 2 {
		w := x.u32()
		c.Class, c.Index = w>>24, w&0xffffff
	} else {
		c.Class, c.Index = x.u32(), x.u32()
	}
	n := x.u32()
	if x.bad {
		return false
	}
	for ; n > 0; n-- {
		format, size := x.u32(), uint32(0)
		if !x.bad {
			size = x.u32()
		}
		v := x.octets(size)
		if x.bad {
			return false
		}
		if keepSlowRecord(&c.records, format, v); format != 1 {
			continue
		}
		r := &xdr{d: v}
		u64 := func() uint64 { return uint64(r.u32())<<32 | uint64(r.u32()) }
		i := flow.Interface{Index: r.u32(), Type: r.u32(), Speed: u64(), Direction: r.u32(), Status: r.u32(),
			InOctets: u64(), InUnicast: r.u32(), InMulticast: r.u32(), InBroadcast: r.u32(), InDiscards: r.u32(), InErrors: r.u32(), InUnknownProtos: r.u32(),
			OutOctets: u64(), OutUnicast: r.u32(), OutMulticast: r.u32(), OutBroadcast: r.u32(), OutDiscards: r.u32(), OutErrors: r.u32(), Promiscuous: r.u32()}
		if r.bad {
			faults[ErrRecord]++
		} else if !c.HasInterface {
			c.Interface, c.HasInterface = i, true
		}
	}
	return true
}

// sameAsSlowSFlow holds what the decoder says of a datagram against the slow
// one.
func sameAsSlowSFlow(t *testing.T, dg Datagram, o SFlow) {
	t.Helper()
	d := newDecoder()
	d.SFlow = o
	var b flow.Batch
	d.Decode(&b, Datagram{From: netip.MustParseAddrPort("[2001:db8::7]:9"), Time: at, Data: sflowOf(compactOf(9, 9, headerTCP, gatewayRec))}) // leaves old values
	before := d.Stats.Faults
	b.Reset()
	d.Decode(&b, dg)
	want := slowly(dg, o)
	got := d.Stats.Faults
	for i := range got {
		got[i] -= before[i]
	}
	if got != want.faults {
		t.Errorf("faults %v, want %v", got, want.faults)
	}
	if len(b.Flows) != len(want.flows) || len(b.Counters) != len(want.counters) {
		t.Fatalf("%d flows and %d counters, want %d and %d", len(b.Flows), len(b.Counters), len(want.flows), len(want.counters))
	}
	for i, w := range want.flows {
		f := b.Flows[i]
		if user := string(b.Strings.Get(f.User)); user != w.user {
			t.Errorf("flow %d: user %q, want %q", i, user, w.user)
		}
		extras := sorted(b.Extra(&f))
		f.SetExtra(0, 0)
		f.User = 0 // a number, not the name
		if f != w.Flow {
			t.Errorf("flow %d:\n got %+v\nwant %+v", i, f, w.Flow)
		}
		if !slices.Equal(extras, onlyValues(w.extras)) {
			t.Errorf("flow %d: extras %s, want %s", i, extras, onlyValues(w.extras))
		}
	}
	for i, w := range want.counters {
		c := b.Counters[i]
		records := sorted(b.Records(&c))
		if c.SetRecords(0, 0); c != w.Counter {
			t.Errorf("counter %d:\n got %+v\nwant %+v", i, c, w.Counter)
		}
		if !slices.Equal(records, onlyValues(w.records)) {
			t.Errorf("counter %d: records %s, want %s", i, records, onlyValues(w.records))
		}
	}
}

func sorted(seq func(func(flow.Element, []byte) bool)) (all []string) {
	for e, v := range seq {
		all = append(all, fmt.Sprintf("%d/%d/%d=%x", e.PEN, e.ID, e.Ord, v))
	}
	slices.Sort(all)
	return all
}

func onlyValues(extras []string) (all []string) {
	for i := 1; i < len(extras); i += 2 {
		all = append(all, extras[i])
	}
	slices.Sort(all)
	return all
}

// randomSFlow makes a datagram of all kinds of samples and records, some of them
// not whole.
func randomSFlow(rnd *rand.Rand) []byte {
	m := flowtest.New(rnd.Uint64())
	word := func() uint32 {
		return []uint32{0, 1, 2, 3, 100, 4095, 4096, 0x3fffffff, 1 << 30, 1<<32 - 1, rnd.Uint32()}[rnd.IntN(11)]
	}
	words := func(n int) (d []byte) {
		for range n {
			d = append(d, u32(word())...)
		}
		return d
	}
	address := func() []byte {
		return [][]byte{u32(0), join(u32(1), words(1)), join(u32(2), words(4)), u32(3)}[[]int{0, 1, 1, 1, 2, 2, 3}[rnd.IntN(7)]]
	}
	text := func() []byte {
		n := rnd.IntN(9)
		return join(u32(uint32(n)), []byte("an owner!")[:n], make([]byte, -n&3))
	}
	vlan := func() uint32 { return []uint32{0, 7, 4095, 4096, 1<<32 - 1}[rnd.IntN(5)] }
	small := func() []byte { return u32(uint32(rnd.IntN(4))) }
	record := func() []byte {
		n := rnd.IntN(4)
		switch rnd.IntN(16) {
		case 0:
			return tagged(2, words(1), words(5))
		case 1:
			return tagged(3, words(1), u32([]uint32{1, 6, 17, 132}[n]), words(6))
		case 2:
			return tagged(4, words(1), u32([]uint32{1, 6, 17, 58}[n]), words(12))
		case 3, 4:
			return tagged(1001, u32(vlan(), uint32(rnd.IntN(5)/4), vlan(), 0))
		case 5, 6:
			return tagged(1002, address(), words(2))
		case 7, 8:
			d := join(address(), words(3), u32(uint32(n)))
			for range n {
				ases := rnd.IntN(4)
				d = join(d, u32(2, uint32(ases+max(0, rnd.IntN(20)-12))), words(ases))
			}
			return tagged(1003, d, small(), words(rnd.IntN(3)))
		case 9:
			return tagged(1004, words(1), text(), words(1), text())
		case 10:
			return tagged(1006, address(), u32(uint32(n)), words(n+1))
		case 11:
			return tagged(1007, address(), address())
		case 12:
			return tagged(1020, words(2))
		case 13:
			return tagged(2100+uint32(n&1), words(5+6*(n&1)))
		case 14:
			return tagged([]uint32{5, 1005, 1030, 9<<12 | 1}[n], words(n))
		}
		frame := [][]byte{frameTCP, m.SFlow(1)[84:][:128], join(frameTCP[:12], be(0x8100, 2), be(5, 2), frameTCP[12:]), vxlan}[n]
		return tagged(1, u32([]uint32{1, 1, 1, 11, 12, 13, 7, 99}[rnd.IntN(8)], uint32(rnd.IntN(2)*1518), 4, uint32(rnd.IntN(150))), frame)
	}
	records := func(format uint32, head ...[]byte) []byte {
		n := rnd.IntN(5)
		d := append(head, u32(uint32(n)))
		for range n {
			d = append(d, record())
		}
		return tagged(format, d...)
	}
	var samples [][]byte
	for range rnd.IntN(4) {
		source := uint32(rnd.IntN(4) | rnd.IntN(2)<<24)
		samples = append(samples, [][]byte{
			records(1, words(1), u32(source), words(3), u32(uint32(rnd.IntN(4))), words(1)),
			records(1, words(1), u32(source), words(3), u32(source, 1)),
			records(3, words(1), u32(uint32(rnd.IntN(5)/4), uint32(rnd.IntN(4))), words(3), u32(0, uint32(rnd.IntN(4)), uint32(rnd.IntN(5)/4)), words(1)),
			records(5, words(3), words(1), words(3)),
			tagged(2, words(2), u32(1), tagged(1, words(22))),
			tagged(4, words(3), u32(2), tagged(2, words(13)), tagged(1, words(22))),
			m.SFlow(1)[28:],
		}[rnd.IntN(7)])
	}
	d := sflowOf(samples...)
	switch rnd.IntN(6) {
	case 0:
		d = d[:rnd.IntN(len(d))]
	case 1, 2:
		d[rnd.IntN(len(d))] ^= 1 << rnd.IntN(8)
	}
	return d
}

// vxlan is a frame with two tags that holds frameTCP.
var vxlan = join(frameTCP[:12], be(0x8100, 2), be(5, 2), be(0x8100, 2), be(6, 2), be(0x800, 2),
	[]byte{0x45, 0, 0, 0, 0, 0, 0, 0, 9, 17, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2}, be(1, 2), be(4789, 2), be(0, 4),
	[]byte{8, 0, 0, 0, 0, 0x12, 0x34, 0}, frameTCP)

func TestSFlowAgainstSlow(t *testing.T) {
	options := []SFlow{{}, {}, {Packet: packet.Options{Inner: true}}, {KeepHeaders: true}}
	for n := range 13 { // gateways that end somewhere
		gateway := u32(1, 1, 10, 20, 30, 1, 2, 1, 99, 0, 0, 0, 0)[:4*n]
		sameAsSlowSFlow(t, Datagram{From: flowtest.From, Time: at, Data: sflowOf(compactOf(1, 2, headerTCP, tagged(1003, gateway)))}, SFlow{})
	}
	rnd := rand.New(rand.NewPCG(5, 5))
	for i := range 20_000 {
		data := randomSFlow(rnd)
		if len(data) < 2 || data[0] != 0 || data[1] != 0 {
			continue
		}
		dg := Datagram{From: flowtest.From, Time: at * int64(min(i%8, 1)), Data: data}
		if sameAsSlowSFlow(t, dg, options[i%len(options)]); t.Failed() {
			t.Fatalf("datagram %d: %x", i, data)
		}
	}
}

// The samples that agents send, in one line and in full, make the same flows.
func TestSFlowUsual(t *testing.T) {
	m := flowtest.New(3)
	for _, data := range [][]byte{m.SFlow(4), m.SFlow(3), sflowOf(
		compactOf(1, 2, headerTCP), compactOf(0, 2, routerRec, headerTCP, gatewayRec, switchRec),
		tagged(3, u32(1, 0, 70000, 10, 1, 0, 0, 80000, 0, 70000, 2), headerTCP, tagged(1002, u32(2, 1, 2, 3, 4, 48, 64))),
		compactOf(1, 2, headerTCP, tagged(1003, u32(2, 1, 2, 3, 4, 10, 20, 30, 1, 2, 1, 99, 0, 0))),
		compactOf(1<<30-1, 2<<30|5, headerTCP, gatewayRec), compactOf(7, 1<<30|258, gatewayRec, headerTCP),
		tagged(3, u32(1, 0, 3, 10, 1, 0, 0, 1<<32-2, 2, 5, 2), gatewayRec, headerTCP),
		compactOf(1, 2, tagged(1003, u32(1, 1, 10, 20, 30, 0, 0, 0)), headerTCP),
		compactOf(1, 2, tagged(1, u32(1, 1600, 4, uint32(len(vxlan))), vxlan), gatewayRec),
	)} {
		d := newDecoder()
		var b flow.Batch
		decodeAll(t, d, &b, data)
		for r := data[28:]; len(r) > 0; r = r[8+binary.BigEndian.Uint32(r[4:]):] {
			var f flow.Flow
			if !d.usual(&b, &f, r[8:][:binary.BigEndian.Uint32(r[4:])], binary.BigEndian.Uint32(r)) {
				t.Errorf("%x is not read in one line", r[8:])
			}
		}
		sameAsSlowSFlow(t, Datagram{From: flowtest.From, Time: at, Data: data}, SFlow{})
	}
}
