package pipeline

import (
	"context"
	"errors"
	"testing"

	"github.com/weirflow/weir/shared/flow"
)

// A hoarder keeps what it is given.
type hoarder struct {
	taker
	err      error
	receipts []*Receipt
}

func (h *hoarder) Keep(_ context.Context, b *flow.Batch, r *Receipt) error {
	h.flows += len(b.Flows)
	if h.err == nil || h.err.Error() == "panic" {
		h.receipts = append(h.receipts, r)
	}
	if h.err != nil && h.err.Error() == "panic" {
		panic("our bug")
	}
	return h.err
}

// What a Keeper has is queued until it says what became of it, in the ledger of
// each exporter as well.
func TestKeeper(t *testing.T) {
	h := &hoarder{}
	p := newPipeline(t, Default(), Deps{Sources: []Source{&feed{data: v5(30, 0), left: 1 << 30}}, Sink: h})
	is := func(queued, written, dropped, failed uint64) {
		t.Helper()
		s := p.Stats()
		checkLedger(t, s)
		o := s.Outputs[0]
		if o.Queued != queued || o.Written != written || o.Dropped != dropped || o.Failed != failed {
			t.Errorf("output is %+v, want %d, %d, %d, %d", o, queued, written, dropped, failed)
		}
		l := p.Ledgers()
		x := l[0].Outputs[0]
		if len(l) != 1 || x.Queued != queued || x.Written != written || x.Dropped != dropped || x.Failed != failed {
			t.Errorf("ledger is %+v, want %d, %d, %d, %d", x, queued, written, dropped, failed)
		}
	}
	step(t, p)
	n := uint64(h.flows)
	if n == 0 || len(h.receipts) < 2 {
		t.Fatalf("%d flows, %d receipts", n, len(h.receipts))
	}
	is(n, 0, 0, 0)
	first := uint64(h.receipts[0].left)
	h.receipts[0].Written()
	is(n-first, first, 0, 0)
	for _, r := range h.receipts[1:] {
		r.Dropped()
	}
	is(0, first, n-first, 0)

	h.receipts, h.err = nil, errors.New("no room")
	step(t, p)
	more := uint64(h.flows) - n
	is(0, first, n-first, more)

	h.err = errors.New("panic")
	step(t, p)
	all := uint64(h.flows) - n
	is(0, first, n-first, all)
	for _, r := range h.receipts {
		r.Written() // comes too late
	}
	is(0, first, n-first, all)

	h.receipts, h.err = nil, nil
	if allocs := testing.AllocsPerRun(50, func() {
		step(t, p)
		for _, r := range h.receipts {
			r.Written()
		}
		h.receipts = h.receipts[:0]
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// Single records of a batch may have a fate of their own.
func TestKeeperSingleRecords(t *testing.T) {
	h := &hoarder{}
	p := newPipeline(t, Default(), Deps{Sources: []Source{&feed{data: v5(30, 0), left: 1 << 30}}, Sink: h})
	step(t, p)
	n := uint64(h.flows)
	h.receipts[0].FailedAt(0)
	h.receipts[0].FailedAt(29)
	h.receipts[0].DroppedAt(7)
	h.receipts[0].DroppedAt(1 << 20) // there is none
	for i, r := range h.receipts {
		if i == 1 {
			r.Failed()
			continue
		}
		r.Written()
	}
	s := p.Stats()
	checkLedger(t, s)
	o, l := s.Outputs[0], p.Ledgers()[0].Outputs[0]
	if o.Failed < 3 || o.Dropped != 1 || o.Written+o.Failed+1 != n || o.Queued != 0 {
		t.Errorf("output is %+v of %d", o, n)
	}
	if l.Failed != o.Failed || l.Dropped != 1 || l.Written != o.Written || l.Queued != 0 {
		t.Errorf("ledger is %+v, output %+v", l, o)
	}
}
