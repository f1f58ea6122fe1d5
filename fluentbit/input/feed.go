package input

import (
	"context"
	"time"
)

const (
	feedSoon = 50 * time.Millisecond // how long events wait for others
	feedHalt = 250 * time.Millisecond
)

// Feed hands events over as they come, in runs of whole events of at most max
// octets, until ctx ends (an event that is longer goes alone); a run waits up to 50 ms to be filled. append returns
// false if Fluent Bit has no room: the run is kept and tried again a quarter of a
// second later. tag is "" for the instance's own.
func (x *Instance) Feed(ctx context.Context, max int, append func(tag string, events []byte) bool) error {
	var run lent
	soon := time.NewTicker(feedSoon)
	defer soon.Stop()
	defer run.giveBack(x.ring)
	for {
		halt := time.Duration(0)
		for !x.paused.Load() && run.fill(x.ring, min(max, x.ring.batch)) {
			if !append(run.tag, run.data) {
				halt = feedHalt
				break
			}
			run.delivered(x.ring)
		}
		x.report(time.Now())
		if halt > 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(halt):
			}
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-soon.C:
		}
	}
}

// SetPaused tells that Fluent Bit has paused or resumed: Feed hands nothing over
// while it is paused.
func (x *Instance) SetPaused(paused bool) { x.paused.Store(paused) }

// lent is a run of events that were taken out of the ring and are not delivered yet.
type lent struct {
	tag    string
	data   []byte
	chunks []*chunk
}

// fill takes events of one tag, room octets at most but for a chunk that alone is
// more, unless there are some already. It returns false if there are none.
func (l *lent) fill(r *ring, room int) bool {
	for len(l.chunks) == 0 || r.continues(l.tag) {
		left := room - len(l.data)
		if len(l.chunks) == 0 {
			left = r.batch
		}
		c := r.take(left)
		if c == nil {
			break
		}
		l.tag = c.tag
		l.chunks = append(l.chunks, c)
		l.data = append(l.data, c.data...)
	}
	return len(l.chunks) > 0
}

func (l *lent) delivered(r *ring) {
	for _, c := range l.chunks {
		r.delivered(c)
	}
	l.chunks, l.data = l.chunks[:0], l.data[:0]
}

func (l *lent) giveBack(r *ring) {
	r.giveBack(l.chunks)
	l.chunks, l.data = l.chunks[:0], l.data[:0]
}
