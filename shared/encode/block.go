package encode

import (
	"encoding/binary"
	"slices"

	"github.com/weirflow/weir/shared/flow"
)

const (
	// blockLen is how many records are written at once: few enough to stay in a
	// near cache.
	blockLen = 64
	// overshoot is how many octets a short copy of fixed length may write behind
	// what it is meant to.
	overshoot = 64
	// maxExtras bounds the octets of extras in a block, but for the last record's:
	// their texts are written ahead.
	maxExtras = 1 << 14
)

// A block is some records of a batch that are written at once, column by column.
// What is done for a column is done for a group of them.
type block struct {
	rows   []flow.Flow // group by group
	groups []group
	order  [blockLen]uint8 // where in rows the records are, in their order
	pieces [blockLen]uint8 // how many pieces each of rows has

	lanes  []lane
	stamps []stamps
	text   []byte // texts that must be written to know how long they are

	mixed bool                // the records before had several shapes
	kept  [blockLen]flow.Flow // rows, if they aren't as they stand in the batch
}

// A group is the records of a block that have one shape, and one exporter.
type group struct {
	plan     *msgpackPlan
	from, to int // in rows, and in the lanes
	exporter addrMemo
}

// A lane holds what is known of a piece of the records of a block.
type lane struct {
	at   [blockLen]uint32 // how long it is, then where it stands
	v    [blockLen]uint32 // the value, or where its text is in block.text
	n    [blockLen]uint32 // how long the text is
	more [blockLen]uint16 // how many entries extras make
}

// stamps are the texts of a column of times.
type stamps [blockLen]stamp

// AppendMsgpack appends each of the flows fl of b as one msgpack map. Many at
// once cost less than one by one.
func (e *Encoder) AppendMsgpack(dst []byte, b *flow.Batch, fl []flow.Flow) []byte {
	return e.appendMsgpack(dst, b, fl, 0)
}

// AppendEvents appends each of the flows fl of b as an event of Fluent Bit,
// [[time, {metadata}], {record}]. The time is the flow's end, else its start, else
// its arrival, if [Options] say no other, as EventTime: extension type 0, seconds
// and nanoseconds. There is no metadata if Options don't ask for it.
func (e *Encoder) AppendEvents(dst []byte, b *flow.Batch, fl []flow.Flow) []byte {
	return e.appendMsgpack(dst, b, fl, isEvent)
}

// AppendEntries appends each of the flows fl of b as an Entry of the Forward
// protocol, [time, {record}], with the time of AppendEvents.
func (e *Encoder) AppendEntries(dst []byte, b *flow.Batch, fl []flow.Flow) []byte {
	return e.appendMsgpack(dst, b, fl, isEntry)
}

func (e *Encoder) appendMsgpack(dst []byte, b *flow.Batch, fl []flow.Flow, head uint64) []byte {
	for len(fl) > 0 {
		n := e.take(b, fl, head)
		dst = e.appendBlock(dst, b)
		fl = fl[n:]
	}
	return dst
}

// take makes a block of the first records of fl, and returns how many: those
// that have the shape of the first, or if these are few, a mixture in groups.
func (e *Encoder) take(b *flow.Batch, fl []flow.Flow, head uint64) int {
	k := &e.block
	k.text, k.groups = k.text[:0], k.groups[:0]
	var n int
	if k.mixed {
		n = e.takeMixed(b, fl, head)
		k.mixed = len(k.groups) > 1
	} else {
		n = e.takeRun(b, fl, head)
		k.mixed = n < len(fl) && n < blockLen/4
	}
	for i := range k.groups {
		g := &k.groups[i]
		for j := g.from; j < g.to; j++ {
			k.pieces[j] = uint8(len(g.plan.pieces))
		}
	}
	return n
}

// extraLen returns how many octets of extras f has that are written.
func (e *Encoder) extraLen(f *flow.Flow) int {
	if e.opts.NoExtras {
		return 0
	}
	_, n := f.ExtraAt()
	return int(n)
}

// takeRun takes the first records of fl, as long as they have one shape.
func (e *Encoder) takeRun(b *flow.Batch, fl []flow.Flow, head uint64) int {
	k := &e.block
	p := e.planMsgpack(e.shape(&fl[0], head))
	fl = fl[:min(len(fl), p.block)]
	set, extras := fl[0].Set, e.extraLen(&fl[0])
	for i := 1; i < len(fl); i++ {
		n := e.extraLen(&fl[i])
		if fl[i].Set != set || n > 0 != p.shape.has(hasExtras) || extras > maxExtras || e.opts.Meta && fl[i].Version != fl[0].Version || e.strict && e.shape(&fl[i], head) != p.shape {
			fl = fl[:i]
		}
		extras += n
	}
	k.rows = fl
	k.groups = append(k.groups, group{plan: p, to: len(fl)})
	n := e.measure(b, &k.groups[0])
	k.rows, k.groups[0].to = fl[:n], n
	for i := range k.order {
		k.order[i] = uint8(i)
	}
	return n
}

// takeMixed takes the first records of fl and puts them in groups.
func (e *Encoder) takeMixed(b *flow.Batch, fl []flow.Flow, head uint64) int {
	k := &e.block
	fl = fl[:min(len(fl), blockLen)]
	var in [blockLen]uint8 // which group a record is in
	g, extras := 0, 0
	for i := range fl {
		f := &fl[i]
		g = e.group(e.shape(f, head), f, g)
		if k.groups[g].plan.block == 1 || extras > maxExtras {
			if k.groups[g].to == 0 {
				k.groups = k.groups[:g]
			}
			if i == 0 {
				return e.takeRun(b, fl[:1], head)
			}
			fl = fl[:i]
			break
		}
		in[i] = uint8(g)
		k.groups[g].to++ // how many, for now
		extras += e.extraLen(f)
	}
	n := 0
	for i := range k.groups {
		g := &k.groups[i]
		g.from, g.to, n = n, n, n+g.to
	}
	for i := range fl {
		g := &k.groups[in[i]]
		k.kept[g.to] = fl[i]
		k.order[i] = uint8(g.to)
		g.to++
	}
	k.rows = k.kept[:n]
	for i := range k.groups {
		e.measure(b, &k.groups[i])
	}
	return n
}

// group returns the number of the group that f is of, whose shape is s. It is
// probably the one of the record before.
func (e *Encoder) group(s shape, f *flow.Flow, before int) int {
	k := &e.block
	for i := range k.groups {
		at := (before + i) % len(k.groups)
		if g := &k.groups[at]; g.plan.shape == s && g.exporter.addr == f.Exporter {
			return at
		}
	}
	k.groups = append(k.groups, group{plan: e.planMsgpack(s), exporter: addrMemo{addr: f.Exporter}})
	return len(k.groups) - 1
}

// measure finds how long each piece of each record of g will be, into the lanes,
// and returns how many of the records are alike: that a time has more digits,
// an address is of the other family, or the exporter is another, is seen only
// here.
func (e *Encoder) measure(b *flow.Batch, g *group) int {
	k := &e.block
	fl := k.rows[g.from:g.to]
	p := g.plan
	exporter := uint32(0)
	if len(p.exporters) > 0 {
		m := &e.exporterStr
		if a := &fl[0].Exporter; m.n == 0 || m.addr != *a {
			m.addr = *a
			var text [memoLen]byte
			m.n = len(appendStr(m.text[:0], text[:putAddr(text[:], 0, a)]))
		}
		for i := range fl {
			if fl[i].Exporter != m.addr {
				fl = fl[:i]
				break
			}
		}
		g.exporter, exporter = *m, uint32(m.n)
	}
	for w := range p.windows {
		for _, x := range p.windows[w].stamps {
			var v [blockLen]int64
			times64(v[:], fl, x.field)
			fl = fl[:e.clock.column(k.stamps[x.column][g.from:g.to], v[:len(fl)], int(x.size))]
		}
	}
	for i := range p.pieces {
		q, l := &p.pieces[i], &k.lanes[i]
		base := uint32(len(q.plain)) + uint32(q.texts)*exporter
		at, v := l.at[g.from:g.to], l.v[g.from:g.to]
		switch q.how {
		case asNothing:
			for i := range fl {
				at[i] = base
			}
		case asIPv4:
			fl = fl[:ipv4s(v, fl, q.field)]
			for i, v := range v[:len(fl)] {
				at[i] = base + 1 + ipv4Len(v)
			}
		case asBlob:
			words32(v, fl, q.field)
			for i, v := range v[:len(fl)] {
				at[i] = base + uint32(q.blob[uint8(v)].n)
			}
		case asStr:
			words32(v, fl, q.field)
			for i, v := range v[:len(fl)] {
				n := uint32(strLen(b.Strings.Get(flow.Str(v))))
				at[i], l.n[g.from+i] = base+n, n
			}
		default:
			fl = fl[:e.texts(b, fl, q, l, g.from, base)]
		}
	}
	return len(fl)
}

// texts writes the values of a piece whose length isn't known otherwise to the
// block's text, and returns for how many of fl. The first of fl is at from in l,
// and base octets stand before each text.
func (e *Encoder) texts(b *flow.Batch, fl []flow.Flow, q *piece, l *lane, from int, base uint32) int {
	text := e.block.text
	for i := range fl {
		f, j := &fl[i], from+i
		was := len(text)
		switch q.how {
		case asExtras:
			var more int
			text, more = e.appendExtrasMsgpack(text, b, f)
			l.more[j] = uint16(more)
		case asCommunity:
			text = append(text, mpStr|communityLen)
			text = slices.Grow(text, communityLen)[:was+1+communityLen]
			putCommunityID((*[communityLen]byte)(text[was+1:]), f)
		case asAddr: // of IPv6, as the first one is
			a := f.Addr(q.field)
			if a.Is4() {
				return i
			}
			text = a.Netip().AppendTo(append(text, mpStr8, 0))
			text[was+1] = byte(len(text) - was - 2)
		default:
			text = slices.Grow(text, 64)
			text = text[:q.value.put(text[:cap(text)], was+1, f)]
			text[was] = mpStr | byte(len(text)-was-1)
		}
		n := uint32(len(text) - was)
		l.at[j], l.v[j], l.n[j] = base+n, uint32(was), n
		e.block.text = text
	}
	return len(fl)
}

// appendBlock appends the records of the block. First it finds where everything
// stands, then it writes the pieces, then it patches.
func (e *Encoder) appendBlock(dst []byte, b *flow.Batch) []byte {
	k := &e.block
	n := uint32(0)
	for _, j := range k.order[:len(k.rows)] {
		for i := range k.lanes[:k.pieces[j%blockLen]] {
			l := &k.lanes[i]
			size := l.at[j%blockLen]
			l.at[j%blockLen] = n
			n += size
		}
	}
	from, to := len(dst), len(dst)+int(n)
	dst = slices.Grow(dst, int(n)+len(view{}))
	buf := dst[from : to+len(view{})]
	for i := range k.groups {
		g := &k.groups[i]
		if len(g.plan.exporters) > 0 {
			g.plan.bake(&g.exporter)
		}
		for i := range g.plan.pieces {
			e.write(buf, b, g, i)
		}
		for i := range g.plan.windows {
			e.patch(buf, g, &g.plan.windows[i])
		}
		if at := g.plan.time; at > 0 {
			for j, o := range k.lanes[0].at[g.from:g.to] {
				t := uint64(e.opts.time(&k.rows[g.from+j]))
				binary.BigEndian.PutUint64(buf[o+at:], t/1e9<<32|t%1e9)
			}
		}
		if g.plan.shape.has(hasExtras) {
			more := k.lanes[len(g.plan.pieces)-1].more[g.from:g.to]
			in := g.plan.count.in(g.exporter.n) + 1
			for j, o := range k.lanes[g.plan.count.piece].at[g.from:g.to] {
				binary.BigEndian.PutUint16(buf[int(o)+in:], g.plan.entries+more[j])
			}
		}
	}
	return dst[:to]
}

// write writes a piece of the records of g.
func (e *Encoder) write(buf []byte, b *flow.Batch, g *group, piece int) {
	q, l := &g.plan.pieces[piece], &e.block.lanes[piece]
	at, v, n := l.at[g.from:g.to], l.v[g.from:g.to], l.n[g.from:g.to]
	base := uint64(len(q.fixed))
	switch {
	case q.last || base > uint64(len(q.short)):
		for _, o := range at {
			copy(buf[o:], q.fixed)
		}
	case base <= 32:
		x := [32]byte(q.short[:]) // a copy can't overlap with buf
		for _, o := range at {
			o := uint64(o)
			*(*[32]byte)(buf[o : o+32 : o+32]) = x
		}
	case base <= 64:
		x := [64]byte(q.short[:])
		for _, o := range at {
			o := uint64(o)
			*(*[64]byte)(buf[o : o+64 : o+64]) = x
		}
	default:
		x, y := [64]byte(q.short[:]), [64]byte(q.short[64:])
		for _, o := range at {
			o := uint64(o)
			d := buf[o : o+128 : o+128]
			*(*[64]byte)(d) = x
			*(*[64]byte)(d[64:]) = y
		}
	}
	switch q.how {
	case asNothing:
	case asIPv4:
		for i, o := range at {
			o := uint64(o) + base
			d := (*[17]byte)(buf[o : o+17 : o+17])
			d[0] = mpStr | byte(putIPv4((*[16]byte)(d[1:]), v[i]))
		}
	case asBlob:
		for i, o := range at {
			o := uint64(o) + base
			q.blob[uint8(v[i])].put(buf[o : o+48 : o+48])
		}
	case asStr:
		for i, o := range at {
			o := uint64(o) + base
			putStr(buf[o:o+uint64(n[i])], b.Strings.Get(flow.Str(v[i])))
		}
	default:
		for i, o := range at {
			copy(buf[uint64(o)+base:], e.block.text[v[i]:v[i]+n[i]])
		}
	}
}

// patch puts the values of g into the window w of its records.
func (e *Encoder) patch(buf []byte, g *group, w *window) {
	k := &e.block
	fl := k.rows[g.from:g.to]
	var views [blockLen]*view
	start := uint64(w.in(g.exporter.n))
	for i, o := range k.lanes[w.piece].at[g.from:g.to] {
		o := uint64(o) + start
		views[i%blockLen] = (*view)(buf[o : o+uint64(len(view{})) : o+uint64(len(view{}))])
	}
	for _, x := range w.places {
		patch(&views, fl, x)
	}
	for _, x := range w.stamps {
		for i := range fl {
			s, d := &k.stamps[x.column][(g.from+i)%blockLen], views[i%blockLen][x.off:]
			if x.size == uint8(stampLen) {
				binary.LittleEndian.PutUint64(d, binary.LittleEndian.Uint64(s[:]))
				binary.LittleEndian.PutUint64(d[8:], binary.LittleEndian.Uint64(s[8:]))
				binary.LittleEndian.PutUint64(d[16:], binary.LittleEndian.Uint64(s[16:]))
			} else {
				copy(d[:x.size], s[:])
			}
		}
	}
	for _, off := range w.spans {
		for i := range fl {
			binary.BigEndian.PutUint64(views[i%blockLen][off:], uint64(max(0, fl[i].End-fl[i].Start)))
		}
	}
	for _, x := range w.macs {
		for i := range fl {
			putMAC((*[macLen]byte)(views[i%blockLen][x.off:]), flow.MAC(fl[i].Uint(x.field)), x.sep, x.hex)
		}
	}
}
