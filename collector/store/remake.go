package store

import (
	"cmp"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/weirflow/weir/shared/flow"
)

// remakeManifest sets a damaged manifest aside, if there is one, and makes one of
// what the segments say of themselves. It reads them all. Rollups are made anew by
// whoever makes them.
func remakeManifest(dir string, sync bool, log *slog.Logger) (*manifest, error) {
	name := filepath.Join(dir, manifestName)
	if err := os.Rename(name, name+badSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	x := &change{}
	replaced := map[uint64]bool{}
	err := filepath.WalkDir(filepath.Join(dir, segmentsDir), func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil || d.IsDir() || !strings.HasSuffix(name, parquetSuffix) {
			return err
		}
		s, from, err := remakeSegment(name)
		if err != nil {
			log.Error("a file is damaged and set aside", "file", name, "error", err)
			return os.Rename(name, name+badSuffix)
		}
		if s.File, err = filepath.Rel(dir, name); err != nil {
			return err
		}
		s.File = filepath.ToSlash(s.File)
		x.Add = append(x.Add, s)
		x.Next = max(x.Next, numberOf(s.File)+1)
		x.Journal = max(x.Journal, from.generation)
		for _, n := range from.replaces {
			replaced[n] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	kept := x.Add[:0]
	for _, s := range x.Add {
		if !replaced[numberOf(s.File)] { // its flows are in another
			kept = append(kept, s)
		}
	}
	x.Add = kept
	slices.SortFunc(x.Add, func(a, b Segment) int { return cmp.Compare(numberOf(a.File), numberOf(b.File)) })
	// In one step: what it doesn't name is gone at the next start.
	m := &manifest{dir: dir, sync: sync, catalog: (&catalog{}).with(x)}
	return m, m.rewrite()
}

// remakeSegment reads a segment's file.
func remakeSegment(name string) (s Segment, from origin, err error) {
	f, err := os.Open(name)
	if err != nil {
		return s, from, err
	}
	defer f.Close()
	octets, sum, err := sumOf(f)
	if err != nil {
		return s, from, err
	}
	if s, err = describeFile(name, func(*flow.Batch) {}); err != nil {
		return s, from, err
	}
	s.Octets, s.Sum = octets, sum
	p, err := parquet.OpenFile(f, octets, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return s, from, err
	}
	number := func(text string) uint64 {
		n, e := strconv.ParseUint(text, 10, 64)
		if err == nil {
			err = e
		}
		return n
	}
	if text, ok := p.Lookup(metaGeneration); ok {
		from.generation = number(text)
	}
	text, _ := p.Lookup(metaReplaces)
	for _, n := range strings.Fields(text) {
		from.replaces = append(from.replaces, number(n))
	}
	return s, from, err
}
