package store

import (
	"os"
	"path/filepath"
	"sync"

	"github.com/weirflow/weir/shared/query/engine"
)

// A Snapshot is what a Store held at one moment: each flow once, in a segment or in
// the tail. Its files stay until it is released.
type Snapshot struct {
	Dir      string          // where the files are
	Segments []*Segment      // in the order of their numbers; none is to be changed
	Rollups  []*RollupFile   // none is to be changed
	Tail     []*engine.Block // oldest first

	release func()
}

// Release lets the files go.
func (x *Snapshot) Release() { x.release() }

// Snapshot returns what s holds now.
func (s *Store) Snapshot() *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := &Snapshot{Dir: s.dir, Segments: s.catalog.segments, Rollups: s.catalog.rollups}
	for _, g := range s.tail.view() {
		x.Tail = append(x.Tail, g.blocks...)
	}
	edition := s.edition
	s.pins[edition]++
	x.release = sync.OnceFunc(func() {
		s.mu.Lock()
		if s.pins[edition]--; s.pins[edition] == 0 {
			delete(s.pins, edition)
		}
		s.mu.Unlock()
		s.sweep()
	})
	return x
}

// garbage is a file that snapshots up to an edition have.
type garbage struct {
	edition uint64
	file    string
}

// update changes the manifest by what f returns, which sees what is there and can
// rely on it; nil is no change. also is called with s.mu as the change is seen.
func (s *Store) update(f func(*catalog) (*change, error), also func()) error {
	s.disk.Lock()
	defer s.disk.Unlock()
	x, err := f(s.manifest.catalog)
	if err != nil || x == nil {
		return err
	}
	s.mu.Lock()
	x.Next = s.next
	s.mu.Unlock()
	if err := s.manifest.commit(x); err != nil {
		return err
	}
	s.mu.Lock()
	s.catalog = s.manifest.catalog
	again := map[string]bool{}
	for i := range x.AddRollups {
		again[x.AddRollups[i].File] = true
	}
	for _, file := range append(append([]string{}, x.Remove...), x.RemoveRollups...) {
		if !again[file] {
			s.garbage = append(s.garbage, garbage{s.edition, file})
		}
	}
	s.edition++
	if also != nil {
		also()
	}
	s.moved.Broadcast()
	s.mu.Unlock()
	s.sweep()
	return nil
}

// sweep removes files that nobody has any more.
func (s *Store) sweep() {
	s.mu.Lock()
	oldest := s.edition
	for e := range s.pins {
		oldest = min(oldest, e)
	}
	var gone []garbage
	for len(s.garbage) > 0 && s.garbage[0].edition < oldest {
		gone = append(gone, s.garbage[0])
		s.garbage = s.garbage[1:]
	}
	s.mu.Unlock()
	for _, g := range gone {
		// One that can't be removed now is an orphan for the next start.
		name := filepath.Join(s.dir, g.file)
		_ = os.Remove(name)
		removeEmpty(s.dir, filepath.Dir(name))
	}
	if len(gone) > 0 {
		s.mu.Lock()
		s.moved.Broadcast()
		s.mu.Unlock()
	}
}

// removeEmpty removes a folder, and those above it up to dir, as long as they are
// empty.
func removeEmpty(dir, name string) {
	for name != dir && len(name) > len(dir) && os.Remove(name) == nil {
		name = filepath.Dir(name)
	}
}

// NewFile returns a name below the store's folder that no other file has: in the
// folder of kind, as rollups/host, for what came then, Unix milliseconds. A file
// that the manifest doesn't get to name is gone at the next start.
func (s *Store) NewFile(kind string, received int64) string {
	return fileName(kind, s.newNumber(), received)
}

// AddRollups adds rollups whose files are whole, and removes others, by file, in
// one step; it fills in the sums of the files. A segment that one of add sums must
// still be there.
func (s *Store) AddRollups(add []RollupFile, remove []string) error {
	if err := s.sumRollups(add); err != nil {
		return err
	}
	return s.update(func(c *catalog) (*change, error) {
		there := map[string]bool{}
		for _, g := range c.segments {
			there[g.File] = true
		}
		for i := range add {
			for _, file := range add[i].Segments {
				if !there[file] {
					return nil, errStale
				}
			}
		}
		return &change{AddRollups: add, RemoveRollups: remove}, nil
	}, nil)
}

// sumRollups fills in the sums of files, which are nobody else's to read.
func (s *Store) sumRollups(add []RollupFile) error {
	for i := range add {
		name := filepath.Join(s.dir, add[i].File)
		if err := os.Chmod(name, 0o600); err != nil {
			return err
		}
		var err error
		if add[i].Sum, err = fileSum(name); err != nil {
			return err
		}
	}
	return nil
}
