package engine

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// An end is one side of a 5-tuple, in an order.
type end struct{ hi, lo, port uint64 }

func (a end) compare(b end) int {
	return cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo), cmp.Compare(a.port, b.port))
}

// A talk is a flow of a conversation.
type talk struct {
	start, end int64
	block      uint32
	row        uint16
	back       bool // from the higher end
}

// conversations finds both directions of each 5-tuple.
func (s *scan) conversations() error {
	const width = 7 // two ends and the protocol
	tuples := newTable(width)
	var ids []uint32 // of each flow
	var talks []talk
	tuple := newKeys(columnsAs(flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldProto, flow.FieldSrcPort, flow.FieldDstPort))
	err := s.each(func(block int) error {
		c := s.choice
		s.total()
		words := tuple.load(c.block, c.rows, 0)
		for k, i := range c.rows {
			w := words[k*tuple.width : (k+1)*tuple.width]
			if w[0]&3 != 3 { // it lacks an address
				continue
			}
			a, b, back := end{w[1], w[2], w[6]}, end{w[3], w[4], w[7]}, false
			if a.compare(b) > 0 {
				a, b, back = b, a, true
			}
			key := [width]uint64{a.hi, a.lo, a.port, b.hi, b.lo, b.port, w[5]}
			id, _ := tuples.id(key[:])
			ids, talks = append(ids, id), append(talks, talk{c.start[k], c.end[k], uint32(block), i, back})
		}
		return nil
	})
	if err != nil {
		return err
	}
	talks, from := sorted(talks, ids, tuples.n)
	of := query.Bytes
	if len(s.r.Metrics) > 0 {
		of = s.r.Metrics[0].Of
	}
	best, n := newTop(s.r.Limit, compareSized), 0
	for id := range tuples.n {
		if id%1024 == 0 {
			if err := s.ctx.Err(); err != nil {
				return err
			}
		}
		all := talks[from[id]:from[id+1]]
		slices.SortFunc(all, func(a, b talk) int { return cmp.Compare(a.start, b.start) })
		for len(all) > 0 {
			one := s.first(all)
			best.add(sized{s.conversation(tuples.key(uint32(id)), all[:one]), of})
			all = all[one:]
			n++
		}
	}
	for _, x := range best.sorted() {
		s.answer.Conversations = append(s.answer.Conversations, x.Conversation)
	}
	s.answer.More = n - len(s.answer.Conversations)
	return nil
}

// sorted brings flows together that have the same id, and returns where those of
// each begin.
func sorted(talks []talk, ids []uint32, n int) (all []talk, from []int) {
	from = make([]int, n+1)
	for _, id := range ids {
		from[id+1]++
	}
	for id := range n {
		from[id+1] += from[id]
	}
	next := slices.Clone(from)
	all = make([]talk, len(talks))
	for i, id := range ids {
		all[next[id]] = talks[i]
		next[id]++
	}
	return all, from
}

// first returns how many of the flows, which are in the order of their starts, are
// the first conversation.
func (s *scan) first(all []talk) int {
	last := all[0].end
	for n, x := range all {
		if x.start > last && uint64(x.start)-uint64(last) > uint64(s.r.Idle) {
			return n
		}
		last = max(last, x.end)
	}
	return len(all)
}

// conversation puts together flows of a key.
func (s *scan) conversation(key []uint64, all []talk) query.Conversation {
	c := query.Conversation{
		A: addr(key[0], key[1]), APort: uint16(key[2]), B: addr(key[3], key[4]), BPort: uint16(key[5]), Proto: uint8(key[6]),
		Start: all[0].start, End: math.MinInt64,
	}
	var first [2]int64   // when each side began
	var has, syn [2]bool // whether it did, and with SYN
	for i := range all {
		x, side := &all[i], 0
		if x.back {
			side = 1
		}
		b, row := s.view.Blocks[x.block], int(x.row)
		c.End = max(c.End, x.end)
		c.Bytes[side] = flow.Plus(c.Bytes[side], s.part(x, query.Bytes))
		c.Packets[side] = flow.Plus(c.Packets[side], s.part(x, query.Packets))
		c.Records[side] = flow.Plus(c.Records[side], s.part(x, query.Records))
		if !has[side] {
			has[side], first[side] = true, x.start
		}
		const flags, opening, tcp = 0x12, 0x02, 6 // SYN and ACK, SYN alone
		if x.start == first[side] && c.Proto == tcp && b.Uint(flow.FieldTCPFlags, row)&flags == opening {
			syn[side] = true
		}
	}
	back := false
	switch {
	case !has[0] || !has[1]:
		back = has[1]
	case first[0] != first[1]:
		back = first[1] < first[0]
	case syn[0] != syn[1]:
		back = syn[1]
	default:
		back = c.BPort > c.APort
	}
	if back {
		c.A, c.B, c.APort, c.BPort = c.B, c.A, c.BPort, c.APort
		for _, two := range []*[2]uint64{&c.Bytes, &c.Packets, &c.Records} {
			two[0], two[1] = two[1], two[0]
		}
	}
	return c
}

// part is what a flow has in the interval.
func (s *scan) part(x *talk, of query.Volume) uint64 {
	volume := s.view.Blocks[x.block].volume(int(x.row), of, s.r.Raw)
	return within(volume, x.start, x.end, s.r.From, s.r.To)
}

// A sized is a conversation that is ordered by a volume.
type sized struct {
	query.Conversation
	of query.Volume
}

func (c *sized) size() uint64 {
	two := &c.Bytes
	switch c.of {
	case query.Packets:
		two = &c.Packets
	case query.Records:
		two = &c.Records
	}
	return flow.Plus(two[0], two[1])
}

func compareSized(a, b sized) int {
	return cmp.Or(cmp.Compare(b.size(), a.size()), cmp.Compare(a.Start, b.Start),
		bytes.Compare(a.A[:], b.A[:]), bytes.Compare(a.B[:], b.B[:]),
		cmp.Compare(a.APort, b.APort), cmp.Compare(a.BPort, b.BPort), cmp.Compare(a.Proto, b.Proto))
}
