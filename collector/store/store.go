package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/shared/flow"
)

const (
	// commitEvery is how often the journal is written: what a crash takes is no
	// older than twice that.
	commitEvery = 100 * time.Millisecond

	// retryEvery is how often what the disk refused is tried again.
	retryEvery = time.Second

	// maxSealed is how many generations of the tail may wait to become segments.
	maxSealed = 4
)

var errClosed = errors.New("the store is closed")

// Deps is what a Store gets from whoever opens it. The zero Deps will do.
type Deps struct {
	Log     *slog.Logger     // nil: nothing is logged
	Now     func() time.Time // nil: the system's clock
	Version string           // weir's, for the files
}

// A Store keeps flows in a folder. It is a pipeline.Sink. Any number of goroutines
// may use it at once.
type Store struct {
	dir     string
	cfg     config.Store
	log     *slog.Logger
	now     func() time.Time
	space   func(dir string) (total, free int64, err error)
	release func()
	writer  *segmentWriter // of the segmenter

	disk     sync.Mutex // is taken before mu
	manifest *manifest  // guarded by disk

	mu        sync.Mutex
	moved     sync.Cond // anything below changed
	tail      *tail
	catalog   *catalog
	covered   uint64 // the newest generation that is in a segment
	dropped   uint64 // generations up to this one are in the journal no more
	next      uint64 // number of the next file
	closed    bool
	pins      map[uint64]int // snapshots by what edition they are of
	edition   uint64         // of catalog
	garbage   []garbage      // files that are in no catalog, oldest edition first
	stats     Stats          // what is counted
	kept      uint64         // of the rows since the start, how many are in the journal or in a segment
	waits     time.Time      // the oldest flow that is in no journal came then; zero: there is none
	journal   int64          // octets
	unwritten error          // the journal can't be written
	unmade    error          // segments can't be
	upkeep    error          // compaction or retention

	journalist, segmenter, keeper chan struct{} // closed when they have ended
	stop                          chan struct{}
}

// Stats is what a Store counts.
type Stats struct {
	Segments     int
	Rows         uint64 // in segments
	Octets       int64  // of segments
	Rollups      int
	Sums         int64         // octets of rollups
	Tail         int           // flows that are in no segment yet
	Journal      int64         // octets
	Unwritten    uint64        // flows that came and are neither in the journal nor in a segment
	UnwrittenFor time.Duration // how long the oldest of them has been
	Refused      uint64        // flows that the store could not take
	Recovered    uint64        // flows that the journal gave back at the start
	Damaged      int           // stretches of the journal that were unreadable
	Bad          int           // files that are set aside because they can't be read
	Err          error         // what is wrong now, in a sentence; nil: nothing
}

// Open opens the store in cfg.Dir, and makes it if it is not there.
func Open(cfg config.Store, d Deps) (*Store, error) {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Version == "" {
		d.Version = "devel"
	}
	if cfg.Dir == "" {
		return nil, errors.New("store: there is no folder: name one (dir)")
	}
	release, err := lock(cfg.Dir, d.Log)
	if err != nil {
		return nil, err
	}
	s := &Store{
		dir: cfg.Dir, cfg: cfg, log: d.Log, now: d.Now, space: spaceOf, release: release,
		writer: newSegmentWriter(d.Version, cfg.Sync), pins: map[uint64]int{},
		journalist: make(chan struct{}), segmenter: make(chan struct{}), keeper: make(chan struct{}), stop: make(chan struct{}),
	}
	s.moved.L = &s.mu
	j, err := s.load()
	if err != nil {
		if s.manifest != nil {
			s.manifest.close()
		}
		release()
		return nil, fmt.Errorf("open store %s: %w", cfg.Dir, err)
	}
	go s.keepJournal(j)
	go s.makeSegments()
	go s.keepHouse()
	return s, nil
}

// load reads what is in the folder, and removes what a crash has left there.
func (s *Store) load() (*journal, error) {
	m, err := openManifest(s.dir, s.cfg.Sync)
	if errors.Is(err, errManifest) {
		s.log.Error("the manifest is damaged or gone: it is made anew of the segments; sums of flows that are gone are lost", "directory", s.dir, "error", err)
		m, err = remakeManifest(s.dir, s.cfg.Sync, s.log)
	}
	if err != nil {
		return nil, err
	}
	s.manifest = m
	if err := s.tidy(); err != nil {
		return nil, err
	}
	s.catalog, s.covered = m.catalog, m.catalog.journal
	s.next = max(s.next, m.catalog.next)
	j := newJournal(s.dir, s.cfg.Sync, s.covered+1)
	found, err := j.recover(s.covered)
	if err != nil {
		return nil, err
	}
	s.tail = newTail(j.gen)
	for _, r := range found {
		s.stats.Damaged += r.damaged
		if r.damaged > 0 {
			s.log.Error("the journal is damaged: the flows of some stretches are lost", "file", j.name(r.number), "stretches", r.damaged)
		}
		if r.rows == 0 {
			continue // its file goes with the next segment
		}
		s.stats.Recovered += uint64(r.rows)
		s.tail.total += uint64(r.rows)
		r.end = s.tail.total
		s.tail.sealed = append(s.tail.sealed, r.generation)
	}
	if n := s.stats.Recovered; n > 0 {
		s.log.Info("flows came back from the journal", "flows", n)
	}
	s.journal, s.kept, s.dropped = j.octets(), s.tail.total, s.covered
	return j, nil
}

// Write implements pipeline.Sink: the flows of b are in the answers from now on,
// and in the journal within 200 ms. It waits where segments can't be made as fast
// as flows come, and fails while the disk takes nothing.
func (s *Store) Write(ctx context.Context, b *flow.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.room(ctx); err != nil {
		s.stats.Refused += uint64(len(b.Flows))
		return err
	}
	now := time.Now()
	if s.waits.IsZero() && len(b.Flows) > 0 {
		s.waits = now
	}
	s.tail.add(b, now)
	if s.tail.open.rows >= s.cfg.Rows {
		s.tail.seal()
		s.moved.Broadcast()
	}
	return nil
}

// room waits until there is room for flows. The caller has s.mu.
func (s *Store) room(ctx context.Context) error {
	full := func() bool { return len(s.tail.sealed) >= maxSealed && s.tail.open.rows > 0 }
	if full() && s.unmade == nil && !s.closed {
		defer context.AfterFunc(ctx, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.moved.Broadcast()
		})()
	}
	for full() && s.unmade == nil && !s.closed && ctx.Err() == nil {
		s.moved.Wait()
	}
	switch {
	case s.closed:
		return errClosed
	case s.unwritten != nil:
		return s.unwritten
	case full() && s.unmade != nil:
		return s.unmade
	case s.journal > int64(s.cfg.Journal):
		return fmt.Errorf("the journal has %d octets, as no segments can be written: that is all it may have", s.journal)
	}
	return ctx.Err()
}

// due tells whether the tail's open generation has waited long enough: for others
// to make a segment with, or because an hour has ended.
func (s *Store) due(now time.Time) bool {
	t := s.tail
	return t.open.rows > 0 && (now.Sub(t.began) >= s.cfg.Age || now.Unix()/3600 != t.began.Unix()/3600)
}

// keepJournal writes the journal until the store closes, and then once more.
func (s *Store) keepJournal(j *journal) {
	defer close(s.journalist)
	tick := time.NewTicker(commitEvery)
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-tick.C:
		case <-s.stop:
			running = false
		}
		if err := s.writeJournal(j); err != nil && running {
			select {
			case <-time.After(retryEvery):
			case <-s.stop:
			}
		}
	}
	<-s.segmenter
	_ = s.writeJournal(j) // what became a segment leaves it; what didn't is in it already, or was told
	j.next(j.gen)
}

// writeJournal writes what came since it was called last.
func (s *Store) writeJournal(j *journal) error {
	s.mu.Lock()
	if s.due(time.Now()) {
		s.tail.seal()
		s.moved.Broadcast()
	}
	view, covered, waits := s.tail.view(), s.covered, s.waits
	s.waits = time.Time{}
	s.mu.Unlock()

	gone := j.drop(covered)
	err := j.commit(view)
	if err == nil {
		err = gone
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.journal = j.octets()
	if gone == nil {
		s.dropped = covered
	}
	if err != nil {
		s.waits = waits
	} else if n := len(view); n > 0 {
		s.kept = max(s.kept, view[n-1].end)
	}
	s.fault(&s.unwritten, err, "the journal can't be written: flows are refused")
	return err
}

// fault notes that something is wrong, or right again, and tells when that changes.
// The caller has s.mu.
func (s *Store) fault(at *error, err error, text string) {
	switch was := *at; {
	case was == nil && err != nil:
		s.log.Error(text, "directory", s.dir, "error", err)
	case was != nil && err == nil:
		s.log.Info("the store is well again", "directory", s.dir, "was", was)
	}
	*at = err
	s.moved.Broadcast()
}

// makeSegments makes segments of sealed generations until the store closes and
// there are none, or one can't be made.
func (s *Store) makeSegments() {
	defer close(s.segmenter)
	for {
		s.mu.Lock()
		for len(s.tail.sealed) == 0 && !s.closed {
			s.moved.Wait()
		}
		if len(s.tail.sealed) == 0 {
			s.mu.Unlock()
			return
		}
		g, closed := s.tail.sealed[0], s.closed
		s.mu.Unlock()

		err := s.makeSegment(&g)

		s.mu.Lock()
		s.fault(&s.unmade, err, "segments can't be written: flows stay in the journal")
		s.mu.Unlock()
		if err == nil {
			continue
		}
		if closed {
			return
		}
		select {
		case <-time.After(retryEvery):
		case <-s.stop:
		}
	}
}

func (s *Store) makeSegment(g *generation) error {
	first, _ := g.blocks[0].Arrivals()
	s.writer.origin = origin{generation: g.number}
	x, err := s.writer.write(s.dir, segmentName(s.newNumber(), milliseconds(first)), g.blocks)
	if err != nil {
		return err
	}
	err = s.update(func(*catalog) (*change, error) {
		return &change{Add: []Segment{x}, Journal: g.number}, nil
	}, func() {
		s.covered, s.kept = g.number, max(s.kept, g.end)
		s.tail.sealed = s.tail.sealed[1:]
	})
	if err != nil {
		os.Remove(filepath.Join(s.dir, x.File))
	}
	return err
}

// newNumber returns a number for a file.
func (s *Store) newNumber() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	return s.next - 1
}

// Flush makes segments of all flows that are in the tail, and waits for them.
func (s *Store) Flush(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tail.seal()
	s.moved.Broadcast()
	upTo := s.tail.open.number - 1
	defer context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.moved.Broadcast()
	})()
	for s.covered < upTo && len(s.tail.sealed) > 0 {
		switch {
		case s.unmade != nil:
			return s.unmade
		case s.closed:
			return errClosed
		case ctx.Err() != nil:
			return ctx.Err()
		}
		s.moved.Wait()
	}
	return nil
}

// Close implements pipeline.Sink: all flows become segments. What can't is in the
// journal, and the next start finds it there.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.tail.seal()
	s.moved.Broadcast()
	s.mu.Unlock()
	close(s.stop)
	<-s.journalist
	<-s.keeper
	s.mu.Lock()
	err := s.unwritten
	if err == nil {
		err = s.unmade
	}
	s.mu.Unlock()
	s.disk.Lock()
	defer s.disk.Unlock()
	if e := s.manifest.close(); err == nil {
		err = e
	}
	s.release()
	return err
}

// Stats returns what s counts.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.stats
	for _, g := range s.catalog.segments {
		x.Rows += uint64(g.Rows)
		x.Octets += g.Octets
	}
	for _, r := range s.catalog.rollups {
		x.Sums += r.Octets
	}
	x.Segments, x.Rollups = len(s.catalog.segments), len(s.catalog.rollups)
	x.Tail, x.Journal = s.tail.rows(), s.journal
	x.Unwritten = s.tail.total - s.kept
	if x.Unwritten > 0 && !s.waits.IsZero() {
		x.UnwrittenFor = time.Since(s.waits)
	}
	for _, f := range []struct {
		err  error
		text string
	}{
		{s.unwritten, "flows are refused, as the journal can't be written"},
		{s.unmade, "segments can't be written, and flows stay in the journal"},
		{s.upkeep, "old files can't be merged or removed"},
	} {
		if f.err != nil && x.Err == nil {
			x.Err = fmt.Errorf("%s: %w", f.text, f.err)
		}
	}
	return x
}
