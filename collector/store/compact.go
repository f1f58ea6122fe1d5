package store

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query/engine"
)

// Progress is told how far something long has come: done of total octets. It may
// be nil.
type Progress func(done, total int64)

func (p Progress) tell(done, total int64) {
	if p != nil {
		p(done, total)
	}
}

// Compact merges the small segments of each hour that is over into such as have
// the rows of a segment. A query pays for each file that it opens, however small.
// They are read and written anew: to put their row groups into one file as they
// are would leave as many to open.
func (s *Store) Compact(ctx context.Context, p Progress) error {
	s.mu.Lock()
	plans := s.plan(s.catalog)
	s.mu.Unlock()
	var done, total int64
	for _, parts := range plans {
		total += octetsOf(parts)
	}
	w := newSegmentWriter(s.writer.version, s.cfg.Sync)
	for _, parts := range plans {
		p.tell(done, total)
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.merge(w, parts); err != nil {
			return err
		}
		done += octetsOf(parts)
	}
	p.tell(done, total)
	return nil
}

func octetsOf(parts []*Segment) (n int64) {
	for _, g := range parts {
		n += g.Octets
	}
	return n
}

// plan returns which segments are to become one. They are of one hour, and the
// same rollups sum them: so a rollup has a segment whole, or nothing of it.
func (s *Store) plan(c *catalog) (plans [][]*Segment) {
	now := hourly(segmentsDir, s.now().UnixMilli())
	cover := coverage(c)
	type key struct{ hour, cover string }
	open := map[key][]*Segment{}
	var order []key
	for _, g := range c.segments {
		k := key{path.Dir(g.File), cover[g.File]}
		if g.Rows >= s.cfg.Rows || k.hour == now {
			continue
		}
		if open[k] == nil {
			order = append(order, k)
		}
		open[k] = append(open[k], g)
	}
	for _, k := range order {
		rows := 0
		var parts []*Segment
		for _, g := range open[k] {
			parts = append(parts, g)
			if rows += g.Rows; rows >= s.cfg.Rows {
				plans = append(plans, parts)
				rows, parts = 0, nil
			}
		}
		plans = append(plans, parts)
	}
	return slices.DeleteFunc(plans, func(parts []*Segment) bool { return len(parts) < 2 })
}

// coverage returns, by segment, the files of all rollups that sum it.
func coverage(c *catalog) map[string]string {
	by := map[string][]string{}
	for _, r := range c.rollups {
		for _, file := range r.Segments {
			by[file] = append(by[file], r.File)
		}
	}
	out := make(map[string]string, len(by))
	for file, rollups := range by {
		slices.Sort(rollups)
		out[file] = strings.Join(rollups, "\n")
	}
	return out
}

// merge puts a segment in the place of parts.
func (s *Store) merge(w *segmentWriter, parts []*Segment) error {
	builder := engine.NewBuilder(tailOptions)
	var blocks []*engine.Block
	for _, g := range parts {
		var err error
		if blocks, err = s.read(blocks, builder, g, func(*flow.Batch) {}); err != nil {
			return err
		}
	}
	return s.replace(w, parts, blocks, builder)
}

// read appends the flows of g that keep leaves to the builder's blocks. A segment
// that can't be read is set aside, if it is damaged.
func (s *Store) read(blocks []*engine.Block, builder *engine.Builder, g *Segment, keep func(*flow.Batch)) ([]*engine.Block, error) {
	// First, whether it is as it was written: else damage that can be read would get
	// into a file that is well.
	err := s.checkFile(g.File, g.Octets, g.Sum)
	if err == nil {
		err = readFile(filepath.Join(s.dir, g.File), func(b *flow.Batch) error {
			keep(b)
			blocks = builder.Append(blocks, b)
			return nil
		})
	}
	if err != nil {
		if gone, e := s.SetAside(g.File); gone && e == nil {
			return nil, fmt.Errorf("%w: %w", errStale, err)
		}
	}
	return blocks, err
}

// replace puts a segment of blocks and of what builder has in the place of parts;
// none, if there are no flows. The rollups that sum parts sum it instead.
func (s *Store) replace(w *segmentWriter, parts []*Segment, blocks []*engine.Block, builder *engine.Builder) error {
	if b := builder.Seal(); b != nil {
		blocks = append(blocks, b)
	}
	x := &change{}
	for _, g := range parts {
		x.Remove = append(x.Remove, g.File)
	}
	var files []string
	if len(blocks) > 0 {
		w.origin = origin{}
		for _, g := range parts {
			w.origin.replaces = append(w.origin.replaces, numberOf(g.File))
		}
		g, err := w.write(s.dir, segmentName(s.newNumber(), parts[0].Received[0]), blocks)
		if err != nil {
			return err
		}
		x.Add = []Segment{g}
		files = []string{g.File}
	}
	err := s.update(func(c *catalog) (*change, error) {
		if !there(c, parts) {
			return nil, errStale
		}
		cover := coverage(c)
		for _, g := range parts {
			if cover[g.File] != cover[parts[0].File] {
				return nil, errStale
			}
		}
		gone := setOf(x.Remove)
		for _, r := range c.rollups {
			if !slices.ContainsFunc(r.Segments, func(file string) bool { return gone[file] }) {
				continue
			}
			y := *r
			y.Segments = slices.DeleteFunc(slices.Clone(r.Segments), func(file string) bool { return gone[file] })
			y.Segments = append(y.Segments, files...)
			x.AddRollups, x.RemoveRollups = append(x.AddRollups, y), append(x.RemoveRollups, y.File)
		}
		return x, nil
	}, nil)
	if err != nil {
		for _, file := range files {
			os.Remove(filepath.Join(s.dir, file))
		}
	}
	return err
}

// there tells whether c has all of parts.
func there(c *catalog, parts []*Segment) bool {
	has := make(map[string]bool, len(c.segments))
	for _, g := range c.segments {
		has[g.File] = true
	}
	for _, g := range parts {
		if !has[g.File] {
			return false
		}
	}
	return true
}
