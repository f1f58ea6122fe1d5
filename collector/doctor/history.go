package doctor

import (
	"sync"
	"time"

	"github.com/weirflow/weir/collector/pipeline"
)

// Period is how often a History wants to be turned: what came within one to two
// of them is lately.
const Period = 10 * time.Minute

// A Past is what was known of a Patient earlier.
type Past struct {
	At      int64 // Unix nanoseconds
	Dropped uint64
	pipeline.Ledger
}

// A History remembers the ledgers of one and of two periods ago, so that a
// repaired fault is told from one that goes on. The zero value is ready.
type History struct {
	mu           sync.Mutex
	newer, older map[pipeline.Key]*Past
}

// Turn ends a period.
func (h *History) Turn(now int64, ledgers []pipeline.Ledger, dropped uint64) {
	all := make(map[pipeline.Key]*Past, len(ledgers))
	for _, l := range ledgers {
		if l.Decoded != 0 { // of those who only spoof there may be many
			all[l.Key] = &Past{now, dropped, l}
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.newer, h.older = all, h.newer
}

// Before returns what l was one to two periods ago, nil if it was not yet.
func (h *History) Before(l *pipeline.Ledger) *Past {
	h.mu.Lock()
	defer h.mu.Unlock()
	if b := h.older[l.Key]; b != nil && b.First == l.First { // or it was evicted since
		return b
	}
	return nil
}

// lately is p with only what has come since p.Before.
func (p *Patient) lately() *Patient {
	q := *p
	q.Before = nil
	b := p.Before
	if b == nil {
		return &q
	}
	q.Peaks = p.Lately
	less := func(n *uint64, before uint64) { *n -= min(*n, before) } // what was missing may have come late
	less(&q.Dropped, b.Dropped)
	less(&q.Sent, b.Sent)
	less(&q.Received, b.Received)
	less(&q.Missing, b.Missing)
	less(&q.Duplicates, b.Duplicates)
	less(&q.Stray, b.Stray)
	less(&q.Restarts, b.Restarts)
	less(&q.Recovered, b.Recovered)
	less(&q.Undecoded, b.Undecoded)
	q.Early = p.waiting() + q.Recovered + q.Undecoded
	less(&q.Looked, b.Looked)
	less(&q.NoRate, b.NoRate)
	less(&q.Ingress, b.Ingress)
	less(&q.Egress, b.Egress)
	less(&q.Replaced, b.Replaced)
	less(&q.Redefined, b.Redefined)
	less(&q.Records, b.Records)
	less(&q.Samples.Received, b.Samples.Received)
	less(&q.Samples.Dropped, b.Samples.Dropped)
	for i := range q.Faults {
		less(&q.Faults[i], b.Faults[i])
	}
	q.Outputs = make([]pipeline.OutputLedger, len(p.Outputs))
	for i, o := range p.Outputs {
		for _, x := range b.Outputs {
			if x.Name == o.Name {
				less(&o.Dropped, x.Dropped)
				less(&o.Failed, x.Failed)
			}
		}
		q.Outputs[i] = o
	}
	return &q
}
