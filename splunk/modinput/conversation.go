package modinput

import (
	"encoding/binary"
	"math/bits"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// stitchable tells whether another flow may answer f.
func stitchable(f *flow.Flow) bool {
	if f.Set[0]&needed[0] != needed[0] || f.Set[1]&needed[1] != needed[1] || f.SrcAddr == f.DstAddr || toMany(&f.DstAddr) || toMany(&f.SrcAddr) {
		return false
	}
	if f.Proto == icmp || f.Proto == icmpv6 {
		_, _, ok := ports(f)
		return ok
	}
	return true
}

const (
	icmp   = 1
	icmpv6 = 58
)

// needed are the columns without which no flow is stitched, alike those that two
// flows must both have or both lack.
var (
	needed = flow.SetOf(flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldProto, flow.FieldExporter)
	alike  = flow.SetOf(flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldProto, flow.FieldExporter, flow.FieldDomain, flow.FieldVersion,
		flow.FieldSrcPort, flow.FieldDstPort, flow.FieldSamplingRate, flow.FieldFwEvent)
)

// toMany tells whether a is a multicast or a broadcast address.
func toMany(a *flow.Addr) bool {
	if a.Is4() {
		return a[12] >= 224 && a[12] < 240 || binary.BigEndian.Uint32(a[12:]) == 1<<32-1
	}
	return a[0] == 0xff
}

// ports returns the ports of f. Those of ICMP are its types, so put that they are
// exchanged in the answer, and the request's is the higher; ok is false if a
// message of that type has no answer.
func ports(f *flow.Flow) (src, dst uint16, ok bool) {
	if f.Proto != icmp && f.Proto != icmpv6 {
		return f.SrcPort, f.DstPort, true
	}
	t := f.ICMPType >> 8
	if !f.Set.Has(flow.FieldICMPType) {
		if !f.Set.Has(flow.FieldDstPort) {
			return 0, 0, true // nobody knows
		}
		t = f.DstPort >> 8 // NetFlow's habit
	}
	switch {
	case f.Proto == icmp && t == 8, f.Proto == icmp && t == 13, f.Proto == icmpv6 && t == 128:
		return t + 1, t, true
	case f.Proto == icmp && t == 0:
		return 8, 9, true
	case f.Proto == icmp && t == 14, f.Proto == icmpv6 && t == 129:
		return t - 1, t, true
	}
	return 0, 0, false
}

// opposite is the bit in which the hashes of a flow and its answer differ.
const opposite = 1

// hash is the same for a flow and its answer, but for the bit opposite.
func (s *Stitcher) hash(f *flow.Flow) uint32 {
	src, dst, _ := ports(f)
	x, y := s.end(&f.SrcAddr, src), s.end(&f.DstAddr, dst)
	h := x + y
	h ^= uint64(f.Proto) | uint64(f.Domain)<<8 ^ binary.LittleEndian.Uint64(f.Exporter[8:])
	hi, lo := bits.Mul64(h^s.seed[0], s.seed[2])
	if h = (hi ^ lo) &^ opposite; x < y {
		h |= opposite
	}
	return uint32(h)
}

func (s *Stitcher) end(a *flow.Addr, port uint16) uint64 {
	hi, lo := bits.Mul64(binary.LittleEndian.Uint64(a[:])^s.seed[0]^uint64(port)<<48, binary.LittleEndian.Uint64(a[8:])^s.seed[1])
	return hi ^ lo
}

// answers tells whether f and g are the two directions of a conversation.
func (s *Stitcher) answers(f, g *flow.Flow) bool {
	if (f.Set[0]^g.Set[0])&alike[0] != 0 || (f.Set[1]^g.Set[1])&alike[1] != 0 || !f.Set.Has(flow.FieldSrcAddr) || !f.Set.Has(flow.FieldDstAddr) ||
		f.SrcAddr != g.DstAddr || f.DstAddr != g.SrcAddr || f.Proto != g.Proto || f.Exporter != g.Exporter || f.Domain != g.Domain ||
		f.Version != g.Version || f.SamplingRate != g.SamplingRate || f.FwEvent != g.FwEvent || dropped(f) != dropped(g) {
		return false
	}
	fs, fd, _ := ports(f)
	gs, gd, _ := ports(g)
	return fs == gd && fd == gs && apart(f, g) <= s.cfg.Timeout
}

// dropped tells whether the exporter didn't forward f (RFC 7270, 4.12): that is an
// event of its own, since what came of it isn't what came of its answer.
func dropped(f *flow.Flow) bool { return f.FwdStatus>>6 == 2 }

// apart is how far the intervals of f and g are from one another, negative if they
// overlap.
func apart(f, g *flow.Flow) time.Duration {
	fs, fe := interval(f)
	gs, ge := interval(g)
	return time.Duration(max(fs, gs) - min(fe, ge))
}

func interval(f *flow.Flow) (start, end int64) {
	switch s, e := f.Set.Has(flow.FieldStart), f.Set.Has(flow.FieldEnd); {
	case s && e:
		return f.Start, f.End
	case s:
		return f.Start, f.Start
	case e:
		return f.End, f.End
	}
	return f.Received, f.Received
}

// initiates tells whether f, rather than g, has begun their conversation
// (SEMANTICS, Direction, duplicates, conversations).
func initiates(f, g *flow.Flow) bool {
	if f.Set.Has(flow.FieldStart) && g.Set.Has(flow.FieldStart) && f.Start != g.Start {
		return f.Start < g.Start
	}
	const syn, ack = 0x02, 0x10
	if fs, gs := f.TCPFlags&(syn|ack) == syn, g.TCPFlags&(syn|ack) == syn; fs != gs {
		return fs
	}
	fp, _, _ := ports(f)
	gp, _, _ := ports(g)
	return fp > gp
}

// join makes f, which has begun a conversation, tell of g as well, but for g's
// volume.
func join(f, g *flow.Flow) {
	if g.Set.Has(flow.FieldStart) && (!f.Set.Has(flow.FieldStart) || g.Start < f.Start) {
		f.Start = g.Start
		f.Set.Add(flow.FieldStart)
	}
	if g.Set.Has(flow.FieldEnd) && (!f.Set.Has(flow.FieldEnd) || g.End > f.End) {
		f.End = g.End
		f.Set.Add(flow.FieldEnd)
	}
	f.Received = max(f.Received, g.Received)
	if g.Set.Has(flow.FieldTCPFlags) {
		f.TCPFlags |= g.TCPFlags
		f.Set.Add(flow.FieldTCPFlags)
	}
	if f.InIf == 0 && g.OutIf != 0 {
		f.InIf = g.OutIf
		f.Set.Add(flow.FieldInIf)
	}
	if f.OutIf == 0 && g.InIf != 0 {
		f.OutIf = g.InIf
		f.Set.Add(flow.FieldOutIf)
	}
	f.Marks |= g.Marks &^ flow.Reverse
}

// lent are the columns that tell of an end of a conversation, in both directions,
// or of all of it: if one flow lacks such a column, the other may have it.
var lent = [...][2]flow.Field{
	{flow.FieldSrcAS, flow.FieldDstAS}, {flow.FieldSrcMask, flow.FieldDstMask}, {flow.FieldSrcVLAN, flow.FieldDstVLAN}, {flow.FieldInVRF, flow.FieldOutVRF},
	{flow.FieldInIfSpeed, flow.FieldOutIfSpeed}, {flow.FieldInIfName, flow.FieldOutIfName}, {flow.FieldInIfDesc, flow.FieldOutIfDesc},
	{flow.FieldInIfRole, flow.FieldOutIfRole}, {flow.FieldInVRFName, flow.FieldOutVRFName}, {flow.FieldSrcNet, flow.FieldDstNet},
	{flow.FieldSrcSite, flow.FieldDstSite}, {flow.FieldSrcRole, flow.FieldDstRole}, {flow.FieldSrcCountry, flow.FieldDstCountry},
	{flow.FieldAppID, flow.FieldAppID}, {flow.FieldAppName, flow.FieldAppName}, {flow.FieldUser, flow.FieldUser},
}

// lend gives o, a flow of out with the columns of f, what it lacks of lent and its
// answer y has.
func (s *Stitcher) lend(o, f *flow.Flow, y *party) {
	if s.lenders == [2]flow.Set{f.Set, y.f.Set} {
		return // mostly two templates, or one, by turns
	}
	some := false
	for _, l := range lent {
		for i := range l {
			to, from := l[i], l[1-i]
			if o.Set.Has(to) || !y.f.Set.Has(from) {
				continue
			}
			some = true
			v := y.f.Uint(from)
			if texts.Has(to) {
				text := y.b.Strings.Get(flow.Str(v))
				v = uint64(s.out.Strings.Intern(text))
				s.octets += len(text)
			}
			o.SetUint(to, v)
			o.Set.Add(to)
		}
	}
	if !some {
		s.lenders = [2]flow.Set{f.Set, y.f.Set}
	}
}
