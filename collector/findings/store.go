package findings

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weirflow/weir/plugins/detect"
)

// Bounds on what is taken.
const (
	mostAhead  = 24 * time.Hour // by which a window may begin later than now
	mostLine   = 1 << 20        // octets of a finding
	daysAtOnce = 8              // whose ids are in memory
)

const suffix = ".jsonl"

// Errors of what is not taken.
var (
	ErrInvalid = errors.New("the finding makes no sense")
	ErrFull    = errors.New("there is no room for more findings of that day")
)

// Deps is what a Store gets beside its Config.
type Deps struct {
	Log *slog.Logger     // nil: nothing is logged
	Now func() time.Time // nil: the clock
}

// A Store keeps findings in a folder, which nobody else writes to. Any number of
// goroutines may use it at once.
type Store struct {
	dir string
	cfg Config
	log *slog.Logger
	now func() time.Time

	mu     sync.Mutex
	days   []*day // oldest first
	octets int64
	stats  Stats
}

// Stats is what has happened since the start.
type Stats struct {
	Taken  [detect.Critical + 1]uint64 // by severity
	Again  uint64                      // that were there already
	Torn   uint64                      // lines that were cut off: a kill had torn them
	Unread uint64                      // lines that are no findings
	Octets int64                       // of all files, now
}

// A day is a file.
type day struct {
	name   string // 2026-11-26
	octets int64
	looked bool            // all lines were: end and Stats.Unread are of them
	end    int64           // of the window that ends last
	ids    map[string]bool // nil: not in memory
}

func (s *Store) path(name string) string { return filepath.Join(s.dir, name+suffix) }

// Open opens the folder, which need not be there.
func Open(dir string, c Config, deps Deps) (*Store, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := &Store{dir: dir, cfg: c, log: deps.Log, now: deps.Now}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("findings: %w", err)
	}
	files, err := os.ReadDir(dir) // by name, so by day
	if err != nil {
		return nil, fmt.Errorf("findings: %w", err)
	}
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), suffix)
		if _, err := time.Parse(time.DateOnly, name); !ok || err != nil || !f.Type().IsRegular() {
			if strings.HasSuffix(f.Name(), suffix+partly) {
				os.Remove(filepath.Join(dir, f.Name())) // of an erase that was killed
			}
			continue
		}
		d := &day{name: name}
		if err := s.mend(d); err != nil {
			return nil, fmt.Errorf("findings: %w", err)
		}
		s.days, s.octets = append(s.days, d), s.octets+d.octets
	}
	return s, s.Trim()
}

// mend cuts off a last line that is not whole.
func (s *Store) mend(d *day) error {
	f, err := os.OpenFile(s.path(d.name), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	whole := size
	for buf := make([]byte, 64<<10); whole > 0; {
		part := buf[:min(int64(len(buf)), whole)]
		if _, err := f.ReadAt(part, whole-int64(len(part))); err != nil {
			return err
		}
		at := bytes.LastIndexByte(part, '\n')
		whole -= int64(len(part) - at - 1)
		if at >= 0 {
			break
		}
	}
	if d.octets = whole; whole == size {
		return nil
	}
	s.stats.Torn++
	return f.Truncate(whole)
}

// Add keeps findings, and returns their ids. Where one makes no sense or has no room
// none is kept. What is there already is left as it is.
func (s *Store) Add(all []detect.Finding) (ids []string, err error) {
	now := s.now()
	lines := make([][]byte, len(all))
	for i := range all {
		f := all[i]
		f.ID = cmp.Or(f.ID, detect.ID(f.Detector, f.Key, f.Start, f.End))
		if err = f.Validate(); err == nil {
			err = s.timely(&f, now)
		}
		if err == nil {
			lines[i], err = json.Marshal(f)
		}
		if err == nil && len(lines[i]) >= mostLine {
			err = fmt.Errorf("it has %d octets, of at most %d", len(lines[i]), mostLine)
		}
		if err != nil {
			if len(all) > 1 {
				err = fmt.Errorf("number %d: %w", i+1, err)
			}
			return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		ids = append(ids, f.ID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	parts := map[string]*part{}
	var order []*part
	for i := range all {
		name := time.Unix(0, all[i].Start).UTC().Format(time.DateOnly)
		p := parts[name]
		if p == nil {
			if p, err = s.partOf(name); err != nil {
				return nil, err
			}
			parts[name], order = p, append(order, p)
		}
		p.add(&all[i], ids[i], lines[i])
	}
	for _, p := range order {
		if p.d.octets+int64(len(p.text)) > int64(s.cfg.Size) {
			return nil, fmt.Errorf("%w: findings may take %d octets: set findings.size", ErrFull, s.cfg.Size)
		}
	}
	for _, p := range order {
		if err := s.write(p); err != nil {
			return nil, fmt.Errorf("findings: %w", err)
		}
	}
	if err := s.trim(now); err != nil {
		s.log.Error("drop what is too old or too much", "error", err)
	}
	return ids, nil
}

// timely tells whether f is of a time that is kept.
func (s *Store) timely(f *detect.Finding, now time.Time) error {
	start := time.Unix(0, f.Start).UTC()
	switch {
	case start.After(now.Add(mostAhead)):
		return fmt.Errorf("its window begins at %s, which is to come: look at the detector's clock", start.Format(time.RFC3339))
	case s.old(start.Format(time.DateOnly), now):
		return fmt.Errorf("its window begins at %s, and findings are kept for %s: set findings.keep", start.Format(time.RFC3339), s.cfg.Keep)
	}
	return nil
}

// old tells whether a day is too old to be kept.
func (s *Store) old(name string, now time.Time) bool {
	return s.cfg.Keep > 0 && name < now.Add(-s.cfg.Keep).UTC().Format(time.DateOnly)
}

// find returns where a day is, or is to be.
func (s *Store) find(name string) (int, bool) {
	return slices.BinarySearchFunc(s.days, name, func(d *day, name string) int { return cmp.Compare(d.name, name) })
}

// A part is what is to be written to a day.
type part struct {
	d     *day
	text  []byte
	ids   map[string]bool
	end   int64
	taken [detect.Critical + 1]uint64
	again uint64
}

// partOf makes the part of a day, with the day's ids in memory.
func (s *Store) partOf(name string) (*part, error) {
	at, ok := s.find(name)
	if !ok {
		return &part{d: &day{name: name, looked: true, ids: map[string]bool{}}, ids: map[string]bool{}}, nil
	}
	d := s.days[at]
	if d.ids == nil {
		n := 0
		for _, x := range s.days {
			if x.ids != nil {
				n++
			}
		}
		if n >= daysAtOnce {
			for _, x := range s.days {
				x.ids = nil
			}
		}
		ids := map[string]bool{}
		if _, err := s.each(context.Background(), d.name, d.octets, func(f *detect.Finding, _ []byte) { ids[f.ID] = true }); err != nil {
			return nil, fmt.Errorf("findings: %w", err)
		}
		d.ids = ids
	}
	return &part{d: d, ids: map[string]bool{}}, nil
}

func (p *part) add(f *detect.Finding, id string, line []byte) {
	if p.d.ids[id] || p.ids[id] {
		p.again++
		return
	}
	p.text = append(append(p.text, line...), '\n')
	p.ids[id], p.end = true, max(p.end, f.End)
	p.taken[f.Severity]++
}

// write appends p to its file, whole or not at all.
func (s *Store) write(p *part) error {
	d := p.d
	s.stats.Again += p.again
	if len(p.text) == 0 {
		return nil
	}
	f, err := os.OpenFile(s.path(d.name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(p.text)
	if err = errors.Join(err, f.Sync()); err != nil {
		err = errors.Join(err, f.Truncate(d.octets))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if at, ok := s.find(d.name); !ok {
		s.days = slices.Insert(s.days, at, d)
	}
	d.octets += int64(len(p.text))
	s.octets += int64(len(p.text))
	d.end = max(d.end, p.end)
	for id := range p.ids {
		d.ids[id] = true
	}
	for i, n := range p.taken {
		s.stats.Taken[i] += n
	}
	return nil
}

// Trim removes the days that are too old, and the oldest ones of what is too much.
func (s *Store) Trim() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trim(s.now())
}

func (s *Store) trim(now time.Time) error {
	for len(s.days) > 0 && (s.old(s.days[0].name, now) || s.octets > int64(s.cfg.Size)) {
		d := s.days[0]
		if err := os.Remove(s.path(d.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("findings: %w", err)
		}
		s.days, s.octets = s.days[1:], s.octets-d.octets
		s.log.Info("findings of a day are gone", "day", d.name)
	}
	return nil
}

// Run trims each hour until ctx ends.
func (s *Store) Run(ctx context.Context) {
	for hour := time.NewTicker(time.Hour); ; {
		select {
		case <-ctx.Done():
			hour.Stop()
			return
		case <-hour.C:
			if err := s.Trim(); err != nil {
				s.log.Error("drop what is too old or too much", "error", err)
			}
		}
	}
}

// Stats returns the counts of now.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.stats
	x.Octets = s.octets
	return x
}
