package store

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query/engine"
)

const (
	journalDir    = "journal"
	journalSuffix = ".wal"
	journalMagic  = "weir journal 1 "

	// writeAt is how many octets of records are written at once.
	writeAt = 1 << 20
)

// A journal keeps what is in no segment yet: a file for each generation of the
// tail. One goroutine uses it at a time.
type journal struct {
	dir  string
	sync bool
	rec  recorder
	buf  []byte

	f     *os.File
	gen   uint64 // of f; without f, of the next
	size  int64  // of f's whole records
	block int    // of gen: what comes next
	row   int
	rows  uint64 // of gen that are written
	files map[uint64]int64
}

func newJournal(dir string, sync bool, next uint64) *journal {
	return &journal{dir: filepath.Join(dir, journalDir), sync: sync, gen: next, files: map[uint64]int64{}}
}

func (j *journal) name(gen uint64) string {
	return filepath.Join(j.dir, fmt.Sprintf("%012d%s", gen, journalSuffix))
}

// commit writes what of the generations g, in their order, is not written yet. An
// error leaves what was written before, and the rest for the next time.
func (j *journal) commit(g []generation) error {
	for i := range g {
		if g[i].number < j.gen {
			continue
		}
		if g[i].number > j.gen {
			j.next(g[i].number)
		}
		if err := j.append(&g[i]); err != nil {
			return fmt.Errorf("write the journal: %w", err)
		}
		if g[i].sealed {
			j.next(g[i].number + 1)
		}
	}
	return nil
}

// next ends the file of a generation.
func (j *journal) next(gen uint64) {
	if j.f != nil {
		j.f.Close()
		j.f = nil
	}
	j.gen, j.size, j.block, j.row, j.rows = gen, 0, 0, 0, 0
}

func (j *journal) append(g *generation) error {
	block, row, rows := j.block, j.row, j.rows
	j.buf = j.buf[:0]
	for block < len(g.blocks) {
		b := g.blocks[block]
		n := min(recordRows, b.Rows()-row)
		if n > 0 {
			j.buf = j.rec.append(j.buf, b, row, row+n)
			row += n
			rows += uint64(n)
		}
		last := block == len(g.blocks)-1
		if row == b.Rows() && !last {
			block, row = block+1, 0
		}
		done := last && row == b.Rows()
		if len(j.buf) >= writeAt || done && len(j.buf) > 0 {
			if err := j.write(); err != nil {
				return err
			}
			j.block, j.row, j.rows = block, row, rows
		}
		if done {
			break
		}
	}
	return nil
}

// write writes j.buf.
func (j *journal) write() error {
	if j.f == nil {
		f, err := os.OpenFile(j.name(j.gen), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		j.f = f
		j.buf = append(appendJournalHead(nil), j.buf...)
		if j.sync {
			if err := syncDir(j.dir); err != nil {
				return err
			}
		}
	}
	_, err := j.f.WriteAt(j.buf, j.size)
	if err == nil && j.sync {
		err = datasync(j.f)
	}
	if err != nil {
		// A reader passes over part of a record; this is for its space.
		if j.size == 0 {
			j.f.Close()
			os.Remove(j.f.Name())
			j.f = nil
		} else {
			_ = j.f.Truncate(j.size)
		}
		j.buf = j.buf[:0]
		return err
	}
	j.size += int64(len(j.buf))
	j.files[j.gen] = j.size
	j.buf = j.buf[:0]
	return nil
}

// drop removes the files of generations up to gen.
func (j *journal) drop(gen uint64) error {
	if j.gen <= gen {
		j.next(gen + 1)
	}
	var first error
	for n := range j.files {
		if n > gen {
			continue
		}
		if err := os.Remove(j.name(n)); err != nil && !errors.Is(err, os.ErrNotExist) {
			if first == nil {
				first = err
			}
			continue
		}
		delete(j.files, n)
	}
	return first
}

// octets returns how many all files have.
func (j *journal) octets() (n int64) {
	for _, size := range j.files {
		n += size
	}
	return n
}

// appendJournalHead appends what a file begins with: the columns by their names,
// as numbers change from one weir to the next.
func appendJournalHead(dst []byte) []byte {
	dst = append(dst, journalMagic...)
	for x := range flow.NumFields {
		if x > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, flow.Fields[x].Flat...)
	}
	return append(dst, '\n')
}

// readJournalHead returns the columns of a file by its numbers, and what follows; all
// of d if that does not begin so.
func readJournalHead(d []byte) (fields []int, rest []byte, ok bool) {
	line, rest, ok := bytes.Cut(d, []byte("\n"))
	names, is := bytes.CutPrefix(line, []byte(journalMagic))
	if !ok || !is {
		return nil, d, false
	}
	for name := range strings.SplitSeq(string(names), ",") {
		x, ok := fieldByFlat[name]
		if !ok {
			fields = append(fields, -1)
			continue
		}
		fields = append(fields, int(x))
	}
	return fields, rest, true
}

// A recovered is what a journal's file gives back.
type recovered struct {
	generation
	octets  int64
	damaged int // stretches that are no record, though records follow
}

// recover reads the files of generations beyond covered, in their order, and
// removes those of the others.
func (j *journal) recover(covered uint64) ([]recovered, error) {
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(j.dir)
	if err != nil {
		return nil, err
	}
	var out []recovered
	for _, e := range entries { // by name, which is by number
		number, is := strings.CutSuffix(e.Name(), journalSuffix)
		gen, err := strconv.ParseUint(number, 10, 64)
		if !is || err != nil {
			continue
		}
		if gen <= covered {
			if err := os.Remove(filepath.Join(j.dir, e.Name())); err != nil {
				return nil, err
			}
			continue
		}
		r, err := readJournal(filepath.Join(j.dir, e.Name()))
		if err != nil {
			return nil, err
		}
		r.number, r.sealed = gen, true
		j.files[gen] = r.octets
		j.gen = gen + 1
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b recovered) int { return int(a.number) - int(b.number) })
	return out, nil
}

// readJournal reads the records of a file. It ends at the last whole one.
func readJournal(name string) (r recovered, err error) {
	f, err := os.Open(name)
	if err != nil {
		return r, err
	}
	defer f.Close()
	d, err := io.ReadAll(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return r, err
	}
	r.octets = int64(len(d))
	fields, d, ok := readJournalHead(d)
	if !ok { // torn before its first record, or nobody can tell any more what its columns are
		if bytes.Contains(d, binary.LittleEndian.AppendUint32(nil, recordMagic)) {
			r.damaged++
		}
		return r, nil
	}
	reader := recordReader{fields: fields}
	builder := engine.NewBuilder(tailOptions)
	b := &flow.Batch{}
	bad := false
	for len(d) > 0 {
		payload, ok := nextRecord(d)
		if ok && reader.read(b, payload) == nil {
			if bad {
				r.damaged++
				bad = false
			}
			r.blocks = builder.Append(r.blocks, b)
			r.rows += len(b.Flows)
			d = d[recordHead+len(payload):]
			continue
		}
		bad = true
		// The next place where a record may begin.
		n := bytes.Index(d[1:], binary.LittleEndian.AppendUint32(nil, recordMagic))
		if n < 0 {
			break
		}
		d = d[1+n:]
	}
	if last := builder.Seal(); last != nil {
		r.blocks = append(r.blocks, last)
	}
	return r, nil
}

// nextRecord returns the payload of the record at the start of d.
func nextRecord(d []byte) ([]byte, bool) {
	le := binary.LittleEndian
	if len(d) < recordHead || le.Uint32(d) != recordMagic {
		return nil, false
	}
	n := uint64(le.Uint32(d[4:]))
	if n > uint64(len(d)-recordHead) || n > maxRecord {
		return nil, false
	}
	payload := d[recordHead : recordHead+n]
	return payload, crc32.Checksum(payload, castagnoli) == le.Uint32(d[8:])
}
