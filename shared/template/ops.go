package template

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

// The loops that aren't generated: times, strings, odd lengths, and columns
// that are worked out from several elements.
const (
	opUptime        = opGenerated + iota // IE 21, 22: milliseconds of uptime
	opSeconds                            // IE 150, 151
	opMillis                             // IE 152, 153
	opMicros                             // IE 154, 155: NTP format, RFC 7011 §6.1.9
	opNanos                              // IE 156, 157: NTP format, RFC 7011 §6.1.10
	opDelta                              // IE 158, 159: microseconds before the export time
	opUptimePair                         // Start and End
	opMillisPair                         //
	opStr                                // a string of off2 octets
	opUint                               // a number of n octets
	opApp                                // IE 95
	opOther                              // the IPv6 address, where the IPv4 address is zero
	opBoot                               // uptime at off with the record's IE 160 at off2
	opRatio                              // the rate (a+b)/a: a of 4 octets at off, b at off2
	opMultiple                           // the rate b/a, likewise (IE 310 at off2, 309 at off)
	opProbability                        // the rate 1/p: IE 311, float64
	opDurationMilli                      // IE 161: the end that the record lacks
	opDurationMicro                      // IE 162
)

// timeOp returns the loop for an element that states a flow's start or end.
func timeOp(id uint16) opcode {
	switch id {
	case 21, 22:
		return opUptime
	case 150, 151:
		return opSeconds
	case 152, 153:
		return opMillis
	case 154, 155:
		return opMicros
	case 156, 157:
		return opNanos
	case 158, 159:
		return opDelta
	}
	return opNone
}

// timeLen is the number of octets that such an element has.
func timeLen(id uint16) int {
	switch id {
	case 21, 22, 150, 151, 158, 159:
		return 4
	}
	return 8
}

// fuseTime merges the loops of Start and End.
func fuseTime(a, b op) opcode {
	if a.field != flow.FieldStart || b.field != flow.FieldEnd || a.code != b.code {
		return opNone
	}
	switch a.code {
	case opUptime:
		return opUptimePair
	case opMillis:
		return opMillisPair
	}
	return opNone
}

// derived makes the ops for columns that take more than one element, and adds
// the columns to set.
func derived(fixed []source, set *flow.Set) []op {
	at := map[uint16]*source{}
	for i := range fixed {
		if f := &fixed[i]; f.PEN == 0 && at[f.ID] == nil {
			at[f.ID] = f
		}
	}
	get := func(id uint16, n uint16) (uint16, bool) {
		f := at[id]
		if f == nil || f.Len != n {
			return 0, false
		}
		return uint16(f.off), true
	}
	var ops []op
	if boot, ok := get(160, 8); ok {
		for _, id := range []uint16{22, 21} {
			if f := at[id]; f != nil && f.taken {
				ops = append(ops, op{code: opBoot, field: f.col, off: uint16(f.off), off2: boot})
			}
		}
	}
	for i, c := range []opcode{opDurationMilli, opDurationMicro} {
		off, ok := get(161+uint16(i), 4)
		start, end := set.Has(flow.FieldStart), set.Has(flow.FieldEnd)
		if !ok || start == end {
			continue
		}
		x := flow.FieldEnd
		if end {
			x = flow.FieldStart
		}
		set.Add(x)
		ops = append(ops, op{code: c, field: x, off: off})
	}
	// An exporter may have one template for both families: the addresses of the
	// other one are then zero.
	for i := range fixed {
		f := &fixed[i]
		if f.taken || f.PEN != 0 || f.Len != 16 {
			continue
		}
		if x, _, ok := column(f.ID); ok && flow.Fields[x].Kind == flow.KindAddr && set.Has(x) {
			ops = append(ops, op{code: opOther, field: x, off: uint16(f.off)})
		}
	}
	if !set.Has(flow.FieldSamplingRate) {
		for _, r := range []struct {
			code opcode
			a, b uint16
		}{{opRatio, 305, 306}, {opMultiple, 309, 310}} {
			a, ok := get(r.a, 4)
			b, ok2 := get(r.b, 4)
			if ok && ok2 && !set.Has(flow.FieldSamplingRate) {
				set.Add(flow.FieldSamplingRate)
				ops = append(ops, op{code: r.code, off: a, off2: b})
			}
		}
		if off, ok := get(311, 8); ok && !set.Has(flow.FieldSamplingRate) {
			set.Add(flow.FieldSamplingRate)
			ops = append(ops, op{code: opProbability, off: off})
		}
	}
	return ops
}

// runByHand is run for the codes that aren't generated.
func (o *op) runByHand(b *flow.Batch, fl []flow.Flow, d []byte, stride int, m *Message) {
	at, at2 := int(o.off), int(o.off2)
	switch o.code {
	case opUptimePair:
		if !m.HasUptime {
			m.unknown(fl, flow.FieldStart)
			m.unknown(fl, flow.FieldEnd)
			return
		}
		export, uptime := m.Export, m.Uptime // kept out of the loop: rows might alias m
		for i := range fl {
			f := &fl[i]
			f.Start = Absolute(export, uptime, binary.BigEndian.Uint32(d[at:]))
			f.End = Absolute(export, uptime, binary.BigEndian.Uint32(d[at2:]))
			at += stride
			at2 += stride
		}
	case opMillisPair:
		for i := range fl {
			f := &fl[i]
			f.Start = millis(d[at:])
			f.End = millis(d[at2:])
			at += stride
			at2 += stride
		}
	case opUptime:
		if !m.HasUptime {
			m.unknown(fl, o.field)
			return
		}
		for i := range fl {
			fl[i].SetUint(o.field, uint64(Absolute(m.Export, m.Uptime, binary.BigEndian.Uint32(d[at:]))))
			at += stride
		}
	case opSeconds, opMillis, opMicros, opNanos, opDelta:
		for i := range fl {
			fl[i].SetUint(o.field, uint64(o.time(d[at:], m)))
			at += stride
		}
	case opBoot:
		for i := range fl {
			// Uptime wraps each 2³² ms, the boot time doesn't: of the instants that
			// fit, the one next to the export time is meant.
			boot := millis(d[at2:])
			t := Absolute(m.Export, uint32((m.Export-boot)/1e6), binary.BigEndian.Uint32(d[at:]))
			fl[i].SetUint(o.field, uint64(t))
			fl[i].Marks &^= flow.TimeReplaced
			at += stride
			at2 += stride
		}
	case opDurationMilli, opDurationMicro:
		unit := int64(1e6)
		if o.code == opDurationMicro {
			unit = 1e3
		}
		for i := range fl {
			f := &fl[i]
			if n := int64(binary.BigEndian.Uint32(d[at:])) * unit; o.field == flow.FieldEnd {
				f.End = f.Start + n
			} else {
				f.Start = f.End - n
			}
			at += stride
		}
	case opStr:
		for i := range fl {
			fl[i].SetUint(o.field, uint64(b.Strings.Intern(trim(d[at:at+at2]))))
			at += stride
		}
	case opUint:
		for i := range fl {
			v := number(d[at : at+int(o.n)])
			if size := flow.Fields[o.field].Size; size < 8 && v>>(8*size) != 0 {
				v = 1<<(8*size) - 1 // too large for the column: as large as it holds
			}
			fl[i].SetUint(o.field, v)
			at += stride
		}
	case opApp:
		for i := range fl {
			fl[i].SetUint(o.field, app(d[at:at+int(o.n)]))
			at += stride
		}
	case opOther:
		for i := range fl {
			a := fl[i].Addr(o.field)
			if v := flow.Addr(d[at:]); *a == flow.AddrFrom4([4]byte{}) && v != (flow.Addr{}) {
				*a = v
			}
			at += stride
		}
	case opRatio, opMultiple:
		for i := range fl {
			x, y := uint64(binary.BigEndian.Uint32(d[at:])), uint64(binary.BigEndian.Uint32(d[at2:]))
			if o.code == opMultiple {
				y -= min(x, y)
			}
			fl[i].SamplingRate = ratio(x, y)
			at += stride
			at2 += stride
		}
	case opProbability:
		for i := range fl {
			fl[i].SamplingRate = inverse(math.Float64frombits(binary.BigEndian.Uint64(d[at:])))
			at += stride
		}
	}
}

func (o *op) time(d []byte, m *Message) int64 {
	switch o.code {
	case opSeconds:
		return int64(binary.BigEndian.Uint32(d)) * 1e9
	case opMillis:
		return millis(d)
	case opMicros:
		return ie.NTP(binary.BigEndian.Uint64(d) &^ 0x7ff)
	case opNanos:
		return ie.NTP(binary.BigEndian.Uint64(d))
	default:
		return m.Export - int64(binary.BigEndian.Uint32(d))*1e3
	}
}

// unknown marks a time in the exporter's uptime that can't be made absolute.
func (m *Message) unknown(fl []flow.Flow, x flow.Field) {
	for i := range fl {
		if fl[i].Marks&flow.TimeReplaced == 0 {
			m.Replaced++
		}
		fl[i].SetUint(x, uint64(m.Received))
		fl[i].Marks |= flow.TimeReplaced
	}
}

// millis reads dateTimeMilliseconds; one beyond the year 2262 becomes 0, which
// no check lets pass.
func millis(d []byte) int64 {
	ms := binary.BigEndian.Uint64(d)
	if ms > math.MaxInt64/1_000_000 {
		return 0
	}
	return int64(ms) * 1e6
}

// number reads an unsigned integer of at most 8 octets.
func number(d []byte) (v uint64) {
	for _, x := range d {
		v = v<<8 | uint64(x)
	}
	return v
}

func be6(d []byte) flow.MAC {
	_ = d[5]
	return flow.MAC(uint64(binary.BigEndian.Uint16(d))<<32 | uint64(binary.BigEndian.Uint32(d[2:])))
}

// app reads an application id: an engine and a selector of up to 7 octets (RFC
// 6759 §4.1). Octets beyond them are cut off.
func app(d []byte) uint64 {
	if len(d) == 0 {
		return 0
	}
	return uint64(d[0])<<56 | number(d[1:min(len(d), 8)])
}

// trim cuts the NULs that fill a fixed-length string.
func trim(d []byte) []byte { return bytes.TrimRight(d, "\x00") }

// inverse returns 1/p rounded, or 0 if p is no probability.
func inverse(p float64) uint32 {
	if !(p > 0 && p <= 1) {
		return 0
	}
	return clamp(uint64(math.Min(1/p+0.5, 1<<33)))
}
