package querytest

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// Epoch is about when the flows of [Flows] were seen.
var Epoch = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC).UnixNano()

// Flows makes n flows such as no exporter should send, few of whose values
// differ: columns are absent, flows end before they begin, counters overflow,
// texts are no UTF-8. Many belong together: as the two directions of a
// conversation, as one flow that two points observed, as equals.
func Flows(rng *rand.Rand, n int) *flow.Batch {
	b := &flow.Batch{}
	for i := range b.Grow(n) {
		f := flow.Flow{}
		if i > 0 && rng.IntN(3) == 0 {
			f = relative(rng, b.Flows[rng.IntN(i)])
		} else {
			f = stranger(rng, b)
		}
		if f.Set.Len() < flow.NumFields && rng.IntN(4) == 0 {
			lose(&f, flow.Field(rng.IntN(flow.NumFields)))
		}
		b.Flows[i] = f
	}
	return b
}

// lose takes a column from f.
func lose(f *flow.Flow, x flow.Field) {
	if a := f.Addr(x); a != nil {
		*a = flow.Addr{}
	} else {
		f.SetUint(x, 0)
	}
	f.Set.Del(x)
}

// set gives f a column.
func set(f *flow.Flow, x flow.Field, v uint64) {
	f.SetUint(x, v)
	f.Set.Add(x)
}

func pick[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

// stranger is a flow like no other.
func stranger(rng *rand.Rand, b *flow.Batch) (f flow.Flow) {
	for x := range flow.Field(flow.NumFields) {
		c := &flow.Fields[x]
		often := c.Kind != flow.KindStr && (c.Kind != flow.KindMAC || rng.IntN(4) == 0)
		if often && rng.IntN(12) == 0 || !often && rng.IntN(4) != 0 {
			continue
		}
		switch {
		case c.Kind == flow.KindAddr:
			*f.Addr(x) = address(rng)
			f.Set.Add(x)
		case c.Kind == flow.KindStr:
			text := pick(rng, "", "dns", "dnssec", "web", "AT", "DE", "b\xffd", "b\xfe\xfdd", "b\uFFFDd", "\xc3")
			set(&f, x, uint64(b.Strings.Intern([]byte(text))))
		case c.Kind != flow.KindTime && rng.IntN(16) == 0:
			set(&f, x, math.MaxUint64>>(64-8*c.Size))
		case c.Kind == flow.KindApp:
			set(&f, x, uint64(rng.IntN(3))<<56|uint64(rng.IntN(3)))
		case c.Kind != flow.KindTime:
			set(&f, x, uint64(rng.IntN(6)))
		}
	}
	times(rng, &f)
	usual(rng, &f)
	f.Marks = flow.Mark(rng.IntN(40)) & 15
	if rng.IntN(5) == 0 {
		addExtras(rng, b, &f)
	}
	return f
}

// usual gives f what other columns are asked together with.
func usual(rng *rand.Rand, f *flow.Flow) {
	each := func(x flow.Field, v uint64) {
		if f.Set.Has(x) && rng.IntN(16) > 0 {
			f.SetUint(x, v)
		}
	}
	each(flow.FieldBytes, pick(rng, 0, 1, 40, 1500, rng.Uint64N(1<<20), rng.Uint64N(1<<40), 1<<63, math.MaxUint64))
	each(flow.FieldPackets, pick(rng, 0, 1, 2, rng.Uint64N(1<<10), rng.Uint64N(1<<10), rng.Uint64N(1<<30), math.MaxUint64))
	each(flow.FieldSamplingRate, pick[uint64](rng, 0, 1, 1, 2, 1000, 1000, 4096))
	each(flow.FieldProto, pick[uint64](rng, 1, 6, 6, 17, 58))
	each(flow.FieldSrcPort, pick[uint64](rng, 0, 53, 80, 443, 50000, 50001))
	each(flow.FieldDstPort, pick[uint64](rng, 0, 53, 80, 443, 50000, 50001, 2048))
	each(flow.FieldTCPFlags, pick[uint64](rng, 0, 2, 2, 0x12, 0x10, 0x1b, 0x1ff))
	each(flow.FieldDirection, rng.Uint64N(2))
	each(flow.FieldDomain, rng.Uint64N(2))
	if f.Set.Has(flow.FieldExporter) && rng.IntN(16) > 0 {
		f.Exporter = flow.AddrFrom4([4]byte{192, 0, 2, byte(rng.IntN(3))})
	}
}

// times gives f its times: moments, seconds, hours; few are at the edges of
// minutes, and fewer nowhere near.
func times(rng *rand.Rand, f *flow.Flow) {
	at := Epoch + rng.Int64N(int64(30*time.Minute))
	switch rng.IntN(4) {
	case 0:
		at -= at % int64(time.Minute)
	case 1:
		at -= at % int64(time.Millisecond)
	}
	long := pick(rng, 0, 0, 1, rng.Int64N(1e9), 1e9, rng.Int64N(60e9), 60e9, rng.Int64N(600e9), rng.Int64N(7200e9), -rng.Int64N(60e9))
	start, end, received := at-max(long, 0), at-min(long, 0), at+rng.Int64N(3)*1e9
	if long < 0 {
		start, end = end, start
	}
	if rng.IntN(50) == 0 {
		start = pick(rng, math.MinInt64, -1, 0, start)
		end = pick(rng, math.MaxInt64, end)
	}
	for _, x := range []struct {
		field flow.Field
		t     int64
	}{{flow.FieldStart, start}, {flow.FieldEnd, end}, {flow.FieldReceived, received}} {
		if rng.IntN(15) > 0 {
			set(f, x.field, uint64(x.t))
		}
	}
}

func address(rng *rand.Rand) flow.Addr {
	switch rng.IntN(8) {
	case 0:
		return flow.Addr{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8, 7: byte(rng.IntN(2)), 15: byte(rng.IntN(4))}
	case 1:
		return flow.Addr{11: byte(rng.IntN(2)), 15: byte(rng.IntN(4))}
	case 2:
		return flow.AddrFrom4([4]byte{203, 0, 113, byte(rng.IntN(256))})
	}
	return flow.AddrFrom4([4]byte{10, 0, byte(rng.IntN(2)), byte(rng.IntN(4))})
}

// relative is a flow that has to do with f: the same, its other direction, what
// another point saw of it, what came later.
func relative(rng *rand.Rand, f flow.Flow) flow.Flow {
	if rng.IntN(2) == 0 {
		g := f
		for _, x := range [][2]flow.Field{
			{flow.FieldSrcAddr, flow.FieldDstAddr}, {flow.FieldSrcPort, flow.FieldDstPort},
			{flow.FieldSrcAS, flow.FieldDstAS}, {flow.FieldInIf, flow.FieldOutIf},
		} {
			move(&f, x[0], &g, x[1])
			move(&f, x[1], &g, x[0])
		}
	}
	switch rng.IntN(6) {
	case 0:
		return f
	case 4:
		set(&f, flow.FieldTCPFlags, pick[uint64](rng, 2, 0x12))
		set(&f, flow.FieldProto, 6)
	case 1:
		if f.Set.Has(flow.FieldExporter) {
			f.Exporter = flow.AddrFrom4([4]byte{192, 0, 2, byte(rng.IntN(3))})
		}
	case 2:
		set(&f, flow.FieldDirection, rng.Uint64N(2))
	case 3:
		set(&f, flow.FieldBytes, rng.Uint64N(1<<20))
	}
	if rng.IntN(2) == 0 {
		later := pick(rng, 0, 1, 1e9, 30e9, 30e9+1, 60e9, 10*rng.Int64N(60e9))
		for _, x := range []flow.Field{flow.FieldStart, flow.FieldEnd, flow.FieldReceived} {
			if t := int64(f.Uint(x)); f.Set.Has(x) && t < math.MaxInt64-later {
				f.SetUint(x, uint64(t+later))
			}
		}
	}
	return f
}

// move gives f the column x that g has as y.
func move(f *flow.Flow, x flow.Field, g *flow.Flow, y flow.Field) {
	lose(f, x)
	if !g.Set.Has(y) {
		return
	}
	if a := g.Addr(y); a != nil {
		*f.Addr(x) = *a
	} else {
		f.SetUint(x, g.Uint(y))
	}
	f.Set.Add(x)
}

// addExtras gives f elements without a column.
func addExtras(rng *rand.Rand, b *flow.Batch, f *flow.Flow) {
	var all []byte
	for range 1 + rng.IntN(3) {
		e := pick(rng, flow.Element{ID: 230}, flow.Element{ID: 147}, flow.Element{PEN: 4242, ID: 7}) // natEvent, wlanSSID, nobody's
		var v []byte
		switch rng.IntN(3) {
		case 0:
			v = []byte{byte(rng.IntN(6))}
		case 1:
			v = []byte("dns")
		default:
			v = binary.BigEndian.AppendUint32(nil, rng.Uint32N(6))
		}
		var head [flow.ExtraHeader]byte
		flow.PutExtraHeader(head[:], e, uint16(len(v)))
		all = append(append(all, head[:]...), v...)
	}
	off, arena := b.Arena(len(all))
	copy(arena, all)
	f.SetExtra(off, uint32(len(all)))
}

// Stored returns the flows of b as a store keeps them: their times rounded down to
// milliseconds, their texts with U+FFFD for what is not UTF-8.
func Stored(b *flow.Batch) *flow.Batch {
	s := &flow.Batch{}
	for i := range b.Flows {
		f := b.Flows[i]
		for x := range flow.Field(flow.NumFields) {
			switch flow.Fields[x].Kind {
			case flow.KindTime:
				t := time.Unix(0, int64(f.Uint(x))).UnixMilli() * 1e6
				if t > 0 && int64(f.Uint(x)) < 0 { // nothing is below the lowest
					t += 1e6
				}
				f.SetUint(x, uint64(t))
			case flow.KindStr:
				text := bytes.ToValidUTF8(b.Strings.Get(flow.Str(f.Uint(x))), []byte("\uFFFD"))
				f.SetUint(x, uint64(s.Strings.Intern(text)))
			}
		}
		f.SetExtra(0, 0)
		var all []byte
		for e, v := range b.Extra(&b.Flows[i]) {
			var head [flow.ExtraHeader]byte
			flow.PutExtraHeader(head[:], e, uint16(len(v)))
			all = append(append(all, head[:]...), v...)
		}
		if len(all) > 0 {
			off, arena := s.Arena(len(all))
			copy(arena, all)
			f.SetExtra(off, uint32(len(all)))
		}
		s.Flows = append(s.Flows, f)
	}
	return s
}
