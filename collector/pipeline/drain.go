package pipeline

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/weirflow/weir/shared/flow"
)

// drain takes batches from the queue through the stages to the sink until the
// queue is closed and empty. When ctx has ended, batches are dropped.
func (p *Pipeline) drain(ctx context.Context) {
	for {
		b := p.queue.pop()
		if b == nil {
			return
		}
		p.deliver(ctx, b)
	}
}

// deliver takes one batch through the stages to the sink, and settles it.
func (p *Pipeline) deliver(ctx context.Context, b *flow.Batch) {
	n := len(b.Flows)
	if ctx.Err() != nil {
		p.queue.settle(b, outcome{dropped: n}, false)
		return
	}
	for _, s := range p.deps.Stages {
		p.apply(s, b)
	}
	left := min(len(b.Flows), n)
	o := outcome{filtered: n - left, written: left}
	err := p.write(ctx, b)
	if err != nil {
		o.written, o.failed = 0, left
		p.log.warn("write to sink", err.Error())
	}
	p.queue.settle(b, o, err != nil)
}

// apply runs a stage. Where it panics, the batch goes on as it is then.
func (p *Pipeline) apply(s Stage, b *flow.Batch) {
	defer func() {
		if r := recover(); r != nil {
			p.panicked(fmt.Sprintf("stage %T", s), r)
		}
	}()
	s.Apply(b)
}

func (p *Pipeline) write(ctx context.Context, b *flow.Batch) (err error) {
	defer func() {
		if r := recover(); r != nil {
			p.panicked(fmt.Sprintf("sink %T", p.deps.Sink), r)
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return p.deps.Sink.Write(ctx, b)
}

func (p *Pipeline) closeSink() (err error) {
	defer func() {
		if r := recover(); r != nil {
			p.panicked(fmt.Sprintf("sink %T", p.deps.Sink), r)
			err = fmt.Errorf("close sink: panic: %v", r)
		}
	}()
	if err := p.deps.Sink.Close(); err != nil {
		return fmt.Errorf("close sink: %w", err)
	}
	return nil
}

// panicked counts and logs a contained panic.
func (p *Pipeline) panicked(where string, r any) {
	p.queue.mu.Lock()
	p.queue.sums.Panics++
	p.queue.mu.Unlock()
	p.log.error("panic in "+where, fmt.Sprint(r), string(debug.Stack()))
}
