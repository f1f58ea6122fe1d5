package hec

import "time"

// A request is a run of events on its way. The sink's lock guards it, but for
// its body and events while one goroutine fills or sends it.
type request struct {
	body    []byte
	events  []event
	runs    []run
	since   time.Time // of the first event
	held    int       // octets that it has of Config.Memory
	refused uint64    // indexers that refused it, a bit for each
	bad     int       // events that were refused
	tries   int       // that failed
}

// An event of a request: where it ends in the body, and the flow of the batch
// whose record it tells of.
type event struct {
	end  int32
	flow int32
}

// A run is the events of a request that are of one batch: up to end.
type run struct {
	debt *debt
	end  int
}

// A receipt is what a batch is accounted for by: a pipeline.Receipt, or another's.
type receipt = interface {
	Written()
	Dropped()
	Failed()
	DroppedAt(i int)
	FailedAt(i int)
}

// A debt is a batch that is not accounted for.
type debt struct {
	receipt receipt
	flows   int
	parts   int // requests that have some of it, and one while Keep fills them
	single  int // flow of the last record that had a fate of its own; -1: none
}

// A fate is what becomes of events.
type fate uint8

const (
	written fate = iota
	dropped
	failed
)

// at accounts for one event.
func (d *debt) at(flow int, f fate) {
	if flow == d.single {
		return // both directions of a record
	}
	d.single = flow
	if f == dropped {
		d.receipt.DroppedAt(flow)
	} else {
		d.receipt.FailedAt(flow)
	}
}

// done says that one part less has some of d.
func (d *debt) done(f fate) {
	if d.parts--; d.parts > 0 {
		return
	}
	switch f {
	case written:
		d.receipt.Written()
	case dropped:
		d.receipt.Dropped()
	default:
		d.receipt.Failed()
	}
}

// settle accounts for all of q's events.
func (q *request) settle(f fate) {
	from := 0
	for _, r := range q.runs {
		d, whole := r.debt, f
		if f != written && (d.parts > 1 || r.end-from < d.flows) {
			for _, e := range q.events[from:r.end] {
				d.at(int(e.flow), f)
			}
			whole = written // what is left of it: nothing but records without flows
		}
		from = r.end
		d.done(whole)
	}
}

// remove takes event i out, as failed.
func (q *request) remove(i int) {
	start := int32(0)
	if i > 0 {
		start = q.events[i-1].end
	}
	e := q.events[i]
	n := e.end - start
	q.body = append(q.body[:start], q.body[e.end:]...)
	q.events = append(q.events[:i], q.events[i+1:]...)
	for j := i; j < len(q.events); j++ {
		q.events[j].end -= n
	}
	runs := q.runs[:0]
	from := 0
	for _, r := range q.runs {
		was := r.end
		if i < r.end {
			if i >= from {
				r.debt.at(int(e.flow), failed)
			}
			r.end--
		}
		left := r.end
		if len(runs) > 0 {
			left -= runs[len(runs)-1].end
		}
		if left > 0 {
			runs = append(runs, r)
		} else {
			r.debt.done(written)
		}
		from = was
	}
	q.runs = runs
}

// split moves the second half of q's events to x, which is empty.
func (q *request) split(x *request) {
	half := len(q.events) / 2
	at := q.events[half-1].end
	x.body = append(x.body[:0], q.body[at:]...)
	for _, e := range q.events[half:] {
		x.events = append(x.events, event{e.end - at, e.flow})
	}
	runs := q.runs
	q.runs = nil
	from := 0
	for _, r := range runs {
		if from < half {
			q.runs = append(q.runs, run{r.debt, min(r.end, half)})
		}
		if r.end > half {
			x.runs = append(x.runs, run{r.debt, r.end - half})
		}
		if from < half && r.end > half {
			r.debt.parts++
		}
		from = r.end
	}
	q.body, q.events = q.body[:at], q.events[:half]
	x.since, x.refused = q.since, q.refused
}

func (q *request) reset() {
	clear(q.runs)
	*q = request{body: q.body[:0], events: q.events[:0], runs: q.runs[:0]}
}
