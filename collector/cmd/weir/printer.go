package main

import (
	"context"
	"sync"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// maxPerExporter bounds the exporters that a printer counts one by one; the
// addresses come from the network.
const maxPerExporter = 4096

// A printer is the sink of listen: it prints flows, counts them by exporter, and
// says when it is time to stop.
type printer struct {
	out    *writer       // nil: nothing is printed
	filter *query.Filter // nil: all flows are taken
	limit  uint64        // flows to take; 0: no limit
	stop   func()

	mu         sync.Mutex
	which      []uint32
	taken      uint64
	perSource  map[flow.Addr]uint64
	otherFlows uint64 // of exporters beyond maxPerExporter
	failure    error  // of the output; nothing is printed after it
}

func newPrinter(out *writer, filter *query.Filter, limit uint64, stop func()) *printer {
	return &printer{out: out, filter: filter, limit: limit, stop: stop, perSource: map[flow.Addr]uint64{}}
}

func (p *printer) Write(_ context.Context, b *flow.Batch) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failure != nil {
		return unlessClosed(p.failure)
	}
	p.which = choose(p.which[:0], p.filter, b)
	if p.limit > 0 {
		p.which = p.which[:min(uint64(len(p.which)), p.limit-p.taken)]
	}
	if err := p.print(b); err != nil {
		p.failure = err
		p.stop()
		return unlessClosed(err)
	}
	for i := 0; i < len(p.which); { // neighbours are mostly of one exporter
		a, from := b.Flows[p.which[i]].Exporter, i
		for i < len(p.which) && b.Flows[p.which[i]].Exporter == a {
			i++
		}
		p.countFlows(a, uint64(i-from))
	}
	p.taken += uint64(len(p.which))
	if p.limit > 0 && p.taken >= p.limit {
		p.stop()
	}
	return nil
}

// countFlows counts n flows of an exporter.
func (p *printer) countFlows(a flow.Addr, n uint64) {
	if _, ok := p.perSource[a]; ok || len(p.perSource) < maxPerExporter {
		p.perSource[a] += n
	} else {
		p.otherFlows += n
	}
}

func (p *printer) print(b *flow.Batch) error {
	if p.out == nil {
		return nil
	}
	return p.out.flows(b, p.which, 0)
}

func (p *printer) Close() error { return nil }

func (p *printer) err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failure
}

// unlessClosed returns err, or nil if it says that nobody reads any more: that
// is how the user ended weir, and not worth a word.
func unlessClosed(err error) error {
	if closedPipe(err) {
		return nil
	}
	return err
}
