package store

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/weirflow/weir/shared/flow"
)

// manifestName is the file that says what the store consists of. What it doesn't
// name is not there.
const manifestName = "manifest"

// errManifest is what a manifest with damage other than a torn end gives.
var errManifest = errors.New("the manifest is damaged")

// A change is a line of the manifest. Lines apply in their order, each whole or not
// at all.
type change struct {
	Schema int `json:"schema,omitempty"` // of the first line

	Next    uint64 `json:"next,omitempty"`    // no file has this number yet, nor a higher one
	Journal uint64 `json:"journal,omitempty"` // generations of the tail up to this one are in segments

	Add           []Segment    `json:"add,omitempty"`
	Remove        []string     `json:"remove,omitempty"` // segments, by file
	AddRollups    []RollupFile `json:"add_rollups,omitempty"`
	RemoveRollups []string     `json:"remove_rollups,omitempty"` // by file; first, so that one may take its own place
}

// A catalog is what a manifest says. It doesn't change; another takes its place.
type catalog struct {
	next     uint64
	journal  uint64
	segments []*Segment // by number
	rollups  []*RollupFile
}

// with returns the catalog that c is after x.
func (c *catalog) with(x *change) *catalog {
	n := &catalog{next: max(c.next, x.Next), journal: max(c.journal, x.Journal), segments: c.segments, rollups: c.rollups}
	if len(x.Remove) > 0 {
		gone := setOf(x.Remove)
		n.segments = slices.DeleteFunc(slices.Clone(n.segments), func(s *Segment) bool { return gone[s.File] })
	}
	if len(x.Add) > 0 {
		n.segments = slices.Clone(n.segments)
		for i := range x.Add {
			n.segments = append(n.segments, &x.Add[i])
		}
	}
	if len(x.RemoveRollups) > 0 {
		gone := setOf(x.RemoveRollups)
		n.rollups = slices.DeleteFunc(slices.Clone(n.rollups), func(r *RollupFile) bool { return gone[r.File] })
	}
	if len(x.AddRollups) > 0 {
		n.rollups = slices.Clone(n.rollups)
		for i := range x.AddRollups {
			n.rollups = append(n.rollups, &x.AddRollups[i])
		}
	}
	return n
}

func setOf(names []string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// A manifest is the file, and what it says. One goroutine uses it at a time.
type manifest struct {
	dir  string
	sync bool
	f    *os.File
	size int64 // of its whole lines
	n    int   // lines
	bad  bool  // there may be part of a line behind them
	end  bool  // nothing is written any more: the folder is another's
	*catalog
}

// openManifest reads the manifest of a folder, and begins one where there is none
// yet: there are no segments either. Part of a line at the end is what a crash
// leaves, and is cut off.
func openManifest(dir string, sync bool) (*manifest, error) {
	m := &manifest{dir: dir, sync: sync, catalog: &catalog{}}
	name := filepath.Join(dir, manifestName)
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		if anySegment(dir) {
			return nil, fmt.Errorf("%s: there is none, but segments: %w", name, errManifest)
		}
		return m, m.rewrite()
	} else if err != nil {
		return nil, err
	}
	m.f = f
	if err := m.read(); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if m.n == 0 {
		if anySegment(dir) {
			f.Close()
			return nil, fmt.Errorf("%s: it is empty, but there are segments: %w", name, errManifest)
		}
		return m, m.rewrite()
	}
	if st, err := f.Stat(); err != nil || st.Size() > m.size {
		m.bad = f.Truncate(m.size) != nil
	}
	return m, nil
}

// anySegment tells whether a folder has segments, as far as one can see.
func anySegment(dir string) bool {
	found := false
	_ = filepath.WalkDir(filepath.Join(dir, segmentsDir), func(name string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, parquetSuffix) {
			found = true
			return fs.SkipAll
		}
		return nil
	})
	return found
}

func (m *manifest) read() error {
	in := bufio.NewReaderSize(m.f, 1<<16)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return nil // whole, or torn
		} else if err != nil {
			return err
		}
		var x change
		if !readLine(line, &x) {
			rest, err := io.ReadAll(in)
			if err != nil {
				return err
			}
			for l := range bytes.Lines(rest) {
				if readLine(l, &x) {
					return errManifest
				}
			}
			return nil
		}
		if x.Schema > SchemaVersion {
			return fmt.Errorf("the folder is of a newer weir (schema %d; this one knows %d): start that one, or name another folder", x.Schema, SchemaVersion)
		}
		m.catalog = m.with(&x)
		m.size += int64(len(line))
		m.n++
	}
}

// appendLine appends x with its sum: eight hexadecimal digits, a space, JSON and a
// line feed.
func appendLine(dst []byte, x *change) ([]byte, error) {
	d, err := json.Marshal(x)
	if err != nil {
		return dst, err
	}
	return fmt.Appendf(dst, "%08x %s\n", crc32.Checksum(d, castagnoli), d), nil
}

func readLine(line []byte, x *change) bool {
	sum, d, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
	want, err := strconv.ParseUint(string(sum), 16, 32)
	return ok && err == nil && crc32.Checksum(d, castagnoli) == uint32(want) && json.Unmarshal(d, x) == nil
}

// commit makes x so: it is on file once commit returns nil, and has not happened
// otherwise.
func (m *manifest) commit(x *change) error {
	if m.end {
		return errClosed
	}
	next := m.with(x)
	if m.bad || m.n > 1000+2*(len(next.segments)+len(next.rollups)) {
		old := m.catalog
		m.catalog = next
		if err := m.rewrite(); err != nil {
			m.catalog = old
			return err
		}
		return nil
	}
	line, err := appendLine(nil, x)
	if err != nil {
		return err
	}
	if _, err = m.f.WriteAt(line, m.size); err == nil && m.sync {
		err = m.f.Sync()
	}
	if err != nil {
		m.bad = m.f.Truncate(m.size) != nil
		return fmt.Errorf("write the manifest: %w", err)
	}
	m.size += int64(len(line))
	m.n++
	m.catalog = next
	return nil
}

// rewrite puts a file in the manifest's place that says the same in few lines.
func (m *manifest) rewrite() error {
	const perLine = 100
	name := filepath.Join(m.dir, manifestName)
	aside := name + asideSuffix
	d, err := appendLine(nil, &change{Schema: SchemaVersion, Next: m.next, Journal: m.journal})
	n := 1
	for part := range slices.Chunk(m.segments, perLine) {
		var x change
		for _, s := range part {
			x.Add = append(x.Add, *s)
		}
		if err == nil {
			d, err = appendLine(d, &x)
		}
		n++
	}
	for part := range slices.Chunk(m.rollups, perLine) {
		var x change
		for _, r := range part {
			x.AddRollups = append(x.AddRollups, *r)
		}
		if err == nil {
			d, err = appendLine(d, &x)
		}
		n++
	}
	if err != nil {
		return err
	}
	f, err := os.OpenFile(aside, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(d); err == nil && m.sync {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(aside, name)
	}
	if err == nil && m.sync {
		err = syncDir(m.dir)
	}
	if err != nil {
		f.Close()
		os.Remove(aside)
		return fmt.Errorf("write the manifest: %w", err)
	}
	if m.f != nil {
		m.f.Close()
	}
	m.f, m.size, m.n, m.bad = f, int64(len(d)), n, false
	return nil
}

func (m *manifest) close() error {
	m.end = true
	return m.f.Close()
}

// A segment's columns stand in the manifest by their names: numbers change.
type segmentColumns struct {
	Columns []string `json:"columns"`
	Some    []string `json:"some,omitempty"` // of Columns, those that not all rows have
}

// MarshalJSON implements json.Marshaler.
func (s Segment) MarshalJSON() ([]byte, error) {
	type plain Segment
	var c segmentColumns
	for x, ok := s.Columns.Next(0); ok && int(x) < flow.NumFields; x, ok = s.Columns.Next(x + 1) {
		c.Columns = append(c.Columns, flow.Fields[x].Flat)
		if !s.Whole.Has(x) {
			c.Some = append(c.Some, flow.Fields[x].Flat)
		}
	}
	return json.Marshal(struct {
		plain
		segmentColumns
	}{plain(s), c})
}

// UnmarshalJSON implements json.Unmarshaler. A column that this weir doesn't know
// is passed over.
func (s *Segment) UnmarshalJSON(d []byte) error {
	type plain Segment
	x := struct {
		*plain
		segmentColumns
	}{plain: (*plain)(s)}
	if err := json.Unmarshal(d, &x); err != nil {
		return err
	}
	s.Columns, s.Whole = flow.Set{}, flow.Set{}
	for _, name := range x.segmentColumns.Columns {
		if f, ok := fieldByFlat[name]; ok {
			s.Columns.Add(f)
			s.Whole.Add(f)
		}
	}
	for _, name := range x.Some {
		if f, ok := fieldByFlat[name]; ok {
			s.Whole.Del(f)
		}
	}
	return nil
}

var fieldByFlat = func() map[string]flow.Field {
	m := map[string]flow.Field{}
	for x := range flow.NumFields {
		m[flow.Fields[x].Flat] = flow.Field(x)
	}
	return m
}()
