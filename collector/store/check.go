package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query/engine"
)

// A Report is what Check has found.
type Report struct {
	Segments int
	Rows     uint64
	Bytes    uint64 // sum over all flows, as they came; the most that 64 bits hold, at most
	Packets  uint64
	Octets   int64 // of segments
	Rollups  int
	Sums     int64    // octets of rollups
	Tail     int      // flows that are in no segment yet; they are not in the sums
	Aside    []string // files that had been set aside
	Wrong    []string // sentences: what is not as it must be
}

// Check reads all that s has, and compares it with what the manifest says. It
// changes nothing.
func (s *Store) Check(ctx context.Context, p Progress) (Report, error) {
	x := s.Snapshot()
	defer x.Release()
	r := Report{Segments: len(x.Segments), Rollups: len(x.Rollups)}
	for _, b := range x.Tail {
		r.Tail += b.Rows()
	}
	for _, f := range x.Rollups {
		r.Sums += f.Octets
	}
	total := octetsOf(x.Segments) + r.Sums
	done := int64(0)
	wrong := func(file, text string, args ...any) {
		r.Wrong = append(r.Wrong, file+": "+fmt.Sprintf(text, args...))
	}
	for _, g := range x.Segments {
		p.tell(done, total)
		if err := ctx.Err(); err != nil {
			return r, err
		}
		done += g.Octets
		r.Octets += g.Octets
		if err := s.checkFile(g.File, g.Octets, g.Sum); err != nil {
			wrong(g.File, "%v", err)
			continue
		}
		got, err := describeFile(filepath.Join(s.dir, g.File), func(b *flow.Batch) {
			for i := range b.Flows {
				r.Bytes = flow.Plus(r.Bytes, b.Flows[i].Bytes)
				r.Packets = flow.Plus(r.Packets, b.Flows[i].Packets)
			}
		})
		if err != nil {
			wrong(g.File, "%v", err)
			continue
		}
		r.Rows += uint64(got.Rows)
		got.File, got.Octets, got.Sum = g.File, g.Octets, g.Sum
		if sameSum(got.SumBytes, g.SumBytes) && sameSum(got.SumPackets, g.SumPackets) {
			got.SumBytes, got.SumPackets = g.SumBytes, g.SumPackets // they are rounded
		}
		if g.MinRate == 0 { // it may not know it
			got.MinRate = 0
		}
		if got != *g {
			wrong(g.File, "it has %+v, the manifest says %+v", got, *g)
		}
	}
	for _, f := range x.Rollups {
		p.tell(done, total)
		done += f.Octets
		if err := s.checkFile(f.File, f.Octets, f.Sum); err != nil {
			wrong(f.File, "%v", err)
		}
	}
	p.tell(done, total)
	var err error
	r.Aside, err = s.aside()
	return r, err
}

// checkFile tells what is wrong with a file's octets.
func (s *Store) checkFile(file string, octets int64, sum uint32) error {
	f, err := os.Open(filepath.Join(s.dir, file))
	if err != nil {
		return err
	}
	defer f.Close()
	n, got, err := sumOf(f)
	switch {
	case err != nil:
		return err
	case n != octets:
		return fmt.Errorf("it has %d octets, the manifest says %d", n, octets)
	case got != sum:
		return errors.New("its octets are not those that were written")
	}
	return nil
}

// describeFile reads a segment's file, and says of its flows what a Segment does.
func describeFile(name string, each func(*flow.Batch)) (s Segment, err error) {
	parts := 0
	err = readFile(name, func(b *flow.Batch) error {
		each(b)
		w := engine.NewBuilder(tailOptions)
		part := describe(append(w.Append(nil, b), w.Seal()))
		if parts++; parts == 1 {
			s = part
		} else {
			s.join(&part)
		}
		return nil
	})
	return s, err
}

// join makes s say of its rows and those of o what a Segment does.
func (s *Segment) join(o *Segment) {
	s.Rows += o.Rows
	s.Start.add(o.Start[0], o.Start[1])
	s.End.add(o.End[0], o.End[1])
	s.Received.add(o.Received[0], o.Received[1])
	s.Columns = s.Columns.Union(o.Columns)
	s.Whole[0] &= o.Whole[0]
	s.Whole[1] &= o.Whole[1]
	s.Marks = s.Marks || o.Marks
	s.Extra = s.Extra || o.Extra
	s.SumBytes, s.SumPackets = s.SumBytes+o.SumBytes, s.SumPackets+o.SumPackets
	s.MaxBytes, s.MaxPackets = max(s.MaxBytes, o.MaxBytes), max(s.MaxPackets, o.MaxPackets)
	s.addRates(o.MinRate, o.MaxRate)
}

// sameSum tells whether a sum is what the manifest has, which may not know it.
func sameSum(got, has float64) bool { return has == 0 || math.Abs(got-has) <= 1e-6*has }
