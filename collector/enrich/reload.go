package enrich

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// A stamp tells two contents of a file apart.
type stamp struct {
	size     int64
	modified time.Time
}

func stampOf(path string) (stamp, error) {
	i, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	return stamp{i.Size(), i.ModTime()}, nil
}

// files are those that tables come from.
type files struct {
	mu      sync.Mutex // held while tables are made
	geo     []*database
	loaded  map[string]stamp // as they were when the tables were made
	tried   map[string]stamp // as they were when that was tried last
	waiting map[string]stamp // as they are, if that is new
	reloads uint64
	errors  uint64
	err     error // of the last try
}

func (c *Config) paths() []string {
	f := &c.Files
	return slices.Concat(f.Exporters, f.Interfaces, f.Networks, f.Applications, c.Maxmind)
}

// Configure makes s as c says, and reads the files that c names. An error leaves
// s as it was.
func (s *Stage) Configure(c Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	s.files.mu.Lock()
	defer s.files.mu.Unlock()
	if err := s.load(&c); err != nil {
		return err
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return nil
}

// load makes tables of c and its files.
func (s *Stage) load(c *Config) error {
	f := &s.files
	stamps := map[string]stamp{}
	for _, path := range c.paths() {
		if at, err := stampOf(path); err == nil { // else reading it says why
			stamps[path] = at
		}
	}
	geo := make([]*database, len(c.Maxmind))
	for i, path := range c.Maxmind {
		old := slices.IndexFunc(f.geo, func(d *database) bool { return d.path == path && d.stamp == stamps[path] })
		if old >= 0 {
			geo[i] = f.geo[old]
			continue
		}
		var err error
		if geo[i], err = openDatabase(path); err != nil {
			return fmt.Errorf("maxmind: %w", err)
		}
	}
	t, err := c.build(geo)
	if err != nil {
		return err
	}
	if err := t.prepareAnonymise(s.tables.Load()); err != nil {
		return err
	}
	f.geo, f.loaded, f.tried, f.waiting, f.err = geo, stamps, stamps, nil, nil
	s.tables.Store(t)
	return nil
}

// Run looks every Config.Poll whether a file has changed, until ctx ends. A file
// is read once it has stayed the same from one look to the next: it may still
// be being written.
func (s *Stage) Run(ctx context.Context) {
	for {
		var tick <-chan time.Time
		if c := &s.tables.Load().cfg; c.Poll > 0 && len(c.paths()) > 0 {
			tick = time.After(c.Poll)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-tick:
			s.look()
		}
	}
}

// look reads the files again if one of them has changed, and has settled.
func (s *Stage) look() {
	f := &s.files
	f.mu.Lock()
	defer f.mu.Unlock()
	c := &s.tables.Load().cfg
	changed, now := map[string]stamp{}, map[string]stamp{}
	settled := true
	for _, path := range c.paths() {
		at, _ := stampOf(path) // a file that is gone has the zero stamp
		now[path] = at
		if at != f.tried[path] {
			changed[path] = at
			was, ok := f.waiting[path]
			settled = settled && ok && was == at
		}
	}
	f.waiting = changed
	if len(changed) == 0 || !settled {
		return
	}
	if err := s.load(c); err != nil {
		f.tried, f.waiting, f.err = now, nil, err
		f.errors++
		s.log.Warn("enrich: a table has changed and can't be read: the old ones stay", "error", err)
		return
	}
	f.reloads++
	s.log.Info("enrich: tables read again", "rows", s.tables.Load().rows)
}

func (f *files) status(st *Stats) {
	f.mu.Lock()
	defer f.mu.Unlock()
	st.Reloads, st.Errors = f.reloads, f.errors
	for path, at := range f.loaded {
		x := FileStatus{Path: path, Loaded: at.modified}
		if f.err != nil && f.tried[path] != at {
			x.Error = f.err.Error()
		}
		st.Files = append(st.Files, x)
	}
	slices.SortFunc(st.Files, func(a, b FileStatus) int { return strings.Compare(a.Path, b.Path) })
}
