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
	text, args := w.SQL()
	err := d.query(ctx, text, args, func(rows *rows) error {
		var c [duck.Keys + 1]column
		for i := range c {
			c[i] = rows.column(i)
		}
		for i := range rows.n {
			if c[duck.Kind].uint(i) == duck.Top {
				least = c[duck.Keys].uint(i)
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
	bySize := len(r.Metrics) > 0 && r.Metrics[0].Of != query.Records
	for len(sources) > 0 && n > 0 {
		some := sources
		if !bySize {
			some, sources = newest(sources, n)
		} else {
			sources = nil
		}
		if err := d.readRecords(ctx, a, r, some, least); err != nil {
			return err
		}
		if !bySize && len(a.Batch.Flows) >= n && older(sources, &a.Batch.Flows[n-1]) {
			break
		}
	}
	a.Batch.Flows = a.Batch.Flows[:min(n, len(a.Batch.Flows))]
	return nil
}

// newest takes from sources files of the latest arrivals that have n rows, and
// some more: what is asked for is mostly among them.
func newest(sources []duck.Source, n int) (some, rest []duck.Source) {
	latest := slices.Clone(sources)
	slices.SortStableFunc(latest, func(a, b duck.Source) int { return cmp.Compare(b.Received[1], a.Received[1]) })
	rows := uint64(0)
	for i := range latest {
		if rows += latest[i].Rows; rows >= 4*uint64(n) {
			return latest[:i+1], latest[i+1:]
		}
	}
	return latest, nil
}

// older tells whether all of sources arrived before f, or with it.
func older(sources []duck.Source, f *flow.Flow) bool {
	for i := range sources {
		if sources[i].Received[1]*duck.Millisecond > f.Received {
			return false
		}
	}
	return f.Set.Has(flow.FieldReceived)
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
