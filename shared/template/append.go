package template

import (
	"encoding/binary"
	"slices"

	"github.com/weirflow/weir/shared/flow"
)

// Append decodes the records of set, a data set's content behind its header,
// and appends their flows to b. It returns how many octets whole records took;
// what is left is padding, unless it holds a record that was cut short, which
// ok tells. set is not kept.
func (p *Plan) Append(b *flow.Batch, set []byte, m *Message) (used int, ok bool) {
	if len(p.vars) > 0 {
		return p.appendVariable(b, set, m)
	}
	n := len(set) / p.stride
	if n == 0 {
		return 0, true
	}
	fl := p.rows(b, n, set, m)
	if size := len(p.extraRow); size > 0 {
		p.fixedExtras(b, fl, set, size)
	}
	p.finish(fl, m)
	return n * p.stride, true
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
		if m.Sender != m.Exporter {
			first.Sender = m.Sender
			first.Set.Add(flow.FieldSender)
		}
	} else {
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

// finish does what needs the whole row: sampling rates and impossible times.
func (p *Plan) finish(fl []flow.Flow, m *Message) {
	if p.rate {
		for i := range fl {
			if fl[i].SamplingRate == 0 { // 0 is unknown, not a rate
				fl[i].Set.Del(flow.FieldSamplingRate)
			}
		}
	}
	if m.Rates != nil {
		m.Rates.fill(fl)
	}
	if p.times {
		m.CheckTimes(fl)
	}
}

// fixedExtras copies the extras of records that all have the same size.
func (p *Plan) fixedExtras(b *flow.Batch, fl []flow.Flow, d []byte, size int) {
	off, buf := b.Arena(size * len(fl))
	for i := range fl {
		copy(buf[i*size:], p.extraRow)
		fl[i].SetExtra(off+uint32(i*size), uint32(size))
	}
	for _, x := range p.extras {
		to, from := x.at, x.off
		for range fl {
			copy(buf[to:to+x.n], d[from:from+x.n])
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
			filled += copy(gather[filled:], set[at:end])
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
	if n == 0 {
		return used, ok
	}
	fl := p.rows(b, n, m.gather, m)
	p.values(b, fl, set, m.vars)
	if len(p.extraRow) > 0 || p.varExtras {
		p.variableExtras(b, fl, set, m)
	}
	p.finish(fl, m)
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
			if p.vars[j].kind == varExtra {
				size += flow.ExtraHeader + int(vars[j*2+1])
			}
		}
		off, buf := b.Arena(size)
		fl[i].SetExtra(off, uint32(size))
		at := copy(buf, p.extraRow)
		for _, x := range p.extras {
			copy(buf[x.at:x.at+x.n], m.gather[i*p.stride+x.off:])
		}
		for j := range p.vars {
			if v := &p.vars[j]; v.kind == varExtra {
				from, n := vars[j*2], vars[j*2+1]
				flow.PutExtraHeader(buf[at:], v.Element, uint16(n))
				at += flow.ExtraHeader
				at += copy(buf[at:], set[from:from+n])
			}
		}
	}
}
