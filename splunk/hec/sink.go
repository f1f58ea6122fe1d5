package hec

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/weirflow/weir/collector/pipeline"
	"github.com/weirflow/weir/shared/flow"
)

// A Sink sends flows to Splunk's HTTP Event Collector. One goroutine at a time calls
// Keep, Take, Write and Close; Stats may be called from any.
type Sink struct {
	cfg      Config
	log      *slog.Logger
	envelope *envelope
	indexers []*indexer
	zip      sync.Pool // of *zipper

	sending context.Context // of all requests
	cancel  func()
	going   sync.WaitGroup
	kick    chan struct{} // the dispatcher has something to do
	freed   chan struct{} // a request was settled
	ending  chan struct{} // closed when no more events come

	mu      sync.Mutex
	writing context.Context // of the last Keep
	closing bool
	open    *request   // that has room
	filling *request   // open, and Keep has it
	waiting []*request // for an indexer
	all     []*request // that are not settled, in no order
	held    int        // octets of all
	free    []*request
	spare   int // octets of free
	usual   int // octets that a full request has
	next    int // indexer that is asked first
	stats   Stats
	told    map[string]time.Time // when a warning was logged
}

// Stats are counts since the start.
type Stats struct {
	Requests uint64 // sent
	Octets   uint64 // of their bodies, as sent
	Events   uint64 // that were written
	Dropped  uint64 // events that were given up at the end
	Failed   uint64 // events that were refused, or had no text
	Resent   uint64 // requests that had to be sent again
	Unacked  uint64 // of them, because no acknowledgement came
	Held     int    // octets of events that are not written
	Indexers []Indexer
}

// An Indexer is where events are sent to.
type Indexer struct {
	URL     string
	Events  uint64 // that it took
	Trouble string // why it isn't well; "": it is, as far as we know
}

// New makes a Sink, which writes events by enc. It connects when there is
// something to send. A nil log tells nobody.
func New(cfg Config, enc Encoder, log *slog.Logger) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Sink{
		cfg: cfg, log: log, envelope: newEnvelope(&cfg, enc),
		kick: make(chan struct{}, 1), freed: make(chan struct{}, 1), ending: make(chan struct{}),
		writing: context.Background(), told: map[string]time.Time{},
	}
	secure, err := cfg.secure()
	if err != nil {
		return nil, err
	}
	for i, text := range cfg.URLs {
		u, err := parseURL(text)
		if err != nil {
			return nil, err
		}
		if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			log.Warn("the token and all events cross the network in the clear: write https:// in hec_url, and enableSSL = 1 there", "indexer", u.String())
		}
		s.indexers = append(s.indexers, newIndexer(s, i, u, secure))
	}
	s.sending, s.cancel = context.WithCancel(context.Background())
	s.going.Go(s.dispatch)
	if cfg.Ack {
		for _, x := range s.indexers {
			s.going.Go(func() { s.poll(x) })
		}
	}
	return s, nil
}

// Keep takes the flows of b, and settles r when indexers have them. While
// Config.Memory is used up it waits; when ctx ends meanwhile, what it has no
// room for is dropped.
func (s *Sink) Keep(ctx context.Context, b *flow.Batch, r *pipeline.Receipt) error {
	s.keep(ctx, b, r)
	return nil
}

// Take is Keep for other receipts.
func (s *Sink) Take(ctx context.Context, b *flow.Batch, r interface {
	Written()
	Dropped()
	Failed()
	DroppedAt(i int)
	FailedAt(i int)
}) error {
	s.keep(ctx, b, r)
	return nil
}

func (s *Sink) keep(ctx context.Context, b *flow.Batch, r receipt) {
	d := &debt{receipt: r, flows: len(b.Flows), parts: 1, single: -1}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = ctx
	record := 0
	for i := 0; i < len(b.Flows); {
		if !s.room(ctx) {
			for ; i < len(b.Flows); i++ {
				record = recordOf(b, i, record)
				d.at(record, dropped)
				s.stats.Dropped++
			}
			break
		}
		q := s.open
		s.open = nil
		if q == nil {
			q = s.fresh()
			q.since = time.Now()
		}
		s.filling = q
		s.mu.Unlock() // nobody else touches q
		from := len(q.events)
		for i < len(b.Flows) && len(q.events) < s.cfg.Events && len(q.body) < s.cfg.Octets {
			record = recordOf(b, i, record)
			var ok bool
			if q.body, ok = s.envelope.append(q.body, b, &b.Flows[i]); ok {
				q.events = append(q.events, event{int32(len(q.body)), int32(record)})
			} else {
				s.mu.Lock()
				d.at(record, failed)
				s.stats.Failed++
				s.mu.Unlock()
			}
			i++
		}
		s.mu.Lock()
		if len(q.events) > from {
			q.runs = append(q.runs, run{d, len(q.events)})
			d.parts++
		}
		s.hold(q)
		s.filling, s.open = nil, q
		if len(q.events) >= s.cfg.Events || len(q.body) >= s.cfg.Octets {
			s.seal()
		}
	}
	d.done(written)
	if s.open != nil && len(s.open.runs) == 1 {
		s.wake() // it has to look at its clock
	}
}

// recordOf returns the flow whose record flow i tells of: the second direction
// of a record is behind the first.
func recordOf(b *flow.Batch, i, before int) int {
	if i > 0 && b.Flows[i].Marks&flow.Reverse != 0 {
		return before
	}
	return i
}

// room waits until there is memory for a request, and tells whether there is.
// The caller has the lock.
func (s *Sink) room(ctx context.Context) bool {
	for s.held >= s.cfg.Memory {
		s.mu.Unlock()
		select {
		case <-s.freed:
			s.mu.Lock()
		case <-ctx.Done():
			s.mu.Lock()
			return s.held < s.cfg.Memory
		}
	}
	return true
}

// fresh returns an empty request that is not settled. The caller has the lock.
func (s *Sink) fresh() *request {
	var q *request
	if n := len(s.free); n > 0 {
		q, s.free = s.free[n-1], s.free[:n-1]
		s.spare -= cap(q.body)
	} else {
		q = &request{body: make([]byte, 0, s.usual)}
	}
	s.all = append(s.all, q)
	s.hold(q)
	return q
}

// hold counts the memory that q has. The caller has the lock.
func (s *Sink) hold(q *request) {
	n := cap(q.body) + 8*cap(q.events)
	s.held += n - q.held
	q.held = n
}

// seal lets the open request wait for an indexer. One that is small leaves its
// memory to the next. The caller has the lock.
func (s *Sink) seal() {
	q := s.open
	s.open = nil
	if len(q.events) == 0 {
		s.forget(q)
		return
	}
	if len(q.events) >= s.cfg.Events || len(q.body) >= s.cfg.Octets {
		s.usual = max(s.usual, min(len(q.body)+len(q.body)/16, 2*s.cfg.Octets))
	} else if len(q.body) < cap(q.body)/2 {
		x := &request{body: slices.Clone(q.body), events: slices.Clone(q.events), runs: slices.Clone(q.runs), since: q.since}
		s.all = append(s.all, x)
		s.hold(x)
		s.forget(q)
		q = x
	}
	s.waiting = append(s.waiting, q)
	s.wake()
}

// again lets q wait once more, in front of all others; behind them, if it fails
// each time. The caller has the lock.
func (s *Sink) again(q *request) {
	at := 0
	if q.tries++; q.tries%4 == 0 {
		at = len(s.waiting)
	}
	s.waiting = slices.Insert(s.waiting, at, q)
	s.stats.Resent++
	s.wake()
}

// settle accounts for q and forgets it. The caller has the lock.
func (s *Sink) settle(q *request, f fate) {
	n := uint64(len(q.events))
	switch f {
	case written:
		s.stats.Events += n
	case dropped:
		s.stats.Dropped += n
	default:
		s.stats.Failed += n
	}
	q.settle(f)
	s.forget(q)
}

// forget lets go of a request without events or debts. The caller has the lock.
func (s *Sink) forget(q *request) {
	i := slices.Index(s.all, q)
	s.all[i] = s.all[len(s.all)-1]
	s.all[len(s.all)-1] = nil
	s.all = s.all[:len(s.all)-1]
	s.held -= q.held
	if n := cap(q.body); n >= s.usual && n <= 2*s.cfg.Octets && s.held+s.spare <= s.cfg.Memory {
		q.reset()
		s.free = append(s.free, q)
		s.spare += n
	}
	signal(s.freed)
}

func (s *Sink) wake() { signal(s.kick) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// dispatch sends what waits, until all sending ends.
func (s *Sink) dispatch() {
	t := time.NewTimer(time.Hour)
	defer t.Stop()
	for {
		s.mu.Lock()
		t.Reset(s.launch(time.Now()))
		s.mu.Unlock()
		select {
		case <-s.kick:
		case <-t.C:
		case <-s.sending.Done():
			return
		}
	}
}

// launch sends what can be sent now, and returns when to look again. The caller
// has the lock.
func (s *Sink) launch(now time.Time) time.Duration {
	soon := now.Add(time.Hour)
	if q := s.filling; q != nil {
		soon = now.Add(max(time.Millisecond, q.since.Add(s.cfg.Age).Sub(now)))
	}
	if q := s.open; q != nil && len(q.events) > 0 {
		if due := q.since.Add(s.cfg.Age); s.closing || !due.After(now) {
			s.seal()
		} else {
			soon = due
		}
	}
	left := s.waiting[:0]
	for i, q := range s.waiting {
		if !slices.ContainsFunc(s.indexers, func(x *indexer) bool { return x.ready(now) }) {
			left = append(left, s.waiting[i:]...)
			break
		}
		x := s.pick(q, now)
		if x == nil {
			left = append(left, q)
			continue
		}
		x.busy++
		s.stats.Requests++
		s.going.Go(func() { s.send(x, q) })
	}
	clear(s.waiting[len(left):])
	s.waiting = left
	if len(left) > 0 {
		for _, x := range s.indexers {
			if x.again.After(now) && x.again.Before(soon) {
				soon = x.again
			}
		}
	}
	return soon.Sub(now)
}

// pick returns an indexer that can take q now, nil if there is none: one after
// the other. The caller has the lock.
func (s *Sink) pick(q *request, now time.Time) *indexer {
	for i := range s.indexers {
		x := s.indexers[(s.next+i)%len(s.indexers)]
		if q.refused&(1<<x.slot) == 0 && x.ready(now) {
			s.next = x.slot + 1
			return x
		}
	}
	return nil
}

// maxBad is how many events an indexer may refuse of a request, each of which
// costs a turn, before all of it has failed.
const maxBad = 100

// send sends q to x, and does what the answer asks for.
func (s *Sink) send(x *indexer, q *request) {
	c, turn := x.board()
	a := x.post(q, c)
	s.mu.Lock()
	defer s.mu.Unlock()
	x.busy--
	s.wake()
	s.stats.Octets += uint64(a.octets)
	switch {
	case a.kind == accepted:
		x.works()
		x.events += uint64(len(q.events))
		switch {
		case s.cfg.Ack && a.id != nil:
			x.await(c, *a.id, q)
		case s.cfg.Ack:
			s.warn("no ack", "the indexer acknowledges nothing: let the token have indexer acknowledgement, useACK = 1, or write hec_ack = false", x, nil)
			fallthrough
		default:
			s.settle(q, written)
		}
	case s.sending.Err() != nil: // the end: Close accounts for it
	case a.kind == badEvent && a.event < len(q.events) && q.bad < maxBad:
		x.works()
		s.warn("bad event", "an event was refused: it counts as failed, the others are sent again", x, a.err)
		q.remove(a.event)
		q.bad++
		s.stats.Failed++
		if len(q.events) == 0 {
			s.forget(q)
			break
		}
		s.again(q)
	case a.kind == tooLong && len(q.events) > 1:
		x.works()
		s.warn("too long", "a request is too long, and was cut in two: write a smaller hec_batch_bytes, or a larger max_content_length in the indexer's limits.conf", x, a.err)
		rest := s.fresh()
		q.split(rest)
		s.hold(rest)
		s.again(rest)
		s.again(q)
	case a.kind == badEvent || a.kind == tooLong || a.kind == invalid:
		x.works()
		s.warn("failed", "a request was refused: its events count as failed", x, a.err)
		s.settle(q, failed)
	case a.kind == refused:
		s.failed(x, a)
		q.refused |= 1 << x.slot
		if q.refused == 1<<len(s.indexers)-1 {
			s.settle(q, failed)
			break
		}
		s.again(q)
	default:
		s.failed(x, a)
		s.again(q)
	}
	x.landed(c, turn)
}

// failed notes that x is not well, and says so. The caller has the lock.
func (s *Sink) failed(x *indexer, a answer) {
	wait := x.failed(a)
	what := "the indexer takes nothing now"
	if a.kind == refused {
		what = "the indexer refuses what it is sent"
	}
	if s.warn("down", what, x, a.err, "again_in", wait.Round(time.Millisecond)) {
		x.said = true
	}
}

// quiet is how long a warning of a kind about an indexer isn't logged again.
const quiet = time.Minute

// warn logs now and then, and tells whether it did. The caller has the lock.
func (s *Sink) warn(kind, text string, x *indexer, err error, more ...any) bool {
	key, now := kind+x.text, time.Now()
	if last, ok := s.told[key]; ok && now.Sub(last) < quiet {
		return false
	}
	s.told[key] = now
	args := append([]any{"indexer", x.text}, more...)
	if err != nil {
		args = append(args, "error", err)
	}
	s.log.Warn(text, args...)
	return true
}

// Stats returns what has happened so far.
func (s *Sink) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.stats
	t.Held = s.held
	for _, x := range s.indexers {
		i := Indexer{URL: x.text, Events: x.events}
		if x.why != nil {
			i.Trouble = x.why.Error()
		}
		t.Indexers = append(t.Indexers, i)
	}
	return t
}

// Write sends b and waits until it is written, or ctx ends; it may arrive even
// then.
func (s *Sink) Write(ctx context.Context, b *flow.Batch) error {
	w := &writer{done: make(chan struct{})}
	s.keep(ctx, b, w)
	s.mu.Lock()
	if s.open != nil {
		s.seal()
	}
	s.mu.Unlock()
	select {
	case <-w.done:
		if w.lost {
			return errors.New("events were refused or dropped")
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("events are still on their way: %w", ctx.Err())
	}
}

// A writer is the receipt of Write.
type writer struct {
	done chan struct{}
	lost bool // valid once done is closed
}

func (w *writer) Written()      { close(w.done) }
func (w *writer) Dropped()      { w.lost = true; close(w.done) }
func (w *writer) Failed()       { w.lost = true; close(w.done) }
func (w *writer) DroppedAt(int) { w.lost = true }
func (w *writer) FailedAt(int)  { w.lost = true }

// grace is how long Close waits when the pipeline's time is up.
const grace = 300 * time.Millisecond

// Close sends what is left and waits for answers and acknowledgements, for
// Config.Drain or until the context of the last Keep has ended. What is on its
// way still counts as dropped, though it may arrive.
func (s *Sink) Close() error {
	s.mu.Lock()
	s.closing = true
	for _, x := range s.indexers {
		x.again = time.Time{} // a last attempt
	}
	writing := s.writing
	s.mu.Unlock()
	close(s.ending)
	s.wake()

	end := time.NewTimer(s.cfg.Drain)
	defer end.Stop()
	stop := context.AfterFunc(writing, func() { end.Reset(min(grace, s.cfg.Drain)) })
	defer stop()
	for s.left() > 0 {
		select {
		case <-s.freed:
			continue
		case <-end.C:
		}
		break
	}
	s.cancel()
	s.going.Wait()
	for _, x := range s.indexers {
		x.client.CloseIdleConnections()
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for len(s.all) > 0 {
		q := s.all[0]
		n += len(q.events)
		s.settle(q, dropped)
	}
	s.open, s.waiting = nil, nil
	if n == 0 {
		return nil
	}
	err := errors.New("no indexer took them in time")
	for _, x := range s.indexers {
		err = cmp.Or(x.trouble(), err)
	}
	return fmt.Errorf("%d events were dropped at the end: %w", n, err)
}

// left is how many requests are not settled.
func (s *Sink) left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}
