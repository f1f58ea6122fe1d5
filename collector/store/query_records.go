//go:build cgo

package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/duck"
)

// records fills in an answer of shape Flows.
func (d *duckDB) records(ctx context.Context, a *query.Answer, r *query.Request, sources []duck.Source) error {
	var w duck.Statement
	if err := duck.FlowTotals(&w, r, sources); err != nil {
		return err
	}
	total, least := 0, uint64(0)
	var files []filed
	text, args := w.SQL()
	err := d.query(ctx, text, args, func(rows *rows) error {
		var c [duck.Keys + 1]column
		for i := range c {
			c[i] = rows.column(i)
		}
		for i := range rows.n {
			switch c[duck.Kind].uint(i) {
			case duck.Top:
				least = c[duck.Keys].uint(i)
				continue
			case duck.InFile:
				files = append(files, filed{int(c[duck.Rank].uint(i)), c[duck.Count].uint(i)})
				continue
			}
			a.Flows, a.Unknown, a.Sampled = c[duck.Flows].uint(i), c[duck.Unknown].uint(i), c[duck.Sampled].uint(i)
			total = int(c[duck.Count].uint(i))
			for m := range a.Total {
				a.Total[m] = c[duck.Keys].uint(i)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	n := min(total, r.Limit)
	a.More = total - n
	if n == 0 {
		return nil
	}
	if len(r.Metrics) > 0 && r.Metrics[0].Of != query.Records {
		return d.readRecords(ctx, a, r, sources, least)
	}
	return d.newest(ctx, a, r, sources, files, n)
}

// A filed is a file, counted over those of all sources, and how many flows of the
// answer it has.
type filed struct {
	file int
	rows uint64
}

// newest reads the n newest records, of those that the files have together. The
// files of the latest arrivals that have so many go first: few others can have
// newer ones.
func (d *duckDB) newest(ctx context.Context, a *query.Answer, r *query.Request, sources []duck.Source, files []filed, n int) error {
	var latest []int64
	for i := range sources {
		latest = append(latest, sources[i].Latest...)
	}
	slices.SortFunc(files, func(a, b filed) int {
		return cmp.Or(cmp.Compare(latest[b.file], latest[a.file]), cmp.Compare(a.file, b.file))
	})
	enough, rows := 0, uint64(0)
	for ; enough < len(files) && rows < uint64(n); enough++ {
		rows += files[enough].rows
	}
	if err := d.readRecords(ctx, a, r, only(sources, files[:enough]), 0); err != nil {
		return err
	}
	last, rest := &a.Batch.Flows[n-1], files[enough:]
	if last.Set.Has(flow.FieldReceived) {
		older := func(f filed) bool { return latest[f.file]*duck.Millisecond <= last.Received }
		rest = slices.DeleteFunc(slices.Clone(rest), older)
	}
	if len(rest) > 0 {
		if err := d.readRecords(ctx, a, r, only(sources, rest), 0); err != nil {
			return err
		}
	}
	a.Batch.Flows = a.Batch.Flows[:n]
	return nil
}

// only returns what of sources is in some of their files.
func only(sources []duck.Source, files []filed) (all []duck.Source) {
	in := map[int]bool{}
	for _, f := range files {
		in[f.file] = true
	}
	at := 0
	for _, s := range sources {
		whole := s.Files
		s.Files, s.Latest = nil, nil
		for _, name := range whole {
			if in[at] {
				s.Files = append(s.Files, name)
			}
			at++
		}
		if len(s.Files) > 0 {
			all = append(all, s)
		}
	}
	return all
}

// readRecords adds the first records of sources to the answer, in their order.
func (d *duckDB) readRecords(ctx context.Context, a *query.Answer, r *query.Request, sources []duck.Source, least uint64) error {
	var has flow.Set
	for _, s := range sources {
		has = has.Union(s.Has)
	}
	var w duck.Statement
	if err := duck.Records(&w, r, sources, has, least); err != nil {
		return err
	}
	text, args := w.SQL()
	b := &a.Batch
	old := len(b.Flows)
	err := d.query(ctx, text, args, func(rows *rows) error { return readBatch(b, rows, has) })
	if err != nil || old == 0 {
		return err
	}
	slices.SortStableFunc(b.Flows, func(f, g flow.Flow) int {
		known := 0
		if x, y := f.Set.Has(flow.FieldReceived), g.Set.Has(flow.FieldReceived); x != y {
			known = 1
			if x {
				known = -1
			}
		}
		return cmp.Or(known, cmp.Compare(g.Received, f.Received))
	})
	return nil
}

// readBatch appends the rows of [duck.Records].
func readBatch(b *flow.Batch, rows *rows, has flow.Set) error {
	fl := b.Grow(rows.n)
	clear(fl)
	marks, extra, at := rows.column(1), rows.column(2), 3
	for i := range fl {
		fl[i].Marks = flow.Mark(marks.uint(i))
		if d := extra.text(i); d != "" {
			off, arena := b.Arena(len(d))
			copy(arena, d)
			fl[i].SetExtra(off, uint32(len(d)))
		}
	}
	for x, ok := has.Next(0); ok && int(x) < flow.NumFields; x, ok = has.Next(x + 1) {
		c := rows.column(at)
		at++
		if flow.Fields[x].Kind == flow.KindAddr {
			low := rows.column(at)
			at++
			for i := range fl {
				if !c.null(i) {
					fl[i].Set.Add(x)
					*fl[i].Addr(x) = addrOf(c.uint(i), low.uint(i))
				}
			}
			continue
		}
		for i := range fl {
			if c.null(i) {
				continue
			}
			v := uint64(0)
			switch flow.Fields[x].Kind {
			case flow.KindStr:
				v = uint64(b.Strings.Intern([]byte(c.text(i))))
			case flow.KindTime:
				v = c.uint(i) * duck.Millisecond
			default:
				v = c.uint(i)
			}
			if fl[i].SetUint(x, v); fl[i].Uint(x) == v { // else a flow.Name for which there is no room
				fl[i].Set.Add(x)
			} else {
				fl[i].SetUint(x, 0)
			}
		}
	}
	return nil
}

// conversations fills in an answer of shape Conversations.
func (d *duckDB) conversations(ctx context.Context, a *query.Answer, r *query.Request, sources []duck.Source) error {
	var w duck.Statement
	if err := duck.Conversations(&w, r, sources); err != nil {
		return err
	}
	total, unit := 0, duck.Unit(r)
	text, args := w.SQL()
	err := d.query(ctx, text, args, func(rows *rows) error {
		var c [duck.RecordsB + 1]column
		for i := range c {
			c[i] = rows.column(i)
		}
		two := func(at, i int) [2]uint64 { return [2]uint64{c[at].uint(i), c[at+1].uint(i)} }
		for i := range rows.n {
			if c[duck.Kind].uint(i) == duck.Totals {
				a.Flows, a.Unknown, a.Sampled = c[duck.Flows].uint(i), c[duck.Unknown].uint(i), c[duck.Sampled].uint(i)
				total = int(c[duck.Count].uint(i))
				for m := range a.Total {
					a.Total[m] = c[duck.BytesA].uint(i)
				}
				continue
			}
			rank := int(c[duck.Rank].uint(i))
			for len(a.Conversations) < rank {
				a.Conversations = append(a.Conversations, query.Conversation{})
			}
			a.Conversations[rank-1] = query.Conversation{
				A: addrOf(c[duck.AHigh].uint(i), c[duck.ALow].uint(i)), B: addrOf(c[duck.BHigh].uint(i), c[duck.BLow].uint(i)),
				APort: uint16(c[duck.APort].uint(i)), BPort: uint16(c[duck.BPort].uint(i)), Proto: uint8(c[duck.Proto].uint(i)),
				Start: int64(c[duck.Start].wide(i).lo) * unit, End: int64(c[duck.End].wide(i).lo) * unit,
				Bytes: two(duck.BytesA, i), Packets: two(duck.PacketsA, i), Records: two(duck.RecordsA, i),
			}
		}
		return nil
	})
	a.More = total - len(a.Conversations)
	return err
}
