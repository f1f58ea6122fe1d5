package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"github.com/weirflow/weir/plugins/detect"
	"github.com/weirflow/weir/plugins/detectpb"
	"github.com/weirflow/weir/plugins/internal/wire"
	"github.com/weirflow/weir/shared/flow"
)

// A Detector is a detector in a process of its own, kept running. Feed, Flush,
// Stats and Close may be called from any goroutine; for rows to arrive in order,
// one goroutine feeds.
type Detector struct {
	cfg      Config
	deps     Deps
	manifest detect.Manifest
	fields   []flow.Field
	open     *detectpb.Open

	queue  chan *item
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	done   chan struct{} // closed when nothing is taken from queue any more
	gone   chan struct{} // closed when the process is gone and all is counted

	feeding sync.Mutex // held by Feed: the encoder, and order in the queue
	enc     *wire.Encoder

	mu    sync.Mutex // guards what follows
	spare []*item
	stats Stats
	cover coverage
	fault error // why it was given up
}

// An item is a batch on its way, or, with flushed, a question whether all
// before it is through.
type item struct {
	msg     *detectpb.Input
	batch   *detectpb.Batch
	rows    int
	shares  []share
	flushed chan<- struct{}
}

// ErrGivenUp is the error of a detector that failed too often in a row.
var ErrGivenUp = errors.New("detector was given up")

// Start runs the program and checks that it is a detector whose columns we
// know. It returns when the detector is ready; ctx limits that alone.
func Start(ctx context.Context, cfg Config, deps Deps) (*Detector, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Log == nil {
		deps.Log = slog.Default()
	}
	if deps.Findings == nil {
		deps.Findings = func([]detect.Finding) {}
	}
	p, err := start(ctx, &cfg, deps.Log)
	if err != nil {
		return nil, err
	}
	d := &Detector{
		cfg: cfg, deps: deps, manifest: p.manifest,
		queue: make(chan *item, cfg.Queue), done: make(chan struct{}), gone: make(chan struct{}), cover: coverage{},
	}
	if d.fields, err = columns(p.manifest); err == nil {
		d.enc = wire.NewEncoder(d.fields)
		d.open = d.enc.Open()
		err = p.open(d.open, cfg.Start)
	}
	if err != nil {
		p.kill()
		return nil, fmt.Errorf("start detector %s: %w", p.manifest.Name, err)
	}
	d.deps.Log = deps.Log.With("detector", p.manifest.Name)
	d.stats.Starts = 1
	d.ctx, d.cancel = context.WithCancel(context.Background())
	go d.run(p)
	return d, nil
}

// columns returns the columns that m asks for.
func columns(m detect.Manifest) (fields []flow.Field, err error) {
	if m.Name == "" || m.Version == "" || len(m.Name) > detect.MaxKey || len(m.Version) > detect.MaxKey {
		return nil, errors.New("its manifest has no name or no version, or one that is too long")
	}
	var set flow.Set
	for _, name := range m.Fields {
		x, ok := flow.FieldByName(name)
		if !ok {
			return nil, fmt.Errorf("it asks for the column %.40q, which is not known", name)
		}
		set.Add(x)
	}
	for x := range flow.Field(flow.NumFields) {
		if set.Has(x) || len(m.Fields) == 0 {
			fields = append(fields, x)
		}
	}
	return fields, nil
}

// Manifest returns what the detector said of itself.
func (d *Detector) Manifest() detect.Manifest { return d.manifest }

// Stats returns the counters.
func (d *Detector) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats
}

// Feed copies in and queues it. It returns an error when the detector was given
// up or closed, or when ctx ended while the queue was full; in is then skipped
// and counted, at least in part.
func (d *Detector) Feed(ctx context.Context, in detect.Input) error {
	d.feeding.Lock()
	defer d.feeding.Unlock()
	if in.Flows == nil {
		in.Flows = &flow.Batch{}
	}
	rest := in.Flows.Flows
	first := true
	for n := wire.MaxRows; ; {
		n = min(n, len(rest))
		it := d.take()
		size := d.enc.Encode(it.batch, in.Flows, rest[:n])
		if size > wire.MaxMessage/2 && n > 1 { // long texts
			d.give(it)
			n /= 2
			continue
		}
		it.rows = n
		it.shares = shares(it.shares[:0], rest[:n])
		rest = rest[n:]
		it.batch.Watermark, it.batch.Late, it.batch.Exporters = in.Watermark, 0, nil
		if first {
			it.batch.Late, it.batch.Exporters = uint32(in.Late), exporters(in.Exporters)
			first = false
		}
		for i := range rest {
			it.batch.Watermark = min(it.batch.Watermark, rest[i].End)
		}
		d.mu.Lock()
		d.stats.Fed += uint64(it.rows)
		d.stats.Late += uint64(it.batch.Late)
		d.mu.Unlock()
		if err := d.push(ctx, it); err != nil {
			d.skip(it)
			return err
		}
		if len(rest) == 0 {
			return nil
		}
	}
}

// push puts it into the queue as the configuration says.
func (d *Detector) push(ctx context.Context, it *item) error {
	for {
		select {
		case <-d.done:
			return d.ended()
		default:
		}
		select {
		case d.queue <- it:
			return d.settle()
		default:
		}
		if d.cfg.Overflow == DropOldest {
			select {
			case old := <-d.queue:
				d.skip(old)
			default:
			}
			continue
		}
		select {
		case <-d.done:
			return d.ended()
		case <-ctx.Done():
			return ctx.Err()
		case d.queue <- it:
			return d.settle()
		}
	}
}

// settle is called behind each send to the queue: when run has ended meanwhile,
// nobody else would count what lies there.
func (d *Detector) settle() error {
	select {
	case <-d.done:
		d.drain()
	default:
	}
	return nil
}

// Flush waits until all that was fed before is through or skipped.
func (d *Detector) Flush(ctx context.Context) error {
	c := make(chan struct{})
	select {
	case d.queue <- &item{flushed: c}:
	case <-ctx.Done():
		return ctx.Err()
	case <-d.done:
		return d.ended()
	}
	select {
	case <-c:
		return d.Err()
	case <-ctx.Done():
		return ctx.Err()
	case <-d.done:
		return d.ended()
	}
}

// Err returns why the detector was given up, or nil.
func (d *Detector) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fault
}

// ended is the error of a detector that runs no more.
func (d *Detector) ended() error {
	if err := d.Err(); err != nil {
		return err
	}
	return errors.New("detector is closed")
}

// Close ends the process. What is queued is skipped and counted; Flush before,
// if it matters.
func (d *Detector) Close() error {
	d.cancel()
	<-d.gone
	return nil
}

// run feeds p, and those after it, until Close.
func (d *Detector) run(p *process) {
	defer func() {
		if p != nil {
			p.stop()
		}
		close(d.done)
		d.drain()
		close(d.gone)
	}()
	failures := 0
	for {
		var it *item
		select {
		case it = <-d.queue:
		case <-d.ctx.Done():
			return
		}
		if it.flushed != nil {
			close(it.flushed)
			continue
		}
		for p == nil {
			if !d.wait(failures) {
				d.skip(it)
				return
			}
			var err error
			if p, err = d.restart(); err != nil && d.ctx.Err() == nil {
				if failures++; d.failed(err, failures) {
					d.skip(it)
					return
				}
			}
		}
		found, err := p.feed(d.ctx, it.msg, d.cfg.Deadline)
		if err != nil {
			p.kill()
			p = nil
			d.skip(it)
			if d.ctx.Err() != nil {
				return
			}
			if failures++; d.failed(err, failures) {
				return
			}
			continue
		}
		failures = 0
		d.passed(it, found)
	}
}

// wait lets the back-off pass; false means that the detector was closed.
func (d *Detector) wait(failures int) bool {
	t := time.NewTimer(min(d.cfg.Longest, d.cfg.Backoff<<min(max(failures-1, 0), 20)))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-d.ctx.Done():
		return false
	}
}

// restart starts a process that must be what the first one was: batches in the
// queue hold its columns.
func (d *Detector) restart() (*process, error) {
	p, err := start(d.ctx, &d.cfg, d.deps.Log)
	if err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(p.manifest, d.manifest) {
		err = fmt.Errorf("it is %s %s now, with other columns perhaps", p.manifest.Name, p.manifest.Version)
	} else {
		err = p.open(d.open, d.cfg.Start)
	}
	if err != nil {
		p.kill()
		return nil, err
	}
	d.mu.Lock()
	d.stats.Starts++
	d.mu.Unlock()
	d.deps.Log.Info("detector runs again, without its memory")
	return p, nil
}

// failed counts a failure and tells whether it was one too many.
func (d *Detector) failed(err error, failures int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats.Failures++
	if d.cfg.GiveUp > 0 && failures >= d.cfg.GiveUp {
		d.fault = fmt.Errorf("%w after failure %d: %w", ErrGivenUp, failures, err)
		d.deps.Log.Error("detector was given up", "error", err)
		return true
	}
	d.deps.Log.Warn("detector failed", "error", err, "failures", failures)
	return false
}

// passed counts an answered batch and hands its findings on.
func (d *Detector) passed(it *item, found []*detectpb.Finding) {
	d.mu.Lock()
	d.cover.add(it.shares, true)
	d.stats.Seen += uint64(it.rows)
	d.stats.Batches++
	var out []detect.Finding
	var why error
	for _, m := range found {
		f, err := finding(d.manifest, m)
		if err == nil && len(out) == d.cfg.Findings {
			err = fmt.Errorf("more than %d of one batch", d.cfg.Findings)
		}
		if err != nil {
			d.stats.Refused++
			why = err
			continue
		}
		f.Coverage = d.cover.of(f.Start, f.End)
		out = append(out, f)
	}
	d.stats.Findings += uint64(len(out))
	d.mu.Unlock()
	d.give(it)
	if why != nil {
		d.deps.Log.Warn("findings refused", "of", len(found), "passed", len(out), "error", why)
	}
	if len(out) > 0 {
		d.deps.Findings(out)
	}
}

// skip counts a batch that the detector will not see.
func (d *Detector) skip(it *item) {
	if it.flushed != nil {
		close(it.flushed)
		return
	}
	d.mu.Lock()
	d.cover.add(it.shares, false)
	d.stats.Skipped += uint64(it.rows)
	d.mu.Unlock()
	d.give(it)
}

// drain skips what is left in the queue.
func (d *Detector) drain() {
	for {
		select {
		case it := <-d.queue:
			d.skip(it)
		default:
			return
		}
	}
}

// take returns an item to fill.
func (d *Detector) take() *item {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(d.spare); n > 0 {
		it := d.spare[n-1]
		d.spare = d.spare[:n-1]
		return it
	}
	b := &detectpb.Batch{}
	return &item{batch: b, msg: &detectpb.Input{Kind: &detectpb.Input_Batch{Batch: b}}}
}

// give takes back an item that nobody uses any more.
func (d *Detector) give(it *item) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.spare) < 4 {
		d.spare = append(d.spare, it)
	}
}

func exporters(from []detect.ExporterStatus) (to []*detectpb.Exporter) {
	for i := range from {
		e := &from[i]
		to = append(to, &detectpb.Exporter{
			Addr: e.Exporter[:], Domain: e.Domain, LastSeen: e.LastSeen, Received: e.Received, Missing: e.Missing,
		})
	}
	return to
}
