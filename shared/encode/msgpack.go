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
	fixed []byte
	at    []place
	texts []textOp
}

// A place is where a column's value stands in a segment's fixed octets.
type place struct {
	field flow.Field
	off   uint16
}

// A textOp writes a key and a value of no fixed width.
type textOp struct {
	value
	key, key6 literal // key6 for IPv6, if it differs
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
func (p *plan) compileMsgpack(root *node) {
	seg := segment{}
	flush := func() {
		p.room += len(seg.fixed)
		p.msgpack = append(p.msgpack, seg)
		seg = segment{}
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
			if !c.isFixed() {
				continue
			}
			seg.fixed = appendKey(seg.fixed, c.name)
			size := int(flow.Fields[c.value.field].Size)
			seg.fixed = append(seg.fixed, map[int]byte{1: mpUint8, 2: mpUint16, 4: mpUint32, 8: mpUint64}[size])
			if c.value.how == asNanos {
				seg.fixed[len(seg.fixed)-1] = mpInt64
			}
			seg.at = append(seg.at, place{c.value.field, uint16(len(seg.fixed))})
			seg.fixed = append(seg.fixed, make([]byte, size)...)
		}
		texts := func() {
			for _, c := range n.sub {
				if !c.leaf || c.isFixed() {
					continue
				}
				t := textOp{value: c.value, key: lit(string(appendKey(nil, c.name)))}
				if c.name6 != "" {
					t.key6 = lit(string(appendKey(nil, c.name6)))
				}
				p.room += t.key.room() + 48
				seg.texts = append(seg.texts, t)
			}
			if len(seg.texts) > 0 {
				flush()
			}
		}
		// What follows the map that takes the extras would come between it and
		// them.
		last := len(n.sub) > 0 && n.sub[len(n.sub)-1].extras
		if last {
			texts()
		}
		for _, c := range n.sub {
			if !c.leaf {
				seg.fixed = appendKey(seg.fixed, c.name)
				walk(c)
			}
		}
		if !last {
			texts()
		}
	}
	walk(root)
	if len(seg.fixed) > 0 {
		flush()
	}
	p.room += 64
}

// isFixed tells whether key and value are as wide in each record.
func (n *node) isFixed() bool {
	return n.leaf && (n.value.how == asUint || n.value.how == asNanos) && n.name6 == ""
}

// AppendMsgpack appends f as one msgpack map.
func (e *Encoder) AppendMsgpack(dst []byte, b *flow.Batch, f *flow.Flow) []byte {
	p := e.plan(f.Set)
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
			case asTime:
				n += o.key.put(buf[n:])
				var end int
				if o.field == flow.FieldReceived {
					end = e.clock.received(buf, n+1, f.Received, false)
				} else {
					end = e.clock.put(buf, n+1, int64(f.Uint(o.field)))
				}
				buf[n] = mpStr | byte(end-n-1)
				n = end
			case asUint:
				if f.IsIPv6() {
					n += o.key6.put(buf[n:])
				} else {
					n += o.key.put(buf[n:])
				}
				buf[n] = mpUint16
				binary.BigEndian.PutUint16(buf[n+1:], uint16(f.Uint(o.field)))
				n += 3
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
	return dst
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
