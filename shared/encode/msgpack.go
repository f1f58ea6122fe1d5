package encode

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/weirflow/weir/shared/flow"
)

// A segment is a stretch of a msgpack record: octets that are copied, values of
// fixed width that are patched into them, and texts that follow.
type segment struct {
	fixed  []byte
	at     []place
	stamps []place // texts of times
	texts  []textOp
}

// A place is where a column's value stands in a segment's fixed octets, or the
// values of a pair of columns.
type place struct {
	code      uint8 // a flow.Field, or a pair's
	off, off2 uint16
}

// pairPlaces merges the places of columns that are patched together.
func pairPlaces(at []place) []place {
	where := map[uint8]int{}
	for i, p := range at {
		where[p.code] = i
	}
	gone := map[int]bool{}
	var out []place
	for i, p := range at {
		if other, both, ok := partner(flow.Field(p.code)); ok {
			if j, ok := where[uint8(other)]; ok {
				at[i] = place{both, p.off, at[j].off}
				gone[j] = true
			}
		}
	}
	for i, p := range at {
		if !gone[i] {
			out = append(out, p)
		}
	}
	return out
}

// A textOp writes a key and a value of no fixed width.
type textOp struct {
	value
	key, key6 literal    // key6 for an IPv6 address, if it differs
	blob      *[256]blob // all of it, by the column's value
	parts     string     // what blob was made of
}

// Octets that msgpack values of our kinds begin with.
const (
	mpFixMap = 0x80
	mpArray2 = 0x92
	mpStr    = 0xa0 // with the length, below 32
	mpUint8  = 0xcc
	mpUint16 = 0xcd
	mpUint32 = 0xce
	mpUint64 = 0xcf
	mpInt64  = 0xd3
	mpExt8   = 0xd7 // of 8 octets
	mpStr8   = 0xd9
	mpStr16  = 0xda
	mpMap16  = 0xde
)

func appendKey(dst []byte, s string) []byte {
	if len(s) < 32 {
		dst = append(dst, mpStr|byte(len(s)))
	} else {
		dst = append(dst, mpStr8, byte(len(s)))
	}
	return append(dst, s...)
}

// compileMsgpack lays out each map as: values of fixed width, maps, texts. The
// map that takes the extras comes last of all.
func (e *Encoder) compileMsgpack(p *plan, root *node) {
	seg := segment{}
	flush := func() {
		p.room += len(seg.fixed)
		seg.at = pairPlaces(seg.at)
		p.msgpack = append(p.msgpack, seg)
		seg = segment{}
	}
	isFixed := func(n *node) bool {
		h := n.value.how
		return n.leaf && (h == asUint || h == asNanos || h == asTime && !p.shape.fine)
	}
	texts := func(n *node) {
		for _, c := range n.sub {
			if c.leaf && !isFixed(c) {
				seg.texts = append(seg.texts, e.textOp(seg.texts, c)...)
				p.room += 32 + 48 + len(c.name)
			}
		}
		if len(seg.texts) > 0 {
			flush()
		}
	}
	var walk func(n *node)
	walk = func(n *node) {
		if n.extras {
			p.countIn, p.countAt, p.entries = len(p.msgpack), len(seg.fixed)+1, uint16(len(n.sub))
			seg.fixed = append(seg.fixed, mpMap16, 0, 0)
		} else if len(n.sub) < 16 {
			seg.fixed = append(seg.fixed, mpFixMap|byte(len(n.sub)))
		} else {
			seg.fixed = append(seg.fixed, mpMap16, byte(len(n.sub)>>8), byte(len(n.sub)))
		}
		for _, c := range n.sub {
			if isFixed(c) {
				seg.add(c)
			}
		}
		// What follows the map that takes the extras would come between it and
		// them.
		last := len(n.sub) > 0 && n.sub[len(n.sub)-1].extras
		if last {
			texts(n)
		}
		for _, c := range n.sub {
			if !c.leaf {
				seg.fixed = appendKey(seg.fixed, c.name)
				walk(c)
			}
		}
		if !last {
			texts(n)
		}
	}
	walk(root)
	if len(seg.fixed) > 0 {
		flush()
	}
	p.room += 64
}

// add puts a key and room for a value of fixed width behind what is there.
func (s *segment) add(c *node) {
	s.fixed = appendKey(s.fixed, c.name)
	at := place{code: uint8(c.value.field), off: uint16(len(s.fixed) + 1)}
	size := int(flow.Fields[c.value.field].Size)
	switch c.value.how {
	case asTime:
		s.fixed = append(s.fixed, mpStr|byte(stampLen))
		s.fixed = append(s.fixed, make([]byte, stampLen)...)
		s.stamps = append(s.stamps, at)
		return
	case asNanos:
		s.fixed = append(s.fixed, mpInt64)
	default:
		s.fixed = append(s.fixed, map[int]byte{1: mpUint8, 2: mpUint16, 4: mpUint32, 8: mpUint64}[size])
	}
	s.fixed = append(s.fixed, make([]byte, size)...)
	s.at = append(s.at, at)
}

const stampLen = len("2026-11-24T01:02:03.123Z")

// textOp returns the op for c, or none if the last of those before could take
// it in.
func (e *Encoder) textOp(before []textOp, c *node) []textOp {
	key := string(appendKey(nil, c.name))
	if len(before) > 0 {
		o := &before[len(before)-1]
		if o.blob != nil && o.field == c.value.field {
			if b := e.blob(o.parts+key, c.value.how, false, o.blob); b != nil {
				o.blob, o.parts = b, o.parts+key+"?"
				return nil
			}
		}
	}
	o := textOp{value: c.value, key: lit(key)}
	if c.name6 != "" {
		o.key6 = lit(string(appendKey(nil, c.name6)))
	}
	if o.blob = e.blob(key, c.value.how, false, nil); o.blob != nil {
		o.how, o.parts = asBlob, key+"?"
	}
	return []textOp{o}
}

// AppendMsgpack appends f as one msgpack map.
func (e *Encoder) AppendMsgpack(dst []byte, b *flow.Batch, f *flow.Flow) []byte {
	if out, ok := e.appendMsgpack(dst, b, f, e.plan(f, false)); ok {
		return out
	}
	out, _ := e.appendMsgpack(dst, b, f, e.plan(f, true))
	return out
}

// appendMsgpack is AppendMsgpack with the plan p; it returns false if a time is
// finer than p allows.
func (e *Encoder) appendMsgpack(dst []byte, b *flow.Batch, f *flow.Flow, p *plan) (out []byte, ok bool) {
	dst = slices.Grow(dst, p.room)
	n := len(dst)
	buf := dst[:cap(dst)]
	count := 0 // where the extras' map has its count
	for i := range p.msgpack {
		s := &p.msgpack[i]
		if i == p.countIn {
			count = n + p.countAt
		}
		t := buf[n : n+len(s.fixed)]
		n += copy(t, s.fixed)
		if len(s.at) > 0 {
			patch(t, f, s.at)
		}
		for _, at := range s.stamps {
			stamp := (*[stampLen]byte)(t[at.off:])
			switch field := flow.Field(at.code); field {
			case flow.FieldStart:
				ok = e.clock.putMillis(stamp, f.Start)
			case flow.FieldEnd:
				ok = e.clock.putMillis(stamp, f.End)
			case flow.FieldReceived:
				ok = e.clock.arrival(stamp, f.Received)
			default:
				ok = e.clock.putMillis(stamp, int64(f.Uint(field)))
			}
			if !ok {
				return dst, false
			}
		}
		for j := range s.texts {
			o := &s.texts[j]
			switch o.how {
			case asAddr:
				a := f.Addr(o.field)
				if !a.Is4() {
					if o.key6.n > 0 {
						n += o.key6.put(buf[n:])
					} else {
						n += o.key.put(buf[n:])
					}
					end := putIPv6(buf, n+2, a)
					buf[n], buf[n+1] = mpStr8, byte(end-n-2)
					n = end
					continue
				}
				n += o.key.put(buf[n:])
				var end int
				if o.field == flow.FieldExporter {
					end = e.exporter.put(buf, n+1, a)
				} else {
					end = putIPv4(buf, n+1, a)
				}
				buf[n] = mpStr | byte(end-n-1)
				n = end
			case asBlob:
				n += o.blob[uint8(f.Uint(o.field))].put(buf[n:])
			case asTime:
				n += o.key.put(buf[n:])
				end := e.clock.put(buf, n+1, int64(f.Uint(o.field)))
				buf[n] = mpStr | byte(end-n-1)
				n = end
			case asStr:
				n += o.key.put(buf[n:])
				dst = appendStr(dst[:n], b.Strings.Get(flow.Str(f.Uint(o.field))))
				n = len(dst)
				dst = slices.Grow(dst, p.room)
				buf = dst[:cap(dst)]
			default:
				n += o.key.put(buf[n:])
				end := o.value.put(buf, n+1, f)
				buf[n] = mpStr | byte(end-n-1)
				n = end
			}
		}
	}
	dst = dst[:n]
	entries := p.entries
	if f.HasExtra() {
		var more int
		dst, more = e.appendExtrasMsgpack(dst, b, f)
		entries += uint16(more)
	}
	binary.BigEndian.PutUint16(dst[count:], entries)
	return dst, true
}

// AppendEvent appends f as an event of Fluent Bit and of the Forward protocol,
// [[time, {}], {record}], with the flow's end (else its start, else its
// arrival) as EventTime: extension type 0, seconds and nanoseconds.
func (e *Encoder) AppendEvent(dst []byte, b *flow.Batch, f *flow.Flow) []byte {
	t := f.Received
	if f.Set.Has(flow.FieldEnd) {
		t = f.End
	} else if f.Set.Has(flow.FieldStart) {
		t = f.Start
	}
	if t < 0 || t/1e9 > math.MaxUint32 { // an exporter's clock may say anything
		t = f.Received
	}
	dst = append(dst, mpArray2, mpArray2, mpExt8, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(t/1e9))
	dst = binary.BigEndian.AppendUint32(dst, uint32(t%1e9))
	dst = append(dst, mpFixMap)
	return e.AppendMsgpack(dst, b, f)
}
