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
}

// Flows is how many flows r stands for.
func (r *Receipt) Flows() int { return r.left }

// Written says that all of the batch has arrived.
func (r *Receipt) Written() { r.settle(written) }

// Dropped says that all of it was given up.
func (r *Receipt) Dropped() { r.settle(dropped) }

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
		r.parts = append(r.parts, owed{t.account, uint64(t.records - t.filtered - o.choice.part(i))})
	}
	return r
}
