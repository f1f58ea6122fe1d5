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
	opSeconds                            // IE 150, 151, 322
	opMillis                             // IE 152, 153, 323
	opMicros                             // IE 154, 155, 324: NTP format, RFC 7011 §6.1.9
	opNanos                              // IE 156, 157, 325: NTP format, RFC 7011 §6.1.10
	opDelta                              // IE 158, 159: microseconds before the export time
	opUptimePair                         // Start and End
	opMillisPair                         //
	opStr                                // a string of off2 octets
	opUint                               // a number of n octets
	opApp                                // IE 95
	opBoot                               // uptime at off with the record's IE 160 at off2
	opRate                               // the rate at off, of n octets, where none is known yet
	opRatio                              // the rate (a+b)/a, likewise: IE 305 at off, 306 at off2
	opOutOf                              // the rate b/a, likewise: IE 309 at off, 310 at off2
	opProbability                        // the rate 1/p, likewise: IE 311, a float
	opDurationMilli                      // IE 161: the end that the record lacks
	opDurationMicro                      // IE 162
	opMoment                             // IE 322 to 325: a packet's End is its Start
)

// timeOp returns the loop for an element that states a flow's start or end.
func timeOp(id uint16) opcode {
	switch id {
	case 21, 22:
		return opUptime
	case 150, 151, 322:
		return opSeconds
	case 152, 153, 323:
		return opMillis
	case 154, 155, 324:
		return opMicros
	case 156, 157, 325:
		return opNanos
	case 158, 159:
		return opDelta
	}
	return opNone
}

// timeLen is the number of octets that such an element has.
func timeLen(id uint16) int {
	switch id {
	case 21, 22, 150, 151, 158, 159, 322:
		return 4
	}
	return 8
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
	for id := uint16(322); id <= 325; id++ {
		if f := at[id]; f != nil && f.taken && !set.Has(flow.FieldEnd) {
			set.Add(flow.FieldEnd)
			ops = append(ops, op{code: opMoment, field: flow.FieldEnd})
		}
	}
	// Sampling: the first source that states a rate counts.
	rate := func(code opcode, a, b uint16) {
		x, y := at[a], at[b]
		if x == nil || y == nil || x.taken || x.Len == 0 || x.Len > 8 || y.Len == 0 || y.Len > 8 {
			return
		}
		set.Add(flow.FieldSamplingRate)
		ops = append(ops, op{code: code, off: uint16(x.off), n: uint8(x.Len), off2: uint16(y.off), n2: uint8(y.Len)})
	}
	rate(opRate, 50, 50)
	rate(opRatio, 305, 306)
	rate(opOutOf, 309, 310)
	rate(opProbability, 311, 311)
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
			if !plausible(boot, m.Export) {
				at += stride
				at2 += stride
				continue
			}
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
	case opMoment:
		for i := range fl {
			fl[i].End = fl[i].Start
		}
	case opStr:
		for i := range fl {
			fl[i].SetUint(o.field, uint64(b.Strings.Intern(trim(d[at:at+at2]))))
			at += stride
		}
	case opUint:
		for i := range fl {
			fl[i].SetUint(o.field, saturate(o.field, number(d[at:at+int(o.n)])))
			at += stride
		}
	case opApp:
		for i := range fl {
			fl[i].SetUint(o.field, app(d[at:at+int(o.n)]))
			at += stride
		}
	case opRate, opRatio, opOutOf, opProbability:
		for i := range fl {
			if f := &fl[i]; f.SamplingRate == 0 {
				f.SamplingRate = o.rate(d[at:at+int(o.n)], d[at2:at2+int(o.n2)])
			}
			at += stride
			at2 += stride
		}
	}
}

// rate returns what the elements a and b say of sampling, 0 if that is nothing.
func (o *op) rate(a, b []byte) uint32 {
	switch o.code {
	case opRatio:
		return ratio(number(a), number(b))
	case opOutOf:
		return outOf(number(a), number(b))
	case opProbability:
		return inverse(float(a))
	}
	return clamp(number(a))
}

func (o *op) time(d []byte, m *Message) int64 {
	switch o.code {
	case opSeconds:
		return int64(binary.BigEndian.Uint32(d)) * 1e9
	case opMillis:
		return millis(d)
	case opMicros:
		t := ie.NTP(binary.BigEndian.Uint64(d) &^ 0x7ff)
		return (t + 500) / 1000 * 1000 // the bits that don't count are worth half a microsecond
	case opNanos:
		return ie.NTP(binary.BigEndian.Uint64(d))
	default:
		return m.Export - int64(binary.BigEndian.Uint32(d))*1e3
	}
}

// unknown marks a time in the exporter's uptime that can't be made absolute.
func (m *Message) unknown(fl []flow.Flow, x flow.Field) {
	m.marked = true
	for i := range fl {
		fl[i].SetUint(x, uint64(m.Received))
		fl[i].Marks |= flow.TimeReplaced
	}
}

// plausible tells whether a system may have been started at boot that exports
// at export: not after it, and not many years before.
func plausible(boot, export int64) bool {
	const years = 20 * 365 * 24 * 3600e9
	return boot > 0 && boot <= export+3600e9 && export-boot < years
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

// float reads an IEEE 754 number of 4 or 8 octets; NaN for another length.
func float(d []byte) float64 {
	switch len(d) {
	case 8:
		return math.Float64frombits(binary.BigEndian.Uint64(d))
	case 4:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(d)))
	}
	return math.NaN()
}
