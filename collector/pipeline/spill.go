package pipeline

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"github.com/weirflow/weir/shared/flow"
)

// A spill is the part of a queue that is on disk. While it holds anything, all
// that comes goes through it, so that the order stays. Its files are of this run
// only: what a run leaves behind is dropped, and counted, at its end.
//
//	push ─▶ over ─▶ files ─▶ ring ─▶ sink
//
// All but the files is guarded by the pipeline's lock; the files are the
// spiller's, a goroutine.
type spill struct {
	dir  string
	most int64 // octets on disk
	over []*parcel
	wait int       // octets of over
	held []spilled // on disk, oldest first
	used int64
	busy bool // a parcel is between two of them

	files  []*segment
	buf    []byte
	failed bool // the last write did
}

// A spilled is a parcel on disk.
type spilled struct {
	segment *segment
	off     int64
	n       int // octets
	sum     uint32
	parts   []part
	flows   int
	left    int
	octets  int // in memory
}

// A segment is a file; it goes when all that is in it has been read.
type segment struct {
	file *os.File
	size int64
	left int // parcels to be read
}

// SpillPrefix is what the names of a spill's files begin with. A run that is
// killed leaves them behind.
const SpillPrefix = "spill-"

const (
	segmentSize = 64 << 20
	leastOver   = 64 // parcels that may wait for the disk, at least
)

var errFull = errors.New("spill is full")

func newSpill(dir string, most int64) *spill { return &spill{dir: dir, most: most} }

// empty tells whether nothing goes through s.
func (s *spill) empty() bool { return s == nil || len(s.over) == 0 && len(s.held) == 0 && !s.busy }

// spillOver takes x to disk, or makes room for it by dropping what waits for the
// disk. The caller has the lock.
func (o *output) spillOver(x *parcel) {
	s := o.spill
	for len(s.over) > 0 && (len(s.over) >= max(len(o.ring), leastOver) || x.octets > o.most-s.wait) {
		o.drop(s.next())
	}
	s.over = append(s.over, x)
	s.wait += x.octets
	o.moved.Broadcast()
}

// next takes the oldest parcel that waits for the disk.
func (s *spill) next() *parcel {
	x := s.over[0]
	s.over = append(s.over[:0], s.over[1:]...)
	s.wait -= x.octets
	return x
}

// runSpill moves parcels to the files and back until the output is closed and
// nothing is left. When ctx has ended, they are dropped.
func (o *output) runSpill(ctx context.Context) {
	o.p.mu.Lock()
	defer o.p.mu.Unlock()
	s := o.spill
	defer s.remove()
	for {
		switch {
		case ctx.Err() != nil && !s.empty():
			o.dropSpill()
		case len(s.held) > 0 && o.room(s.held[0].octets):
			o.unspill()
		case len(s.held) == 0 && len(s.over) > 0 && o.room(s.over[0].octets):
			o.enqueue(s.next())
			o.tell()
		case len(s.over) > 0:
			o.store()
		case o.closed && s.empty():
			o.notEmpty.Broadcast()
			return
		default:
			o.moved.Wait()
		}
	}
}

// store writes the first parcel of over to disk.
func (o *output) store() {
	s := o.spill
	x := s.next()
	s.busy = true
	o.p.mu.Unlock()
	h, err := s.write(&x.batch)
	o.p.mu.Lock()
	s.busy = false
	if err != nil {
		if !s.failed {
			o.p.log.warn("spill of "+o.Name, err.Error())
		}
		s.failed = true
		o.drop(x)
		return
	}
	s.failed = false
	h.parts, h.flows, h.left, h.octets = append([]part(nil), x.parts...), x.flows, x.left, x.octets
	s.held = append(s.held, h)
	s.used += int64(h.n)
	o.sums.Spilled += uint64(x.left)
	o.p.release(x)
}

// write appends a batch to the newest file.
func (s *spill) write(b *flow.Batch) (h spilled, err error) {
	s.buf = flow.AppendBatch(s.buf[:0], b)
	if s.used+int64(len(s.buf)) > s.most {
		return h, fmt.Errorf("%w: %d octets are the most", errFull, s.most)
	}
	var g *segment
	if n := len(s.files); n > 0 {
		g = s.files[n-1]
	}
	if g == nil || g.size > segmentSize {
		if err := os.MkdirAll(s.dir, 0o700); err != nil {
			return h, err
		}
		f, err := os.CreateTemp(s.dir, SpillPrefix+"*")
		if err != nil {
			return h, err
		}
		g = &segment{file: f}
		s.files = append(s.files, g)
	}
	if _, err := g.file.WriteAt(s.buf, g.size); err != nil {
		return h, err
	}
	h = spilled{segment: g, off: g.size, n: len(s.buf), sum: crc32.ChecksumIEEE(s.buf)}
	g.size += int64(len(s.buf))
	g.left++
	return h, nil
}

// unspill reads the oldest parcel on disk into the ring.
func (o *output) unspill() {
	s := o.spill
	h := s.held[0]
	s.held = append(s.held[:0], s.held[1:]...)
	x := o.p.fresh()
	s.busy = true
	o.p.mu.Unlock()
	err := s.read(&h, &x.batch)
	o.p.mu.Lock()
	s.busy = false
	s.used -= int64(h.n)
	o.sums.Spilled -= uint64(h.left)
	x.parts, x.flows, x.left, x.refs, x.octets = append(x.parts[:0], h.parts...), h.flows, h.left, 1, h.octets
	if err != nil {
		o.p.log.warn("read spill of "+o.Name, err.Error())
		o.settle(x, failed)
		return
	}
	o.enqueue(x)
	o.tell()
}

func (s *spill) read(h *spilled, b *flow.Batch) error {
	if cap(s.buf) < h.n {
		s.buf = make([]byte, h.n)
	}
	d := s.buf[:h.n]
	_, err := h.segment.file.ReadAt(d, h.off)
	if err == nil && crc32.ChecksumIEEE(d) != h.sum {
		err = errors.New("checksum is wrong")
	}
	if err == nil {
		err = flow.ReadBatch(b, d)
	}
	s.release(h.segment)
	return err
}

// release removes a file that holds nothing more.
func (s *spill) release(g *segment) {
	if g.left--; g.left > 0 || g == s.files[len(s.files)-1] && g.size <= segmentSize {
		return
	}
	g.file.Close()
	os.Remove(g.file.Name())
	for i := range s.files {
		if s.files[i] == g {
			s.files = append(s.files[:i], s.files[i+1:]...)
			return
		}
	}
}

// dropSpill gives up all that is on its way through the spill.
func (o *output) dropSpill() {
	s := o.spill
	for _, x := range s.over {
		o.drop(x)
	}
	s.over, s.wait = s.over[:0], 0
	for i := range s.held {
		h := &s.held[i]
		o.sums.Spilled -= uint64(h.left)
		x := &parcel{parts: h.parts, flows: h.flows, left: h.left, refs: 2} // it has no batch to be used again
		o.drop(x)
	}
	s.held, s.used = s.held[:0], 0
}

// remove closes and removes all files.
func (s *spill) remove() {
	for _, g := range s.files {
		g.file.Close()
		os.Remove(g.file.Name())
	}
	s.files = nil
	os.Remove(filepath.Clean(s.dir)) // if it is empty
}
