package pipeline

import (
	"context"

	"github.com/weirflow/weir/shared/flow"
)

// A Keeper is a Sink that takes batches before it knows what becomes of them: a
// buffer whose other end is somebody else's. Keep is called in place of Write.
type Keeper interface {
	Sink
	// Keep must not keep b. Unless it returns an error, it settles r once it knows,
	// from whatever goroutine.
	Keep(ctx context.Context, b *flow.Batch, r *Receipt) error
}

// A Receipt stands for the records of a batch that a Keeper has got. They are queued in
// the ledger until it is settled, once.
type Receipt struct {
	o     *output
	left  int
	parts []owed
}

// owed is how many records of an account a receipt stands for.
type owed struct {
	account *Account
	records uint64
	flows   int // where its flows end in the batch
}

// Flows is how many flows r stands for.
func (r *Receipt) Flows() int { return r.left }

// Written says that all of the batch has arrived.
func (r *Receipt) Written() { r.settle(written) }

// Dropped says that all of it was given up.
func (r *Receipt) Dropped() { r.settle(dropped) }

// Failed says that all of it was refused.
func (r *Receipt) Failed() { r.settle(failed) }

// DroppedAt says that the record of the batch's flow i was given up. It is called
// once for a record, also if two flows tell of it, and before r is settled, which
// then is about the rest.
func (r *Receipt) DroppedAt(i int) { r.settleAt(i, dropped) }

// FailedAt says that the record of the batch's flow i was refused; the rest as
// DroppedAt.
func (r *Receipt) FailedAt(i int) { r.settleAt(i, failed) }

func (r *Receipt) settleAt(i int, f fate) {
	p := r.o.p
	p.mu.Lock()
	defer p.mu.Unlock()
	for j := range r.parts {
		x := &r.parts[j]
		if i >= x.flows {
			continue
		}
		if x.records > 0 {
			x.records--
			r.left--
			r.o.count(f, 1)
			if !r.o.gone {
				x.account.settle(r.o.slot, f, 1)
			}
		}
		return
	}
}

// void makes r worth nothing: its batch is accounted for otherwise.
func (r *Receipt) void() {
	if r != nil {
		p := r.o.p
		p.mu.Lock()
		defer p.mu.Unlock()
		r.left, r.parts = 0, nil
	}
}

func (r *Receipt) settle(f fate) {
	p := r.o.p
	p.mu.Lock()
	defer p.mu.Unlock()
	r.o.count(f, uint64(r.left))
	if !r.o.gone {
		for _, x := range r.parts {
			x.account.settle(r.o.slot, f, x.records)
		}
	}
	clear(r.parts) // they hold accounts
	r.parts = r.parts[:0]
	p.receipts = append(p.receipts, r)
}

// receipt makes one for x.
func (o *output) receipt(x *parcel) *Receipt {
	p := o.p
	p.mu.Lock()
	defer p.mu.Unlock()
	var r *Receipt
	if n := len(p.receipts); n > 0 {
		r, p.receipts = p.receipts[n-1], p.receipts[:n-1]
	} else {
		r = new(Receipt)
	}
	r.o, r.left = o, x.left-o.choice.flows
	for i := range x.parts {
		t := &x.parts[i]
		r.parts = append(r.parts, owed{t.account, uint64(t.records - t.filtered - o.choice.part(i)), o.choice.end(i, t.flows)})
	}
	return r
}
