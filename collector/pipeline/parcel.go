package pipeline

import "github.com/weirflow/weir/shared/flow"

// A parcel is a batch on its way, with whose records are in it. When a worker
// has sent it, several outputs read it; none may change it.
type parcel struct {
	batch flow.Batch
	parts []part
	flows int // that were decoded into it
	left  int // of them, what the stages have left
	refs  int // outputs that have it still; guarded by the pipeline's lock

	octets int // of the batch's memory, when it is sent
}

// A part is a run of an account's records in a parcel.
type part struct {
	account  *Account
	records  int // decoded: of flows and options, and counter samples
	told     int // of them, in the account
	filtered int // of them, what the stages took out
	flows    int // where its flows end in the batch
}

// records counts what the batch holds.
func (p *parcel) records() int {
	return len(p.batch.Flows) + len(p.batch.Options) + len(p.batch.Counters)
}

// add enters what a datagram of the account a has brought.
func (p *parcel) add(a *Account, records int) {
	if n := len(p.parts); n > 0 && p.parts[n-1].account == a {
		p.parts[n-1].records += records
		p.parts[n-1].flows = len(p.batch.Flows)
		return
	}
	p.parts = append(p.parts, part{account: a, records: records, flows: len(p.batch.Flows)})
}

// stage runs a stage over each part on its own, so that what it takes out is
// known to the record. Options and counters are in the first.
func (p *parcel) stage(w *worker, s Stage) {
	b := &p.batch
	all, options, counters := b.Flows, b.Options, b.Counters
	kept, from := all[:0], 0
	for i := range p.parts {
		x := &p.parts[i]
		b.Flows = all[from:x.flows:x.flows]
		n, records := len(b.Flows), forward(b.Flows)
		w.apply(s, b)
		left := b.Flows[:min(len(b.Flows), n)] // it may not add
		if len(left) < n {
			x.filtered += records - forward(left)
		}
		if len(kept) == from && len(left) == n {
			kept = all[:x.flows]
		} else {
			kept = append(kept, left...)
		}
		from, x.flows = x.flows, len(kept)
		b.Options, b.Counters = nil, nil
	}
	b.Flows, b.Options, b.Counters = kept, options, counters
}

// forward counts the flows that are not the second of their record.
func forward(fl []flow.Flow) (n int) {
	for i := range fl {
		if fl[i].Marks&flow.Reverse == 0 {
			n++
		}
	}
	return n
}

// keepArena is how many octets of strings and extras a free parcel may keep.
const keepArena = 1 << 20

// fresh returns an empty parcel. The caller has the lock.
func (p *Pipeline) fresh() *parcel {
	if n := len(p.free); n > 0 {
		x := p.free[n-1]
		p.free = p.free[:n-1]
		return x
	}
	return new(parcel)
}

// release takes x back from one that had it. One that a hostile datagram has
// blown up goes to the garbage collector. The caller has the lock.
func (p *Pipeline) release(x *parcel) {
	if x.refs--; x.refs > 0 {
		return
	}
	b := &x.batch
	arena, _ := b.Arena(0)
	if cap(b.Flows) > p.keep || cap(b.Options) > p.keep || cap(b.Counters) > p.keep || arena > keepArena || b.Strings.Len() > p.keep {
		return
	}
	b.Reset()
	clear(x.parts) // they hold accounts
	x.parts, x.flows, x.left, x.refs = x.parts[:0], 0, 0, 0
	p.free = append(p.free, x)
}
