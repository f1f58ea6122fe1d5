package store

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query/engine"
)

var (
	epochTime = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	epoch     = epochTime.UnixNano()
)

// randomBatch makes n flows with random columns, strings, marks and extras.
func randomBatch(r *rand.Rand, n int) *flow.Batch {
	b := &flow.Batch{}
	few := r.IntN(2) == 0 // the columns are the same in most rows
	var most flow.Set
	for x := range flow.Field(flow.NumFields) {
		if r.IntN(4) > 0 {
			most.Add(x)
		}
	}
	for i := range b.Grow(n) {
		f := flow.Flow{}
		for x := range flow.Field(flow.NumFields) {
			if r.IntN(4) == 0 && !few || few && (!most.Has(x) || r.IntN(500) == 0) {
				continue
			}
			f.Set.Add(x)
			switch a := f.Addr(x); {
			case a != nil && r.IntN(3) == 0:
				*a = flow.AddrFrom(netip.AddrFrom16([16]byte{0: 0x20, 1: 0x01, 7: byte(r.IntN(3)), 15: byte(r.IntN(5))}))
			case a != nil:
				*a = flow.AddrFrom4([4]byte{10, byte(r.IntN(256)), byte(r.IntN(2)), byte(r.IntN(8))})
			case flow.Fields[x].Kind == flow.KindStr:
				f.SetUint(x, uint64(b.Strings.Intern([]byte([]string{"", "dns", "wéb", "b\xffd", "a\x00b"}[r.IntN(5)]))))
			case flow.Fields[x].Kind == flow.KindTime:
				f.SetUint(x, uint64(epoch+r.Int64N(600e9)-r.Int64N(2)*2*epoch*r.Int64N(2)))
			case r.IntN(10) == 0:
				f.SetUint(x, 1<<(8*flow.Fields[x].Size-1)) // all octets count
			case r.IntN(10) == 0:
				f.SetUint(x, r.Uint64())
			default:
				f.SetUint(x, uint64(r.IntN(5)))
			}
		}
		if r.IntN(5) == 0 && !few {
			f.Marks = flow.Mark(r.IntN(16))
		}
		if r.IntN(5) == 0 && !few {
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

// A traffic makes flows as exporters send them: 20 columns, runs of 24 from one
// datagram of one of 21 exporters, 30,000 hosts inside and a million outside, as
// skewed as traffic is, one in twelve of IPv6.
type traffic struct {
	r            *rand.Rand
	inner, outer *rand.Zipf
	exporter     int
}

func newTraffic(seed uint64) *traffic {
	r := rand.New(rand.NewPCG(seed, 1))
	return &traffic{r: r, inner: rand.NewZipf(r, 1.05, 1, 30_000), outer: rand.NewZipf(r, 1.08, 1, 1_000_000)}
}

var trafficColumns = flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldReceived, flow.FieldBytes, flow.FieldPackets,
	flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldNextHop, flow.FieldExporter, flow.FieldSrcAS, flow.FieldDstAS,
	flow.FieldInIf, flow.FieldOutIf, flow.FieldSamplingRate, flow.FieldSrcPort, flow.FieldDstPort,
	flow.FieldTCPFlags, flow.FieldProto, flow.FieldTOS, flow.FieldVersion)

func host(x uint64, net byte, six bool) flow.Addr {
	x *= 0x9e3779b1
	if six {
		return flow.Addr{0: 0x20, 1: 0x01, 2: 0x0d, 3: net, 4: byte(x >> 40), 12: byte(x >> 24), 13: byte(x >> 16), 14: byte(x >> 8), 15: byte(x)}
	}
	return flow.AddrFrom4([4]byte{net, byte(x >> 16), byte(x >> 8), byte(x)})
}

// batch makes n flows that arrive then.
func (t *traffic) batch(b *flow.Batch, n int, at int64) {
	b.Reset()
	r := t.r
	for i := range b.Grow(n) {
		if i%24 == 0 {
			t.exporter = min(r.IntN(21), r.IntN(21))
		}
		in, out := t.inner.Uint64(), t.outer.Uint64()
		six := out%12 == 0
		inside, outside := host(in, 10, six), host(out, byte(1+out%200), six)
		packets := 1 + uint64(r.ExpFloat64()*float64(1+r.IntN(30)))
		length := r.Int64N(60_000) >> r.IntN(12)
		end := at - r.Int64N(15e9)
		f := flow.Flow{
			Set: trafficColumns, End: end / 1e6 * 1e6, Start: (end/1e6 - length) * 1e6, Received: at,
			Packets: packets, Bytes: packets * (40 + uint64(r.IntN(1460))),
			SrcAddr: outside, DstAddr: inside, NextHop: flow.AddrFrom4([4]byte{10, 0, 0, byte(t.exporter % 4)}),
			Exporter: flow.AddrFrom4([4]byte{192, 0, 2, byte(t.exporter)}),
			SrcAS:    uint32(1 + out*7919%6000), DstAS: 64500, InIf: uint32(1 + out%3), OutIf: uint32(4 + in%38), SamplingRate: 1000,
			SrcPort: []uint16{443, 443, 443, 80, 53, 8443}[r.IntN(6)], DstPort: uint16(32768 + r.IntN(28232)),
			TCPFlags: []uint16{0x1b, 0x18, 0x02, 0x12}[min(r.IntN(4), r.IntN(4))], Proto: []uint8{6, 6, 6, 17}[r.IntN(4)], Version: 9,
		}
		if r.IntN(2) == 0 {
			f.SrcAddr, f.DstAddr = f.DstAddr, f.SrcAddr
			f.SrcPort, f.DstPort = f.DstPort, f.SrcPort
			f.SrcAS, f.DstAS = f.DstAS, f.SrcAS
			f.InIf, f.OutIf = f.OutIf, f.InIf
		}
		b.Flows[i] = f
	}
}

// blocksOf transposes as the tail does.
func blocksOf(batches ...*flow.Batch) []*engine.Block {
	w := engine.NewBuilder(tailOptions)
	var blocks []*engine.Block
	for _, b := range batches {
		blocks = w.Append(blocks, b)
	}
	if b := w.Seal(); b != nil {
		blocks = append(blocks, b)
	}
	return blocks
}

// trafficBlocks are n flows of a minute.
func trafficBlocks(n int) []*engine.Block {
	t := newTraffic(1)
	w := engine.NewBuilder(tailOptions)
	b := &flow.Batch{}
	var blocks []*engine.Block
	for i := 0; i < n; i += 480 {
		t.batch(b, min(480, n-i), epoch+int64(i)*60e9/int64(n))
		blocks = w.Append(blocks, b)
	}
	if b := w.Seal(); b != nil {
		blocks = append(blocks, b)
	}
	return blocks
}
