package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

// readAhead is how many datagrams a worker asks its source for.
const readAhead = 64

// A worker reads one source. All but published and held is its goroutine's.
type worker struct {
	p      *Pipeline
	src    Source
	cancel context.CancelFunc
	done   chan struct{}
	dec    *decode.Decoder
	parcel *parcel
	since  time.Time // the first record of the parcel came in
	in     []decode.Datagram
	full   []*output // for send
	tally  tally
	sent   bool          // parcels of which the outputs were not told
	recent [256]*Account // of the last datagrams, by a hash of their key

	restored uint64 // Store.Restored, when it was looked for what is ready

	published decode.Stats // guarded by the pipeline's lock
	held      uint64       // flows in the parcel; likewise
	safe      sizes        // of the parcel's batch, as published
	late      bool         // it has had its time to hand on what it read; likewise
}

// sizes says how much of a batch there is.
type sizes struct{ flows, options, counters, parts int }

func newWorker(p *Pipeline, src Source) *worker {
	return &worker{
		p: p, src: src, dec: p.decoder(), parcel: new(parcel),
		in: make([]decode.Datagram, readAhead), done: make(chan struct{}),
	}
}

// decoder makes one that keeps what the ledger wants to know.
func (p *Pipeline) decoder() *decode.Decoder {
	d := decode.New(p.deps.Store)
	d.SFlow.Samples = true
	return d
}

func (w *worker) run(ctx context.Context) {
	defer close(w.done)
	w.steps(ctx)
	if ctx.Err() != nil {
		w.drain()
	}
	w.flush()
	w.told(false)
	if err := w.src.Close(); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrClosed) {
		w.p.deps.Log.Warn("close source", "error", err)
	}
}

func (w *worker) steps(ctx context.Context) {
	for ctx.Err() == nil && w.step(ctx) {
	}
}

// drainRead is how long a source may take to give what it holds at the end.
const drainRead = 500 * time.Millisecond

// drain takes what the source still holds.
func (w *worker) drain() {
	d, ok := w.src.(Drainer)
	if !ok {
		return
	}
	if err := d.Drain(); err != nil {
		w.p.deps.Log.Warn("drain source", "error", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), min(drainRead, w.p.cfg.Drain/2))
	defer cancel()
	w.steps(ctx)
}

// step reads once and decodes. It returns false at the source's end.
func (w *worker) step(ctx context.Context) (more bool) {
	defer func() {
		if r := recover(); r != nil {
			w.p.panicked("source or decoder", r)
			w.mend()
			w.told(false)
			more = pause(ctx)
		}
	}()
	n, err := w.src.Read(ctx, w.in)
	for i := range w.in[:n] {
		empty := w.parcel.records() == 0
		w.take(&w.in[i])
		records := w.parcel.records()
		if empty && records > 0 {
			w.since = time.Now()
		}
		if records >= w.p.cfg.Batch {
			w.flush()
		}
	}
	late := w.takeReady()
	if w.parcel.records() > 0 && time.Since(w.since) >= w.p.cfg.Flush {
		w.flush()
	}
	w.told(n > 0 || late)
	if err != nil {
		return w.failed(ctx, err)
	}
	return true
}

// told tells the outputs of what w has sent, and enters into the ledger what it has
// read since, if it has.
func (w *worker) told(read bool) {
	if !read && !w.sent {
		return
	}
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	if read {
		w.publish()
	}
	if w.sent {
		w.sent = false
		for _, o := range *w.p.outputs.Load() {
			o.tell()
		}
	}
}

// take decodes a datagram and enters it into its account.
func (w *worker) take(dg *decode.Datagram) {
	t, b := &w.tally, &w.parcel.batch
	from := len(b.Flows)
	t.before = w.dec.Stats
	err := w.dec.Decode(b, *dg)
	after := &w.dec.Stats
	w.parcel.flows += int(after.Flows - t.before.Flows)
	if head, ok := w.dec.Head(); ok && !dg.Closed {
		t.head, t.arrival, t.octets, t.flows = head, head.Received, len(dg.Data), b.Flows[from:]
		t.fault, t.faulty = err.(decode.Fault)
		t.samples = w.dec.Samples()
		a := w.account(dg)
		if a.note(t, after) {
			w.p.accounts.delivered(a)
		}
		if n := after.Records - t.before.Records; n > 0 {
			w.parcel.add(a, int(n))
		}
	}
	for _, tap := range w.p.deps.Taps {
		w.tap(tap, dg, from)
	}
}

// takeReady decodes what has waited for templates that a snapshot has brought.
func (w *worker) takeReady() bool {
	store := w.p.deps.Store
	n := store.Restored()
	if n == w.restored {
		return false
	}
	w.restored = n
	sets := store.Ready()
	for i := range sets {
		if w.parcel.records() == 0 {
			w.since = time.Now()
		}
		w.takeWaiting(&sets[i])
		if w.parcel.records() >= w.p.cfg.Batch {
			w.flush()
		}
	}
	return len(sets) > 0
}

func (w *worker) takeWaiting(set *template.Waiting) {
	before := w.dec.Stats
	w.dec.DecodeWaiting(&w.parcel.batch, set, time.Now().UnixNano())
	after := &w.dec.Stats
	w.parcel.flows += int(after.Flows - before.Flows)
	a := w.p.open(Key{From: set.Key.From, Exporter: set.Key.From.Addr(), Domain: set.Header.Domain, Version: set.Key.Version, Over: set.Key.Over})
	if a.noteWaiting(&before, after, set.Header.Received) {
		w.p.accounts.delivered(a)
	}
	if n := after.Records - before.Records; n > 0 {
		w.parcel.add(a, int(n))
	}
}

func (w *worker) tap(tap Tap, dg *decode.Datagram, from int) {
	defer func() {
		if r := recover(); r != nil {
			w.p.panicked(fmt.Sprintf("tap %T", tap), r)
		}
	}()
	tap.Datagram(dg, &w.parcel.batch, from)
}

// account returns the account of the datagram that was decoded last.
func (w *worker) account(dg *decode.Datagram) *Account {
	h := &w.tally.head
	k := Key{From: dg.From, Exporter: dg.From.Addr(), Domain: h.Domain, Version: h.Version, Over: dg.Over}
	if h.Version == flow.SFlow5 {
		k.Exporter = h.Exporter.Netip()
	}
	slot := &w.recent[k.slot()]
	if a := *slot; a != nil && a.Key == k && !a.gone.Load() {
		return a
	}
	*slot = w.p.open(k)
	return *slot
}

// slot is a hash of k.
func (k *Key) slot() uint8 {
	a := k.From.Addr().As16()
	e := k.Exporter.As16()
	x := uint32(a[15])*31 + uint32(a[14])*7 + uint32(a[13]) + uint32(e[15])*13 + uint32(k.From.Port())*17 + k.Domain*29 + uint32(k.Version)
	return uint8(x ^ x>>8 ^ x>>16)
}

// flush runs the stages and hands the parcel over.
func (w *worker) flush() {
	x := w.parcel
	if x.records() == 0 {
		return
	}
	for _, s := range w.p.deps.Stages {
		x.stage(w, s)
	}
	x.left = len(x.batch.Flows)
	w.parcel = w.p.send(w, x)
	w.sent = true
}

// apply runs a stage. Where it panics, the batch goes on as it is then.
func (w *worker) apply(s Stage, b *flow.Batch) {
	defer func() {
		if r := recover(); r != nil {
			w.p.panicked(fmt.Sprintf("stage %T", s), r)
		}
	}()
	s.Apply(b)
}

// publish enters what was decoded into the ledger. The caller has the
// pipeline's lock.
func (w *worker) publish() {
	x := w.parcel
	w.published, w.held = w.dec.Stats, uint64(x.flows)
	for i := range x.parts {
		t := &x.parts[i]
		if n := uint64(t.records - t.told); n > 0 {
			a := t.account.owner()
			a.records += n
			a.held += n
			t.told = t.records
		}
	}
	b := &x.batch
	w.safe = sizes{len(b.Flows), len(b.Options), len(b.Counters), len(x.parts)}
}

// mend drops what a decoder that panicked may have left in the batch behind
// what is in the ledger.
func (w *worker) mend() {
	x := w.parcel
	b := &x.batch
	b.Flows = b.Flows[:min(w.safe.flows, len(b.Flows))]
	b.Options = b.Options[:min(w.safe.options, len(b.Options))]
	b.Counters = b.Counters[:min(w.safe.counters, len(b.Counters))]
	x.parts = x.parts[:min(w.safe.parts, len(x.parts))]
	for i := range x.parts {
		t := &x.parts[i]
		t.records, t.flows = t.told, min(t.flows, len(b.Flows))
	}
	stats := w.dec.Stats
	stats.Flows, stats.Records = w.published.Flows, w.published.Records
	x.flows = int(w.held)
	w.dec = w.p.decoder()
	w.dec.Stats = stats
}

// failed judges an error of the source, and returns false if it is its end.
func (w *worker) failed(ctx context.Context, err error) bool {
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
		return false
	}
	w.p.mu.Lock()
	w.p.sourceErrors++
	w.p.mu.Unlock()
	w.p.log.warn("read source", fmt.Sprint(err))
	return pause(ctx)
}

// pause keeps an error that comes back at once from eating a CPU. It returns
// false if ctx has ended.
func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(100 * time.Millisecond):
		return true
	}
}

// Known tells whether an exporter at this address has delivered a record that
// could be decoded.
func (p *Pipeline) Known(a netip.Addr) bool { return p.accounts.Known(a) }
