package template

import (
	"slices"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
)

// A template may describe both directions of a connection: with the reverse
// elements of RFC 5103, or with initiator and responder counters. Its records
// then make two flows, source and destination exchanged in the second. Each is
// decoded by a plan of its own over the same octets; what belongs to the other
// direction is padding there.

// padding is IANA's paddingOctets.
var padding = flow.Element{ID: 210}

// opposite are the elements that change places in the other direction.
var opposite = func() map[uint16]uint16 {
	m := map[uint16]uint16{}
	for _, p := range [][2]uint16{
		{7, 11}, {8, 12}, {9, 13}, {27, 28}, {29, 30}, {10, 14}, {16, 17}, {44, 45}, {56, 80}, {58, 59}, {81, 57},
		{128, 129}, {169, 170}, {180, 181}, {182, 183}, {225, 226}, {227, 228}, {234, 235}, {243, 254}, {245, 255}, {252, 253}, {281, 282},
		{40001, 40002}, {40003, 40004}, // Cisco ASA's translated addresses and ports
	} {
		m[p[0]], m[p[1]] = p[1], p[0]
	}
	return m
}()

// initiator and responder name the elements whose meaning is a counter of one
// direction.
var (
	initiator = map[uint16]uint16{231: 1, 298: 2}
	responder = map[uint16]uint16{232: 1, 299: 2}
)

// ofOneDirection tells whether a forward element says nothing of the other
// direction: counters, flags and what was seen in packets (RFC 5103 §6.1 lists
// what is common to both).
func ofOneDirection(id uint16) bool {
	e, _ := ie.Lookup(0, id)
	switch e.Semantics {
	case ie.DeltaCounter, ie.TotalCounter, ie.Flags:
		return true
	}
	switch id {
	case 104, 313, 314, 315, 316, 317: // packets
		return true
	case 15, 18, 62, 63, 46, 47, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79: // the way that it took: next hops and labels
		return true
	case 5, 25, 26, 31, 32, 52, 53, 54, 55, 61, 88, 139, 176, 177, 178, 179, 192, 195, 204, 224:
		return true
	}
	return false
}

// isCounter tells whether an element makes the flow of its direction one that saw
// something: a counter, or a packet.
func isCounter(id uint16) bool {
	x, _, ok := column(id)
	return ok && (x == flow.FieldBytes || x == flow.FieldPackets) || slices.Contains(sections, id)
}

// directions returns t as each direction has it; both is false if t describes
// one only, and the fields are then t's. Elements of the other direction that
// count nothing make no flow, and stay what they are.
func (t *Template) directions() (forward, reverse []Field, both bool) {
	has, own := map[uint16]bool{}, map[uint16]bool{} // own: of the other direction
	columns := map[flow.Field]bool{}                 // that it fills by them
	for _, f := range t.Fields {
		switch {
		case f.PEN == ie.ReversePEN:
			both = both || isCounter(f.ID)
			own[f.ID] = true
			if x, _, ok := column(f.ID); ok && fits(x, f.ID, int(f.Len)) {
				columns[x] = true
			}
		case f.PEN == 0:
			has[f.ID] = true
		}
	}
	// Initiator and responder count where nothing else counts.
	pairs := !has[1] && !has[85] && !has[2] && !has[86] && (has[232] || has[299])
	if !both && !pairs {
		return t.Fields, nil, false
	}
	for _, f := range t.Fields {
		ahead, back := f, f
		switch {
		case f.PEN == ie.ReversePEN:
			ahead.Element, back.PEN = padding, 0
		case f.PEN != 0:
			back.Element = padding // whose meaning we don't know is the forward flow's
		case pairs && initiator[f.ID] != 0:
			ahead.ID, back.Element = initiator[f.ID], padding
		case pairs && responder[f.ID] != 0:
			ahead.Element, back.ID = padding, responder[f.ID]
		case opposite[f.ID] != 0:
			back.ID = opposite[f.ID]
		case ofOneDirection(f.ID):
			back.Element = padding
		}
		if f.PEN == 0 { // what the other direction says itself counts there
			if x, _, ok := column(back.ID); own[back.ID] || ok && columns[x] {
				back.Element = padding
			}
		}
		forward, reverse = append(forward, ahead), append(reverse, back)
	}
	return forward, reverse, true
}

// Biflow tells whether a record of p may make two flows.
func (p *Plan) Biflow() bool { return p.reverse != nil }

// appendReverse appends the flows of the other direction of a set's records:
// those that saw a packet or an octet.
func (p *Plan) appendReverse(b *flow.Batch, set []byte, m *Message) {
	n, replaced, bad, unknown := len(b.Flows), m.Replaced, m.BadLists, m.UnknownLists
	p.reverse.Append(b, set, m)
	m.Replaced, m.BadLists, m.UnknownLists = replaced, bad, unknown // they count records
	kept := n
	for i := n; i < len(b.Flows); i++ {
		if f := &b.Flows[i]; f.Packets != 0 || f.Bytes != 0 {
			b.Flows[kept] = *f
			kept++
		}
	}
	b.Flows = b.Flows[:kept]
}
