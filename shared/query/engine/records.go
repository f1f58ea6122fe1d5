package engine

import (
	"cmp"
	"math"

	"github.com/weirflow/weir/shared/flow"
)

// A record is a row of a block, with what orders it among others.
type record struct {
	size     uint64
	received int64 // the lowest there is where it is not known
	known    bool
	block    int32
	row      uint16
}

// compareRecords puts the largest first, of equals the newest, of those the one
// that was written last.
func compareRecords(a, b record) int {
	switch {
	case a.size != b.size:
		return cmp.Compare(b.size, a.size)
	case a.known != b.known:
		if a.known {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(b.received, a.received), cmp.Compare(b.block, a.block), cmp.Compare(b.row, a.row))
}

// flows answers with the records themselves.
func (s *scan) flows() error {
	c, n := s.choice, 0
	best := newTop(s.r.Limit, compareRecords)
	err := s.each(func(block int) error {
		n += len(c.rows)
		s.total()
		var sizes []uint64
		if len(s.r.Metrics) > 0 {
			sizes = c.volumes(s.r.Metrics[0].Of, s.r.Raw)
		}
		known := c.block.whole.Has(flow.FieldReceived)
		for k, i := range c.rows {
			x := record{received: int64(c.block.Uint(flow.FieldReceived, int(i))), block: int32(block), row: i, known: known}
			if !known {
				x.known = c.block.Set(int(i)).Has(flow.FieldReceived)
			}
			if !x.known {
				x.received = math.MinInt64
			}
			if sizes != nil {
				x.size = sizes[k]
			}
			best.add(x)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, x := range best.sorted() {
		s.view.Blocks[x.block].AppendFlow(&s.answer.Batch, int(x.row))
	}
	s.answer.More = n - len(s.answer.Batch.Flows)
	return nil
}
