package modinput

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/flow"
)

// A StitchConfig sets how conversations are stitched.
type StitchConfig struct {
	On      bool
	Timeout time.Duration // a flow waits for its answer this long, and lies at most this far from it
	Flows   int           // how many may wait
}

// DefaultStitch stitches.
func DefaultStitch() StitchConfig {
	return StitchConfig{On: true, Timeout: 15 * time.Second, Flows: 100_000}
}

// Set sets stitch, stitch_timeout or stitch_flows, as a stanza has them: true or
// false, a time with a unit or seconds, a number.
func (c *StitchConfig) Set(name, value string) (err error) {
	switch name {
	case "stitch":
		switch strings.ToLower(value) {
		case "1", "true", "t", "yes", "y", "on":
			c.On = true
		case "0", "false", "f", "no", "n", "off":
			c.On = false
		default:
			return fmt.Errorf("stitch is %q: write true or false", value)
		}
	case "stitch_timeout":
		if _, err := strconv.ParseUint(value, 10, 32); err == nil {
			value += "s"
		}
		if c.Timeout, err = time.ParseDuration(value); err != nil {
			return fmt.Errorf("stitch_timeout is %q: write a time as 15s", value)
		}
	case "stitch_flows":
		if c.Flows, err = strconv.Atoi(value); err != nil {
			return fmt.Errorf("stitch_flows is %q: write a number", value)
		}
	default:
		panic("modinput: bug: no setting " + name)
	}
	return nil
}

// Validate says what is wrong with c, and what to write instead.
func (c StitchConfig) Validate() error {
	switch {
	case c.Timeout < 100*time.Millisecond || c.Timeout > time.Hour:
		return fmt.Errorf("stitch_timeout is %s: write 100ms to 1h", c.Timeout)
	case c.Flows < 1 || c.Flows > 10_000_000:
		return fmt.Errorf("stitch_flows is %d: write 1 to 10000000", c.Flows)
	}
	return nil
}

// A Stitcher is a sink that makes one event of the two flows of a conversation:
// those with exchanged addresses and ports, of one exporter and domain, that
// overlap or lie at most the timeout apart. A flow waits for its answer. It is an
// event of its own when the timeout is over, when there is no room for newer ones,
// when nothing can answer it, and at the end: each flow is in exactly one event.
//
// The flow of the conversation's initiator gives the event its columns, and the
// answer its volume; start and end are those of both together, TCP flags are or-ed,
// and what one flow lacks of the ends, the application or the user comes from the
// other. What was put together
// goes on in batches; only an [Encoder] of this package knows the answer in it.
//
// Receipts of batches that came through Keep are settled once all of their flows
// are, one by one; the records that are no flows count as written.
//
// One goroutine calls Keep or Write, and Close after the last.
type Stitcher struct {
	cfg  StitchConfig
	next pipeline.Sink
	now  func() time.Duration // since whenever

	mu      sync.Mutex
	err     error      // of next, the first since the last Write
	out     flow.Batch // on its way to next
	claim   *claim     // of out
	claims  claims
	octets  int    // of texts and extras there
	made    uint32 // how often it was emptied
	direct  remap  // of a batch that comes, into out
	kept    remap  // and into a page
	waits   waits
	seed    [3]uint64
	lenders [2]flow.Set // of two flows, the second of which had nothing to lend
	stats   StitchStats
	told    struct{ pairs, alone, pushed, waiting atomic.Uint64 } // stats, for others

	writing context.Context // of the Write that goes on, else none

	stop chan struct{}
	done chan struct{}
	once sync.Once
}

// StitchStats counts flows by what became of them.
type StitchStats struct {
	Pairs   uint64 // events of two flows
	Alone   uint64 // flows that are an event each
	Pushed  uint64 // of these, how many went before their time for want of room
	Waiting uint64
}

// NewStitcher makes a Stitcher in front of next. Close ends it, and next. It has
// memory for as many flows as wait, at most for 1,024 or cfg.Flows, in steps of 512.
func NewStitcher(cfg StitchConfig, next pipeline.Sink) *Stitcher {
	began := time.Now()
	s := &Stitcher{
		cfg: cfg, next: next, writing: context.Background(), now: func() time.Duration { return time.Since(began) },
		waits: newWaits(cfg.Flows),
		seed:  [3]uint64{rand.Uint64(), rand.Uint64(), rand.Uint64() | 1},
		stop:  make(chan struct{}), done: make(chan struct{}),
	}
	go s.tick()
	return s
}

// tick lets flows go whose time is over while no others come.
func (s *Stitcher) tick() {
	defer close(s.done)
	t := time.NewTicker(min(s.cfg.Timeout/4, 250*time.Millisecond))
	defer t.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-t.C:
			s.mu.Lock()
			s.expire(s.now())
			s.flush()
			s.tell()
			s.mu.Unlock()
		}
	}
}

// Stats may be called by any goroutine.
func (s *Stitcher) Stats() StitchStats {
	return StitchStats{Pairs: s.told.pairs.Load(), Alone: s.told.alone.Load(), Pushed: s.told.pushed.Load(), Waiting: s.told.waiting.Load()}
}

// tell lets others know of the counts.
func (s *Stitcher) tell() {
	s.told.pairs.Store(s.stats.Pairs)
	s.told.alone.Store(s.stats.Alone)
	s.told.pushed.Store(s.stats.Pushed)
	s.told.waiting.Store(s.stats.Waiting)
}

// A Taker is a sink that says what becomes of a batch, as a pipeline.Keeper does,
// to any Receipt. Unless Take returns an error, it settles r once it knows, from
// whatever goroutine.
type Taker interface {
	Take(ctx context.Context, b *flow.Batch, r Receipt) error
}

// Write takes the flows of b, and puts out those that have an answer, and those
// whose time is over. It keeps copies of the others.
func (s *Stitcher) Write(ctx context.Context, b *flow.Batch) error { return s.take(ctx, b, nil) }

// Keep is Write, and r hears what becomes of b. It hears of errors as well.
func (s *Stitcher) Keep(ctx context.Context, b *flow.Batch, r *pipeline.Receipt) error {
	if r == nil {
		return s.Write(ctx, b)
	}
	return s.Take(ctx, b, r)
}

// Take is Keep for other receipts.
func (s *Stitcher) Take(ctx context.Context, b *flow.Batch, r Receipt) error {
	d := s.claims.debt(r)
	s.claims.add(d, len(b.Flows))
	_ = s.take(ctx, b, d)
	s.claims.mu.Lock()
	defer s.claims.mu.Unlock()
	s.claims.settle(owed{d, -1}, fateWritten)
	return nil
}

func (s *Stitcher) take(ctx context.Context, b *flow.Batch, d *debt) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = ctx
	defer func() { s.writing = context.Background() }()
	now := s.now()
	s.expire(now)
	s.direct.start(b)
	s.kept.start(b)
	for i := 0; i < len(b.Flows); i++ {
		x := party{b, &b.Flows[i], &s.direct, owed{d, int32(i)}}
		if i > 0 && x.f.Marks&flow.Reverse != 0 {
			x.owed.i = -1
		}
		if i+1 < len(b.Flows) && b.Flows[i+1].Marks&flow.Reverse != 0 && s.answers(x.f, &b.Flows[i+1]) {
			i++
			s.pair(x, party{b, &b.Flows[i], &s.direct, owed{d, -1}})
			continue
		}
		s.one(x, now)
	}
	s.flush()
	s.tell()
	err := s.err
	s.err = nil
	if len(b.Options) > 0 || len(b.Counters) > 0 {
		rest := *b
		rest.Flows = nil
		err = errors.Join(err, s.next.Write(ctx, &rest))
	}
	return err
}

// Close puts out all that waits, and closes what is behind.
func (s *Stitcher) Close() (err error) {
	s.once.Do(func() { err = s.close() })
	return err
}

func (s *Stitcher) close() error {
	close(s.stop)
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.leave(len(s.waits.oldest().waits)); s.waits.giveUp(); {
		s.leave(len(s.waits.oldest().waits))
	}
	s.flush()
	s.tell()
	return errors.Join(s.err, s.next.Close())
}

// A party is one flow of a conversation.
type party struct {
	b    *flow.Batch // that f is of
	f    *flow.Flow
	r    *remap // from b into out
	owed owed
}

// one pairs x with a flow that waits, or lets it wait.
func (s *Stitcher) one(x party, now time.Duration) {
	f := x.f
	if !stitchable(f) {
		s.stats.Alone++
		s.put(x, nil)
		return
	}
	h := s.hash(f)
	var found look
	same := false
	look := s.waits.look(h ^ opposite)
	for look.next() {
		// The oldest, but rather one that was seen in the same direction.
		if g := look.flow(); s.answers(g, f) {
			if is := g.Direction == f.Direction; is || !same {
				found, same = look, is
			}
		}
	}
	if found.page == nil {
		s.hold(x, h, now)
		return
	}
	found.leave()
	s.stats.Waiting--
	s.pair(found.party(found.at), x)
}

// hold lets x wait.
func (s *Stitcher) hold(x party, h uint32, now time.Duration) {
	p := s.waits.newest()
	if p.full() {
		for s.waits.oldest().live == 0 && s.waits.giveUp() {
		}
		if s.waits.full() {
			s.stats.Pushed += uint64(s.leave(len(s.waits.oldest().waits)))
			s.waits.giveUp()
		}
		p = s.waits.begin()
		s.kept.restart()
	}
	g := &p.Grow(1)[0]
	*g = *x.f
	g.SetExtra(0, 0)
	p.octets += s.kept.copy(&p.Batch, g, x.b, x.f)
	s.waits.add(p, waiting{since: now, hash: h, owed: x.owed})
	s.stats.Waiting++
}

// expire puts out the flows whose time is over.
func (s *Stitcher) expire(now time.Duration) {
	for {
		p := s.waits.oldest()
		end := p.first
		for end < len(p.waits) && (p.waits[end].left() || now-p.waits[end].since >= s.cfg.Timeout) {
			end++
		}
		s.leave(end)
		if end < len(p.waits) || !s.waits.giveUp() {
			return
		}
	}
}

// manyFlows leave together without being copied.
const manyFlows = 64

// leave puts out what waits in the oldest page up to a place, and returns how many
// flows it was. To copy many of them into out would cost more than the handing on.
func (s *Stitcher) leave(end int) (n int) {
	p := s.waits.oldest()
	from := p.first
	p.first = end
	for i := from; i < end; i++ {
		if !p.waits[i].left() {
			n++
		}
	}
	p.live -= n
	s.stats.Waiting -= uint64(n)
	s.stats.Alone += uint64(n)
	if n < manyFlows {
		for i := from; i < end; i++ {
			if !p.waits[i].left() {
				s.put(p.party(i), nil)
			}
		}
		return n
	}
	s.flush()
	all, to := p.Flows, from
	for i := from; i < end; i++ {
		if p.waits[i].left() {
			continue
		}
		if to < i {
			all[to] = all[i]
		}
		s.owe(p.waits[i].owed, to-from)
		to++
	}
	p.Flows = all[from:to]
	s.handOn(&p.Batch)
	p.Flows = all
	return n
}

// pair puts out x and y, which answer each other, as one event. If nothing tells
// which has begun, x has.
func (s *Stitcher) pair(x, y party) {
	s.stats.Pairs++
	if initiates(y.f, x.f) {
		x, y = y, x
	}
	s.put(x, &y)
}

// outFlows and outOctets bound what goes to the next sink at once.
const outFlows, outOctets = 512, 1 << 20

// put puts out x, joined with its answer y if that is not nil.
func (s *Stitcher) put(x party, y *party) {
	if x.r.epoch != s.made && x.r != &s.direct {
		x.r.begin(x.b, s.made)
	}
	o := &s.out.Grow(1)[0]
	*o = *x.f
	o.SetExtra(0, 0)
	at := len(s.out.Flows) - 1
	s.owe(x.owed, at)
	if y != nil {
		join(o, y.f)
		s.lend(o, x.f, y)
		addAnswer(&s.out, o, y.f)
		s.owe(y.owed, at)
	}
	s.octets += answerLen + x.r.copy(&s.out, o, x.b, x.f)
	if len(s.out.Flows) >= outFlows || s.octets >= outOctets {
		s.flush()
	}
}

// owe notes that a flow of the batch that is handed on next is owed to o.
func (s *Stitcher) owe(o owed, at int) {
	if o.debt == nil {
		return
	}
	if s.claim == nil {
		s.claim = s.claims.claim()
	}
	s.claim.flows = append(s.claim.flows, claimed{o, at})
}

// flush hands on what was put out.
func (s *Stitcher) flush() {
	if len(s.out.Flows) == 0 {
		return
	}
	s.handOn(&s.out)
	s.out.Reset()
	s.octets = 0
	s.made++
	s.direct.restart()
}

// handOn hands b to the next sink, with the claim to it.
func (s *Stitcher) handOn(b *flow.Batch) {
	c := s.claim
	s.claim = nil
	var err error
	if t, ok := s.next.(Taker); ok && c != nil {
		if err = t.Take(s.writing, b, c); err != nil {
			c.Failed()
		}
	} else if err = s.next.Write(s.writing, b); c != nil {
		if err == nil {
			c.Written()
		} else {
			c.Failed()
		}
	}
	if s.err == nil {
		s.err = err
	}
}
