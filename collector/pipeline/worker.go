package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
)

// readAhead is how many datagrams a worker asks its source for.
const readAhead = 64

// A worker reads one source. All but published and held is its goroutine's.
type worker struct {
	p     *Pipeline
	src   Source
	dec   *decode.Decoder
	batch *flow.Batch
	since time.Time // the first record of batch came in
	in    []decode.Datagram

	published decode.Stats // guarded by the queue's lock
	held      uint64       // flows in batch; likewise
}

func newWorker(p *Pipeline, src Source) *worker {
	return &worker{p: p, src: src, dec: decode.New(p.deps.Store), batch: new(flow.Batch), in: make([]decode.Datagram, readAhead)}
}

func (w *worker) run(ctx context.Context) {
	for ctx.Err() == nil {
		if !w.step(ctx) {
			break
		}
	}
	w.flush()
	if err := w.src.Close(); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrClosed) {
		w.p.deps.Log.Warn("close source", "error", err)
	}
}

// step reads once and decodes. It returns false at the source's end.
func (w *worker) step(ctx context.Context) (more bool) {
	defer func() {
		if r := recover(); r != nil {
			w.p.panicked("source or decoder", r)
			w.mend()
			more = pause(ctx)
		}
	}()
	n, err := w.src.Read(ctx, w.in)
	for i := range w.in[:n] {
		empty := w.records() == 0
		w.dec.Decode(w.batch, w.in[i]) // faults are counted there
		if empty && w.records() > 0 {
			w.since = time.Now()
		}
		if w.records() >= w.p.cfg.Batch {
			w.flush()
		}
	}
	if w.records() > 0 && time.Since(w.since) >= w.p.cfg.Flush {
		w.flush()
	}
	w.p.queue.mu.Lock()
	w.publish(len(w.batch.Flows))
	w.p.queue.mu.Unlock()
	if err != nil {
		return w.failed(ctx, err)
	}
	return true
}

func (w *worker) records() int {
	return len(w.batch.Flows) + len(w.batch.Options) + len(w.batch.Counters)
}

// flush hands the batch over.
func (w *worker) flush() {
	if w.records() > 0 {
		w.batch = w.p.queue.push(w, w.batch)
	}
}

// publish enters what was decoded into the ledger; held flows are in the batch.
// The caller has the queue's lock.
func (w *worker) publish(held int) {
	w.published, w.held = w.dec.Stats, uint64(held)
}

// mend drops what a decoder that panicked may have left in the batch behind the
// last flow in the ledger.
func (w *worker) mend() {
	stats := w.dec.Stats
	n := min(int(w.held), len(w.batch.Flows))
	stats.Flows = w.published.Flows
	w.batch.Flows = w.batch.Flows[:n]
	w.dec = decode.New(w.p.deps.Store)
	w.dec.Stats = stats
}

// failed judges an error of the source, and returns false if it is its end.
func (w *worker) failed(ctx context.Context, err error) bool {
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
		return false
	}
	w.p.queue.mu.Lock()
	w.p.queue.sums.SourceErrors++
	w.p.queue.mu.Unlock()
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
