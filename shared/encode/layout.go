package encode

import (
	"math"
	"slices"
	"strconv"

	"github.com/weirflow/weir/shared/flow"
)

// A layout makes a msgpackPlan. Each map is laid out as: values of no fixed
// width, those of fixed width, maps. The map that takes the extras comes last of
// all, and its values of fixed width behind its maps.
type layout struct {
	e     *Encoder
	plan  *msgpackPlan
	fixed []byte // of the piece that is being made
}

func (e *Encoder) compileMsgpack(s shape) *msgpackPlan {
	p := &msgpackPlan{shape: s, block: 1}
	l := layout{e: e, plan: p}
	switch {
	case s.has(isEvent):
		l.fixed = append(l.fixed, mpArray2, mpArray2, mpExt8, 0, 0, 0, 0, 0, 0, 0, 0, 0)
		p.time = 4
		l.meta()
	case s.has(isEntry):
		l.fixed = append(l.fixed, mpArray2, mpExt8, 0, 0, 0, 0, 0, 0, 0, 0, 0)
		p.time = 3
	}
	l.node(e.profile.treeWith(s.set(), s.has(namedIPv6), e.flat(), func(root *node) { e.additions(root, s) }))
	if len(l.fixed) >= overshoot {
		p.block = blockLen
	}
	last := value{how: asNothing}
	if s.has(hasExtras) {
		last.how = asExtras
	}
	l.end(last).last = true
	for i := range p.windows {
		w := &p.windows[i]
		w.places = pairPlaces(w.places)
	}
	for len(e.block.lanes) < len(p.pieces) {
		e.block.lanes = append(e.block.lanes, lane{})
	}
	for len(e.block.stamps) < p.stamps {
		e.block.stamps = append(e.block.stamps, stamps{})
	}
	return p
}

// meta lays out the metadata of an event.
func (l *layout) meta() {
	s := l.plan.shape
	var all []*node
	if l.e.opts.Meta {
		leaf := func(name string, x flow.Field, h how, constant []byte) {
			all = append(all, &node{name: name, leaf: true, value: value{x, h}, constant: constant})
		}
		leaf("exporter", flow.FieldExporter, asAddr, nil)
		leaf("protocol", flow.FieldVersion, asConstant, appendKey(nil, Protocol(uint8(s.traits>>versionAt))))
		if s.has(hasDomain) {
			leaf("domain", flow.FieldDomain, asUint, nil)
		}
		if s.has(hasRate) {
			leaf("sampling", flow.FieldSamplingRate, asUint, nil)
		}
	}
	l.fixed = append(l.fixed, mpFixMap|byte(len(all)))
	for _, c := range all {
		l.leaf(c)
	}
}

// Protocol names a version as metadata of events have it: ipfix, netflow9, sflow5.
func Protocol(version uint8) string {
	switch version {
	case 10:
		return "ipfix"
	case flow.SFlow5:
		return "sflow5"
	}
	return "netflow" + strconv.Itoa(int(version))
}

func (l *layout) node(n *node) {
	switch {
	case n.extras:
		l.plan.count, l.plan.entries = l.here(), uint16(len(n.sub))
		fallthrough
	case len(n.sub) >= 16:
		l.fixed = append(l.fixed, mpMap16, byte(len(n.sub)>>8), byte(len(n.sub)))
	default:
		l.fixed = append(l.fixed, mpFixMap|byte(len(n.sub)))
	}
	for _, c := range n.sub {
		if c.leaf && !c.value.isFixed() && !l.merge(c) {
			l.leaf(c)
		}
	}
	if !n.extras {
		l.leaves(n)
	}
	for _, c := range n.sub {
		if !c.leaf {
			l.fixed = appendKey(l.fixed, c.name)
			l.node(c)
		}
	}
	if n.extras {
		l.leaves(n)
	}
}

// leaves lays out the values of fixed width of n.
func (l *layout) leaves(n *node) {
	for _, c := range n.sub {
		if c.leaf && c.value.isFixed() {
			l.leaf(c)
		}
	}
}

// isFixed tells whether all values of a shape are as wide in msgpack, or, as the
// exporter's address, all the same.
func (v value) isFixed() bool {
	switch v.how {
	case asUint, asNanos, asTime, asMAC, asDashedMAC, asFamily, asConstant, asDuration:
		return true
	case asAddr:
		return v.field == flow.FieldExporter
	}
	return false
}

func (l *layout) leaf(c *node) {
	x, p := c.value.field, l.plan
	trait := uint64(1) << traitOf[x]
	name := c.name
	if c.name6 != "" && p.shape.has(trait) {
		name = c.name6
	}
	l.fixed = appendKey(l.fixed, name)
	switch how := c.value.how; {
	case how == asUint, how == asNanos:
		l.number(c.value)
	case how == asTime:
		n := stampLen
		if p.shape.has(trait) {
			n += 3
		}
		if p.shape.has(trait << 1) {
			n += 3
		}
		l.fixed = append(l.fixed, mpStr|byte(n))
		w, off := l.window()
		w.stamps = append(w.stamps, stampPlace{x, p.stamps, off, uint8(n)})
		p.stamps++
		l.fixed = append(l.fixed, make([]byte, n)...)
	case how == asMAC, how == asDashedMAC:
		l.fixed = append(l.fixed, mpStr|byte(macLen))
		w, off := l.window()
		m := macPlace{x, off, ':', hexLower}
		if how == asDashedMAC {
			m.sep, m.hex = '-', hexUpper
		}
		w.macs = append(w.macs, m)
		l.fixed = append(l.fixed, make([]byte, macLen)...)
	case how == asConstant:
		l.fixed = append(l.fixed, c.constant...)
	case how == asDuration:
		l.fixed = append(l.fixed, mpUint64)
		w, off := l.window()
		w.spans = append(w.spans, off)
		l.fixed = append(l.fixed, make([]byte, 8)...)
	case how == asFamily:
		l.fixed = appendKey(l.fixed, family(!p.shape.has(trait)))
	case how == asAddr && x == flow.FieldExporter:
		p.exporters = append(p.exporters, l.here())
	case how == asAddr && !p.shape.has(trait):
		l.end(value{x, asIPv4})
	default:
		q := l.end(c.value)
		if q.blob = l.e.blob("", how, false, nil); q.blob != nil {
			q.how, q.part = asBlob, "?"
		}
	}
}

func (l *layout) number(v value) {
	size := int(flow.Fields[v.field].Size)
	if v.how == asNanos {
		l.fixed = append(l.fixed, mpInt64)
	} else {
		l.fixed = append(l.fixed, map[int]byte{1: mpUint8, 2: mpUint16, 4: mpUint32, 8: mpUint64}[size])
	}
	w, off := l.window()
	w.places = append(w.places, place{code: uint8(v.field), off: off})
	l.fixed = append(l.fixed, make([]byte, size)...)
}

// end ends the piece with a value.
func (l *layout) end(v value) *piece {
	q := piece{plain: l.fixed, texts: l.here().behind, fixed: slices.Clone(l.fixed), value: v}
	copy(q.short[:], l.fixed)
	l.fixed = nil
	l.plan.pieces = append(l.plan.pieces, q)
	return &l.plan.pieces[len(l.plan.pieces)-1]
}

// merge puts c into the piece before, if that has just ended with a text of the
// same column and the key of c isn't too long.
func (l *layout) merge(c *node) bool {
	if len(l.plan.pieces) == 0 || len(l.fixed) > 0 {
		return false
	}
	q := &l.plan.pieces[len(l.plan.pieces)-1]
	if q.blob == nil || q.field != c.value.field {
		return false
	}
	part := q.part + string(appendKey(nil, c.name))
	b := l.e.blob(part, c.value.how, false, q.blob)
	if b == nil {
		return false
	}
	q.blob, q.part = b, part+"?"
	return true
}

// here is the end of what there is.
func (l *layout) here() spot {
	s := spot{piece: len(l.plan.pieces), at: len(l.fixed)}
	for _, x := range l.plan.exporters {
		if x.piece == s.piece {
			s.behind++
		}
	}
	return s
}

// window returns a window that shows the end of what there is, and where.
func (l *layout) window() (*window, uint8) {
	p, x := l.plan, l.here()
	n := len(p.windows)
	if n == 0 || p.windows[n-1].piece != x.piece || p.windows[n-1].behind != x.behind || x.at-p.windows[n-1].at > math.MaxUint8 {
		p.windows = append(p.windows, window{spot: x})
		n++
	}
	w := &p.windows[n-1]
	return w, uint8(x.at - w.at)
}

// pairPlaces merges the places of columns that are patched together.
func pairPlaces(at []place) []place {
	gone := map[int]bool{}
	for i, p := range at {
		other, both, ok := partner(flow.Field(p.code))
		if !ok {
			continue
		}
		for j, q := range at {
			if q.code == uint8(other) && !gone[j] {
				at[i] = place{both, p.off, q.off}
				gone[j] = true
				break
			}
		}
	}
	var out []place
	for i, p := range at {
		if !gone[i] {
			out = append(out, p)
		}
	}
	return out
}
