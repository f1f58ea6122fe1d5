package modinput

import "sync"

// A Receipt is told what becomes of a batch that it stands for: of single flows
// first, then of the rest. A *pipeline.Receipt is one.
type Receipt = interface {
	Written()
	Dropped()
	Failed()
	DroppedAt(i int)
	FailedAt(i int)
}

// An owed is a flow that a Receipt waits for. Of a record that is two flows, the
// second is none of its own: i is -1.
type owed struct {
	debt *debt // nil: nobody wants to know
	i    int32 // in the batch
}

// A debt is a Receipt that is not settled.
type debt struct {
	receipt Receipt
	left    int // flows, and one more while others may come
}

// claims hands out debts and claims, and settles them.
type claims struct {
	mu    sync.Mutex
	debts []*debt // for reuse
	free  []*claim
}

// A claim is the Receipt of a batch that a Stitcher hands on, for those that it
// had the flows from.
type claim struct {
	of    *claims
	flows []claimed
}

type claimed struct {
	owed
	event int // in the batch; -1 once settled
}

func (c *claims) debt(r Receipt) *debt {
	c.mu.Lock()
	defer c.mu.Unlock()
	var d *debt
	if n := len(c.debts); n > 0 {
		d, c.debts = c.debts[n-1], c.debts[:n-1]
	} else {
		d = new(debt)
	}
	d.receipt, d.left = r, 1
	return d
}

func (c *claims) claim() *claim {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.free); n > 0 {
		x := c.free[n-1]
		c.free = c.free[:n-1]
		return x
	}
	return &claim{of: c}
}

// add adds flows that d waits for.
func (c *claims) add(d *debt, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d.left += n
}

// settle settles one flow of a debt. The caller has the lock.
func (c *claims) settle(o owed, f fate) {
	d := o.debt
	if o.i >= 0 {
		switch f {
		case fateDropped:
			d.receipt.DroppedAt(int(o.i))
		case fateFailed:
			d.receipt.FailedAt(int(o.i))
		}
	}
	if d.left--; d.left == 0 {
		d.receipt.Written() // the rest
		d.receipt = nil
		c.debts = append(c.debts, d)
	}
}

// A fate is what becomes of a flow.
type fate uint8

const (
	fateWritten fate = iota
	fateDropped
	fateFailed
)

func (x *claim) Written()        { x.all(fateWritten) }
func (x *claim) Dropped()        { x.all(fateDropped) }
func (x *claim) Failed()         { x.all(fateFailed) }
func (x *claim) DroppedAt(i int) { x.at(i, fateDropped) }
func (x *claim) FailedAt(i int)  { x.at(i, fateFailed) }

func (x *claim) all(f fate) {
	x.of.mu.Lock()
	defer x.of.mu.Unlock()
	for _, o := range x.flows {
		if o.event >= 0 {
			x.of.settle(o.owed, f)
		}
	}
	clear(x.flows)
	x.flows = x.flows[:0]
	x.of.free = append(x.of.free, x)
}

func (x *claim) at(i int, f fate) {
	x.of.mu.Lock()
	defer x.of.mu.Unlock()
	for j := range x.flows {
		if o := &x.flows[j]; o.event == i {
			x.of.settle(o.owed, f)
			o.event = -1
		}
	}
}
