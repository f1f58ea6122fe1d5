package template

import (
	"sync"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// Elements 85 and 86 count a flow from its first packet on, over all records
// that are made of it while it lives. A record's flow has what came since the
// one before; what the exporter sent stays beside it as an extra.

// A totals holds the last totals of the flows that live. It is bounded: what
// finds no room counts once, when the flow has ended.
type totals struct {
	shards [16]totalsShard
	most   int // flows a shard
}

// A totalsShard forgets a flow that was silent for one to two idles.
type totalsShard struct {
	mu         sync.Mutex
	young, old map[totalsKey]counts
	turned     int64 // when young was begun, by the exporters' clocks
}

const idle = int64(time.Hour)

// A totalsKey is a flow: what it is keyed by, and when it began, which tells a
// flow from the next with the same key.
type totalsKey struct {
	exporter, src, dst     flow.Addr
	start                  int64
	id                     uint64 // IE 148 flowId
	srcMAC, dstMAC         flow.MAC
	domain, inIf, outIf    uint32
	inVRF, outVRF          uint32
	srcPort, dstPort, vlan uint16
	icmp, etherType        uint16
	proto, tos, direction  uint8
}

type counts struct{ octets, packets uint64 }

func newTotals(flows int) *totals { return &totals{most: max(flows/16, 1)} }

// A totaled says which columns of a plan hold totals.
type totaled struct {
	octets, packets bool
	reason          bool // the record says why it was made
	began           bool // and when the flow began
	id              *spot
}

// newTotaled returns nil if no column holds a total.
func newTotaled(p *Plan, taker map[flow.Field]uint16, at spots) *totaled {
	t := &totaled{octets: taker[flow.FieldBytes] == 85, packets: taker[flow.FieldPackets] == 86, id: at.get(148)}
	if !t.octets && !t.packets {
		return nil
	}
	t.reason = p.proto.Set.Has(flow.FieldEndReason)
	t.began = p.proto.Set.Has(flow.FieldStart)
	return t
}

// subtract takes from the flows of r what records before them counted.
func (x *totaled) subtract(t *totals, r *records, export int64) {
	for i := range r.flows {
		f := &r.flows[i]
		id, _ := r.number(i, x.id)
		k := totalsKey{
			exporter: f.Exporter, src: f.SrcAddr, dst: f.DstAddr, start: f.Start, id: id,
			srcMAC: f.SrcMAC, dstMAC: f.DstMAC, domain: f.Domain, inIf: f.InIf, outIf: f.OutIf, inVRF: f.InVRF, outVRF: f.OutVRF,
			srcPort: f.SrcPort, dstPort: f.DstPort, vlan: f.SrcVLAN, icmp: f.ICMPType, etherType: f.EtherType,
			proto: f.Proto, tos: f.TOS, direction: f.Direction,
		}
		more := t.count(&k, counts{f.Bytes, f.Packets}, x.ended(f), x.reason, x.began, export)
		if x.octets {
			f.Bytes = more.octets
		}
		if x.packets {
			f.Packets = more.packets
		}
	}
}

// active is the flowEndReason of a record that is made while its flow lives.
const active = 2

func (x *totaled) ended(f *flow.Flow) bool {
	return x.reason && f.EndReason != active && f.EndReason != 0 || f.FwEvent == eventDeleted
}

// count notes the totals of a flow and returns what they are more than those
// before. What is less is a record that was overtaken, or, where nothing says
// when the flow began, another flow.
func (t *totals) count(k *totalsKey, now counts, ended, reason, began bool, at int64) counts {
	s := &t.shards[k.hash()%uint64(len(t.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn(at)
	before, known := s.young[*k]
	if !known {
		before, known = s.old[*k]
	}
	switch {
	case ended && known && began: // a record that it has overtaken must find it
		s.young[*k] = counts{max(now.octets, before.octets), max(now.packets, before.packets)}
	case ended:
		delete(s.young, *k)
		delete(s.old, *k)
	case known || len(s.young)+len(s.old) < t.most:
		s.young[*k] = counts{max(now.octets, before.octets), max(now.packets, before.packets)}
		if !began {
			s.young[*k] = now
		}
	case reason:
		return counts{} // no room: it counts when it has ended
	}
	return counts{since(now.octets, before.octets, began), since(now.packets, before.packets, began)}
}

func since(now, before uint64, began bool) uint64 {
	switch {
	case now >= before:
		return now - before
	case began:
		return 0
	}
	return now
}

// turn forgets what is old.
func (s *totalsShard) turn(at int64) {
	if s.young == nil {
		s.young, s.old, s.turned = map[totalsKey]counts{}, map[totalsKey]counts{}, at
	}
	if at >= s.turned && at-s.turned < idle {
		return
	}
	if at < s.turned { // another exporter's clock, or a replay of something older
		if s.turned-at > idle {
			s.turned = at
		}
		return
	}
	s.young, s.old = s.old, s.young
	clear(s.young)
	s.turned = at
}

func (k *totalsKey) hash() uint64 {
	h := mix(uint64(k.start) ^ k.id ^ uint64(k.srcPort)<<32 ^ uint64(k.dstPort)<<48 ^ uint64(k.proto) ^ uint64(k.srcMAC)<<8 ^ uint64(k.dstMAC)<<16)
	for _, a := range [...]*flow.Addr{&k.src, &k.dst} {
		h = mix(h ^ uint64(a[15]) ^ uint64(a[14])<<8 ^ uint64(a[13])<<16 ^ uint64(a[12])<<24 ^ uint64(a[7])<<32)
	}
	return h
}
