package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The folders of a store.
const (
	segmentsDir = "segments"
	rollupsDir  = "rollups"
	scratchDir  = "tmp" // what queries need: gone with the process
)

const parquetSuffix = ".parquet"

// errStale is what a change gives whose files are not what they were when it began.
var errStale = errors.New("the files have changed meanwhile")

// tidy removes what the manifest doesn't name, which a crash has left, and sets
// aside what is not as the manifest says. The store is not running yet.
func (s *Store) tidy() error {
	if err := os.RemoveAll(filepath.Join(s.dir, scratchDir)); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(s.dir, scratchDir), 0o700); err != nil {
		return err
	}
	octets := map[string]int64{}
	for _, g := range s.manifest.segments {
		octets[g.File] = g.Octets
	}
	for _, r := range s.manifest.rollups {
		octets[r.File] = r.Octets
	}
	var left, bad []string
	for _, kind := range []string{segmentsDir, rollupsDir} {
		err := filepath.WalkDir(filepath.Join(s.dir, kind), func(name string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			} else if err != nil || d.IsDir() {
				return err
			}
			file, err := filepath.Rel(s.dir, name)
			if err != nil {
				return err
			}
			file = filepath.ToSlash(file)
			s.next = max(s.next, numberOf(file)+1)
			want, known := octets[file]
			switch {
			case strings.HasSuffix(file, badSuffix):
				s.stats.Bad++
			case !known:
				left = append(left, file)
			default:
				st, err := d.Info()
				if err != nil {
					return err
				}
				if st.Size() != want {
					bad = append(bad, file)
				}
				delete(octets, file)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, file := range left {
		s.log.Info("a file that an interrupted run has left is removed", "file", file)
		name := filepath.Join(s.dir, file)
		if err := os.Remove(name); err != nil {
			return err
		}
		removeEmpty(s.dir, filepath.Dir(name))
	}
	x := &change{}
	for _, file := range bad {
		s.log.Error("a file is damaged and set aside: it has not the length it had", "file", file)
		if err := os.Rename(filepath.Join(s.dir, file), filepath.Join(s.dir, file+badSuffix)); err != nil {
			return err
		}
		s.stats.Bad++
		x.remove(file)
	}
	for file := range octets {
		s.log.Error("a file is missing", "file", file)
		x.remove(file)
	}
	if len(x.Remove)+len(x.RemoveRollups) > 0 {
		return s.manifest.commit(x)
	}
	return nil
}

func (x *change) remove(file string) {
	if strings.HasPrefix(file, rollupsDir+"/") {
		x.RemoveRollups = append(x.RemoveRollups, file)
	} else {
		x.Remove = append(x.Remove, file)
	}
}

// fileName returns where a file of that number goes whose first flow came then: in
// a folder for each day and hour, in UTC.
func fileName(kind string, number uint64, received int64) string {
	return hourly(kind, received) + fmt.Sprintf("/%012d%s", number, parquetSuffix)
}

func segmentName(number uint64, received int64) string {
	return fileName(segmentsDir, number, received)
}

// numberOf returns the number in a file's name; 0 if it has none.
func numberOf(file string) uint64 {
	base, _, _ := strings.Cut(filepath.Base(file), ".")
	n, err := strconv.ParseUint(base, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// SetAside takes a file out of the store that could not be read, unless it is as it
// was written, and tells whether it did.
func (s *Store) SetAside(file string) (bool, error) {
	s.mu.Lock()
	var sum uint32
	known := false
	for _, g := range s.catalog.segments {
		if g.File == file {
			sum, known = g.Sum, true
		}
	}
	for _, r := range s.catalog.rollups {
		if r.File == file {
			sum, known = r.Sum, true
		}
	}
	s.mu.Unlock()
	if !known {
		return false, nil
	}
	name := filepath.Join(s.dir, file)
	if got, err := fileSum(name); err == nil && got == sum {
		return false, nil
	}
	err := s.update(func(*catalog) (*change, error) {
		x := &change{}
		x.remove(file)
		// A file that is gone already can't be kept.
		if err := os.Rename(name, name+badSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		return x, nil
	}, func() { s.stats.Bad++ })
	if err != nil {
		return false, err
	}
	s.log.Error("a file is damaged and set aside: it is not as it was written", "file", file)
	return true, nil
}

// setAsideOf sets aside what of x can't have been read: what is gone or has another
// length; of files that whole tells of, what has other octets as well. It tells
// whether there was anything.
func (s *Store) setAsideOf(x *Snapshot, whole func(file string) bool) bool {
	any := false
	look := func(file string, octets int64) {
		st, err := os.Stat(filepath.Join(s.dir, file))
		gone := errors.Is(err, fs.ErrNotExist) || err == nil && st.Size() != octets
		if !gone && !whole(file) {
			return
		}
		if is, err := s.SetAside(file); is && err == nil {
			any = true
		}
	}
	for _, g := range x.Segments {
		look(g.File, g.Octets)
	}
	for _, r := range x.Rollups {
		look(r.File, r.Octets)
	}
	return any
}

func fileSum(name string) (uint32, error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	_, sum, err := sumOf(f)
	return sum, err
}

// aside returns the files that are set aside.
func (s *Store) aside() (files []string, err error) {
	err = filepath.WalkDir(s.dir, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // gone meanwhile
			return nil
		} else if err != nil || d.IsDir() || !strings.HasSuffix(name, badSuffix) {
			return err
		}
		file, err := filepath.Rel(s.dir, name)
		files = append(files, filepath.ToSlash(file))
		return err
	})
	return files, err
}
