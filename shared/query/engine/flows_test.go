package engine

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

var epoch = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC).UnixNano()

// randomBatch makes n flows with random columns, strings and extras. Few
// distinct values, so that groups are shared.
func randomBatch(r *rand.Rand, n int) *flow.Batch {
	b := &flow.Batch{}
	b.Options = append(b.Options, flow.Option{})
	for i := range b.Grow(n) {
		f := flow.Flow{}
		for x := range flow.Field(flow.NumFields) {
			if r.IntN(4) == 0 {
				continue
			}
			f.Set.Add(x)
			switch a := f.Addr(x); {
			case a != nil && r.IntN(3) == 0:
				*a = flow.AddrFrom(netip.AddrFrom16([16]byte{0: 0x20, 1: 0x01, 7: byte(r.IntN(3)), 15: byte(r.IntN(5))}))
			case a != nil:
				*a = flow.AddrFrom4([4]byte{10, 0, byte(r.IntN(2)), byte(r.IntN(8))})
			case flow.Fields[x].Kind == flow.KindStr:
				f.SetUint(x, uint64(b.Strings.Intern([]byte([]string{"", "dns", "web", "b\xffd"}[r.IntN(4)]))))
			case flow.Fields[x].Kind == flow.KindTime:
				f.SetUint(x, uint64(epoch+r.Int64N(600e9)))
			case r.IntN(10) == 0:
				f.SetUint(x, 1<<(8*flow.Fields[x].Size-1)) // all octets count
			default:
				f.SetUint(x, uint64(r.IntN(5)))
			}
		}
		if f.Set.Has(flow.FieldStart) && f.Set.Has(flow.FieldEnd) && f.End < f.Start {
			f.Start, f.End = f.End, f.Start
		}
		f.Bytes, f.Packets, f.SamplingRate = f.Bytes%1e12, f.Packets%1e9, f.SamplingRate%1e5
		if r.IntN(3) == 0 {
			f.Marks = flow.Mark(r.IntN(16))
		}
		if r.IntN(5) == 0 {
			v := make([]byte, r.IntN(6))
			off, d := b.Arena(2*flow.ExtraHeader + len(v) + 1)
			flow.PutExtraHeader(d, flow.Element{PEN: 9, ID: uint16(r.IntN(100))}, uint16(len(v)))
			copy(d[flow.ExtraHeader:], v)
			flow.PutExtraHeader(d[flow.ExtraHeader+len(v):], flow.Element{ID: uint16(r.IntN(100))}, 1)
			d[len(d)-1] = byte(i)
			f.SetExtra(off, uint32(len(d)))
		}
		b.Flows[i] = f
	}
	return b
}

// typicalBatch makes n flows as an exporter sends them: 21 columns, 1 in 1000
// sampled, flows up to a minute long, addresses as skewed as traffic is.
func typicalBatch(r *rand.Rand, n int, at int64) *flow.Batch {
	b := &flow.Batch{}
	zipf := rand.NewZipf(r, 1.1, 8, 50_000)
	for i := range b.Grow(n) {
		s, d := zipf.Uint64(), zipf.Uint64()
		end := at - r.Int64N(1e9)
		b.Flows[i] = flow.Flow{
			Set: flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldReceived, flow.FieldBytes, flow.FieldPackets,
				flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldNextHop, flow.FieldExporter, flow.FieldSrcAS, flow.FieldDstAS,
				flow.FieldInIf, flow.FieldOutIf, flow.FieldDomain, flow.FieldSamplingRate, flow.FieldSrcPort, flow.FieldDstPort,
				flow.FieldTCPFlags, flow.FieldProto, flow.FieldTOS, flow.FieldVersion),
			Start: end - r.Int64N(60e9), End: end, Received: at,
			Bytes: 40 + r.Uint64N(1<<20), Packets: 1 + r.Uint64N(1000),
			SrcAddr:  flow.AddrFrom4([4]byte{10, byte(s >> 16), byte(s >> 8), byte(s)}),
			DstAddr:  flow.AddrFrom4([4]byte{192, byte(d >> 16), byte(d >> 8), byte(d)}),
			NextHop:  flow.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(4))}),
			Exporter: flow.AddrFrom4([4]byte{127, 0, 0, byte(1 + r.IntN(3))}),
			SrcAS:    uint32(64500 + s%100), DstAS: uint32(64500 + d%100),
			InIf: uint32(r.IntN(16)), OutIf: uint32(r.IntN(16)), Domain: 1, SamplingRate: 1000,
			SrcPort: uint16(r.IntN(65536)), DstPort: []uint16{53, 80, 443, 8443}[r.IntN(4)],
			TCPFlags: 0x1b, Proto: []uint8{6, 6, 6, 17}[r.IntN(4)], Version: 9,
		}
	}
	return b
}
