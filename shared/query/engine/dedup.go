package engine

import (
	"math"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// Points tell from which point of observation the flows of a 5-tuple count, minute
// by minute.
type points struct {
	tuple, point *keys
	tuples       *table
	points       *table
	only         []uint32 // of each tuple: its point, or several
	of           [][]seen // of each block, of each row

	minutes *table   // what several points have seen of a tuple in a minute; its words are the tuple and the minute
	best    []uint32 // of each: the point that counts

	rows       []uint16 // scratch: what was chosen
	start, end []int64
}

// A seen is what was seen of a row: its tuple and from which point.
type seen struct{ tuple, point uint32 }

// None is the tuple of a row that is nobody's duplicate, several the point of a
// tuple that has more than one.
const (
	none    = math.MaxUint32
	several = math.MaxUint32
)

// columnsAs makes keys of columns.
func columnsAs(fields ...flow.Field) (all []query.Dim) {
	for _, x := range fields {
		all = append(all, query.Dim{Of: query.ColumnOf(x)})
	}
	return all
}

// observe finds the points that count, over the whole minutes that the interval
// touches.
func (s *scan) observe() error {
	p := &points{
		tuple: newKeys(columnsAs(flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldProto, flow.FieldSrcPort, flow.FieldDstPort)),
		point: newKeys(columnsAs(flow.FieldExporter, flow.FieldDomain, flow.FieldDirection)),
		of:    make([][]seen, len(s.view.Blocks)),
	}
	p.tuples, p.points, p.minutes = newTable(p.tuple.width), newTable(p.point.width), newTable(2)
	from, to := floor(s.r.From, query.DedupBin), floor(s.r.To-1, query.DedupBin)+query.DedupBin
	each := func(use func(n int)) error {
		for n, b := range s.view.Blocks {
			if err := s.ctx.Err(); err != nil {
				return err
			}
			if s.choice.of(b, from, to) {
				use(n)
			}
		}
		return nil
	}
	if err := each(func(n int) { p.number(s.choice, n) }); err != nil {
		return err
	}
	ids, sums := newTable(3), []uint64(nil)
	if err := each(func(n int) { sums = p.add(s.choice, n, from, to, ids, sums) }); err != nil {
		return err
	}
	p.choose(ids, sums)
	s.points = p
	return nil
}

// number finds the tuple and the point of each row.
func (p *points) number(c *choice, block int) {
	const addresses = 3 // the bits of both in a tuple's first word
	all := make([]seen, c.block.rows)
	for i := range all {
		all[i].tuple = none
	}
	tuples, points := p.tuple.load(c.block, c.rows, 0), p.point.load(c.block, c.rows, 0)
	for k, i := range c.rows {
		tuple := tuples[k*p.tuple.width : (k+1)*p.tuple.width]
		if tuple[0]&addresses != addresses {
			continue
		}
		t, isNew := p.tuples.id(tuple)
		point, _ := p.points.id(points[k*p.point.width : (k+1)*p.point.width])
		switch {
		case isNew:
			p.only = append(p.only, point)
		case p.only[t] != point:
			p.only[t] = several
		}
		all[i] = seen{t, point}
	}
	p.of[block] = all
}

// add adds up the bytes that each of several points has of a tuple in each minute.
func (p *points) add(c *choice, block int, from, to int64, ids *table, sums []uint64) []uint64 {
	volumes := c.volumes(query.Bytes, false)
	for k, i := range c.rows {
		at := p.of[block][i]
		if at.tuple == none || p.only[at.tuple] != several {
			continue
		}
		for m, ok := firstMinute(c.start[k], from), true; ok && m < to; m, ok = m+query.DedupBin, m+query.DedupBin < c.end[k] {
			key := [3]uint64{uint64(at.tuple), uint64(m), uint64(at.point)}
			id, isNew := ids.id(key[:])
			if isNew {
				sums = append(sums, 0)
			}
			sums[id] = flow.Plus(sums[id], within(volumes[k], c.start[k], c.end[k], m, m+query.DedupBin))
		}
	}
	return sums
}

// firstMinute returns the first minute from that time on in which a flow was seen.
func firstMinute(start, from int64) int64 { return floor(max(start, from), query.DedupBin) }

// choose finds the points with the most bytes.
func (p *points) choose(ids *table, sums []uint64) {
	var best []uint32 // of each minute, among sums
	for n := range sums {
		key := ids.key(uint32(n))
		id, isNew := p.minutes.id(key[:2])
		if isNew {
			best = append(best, uint32(n))
			continue
		}
		old := best[id]
		switch x, y := sums[n], sums[old]; {
		case x > y, x == y && p.point.compare(p.points.key(uint32(key[2])), p.points.key(uint32(ids.key(old)[2]))) < 0:
			best[id] = uint32(n)
		}
	}
	for _, n := range best {
		p.best = append(p.best, uint32(ids.key(n)[2]))
	}
}

// cut leaves of what is chosen of a block what counts: minutes that follow each
// other are one row.
func (p *points) cut(c *choice, block int) {
	duplicates := false
	for _, i := range c.rows {
		at := p.of[block][i]
		duplicates = duplicates || at.tuple != none && p.only[at.tuple] == several
	}
	if !duplicates {
		return
	}
	p.rows, c.rows = append(p.rows[:0], c.rows...), c.own[:0]
	p.start, c.start = c.start, p.start[:0]
	p.end, c.end = c.end, p.end[:0]
	rows, start, end := p.rows, p.start, p.end
	c.cut, c.whole = true, false
	for k, i := range rows {
		at := p.of[block][i]
		if at.tuple == none || p.only[at.tuple] != several {
			p.piece(c, k, c.r.From, c.r.To)
			continue
		}
		since, counts := int64(0), false
		m := firstMinute(start[k], c.r.From)
		for ok := true; ok && m < c.r.To; m, ok = m+query.DedupBin, m+query.DedupBin < end[k] {
			key := [2]uint64{uint64(at.tuple), uint64(m)}
			id, there := p.minutes.find(key[:])
			switch mine := there && p.best[id] == at.point; {
			case mine && !counts:
				since, counts = m, true
			case !mine && counts:
				p.piece(c, k, since, m)
				counts = false
			}
		}
		if counts {
			p.piece(c, k, since, m)
		}
	}
}

// piece lets what row k of p has in [from, to) count.
func (p *points) piece(c *choice, k int, from, to int64) {
	from, to = max(from, c.r.From), min(to, c.r.To)
	if from < to && overlaps(p.start[k], p.end[k], from, to) {
		c.rows, c.start, c.end = append(c.rows, p.rows[k]), append(c.start, p.start[k]), append(c.end, p.end[k])
		c.from, c.to = append(c.from, from), append(c.to, to)
	}
}
