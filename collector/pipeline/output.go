package pipeline

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/weirflow/weir/shared/query"
)

// An Output is a sink with its queue.
type Output struct {
	Name   string
	Sink   Sink
	Queue  Queue
	Filter *query.Filter // the flows that the sink gets; nil: all
}

// An output is a running Output: a ring of parcels that wait for the sink, and
// the goroutine that takes them there. All but the sink is guarded by the
// pipeline's lock.
type output struct {
	Output
	p        *Pipeline
	slot     int // in Account.outputs
	notEmpty sync.Cond
	notFull  sync.Cond
	moved    sync.Cond // something for the spiller to do
	ring     []*parcel
	first    int  // index of the oldest
	n        int  // parcels in the ring
	octets   int  // of them
	most     int  // octets that the ring holds, but for a parcel that is alone there
	untold   bool // some came of which the sink's goroutine was not told
	closed   bool
	spill    *spill // nil: not to disk
	choice   choice // of the sink's goroutine
	sums     OutputStats
	began    time.Time // the sink has had a batch since; zero: it has none
	gone     bool      // it was removed: its slot may be another's
	done     chan struct{}
	err      error // of closing the sink; valid once done is closed

	writing context.Context // of the sink's writes, once it has started
	giveUp  func()          // ends it: what is left is dropped
}

// A queue holds perFlow octets a flow, for batches of leastBatch flows at least:
// twice what honest exporters send. One datagram may have 65,000 records, which
// are 20 MB, or records of 65,000 octets; a queue of such would take all memory.
const (
	perFlow    = 1 << 10
	leastBatch = 256
)

func newOutput(p *Pipeline, o Output, slot int) *output {
	x := &output{Output: o, p: p, slot: slot, ring: make([]*parcel, o.Queue.Size), done: make(chan struct{})}
	x.most = o.Queue.Size * max(p.cfg.Batch, leastBatch) * perFlow
	x.notEmpty.L, x.notFull.L, x.moved.L = &p.mu, &p.mu, &p.mu
	x.sums.Name = o.Name
	if o.Queue.Overflow == Spill {
		x.spill = newSpill(o.Queue.Dir, int64(o.Queue.Disk))
	}
	return x
}

// room tells whether the ring takes a parcel of so many octets. The caller has the
// lock.
func (o *output) room(octets int) bool {
	return o.n < len(o.ring) && (o.n == 0 || octets <= o.most-o.octets)
}

// full tells whether who has x for the output must wait. The caller has the lock.
func (o *output) full(x *parcel) bool { return o.Queue.Overflow == Block && !o.room(x.octets) }

// push hands x, which is of w and counts as queued already, to the output. The
// caller has the lock; where the output blocks, it is given up meanwhile.
func (o *output) push(w *worker, x *parcel) {
	for o.full(x) && !o.closed && !w.late {
		o.notFull.Wait()
	}
	if o.closed || o.full(x) {
		o.drop(x)
		return
	}
	if o.spill != nil && (!o.room(x.octets) || !o.spill.empty()) {
		o.spillOver(x)
		return
	}
	for !o.room(x.octets) {
		o.drop(o.take())
	}
	o.enqueue(x)
}

// enqueue puts x into the ring, which has room. The caller has the lock, and tells
// when there is no more for now: to be woken for each parcel of a read costs the
// sink more than the parcel.
func (o *output) enqueue(x *parcel) {
	o.ring[(o.first+o.n)%len(o.ring)] = x
	o.n++
	o.octets += x.octets
	o.untold = true
	if 2*o.n > len(o.ring) || o.octets > o.most/2 {
		o.tell()
	}
}

// tell wakes who waits for what came into the ring. The caller has the lock.
func (o *output) tell() {
	if o.untold {
		o.untold = false
		o.notEmpty.Signal()
	}
}

// take removes the oldest parcel from the ring. The caller has the lock.
func (o *output) take() *parcel {
	x := o.ring[o.first]
	o.ring[o.first] = nil
	o.first = (o.first + 1) % len(o.ring)
	o.n--
	o.octets -= x.octets
	o.notFull.Signal()
	o.moved.Signal()
	return x
}

// pop returns the oldest parcel, and nil when the output is closed and empty.
// Its flows stay queued in the ledger until they are settled.
func (o *output) pop() *parcel {
	o.p.mu.Lock()
	defer o.p.mu.Unlock()
	for o.n == 0 {
		if o.closed && o.spill.empty() {
			return nil
		}
		o.notEmpty.Wait()
	}
	o.began = time.Now()
	return o.take()
}

// stuck is how long a sink may take for a batch before it is in trouble.
const stuck = 10 * time.Second

// stats returns the counts. The caller has the lock.
func (o *output) stats(now time.Time) OutputStats {
	s := o.sums
	if d := now.Sub(o.began); !o.began.IsZero() && d > stuck {
		s.Trouble = fmt.Sprintf("a batch has not been taken for %s", d.Round(time.Second))
	}
	return s
}

// A fate is what became of a parcel at an output.
type fate uint8

const (
	written fate = iota
	dropped
	refused // by the output's filter
	failed
)

// drop gives a parcel up. The caller has the lock.
func (o *output) drop(x *parcel) { o.settle(x, dropped) }

// settle enters into the ledger what became of x, and lets go of it. The caller
// has the lock.
func (o *output) settle(x *parcel, f fate) { o.settleRest(x, f, &choice{}) }

// settleRest does so for what c has not refused.
func (o *output) settleRest(x *parcel, f fate, c *choice) {
	o.count(f, uint64(x.left-c.flows))
	if !o.gone {
		for i := range x.parts {
			t := &x.parts[i]
			t.account.settle(o.slot, f, uint64(t.records-t.filtered-c.part(i)))
		}
	}
	o.p.release(x)
}

// settleRefused enters into the ledger what c has refused of x. The caller has the
// lock.
func (o *output) settleRefused(x *parcel, c *choice) {
	o.count(refused, uint64(c.flows))
	if !o.gone {
		for i, n := range c.records {
			x.parts[i].account.settle(o.slot, refused, uint64(n))
		}
	}
}

// count enters what became of n flows.
func (o *output) count(f fate, n uint64) {
	o.sums.Queued -= n
	switch f {
	case written:
		o.sums.Written += n
	case dropped:
		o.sums.Dropped += n
	case refused:
		o.sums.Filtered += n
	default:
		o.sums.Failed += n
		o.sums.Errors++
	}
}

// close says that no parcel will follow.
func (o *output) close() {
	o.p.mu.Lock()
	defer o.p.mu.Unlock()
	o.closed = true
	o.notEmpty.Broadcast()
	o.notFull.Broadcast()
	o.moved.Broadcast()
}

// start lets the output go; its writes end with ctx. The caller has the lock.
func (o *output) start(ctx context.Context) {
	o.writing, o.giveUp = context.WithCancel(ctx)
	go o.run(o.writing)
}

// run takes parcels to the sink until the output is closed and empty, and closes
// the sink. When ctx has ended, parcels are dropped.
func (o *output) run(ctx context.Context) {
	defer close(o.done)
	defer o.giveUp()
	if o.spill != nil {
		stop := context.AfterFunc(ctx, func() { // wakes the spiller
			o.p.mu.Lock()
			o.moved.Broadcast()
			o.p.mu.Unlock()
		})
		defer stop()
		var spilling sync.WaitGroup
		spilling.Go(func() { o.runSpill(ctx) })
		defer spilling.Wait()
	}
	for x := o.pop(); x != nil; x = o.pop() {
		o.deliver(ctx, x)
	}
	o.err = o.closeSink()
}

func (o *output) deliver(ctx context.Context, x *parcel) {
	f, trouble := dropped, ""
	keeps := false
	c := &o.choice
	if ctx.Err() == nil {
		f = written
		err := error(nil)
		if keeps, err = o.write(ctx, x); err != nil {
			f, trouble = failed, err.Error()
			o.p.log.warn("write to "+o.Name, err.Error())
		}
	}
	o.p.mu.Lock()
	o.settleRefused(x, c)
	if keeps {
		o.p.release(x)
	} else {
		o.settleRest(x, f, c)
	}
	o.began, o.sums.Trouble = time.Time{}, trouble
	o.p.mu.Unlock()
	c.forget()
}

// write hands what the filter leaves of x to the sink. If that keeps it, its receipt
// will be settled.
func (o *output) write(ctx context.Context, x *parcel) (keeps bool, err error) {
	var receipt *Receipt
	defer func() {
		if r := recover(); r != nil {
			o.p.panicked(fmt.Sprintf("sink %T", o.Sink), r)
			err = fmt.Errorf("panic: %v", r)
			receipt.void()
		}
	}()
	b := o.choice.of(o.Filter, x)
	if k, ok := o.Sink.(Keeper); ok {
		receipt = o.receipt(x)
		err = k.Keep(ctx, b, receipt)
		return err == nil, err
	}
	return false, o.Sink.Write(ctx, b)
}

func (o *output) closeSink() (err error) {
	defer func() {
		if r := recover(); r != nil {
			o.p.panicked(fmt.Sprintf("sink %T", o.Sink), r)
			err = fmt.Errorf("close %s: panic: %v", o.Name, r)
		}
	}()
	if err := o.Sink.Close(); err != nil {
		return fmt.Errorf("close %s: %w", o.Name, err)
	}
	return nil
}
