package store

import (
	"bufio"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

const (
	asideSuffix = ".tmp" // of a file that is being written
	badSuffix   = ".bad" // of one that can't be read
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// writeAside writes a file under another name, reads it back, and then gives it
// its own: what has the name is whole. It returns its length and CRC-32C.
func writeAside(name string, sync bool, write func(io.Writer) error) (octets int64, sum uint32, err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return 0, 0, err
	}
	aside := name + asideSuffix
	f, err := os.OpenFile(aside, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, 0, err
	}
	defer func() {
		f.Close()
		if err != nil {
			os.Remove(aside)
		}
	}()
	out := &summed{w: f}
	buffered := bufio.NewWriterSize(out, 1<<18)
	if err = write(buffered); err == nil {
		err = buffered.Flush()
	}
	if err == nil && sync {
		err = f.Sync()
	}
	if err != nil {
		return 0, 0, err
	}
	n, again, err := sumOf(f)
	switch {
	case err != nil:
		return 0, 0, err
	case n != out.n || again != out.sum:
		err = fmt.Errorf("what was written reads otherwise: %d octets, CRC %08x; %d, %08x were written", n, again, out.n, out.sum)
		return 0, 0, err
	}
	if err = os.Rename(aside, name); err != nil {
		return 0, 0, err
	}
	if sync {
		err = syncDir(filepath.Dir(name))
	}
	return out.n, out.sum, err
}

// summed counts what it writes.
type summed struct {
	w   io.Writer
	n   int64
	sum uint32
}

func (s *summed) Write(d []byte) (int, error) {
	n, err := s.w.Write(d)
	s.n += int64(n)
	s.sum = crc32.Update(s.sum, castagnoli, d[:n])
	return n, err
}

// sumOf returns the length and the CRC-32C of a file.
func sumOf(f *os.File) (n int64, sum uint32, err error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, 0, err
	}
	s := &summed{w: io.Discard}
	n, err = io.CopyBuffer(s, onlyReader{f}, make([]byte, 1<<18))
	return n, s.sum, err
}

// onlyReader hides what would make io.Copy bypass the buffer.
type onlyReader struct{ io.Reader }

// syncDir has the names in a folder on disk. Windows has no such thing.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// hourly returns the folder below kind of what came then, Unix milliseconds.
func hourly(kind string, received int64) string {
	return kind + time.UnixMilli(received).UTC().Format("/2006-01-02/15")
}
