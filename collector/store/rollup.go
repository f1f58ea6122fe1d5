//go:build cgo

package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query/duck"
)

const (
	// longest is how long the flows of a segment that is summed may last: each
	// counts in every bin that it touches.
	longest = uint64(25 * time.Hour / time.Millisecond)

	hour = int64(time.Hour / time.Millisecond)
)

// summable tells whether s can be in rollups.
func summable(s *Segment) bool { return uint64(s.End[1])-uint64(s.Start[0]) <= longest }

// kindOf is the folder of a rollup's files.
func kindOf(u *duck.Rollup) string { return rollupsDir + "/" + u.Name }

// missing returns the segments whose flows the files of a rollup don't have, for
// each hour of arrival that ended before a time, Unix milliseconds.
func missing(s *Snapshot, u *duck.Rollup, before int64) (hours [][]*Segment) {
	has := map[string]bool{}
	for _, f := range s.Rollups {
		if f.Name == u.Name {
			for _, file := range f.Segments {
				has[file] = true
			}
		}
	}
	by := map[int64][]*Segment{}
	for _, x := range s.Segments {
		if h := x.Received[0] / hour; !has[x.File] && summable(x) && (h+1)*hour <= before {
			by[h] = append(by[h], x)
		}
	}
	for _, x := range by {
		hours = append(hours, x)
	}
	slices.SortFunc(hours, func(a, b []*Segment) int { return int(a[0].Received[0]/hour - b[0].Received[0]/hour) })
	return hours
}

// sum makes the file of a rollup of segments, and tells what is in it.
func (d *duckDB) sum(ctx context.Context, u *duck.Rollup, file string, segments []*Segment) (f RollupFile, err error) {
	f = RollupFile{Name: u.Name, File: file, Bin: u.Bin.Milliseconds()}
	bin := u.Bin.Milliseconds()
	first, last, flows := segments[0].Start[0], segments[0].End[1], 0
	var of rates
	for _, s := range segments {
		first, last, flows = min(first, s.Start[0]), max(last, s.End[1]), flows+s.Rows
		f.Segments = append(f.Segments, s.File)
		of.add(s.MinRate, s.MaxRate)
	}
	if !of.unknown {
		f.MinRate, f.MaxRate = of.least, max(of.most, 1)
	}
	first, last = floorTo(first, bin), floorTo(last, bin)+bin
	need := u.Set().Union(flow.SetOf(flow.FieldBytes, flow.FieldPackets, flow.FieldSamplingRate))
	sources := d.sources(segments, need, first*duck.Millisecond, last*duck.Millisecond, int64(u.Bin))
	name := filepath.Join(d.dir, file)
	var w duck.Statement
	if err := u.Build(&w, sources, first*duck.Millisecond, last*duck.Millisecond); err != nil {
		return f, err
	}
	text, args := w.SQL()
	if err := d.copyTo(ctx, name, text, args); err != nil {
		return f, err
	}
	records, err := d.look(ctx, u, &f)
	if err == nil && u.Most == 0 && records != uint64(flows) {
		err = fmt.Errorf("the sums by %s have %d records of %d", u.Name, records, flows)
	}
	if err != nil {
		os.Remove(name)
	}
	return f, err
}

// copyTo writes what a statement gives to a file, which only its owner reads.
func (d *duckDB) copyTo(ctx context.Context, name, text string, args []any) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	err := d.query(ctx, "COPY ("+text+") TO "+literal(name)+" (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)", args, nil)
	if err == nil {
		err = os.Chmod(name, 0o600)
	}
	if err != nil {
		os.Remove(name)
	}
	return err
}

func floorTo(a, b int64) int64 {
	if m := a % b; m < 0 {
		return a - m - b
	} else {
		return a - m
	}
}

// look reads what is in a rollup's file: it fills in f, and counts records.
func (d *duckDB) look(ctx context.Context, u *duck.Rollup, f *RollupFile) (records uint64, err error) {
	info, err := os.Stat(filepath.Join(d.dir, f.File))
	if err != nil {
		return 0, err
	}
	f.Octets = info.Size()
	once := ""
	if u.Sided() {
		once = ` FILTER ("once")`
	}
	bins := 0
	text := "SELECT count(*), min(bin), max(bin), coalesce(sum(records)" + once + ", 0), sum(greatest(scaled_bytes, scaled_packets)::DOUBLE), min(scaled_bytes), bin FROM read_parquet($1, hive_partitioning = false) GROUP BY bin"
	err = d.query(ctx, text, []any{[]string{d.pathOf(f.File)}}, func(r *rows) error {
		var c [6]column
		for i := range c {
			c[i] = r.column(i)
		}
		for i := range r.n {
			n, low, high := int(c[0].uint(i)), int64(c[1].uint(i)), int64(c[2].uint(i))
			if bins++; bins == 1 {
				f.Bins = Range{low, high}
			}
			f.Bins.add(low, high)
			f.Rows += n
			records += c[3].uint(i)
			f.MaxSum += float64(c[4].uint(i)) * (1 + 1e-9)
			if u.Most > 0 && n > u.Most {
				f.Floor = max(f.Floor, c[5].uint(i))
			}
		}
		return nil
	})
	f.MaxSum = max(f.MaxSum, float64(records))
	return records, err
}

// sumHours makes the rollups that are due: of all hours of arrival that ended
// before a time, Unix milliseconds.
//
// An hour that can't be summed keeps no other from it, and is tried again later.
func (d *duckDB) sumHours(ctx context.Context, s *Store, before int64) error {
	var all error
	for i := range duck.Rollups {
		u := &duck.Rollups[i]
		x := s.Snapshot()
		for _, segments := range missing(x, u, before) {
			hour := fileName(kindOf(u), 0, segments[0].Received[0])
			if time.Now().Before(d.sumLater(hour, 0)) {
				continue
			}
			err := d.sumHour(ctx, s, u, segments)
			if ctx.Err() != nil {
				break
			}
			if err == nil || errors.Is(err, errStale) {
				continue
			}
			all = errors.Join(all, fmt.Errorf("sum flows by %s: %w", u.Name, err))
			d.sumLater(hour, sumAgain)
			if errors.Is(err, errUnread) {
				s.setAsideOf(x, func(file string) bool {
					return slices.ContainsFunc(segments, func(g *Segment) bool { return g.File == file })
				})
			}
		}
		x.Release()
	}
	return cmp.Or(ctx.Err(), all)
}

// sumAgain is how long after an hour could not be summed it is tried again.
const sumAgain = time.Hour

// sumLater returns when an hour may be summed again, and puts that off if after is
// not 0.
func (d *duckDB) sumLater(hour string, after time.Duration) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	if after > 0 {
		if d.later == nil {
			d.later = map[string]time.Time{}
		}
		d.later[hour] = time.Now().Add(after)
	}
	return d.later[hour]
}

// sumHour makes a rollup of segments, and adds it to the store.
func (d *duckDB) sumHour(ctx context.Context, s *Store, u *duck.Rollup, segments []*Segment) error {
	f, err := d.sum(ctx, u, s.NewFile(kindOf(u), segments[0].Received[0]), segments)
	if err != nil {
		return err
	}
	if err = s.AddRollups([]RollupFile{f}, nil); err != nil {
		os.Remove(filepath.Join(d.dir, f.File))
	}
	return err
}

// Erase is an Eraser. It leaves the rows of a rollup that name nobody else.
func (x *Reader) Erase(ctx context.Context, r *RollupFile, addr netip.Addr) (instead *RollupFile, changed bool, err error) {
	at := slices.IndexFunc(duck.Rollups, func(u duck.Rollup) bool { return u.Name == r.Name })
	if at < 0 { // of a weir that had others
		return nil, true, nil
	}
	u, m := &duck.Rollups[at], newMatcher(addr)
	var w duck.Statement
	u.Without(&w, x.duck.pathOf(r.File), m.high, m.low, m.text.String())
	y := *r
	y.Rows, y.Bins, y.MaxSum, y.Floor = 0, Range{}, 0, r.Floor
	y.File = x.store.NewFile(kindOf(u), r.Bins[0])
	name := filepath.Join(x.duck.dir, y.File)
	text, args := w.SQL()
	err = x.duck.copyTo(ctx, name, text, args)
	if err == nil {
		_, err = x.duck.look(ctx, u, &y)
	}
	if err != nil || y.Rows == r.Rows || y.Rows == 0 {
		os.Remove(name)
		return nil, err == nil && y.Rows != r.Rows, err
	}
	return &y, true, nil
}
