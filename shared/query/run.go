package query

import (
	"bytes"
	"math"
	"math/bits"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

// run tells whether f passes.
func (p *program) run(b *flow.Batch, f *flow.Flow) bool {
	at := p.start
	for at >= 0 {
		t := &p.tests[at]
		var v uint64
		var hit bool
		known := f.Set.Has(t.field)
		switch t.code {
		case ofSrcAddr:
			hit = t.address(&f.SrcAddr)
		case ofDstAddr:
			hit = t.address(&f.DstAddr)
		case ofSrcPort:
			v = uint64(f.SrcPort)
		case ofDstPort:
			v = uint64(f.DstPort)
		case ofProto:
			v = uint64(f.Proto)
		case ofFlags:
			v = uint64(f.TCPFlags)
		case ofBytes:
			v = f.Bytes
		case ofColumn:
			v = f.Uint(t.field)
		case ofICMP, ofFamily, ofDuration, ofPPS, ofBPS, ofBPP:
			v, known = t.derive(f)
		default:
			hit, known = t.other(b, f)
		}
		if t.code >= ofNumber {
			v = v>>(t.shift&63)&t.mask ^ t.flip
			hit = v-t.lo <= t.hi && (t.ranges == nil || inSpans(t.ranges, v))
		}
		if known && hit != t.not {
			at = t.yes
		} else {
			at = t.no
		}
	}
	return at == accept
}

// inSpans searches ascending ranges.
func inSpans(all []span, v uint64) bool {
	lo, hi := 0, len(all)
	for lo < hi {
		i := int(uint(lo+hi) >> 1)
		switch {
		case v < all[i].lo:
			hi = i
		case v > all[i].hi:
			lo = i + 1
		default:
			return true
		}
	}
	return false
}

// address compares an address.
func (t *test) address(a *flow.Addr) bool {
	w := wordsOf(a)
	return t.around.has(w) && (t.addresses == nil || inAddrSpans(t.addresses, w))
}

func (s *addrSpan) has(w words) bool {
	return (w.hi > s.lo.hi || w.hi == s.lo.hi && w.lo >= s.lo.lo) && (w.hi < s.hi.hi || w.hi == s.hi.hi && w.lo <= s.hi.lo)
}

// inAddrSpans searches ascending ranges.
func inAddrSpans(all []addrSpan, w words) bool {
	lo, hi := 0, len(all)
	for lo < hi {
		i := int(uint(lo+hi) >> 1)
		switch c := w.compare(all[i].lo); {
		case c < 0:
			hi = i
		case !all[i].has(w):
			lo = i + 1
		default:
			return true
		}
	}
	return false
}

// text compares a text.
func (t *test) text(v []byte) bool {
	if t.pattern != nil {
		return t.pattern.Match(v)
	}
	lo, hi := 0, len(t.texts)
	for lo < hi {
		i := int(uint(lo+hi) >> 1)
		switch c := bytes.Compare(v, t.texts[i]); {
		case c < 0:
			hi = i
		case c > 0:
			lo = i + 1
		default:
			return true
		}
	}
	return false
}

// other does what is no number in a column.
func (t *test) other(b *flow.Batch, f *flow.Flow) (hit, known bool) {
	known = f.Set.Has(t.field)
	switch t.code {
	case ofAnything:
		return true, true
	case hasColumn:
		return known, true
	case ofAddress:
		return t.address(f.Addr(t.field)), known
	case ofText:
		return t.text(b.Strings.Get(flow.Str(f.Uint(t.field)))), known
	}
	return t.extra(b, f)
}

// derive computes a number.
func (t *test) derive(f *flow.Flow) (v uint64, known bool) {
	switch t.code {
	case ofICMP:
		if f.Set.Has(flow.FieldICMPType) {
			return uint64(f.ICMPType), true
		}
		return uint64(f.DstPort), f.Set.Has(flow.FieldDstPort)
	case ofFamily:
		return familyOf(f)
	case ofDuration:
		return durationOf(f)
	case ofPPS:
		return rate(f, flow.FieldPackets, f.Packets, 1e9)
	case ofBPS:
		return rate(f, flow.FieldBytes, f.Bytes, 8e9)
	}
	// ofBPP
	if f.Packets > 0 {
		v = f.Bytes / f.Packets
	}
	return v, f.Set.Has(flow.FieldBytes) && f.Set.Has(flow.FieldPackets)
}

func familyOf(f *flow.Flow) (v uint64, known bool) {
	a := &f.SrcAddr
	if !f.Set.Has(flow.FieldSrcAddr) {
		a = &f.DstAddr
		if !f.Set.Has(flow.FieldDstAddr) {
			return uint64(f.IPVersion), f.Set.Has(flow.FieldIPVersion)
		}
	}
	if a.Is4() {
		return 4, true
	}
	return 6, true
}

func durationOf(f *flow.Flow) (v uint64, known bool) {
	if f.End > f.Start {
		v = uint64(f.End) - uint64(f.Start)
	}
	return v, f.Set.Has(flow.FieldStart) && f.Set.Has(flow.FieldEnd)
}

// rate returns n a second, n being column x in units of which one has so many
// nanoseconds.
func rate(f *flow.Flow, x flow.Field, n, nanoseconds uint64) (v uint64, known bool) {
	d, known := durationOf(f)
	if d > 0 {
		v = math.MaxUint64
		if hi, lo := bits.Mul64(n, nanoseconds); hi < d {
			v, _ = bits.Div64(hi, lo, d)
		}
	}
	return v, known && f.Set.Has(x)
}

// extra compares the elements of that number among the extras of f: one that
// hits is enough, and one that can't be read leaves it unknown.
func (t *test) extra(b *flow.Batch, f *flow.Flow) (hit, known bool) {
	var c flow.Cursor
	some, read := false, true
	for {
		e, v, ok := b.NextExtra(f, &c)
		if !ok {
			break
		}
		if e.PEN != t.element.PEN || e.ID != t.element.ID {
			continue
		}
		some = true
		if t.code == hasExtra {
			return true, true
		}
		h, k := t.value(v)
		if h && k {
			return true, true
		}
		read = read && k
	}
	return false, t.code == hasExtra || some && read
}

// value compares the octets of an element.
func (t *test) value(v []byte) (hit, known bool) {
	switch t.code {
	case ofExtraText:
		return t.text(bytes.TrimRight(v, "\x00")), true
	case ofExtraAddress:
		var a flow.Addr
		switch len(v) {
		case 4:
			a.SetIPv4(v)
		case 16:
			a = flow.Addr(v)
		default:
			return false, false
		}
		return t.address(&a), true
	}
	x, known := key(t.typ, v)
	x ^= t.flip
	return x-t.lo <= t.hi && (t.ranges == nil || inSpans(t.ranges, x)), known
}

// key reads octets as a number of the kind that the type has.
func key(typ ie.Type, v []byte) (x uint64, known bool) {
	switch typ {
	case ie.Signed8, ie.Signed16, ie.Signed32, ie.Signed64:
		x, known := ie.Signed(v)
		return uint64(x), known
	case ie.Float32, ie.Float64:
		x, known := ie.Float(v)
		return FloatKey(x), known && x == x
	case ie.DateTimeSeconds, ie.DateTimeMilliseconds, ie.DateTimeMicroseconds, ie.DateTimeNanoseconds:
		x, known := ie.Time(typ, v)
		return uint64(x), known
	case ie.MACAddress:
		if len(v) != 6 {
			return 0, false
		}
	}
	return ie.Unsigned(v)
}
