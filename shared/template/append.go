package template

import (
	"encoding/binary"
	"slices"

	"github.com/weirflow/weir/shared/flow"
)

// Append decodes the records of set, a data set's content behind its header,
// and appends their flows to b: of a template that describes both directions,
// first those of the one, then those of the other, marked flow.Reverse. It
// returns how many octets whole records took; what is left is padding, unless it
// holds a record that was cut short, which ok tells. set is not kept.
func (p *Plan) Append(b *flow.Batch, set []byte, m *Message) (used int, ok bool) {
	if p.adrift != nil && !m.HasUptime {
		p = p.adrift
	}
	if len(p.vars) > 0 {
		return p.appendVariable(b, set, m)
	}
	n := len(set) / p.stride
	used = n * p.stride
	if n == 0 {
		return 0, padded(set)
	}
	fl := p.rows(b, n, set, m)
	if len(p.lists) > 0 {
		p.listExtras(b, fl, set, nil, m)
	} else if size := len(p.extraRow); size > 0 {
		p.fixedExtras(b, fl, set, size)
	}
	p.finish(b, &records{plan: p, flows: fl, fixed: set}, m)
	if p.reverse != nil {
		p.appendReverse(b, set[:used], m)
	}
	return used, padded(set[used:])
}

// padded tells whether what is left of a set is padding. RFC 7011 §3.3.1 wants
// zeros, up to an alignment of 4 or 8 octets; exporters leave in them what was
// there, or pad with more zeros.
func padded(d []byte) bool { return len(d) < 8 || zero(d) }

// zero tells whether d holds nothing.
func zero(d []byte) bool {
	for _, x := range d {
		if x != 0 {
			return false
		}
	}
	return true
}

// rows appends n flows and fills their columns from d, which holds a record
// each stride octets.
func (p *Plan) rows(b *flow.Batch, n int, d []byte, m *Message) []flow.Flow {
	fl := b.Grow(n)
	first := &fl[0]
	*first = p.proto
	first.Received = m.Received
	first.Domain = m.Domain
	if !p.hasFrom {
		first.Exporter = m.Exporter
	}
	if p.hasFrom || m.Sender != m.Exporter {
		first.Sender = m.Sender
		first.Set.Add(flow.FieldSender)
	}
	flow.Fill(fl)
	for i := range p.ops {
		if o := &p.ops[i]; o.code < opGenerated {
			o.run(fl, d, p.stride)
		} else {
			o.runByHand(b, fl, d, p.stride, m)
		}
	}
	return fl
}

// finish does what needs the whole row: one of two address families, packets in
// records, common properties, totals, sampling rates, impossible times.
func (p *Plan) finish(b *flow.Batch, r *records, m *Message) {
	fl := r.flows
	for i := range p.families {
		p.families[i].choose(b, fl, r.fixed, p.stride)
	}
	if p.common != nil && m.Session != nil {
		m.Session.share(b, r, p.common, m.Domain)
	}
	if p.sampled != nil {
		p.sampled.fill(r, m.Packet, &m.row)
	}
	if p.nsel {
		events(fl)
	}
	if p.totaled != nil && m.Session != nil {
		p.totaled.subtract(m.Session.store.totals, r, m.Export)
	}
	if p.hasFrom {
		for i := range fl {
			f := &fl[i]
			if f.Exporter == (flow.Addr{}) || f.Exporter == flow.AddrFrom4([4]byte{}) {
				f.Exporter = m.Exporter
			}
			if f.Exporter == f.Sender {
				f.Sender = flow.Addr{}
				f.Set.Del(flow.FieldSender)
			}
		}
	}
	if m.Rates != nil {
		m.Rates.fill(fl)
	}
	if p.rate {
		for i := range fl {
			if fl[i].SamplingRate == 0 { // 0 is unknown, not a rate
				fl[i].Set.Del(flow.FieldSamplingRate)
			}
		}
	}
	if p.times || p.common != nil {
		m.CheckTimes(fl)
	}
}

// choose takes the value for IPv6 into the column where the record is of IPv6,
// and removes it from the extras there and where it is zero.
func (x *family) choose(b *flow.Batch, fl []flow.Flow, d []byte, stride int) {
	at := x.off
	for i := range fl {
		f, v := &fl[i], d[at:at+x.n]
		at += stride
		empty := zero(v)
		if a := f.Addr(x.field); a != nil {
			if !empty && *a != flow.AddrFrom4([4]byte{}) {
				continue // both are there
			}
			if !empty {
				*a = flow.Addr(v)
			}
		} else if f.IsIPv6() {
			f.SetUint(x.field, saturate(x.field, number(v)))
		} else if !empty {
			continue
		}
		b.DropExtra(f, x.at)
	}
}

// saturate cuts v to what column x holds.
func saturate(x flow.Field, v uint64) uint64 {
	if size := flow.Fields[x].Size; size < 8 && v>>(8*size) != 0 {
		return 1<<(8*size) - 1
	}
	return v
}

// fixedExtras copies the extras of records that all have the same size.
func (p *Plan) fixedExtras(b *flow.Batch, fl []flow.Flow, d []byte, size int) {
	off, buf := b.Arena(size * len(fl))
	for i := range fl {
		copy(buf[i*size:], p.extraRow)
		fl[i].SetExtra(off+uint32(i*size), uint32(size))
	}
	for _, x := range p.extras {
		to, from, n := int(x.at), int(x.off), int(x.n)
		for range fl {
			copy(buf[to:to+n], d[from:from+n])
			to += size
			from += p.stride
		}
	}
}

// appendVariable finds the records of a set, gathers their fixed parts, so that
// the same loops serve them, and then moves the variable values.
func (p *Plan) appendVariable(b *flow.Batch, set []byte, m *Message) (used int, ok bool) {
	most := len(set) / p.minimum
	m.gather = slices.Grow(m.gather[:0], len(set))
	m.vars = slices.Grow(m.vars[:0], most*len(p.vars)*2)
	gather, vars := m.gather[:len(set)], m.vars[:most*len(p.vars)*2]
	n, filled, values := 0, 0, 0
	ok = true
records:
	for len(set)-used >= p.minimum {
		at := used
		for i := range p.vars {
			end := at + p.vars[i].before
			if end >= len(set) {
				ok = false
				break records
			}
			if at < end {
				filled += copy(gather[filled:], set[at:end])
			}
			size := int(set[end])
			end++
			if size == 255 { // RFC 7011 §7: three octets
				if len(set)-end < 2 {
					ok = false
					break records
				}
				size = int(binary.BigEndian.Uint16(set[end:]))
				end += 2
			}
			if len(set)-end < size {
				ok = false
				break records
			}
			vars[values], vars[values+1] = uint32(end), uint32(size)
			values += 2
			at = end + size
		}
		if p.tail > 0 {
			if len(set)-at < p.tail {
				ok = false
				break
			}
			filled += copy(gather[filled:], set[at:at+p.tail])
			at += p.tail
		}
		used = at
		n++
	}
	m.gather, m.vars = gather[:n*p.stride], vars[:n*len(p.vars)*2]
	ok = ok && padded(set[used:])
	if n == 0 {
		return used, ok
	}
	fl := p.rows(b, n, m.gather, m)
	p.values(b, fl, set, m.vars)
	switch {
	case p.varLists || len(p.lists) > 0:
		p.listExtras(b, fl, m.gather, set, m)
	case len(p.extraRow) > 0 || p.varExtras:
		p.variableExtras(b, fl, set, m)
	}
	p.finish(b, &records{plan: p, flows: fl, fixed: m.gather, set: set, vars: m.vars}, m)
	if p.reverse != nil {
		p.appendReverse(b, set[:used], m)
	}
	return used, ok
}

// values fills the columns that variable-length fields have.
func (p *Plan) values(b *flow.Batch, fl []flow.Flow, set []byte, vars []uint32) {
	for j := range p.vars {
		v := &p.vars[j]
		if v.kind == varExtra {
			continue
		}
		for i := range fl {
			at := vars[(i*len(p.vars)+j)*2:]
			d := set[at[0] : at[0]+at[1]]
			if v.kind == varStr {
				fl[i].SetUint(v.field, uint64(b.Strings.Intern(trim(d))))
			} else {
				fl[i].SetUint(v.field, app(d))
			}
		}
	}
}

// variableExtras copies the extras of records of different sizes.
func (p *Plan) variableExtras(b *flow.Batch, fl []flow.Flow, set []byte, m *Message) {
	for i := range fl {
		vars := m.vars[i*len(p.vars)*2:]
		size := len(p.extraRow)
		for j := range p.vars {
			if p.vars[j].isExtra(vars[j*2+1]) {
				size += flow.ExtraHeader + int(vars[j*2+1])
			}
		}
		off, buf := b.Arena(size)
		fl[i].SetExtra(off, uint32(size))
		at := copy(buf, p.extraRow)
		for _, x := range p.extras {
			copy(buf[x.at:x.at+x.n], m.gather[i*p.stride+int(x.off):])
		}
		for j := range p.vars {
			if v := &p.vars[j]; v.isExtra(vars[j*2+1]) {
				from, n := vars[j*2], vars[j*2+1]
				flow.PutExtraHeader(buf[at:], v.Element, uint16(n))
				at += flow.ExtraHeader
				at += copy(buf[at:], set[from:from+n])
			}
		}
	}
}

// listExtras is variableExtras for records with lists, whose extras are longer
// or shorter than what came. d has the fixed parts of the records, set the
// variable ones.
func (p *Plan) listExtras(b *flow.Batch, fl []flow.Flow, d, set []byte, m *Message) {
	m.sub.layout = nil // templates may have changed
	off, _ := b.Arena(0)
	row := m.extras[:0] // of all records, one behind the other
	for i := range fl {
		start := len(row)
		if len(p.extraRow) > 0 {
			row = append(row, p.extraRow...)
		}
		fixed := d[i*p.stride:]
		for _, x := range p.extras {
			copy(row[start+int(x.at):][:x.n], fixed[x.off:])
		}
		for j := range p.lists {
			x := &p.lists[j]
			row = m.appendListExtra(row, x.Element, x.typ, fixed[x.off:x.off+x.n])
		}
		for j := range p.vars {
			v := &p.vars[j]
			at := m.vars[(i*len(p.vars)+j)*2:]
			if !v.isExtra(at[1]) {
				continue
			}
			value := set[at[0] : at[0]+at[1]]
			if v.list != 0 {
				row = m.appendListExtra(row, v.Element, v.list, value)
				continue
			}
			row = appendExtra(row, v.Element, value)
		}
		fl[i].SetExtra(off+uint32(start), uint32(len(row)-start))
	}
	_, buf := b.Arena(len(row))
	copy(buf, row)
	m.extras = row
}

// noHeader makes room for one.
var noHeader [flow.ExtraHeader]byte

func appendExtra(row []byte, e flow.Element, v []byte) []byte {
	at := len(row)
	row = append(row, noHeader[:]...)
	flow.PutExtraHeader(row[at:], e, uint16(len(v)))
	return append(row, v...)
}
