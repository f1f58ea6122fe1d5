package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
)

// A Files writes flows into one file after the other, which are for their owner
// only (0600). A file that exists already is continued, unless it is compressed:
// then the next one has a number. One goroutine calls Write and Close; any may
// call Reopen.
//
// A batch that can't be written whole is taken back. A compressed file is given up
// then, and the next batch begins another, unless it was the first. A compressor
// keeps nothing of a batch to itself: what Write has taken can be read.
type Files struct {
	cfg    File
	deps   Deps
	rec    records
	pack   compressor // nil: not compressed
	buf    []byte
	reopen atomic.Bool

	file   *os.File // nil: none is open
	name   string   // of file
	began  time.Time
	pipe   bool      // it is one
	number int       // in the name of file
	size   counter   // of file
	out    io.Writer // file or standard output, or pack before it
	stdout hasty
}

// A counter counts what is written through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// NewFile makes a Files. It opens nothing before Open or Write.
func NewFile(cfg File, deps Deps) (*Files, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	p, err := encode.ParseProfile(cfg.Profile)
	if err != nil {
		return nil, err
	}
	deps = deps.filled()
	return &Files{
		cfg: cfg, deps: deps, stdout: hasty{w: deps.Stdout}, pack: newCompressor(cfg.Compress),
		rec: records{format: cfg.Format, all: cfg.Records == recordsAll, enc: encode.New(p)},
	}, nil
}

// Open opens the file, so that what is wrong with it is known before the first
// flow.
func (f *Files) Open() error {
	if f.out != nil {
		return nil
	}
	return f.open(f.begin(f.deps.Now()))
}

// Reopen makes the next Write open the file anew: the old one may have been
// renamed, as logrotate does.
func (f *Files) Reopen() { f.reopen.Store(true) }

// begin returns when the file was begun that t belongs to.
func (f *Files) begin(t time.Time) time.Time {
	if f.cfg.Every == 0 {
		return t
	}
	return t.Truncate(f.cfg.Every)
}

// Write writes the records of b.
func (f *Files) Write(ctx context.Context, b *flow.Batch) error {
	f.buf = f.rec.append(f.buf[:0], b)
	if len(f.buf) == 0 {
		return nil
	}
	if err := f.ready(); err != nil {
		return err
	}
	if f.pipe { // whose reader may be slow, or hang
		defer context.AfterFunc(ctx, func() { _ = f.file.SetWriteDeadline(time.Unix(1, 0)) })()
	}
	f.stdout.ctx = ctx
	before := f.size.n
	_, err := f.out.Write(f.buf)
	if err == nil && f.pack != nil {
		err = f.pack.Flush()
	}
	if err != nil {
		f.giveUp(before)
		return f.wrong("write", err)
	}
	if f.cfg.Sync == syncBatch {
		return f.sync()
	}
	return nil
}

// ready sees to it that the right file is open.
func (f *Files) ready() error {
	now := f.deps.Now()
	began := f.begin(now)
	switch reopen := f.reopen.Swap(false); {
	case f.out == nil:
	case f.cfg.Path == stdout:
		return nil
	case reopen:
		if err := f.close(); err != nil {
			return err
		}
		began = f.begin(now)
	case f.cfg.Every > 0 && !began.Equal(f.began):
		if err := f.close(); err != nil {
			return err
		}
	case f.cfg.Size > 0 && f.size.n >= int64(f.cfg.Size):
		if err := f.close(); err != nil {
			return err
		}
		f.number++ // where the name has another time, open begins again
	default:
		return nil
	}
	return f.open(began)
}

// open opens the file that was begun at the time began.
func (f *Files) open(began time.Time) error {
	if f.cfg.Path == stdout {
		f.name, f.size = "standard output", counter{w: &f.stdout}
		f.put()
		return nil
	}
	base, err := expand(f.cfg.Path, began)
	if err != nil {
		return err
	}
	if before, _ := expand(f.cfg.Path, f.began); before != base {
		f.number = 0
	}
	f.began = began
	if err := os.MkdirAll(filepath.Dir(base), 0o700); err != nil {
		f.name = base
		return f.wrong("open", err)
	}
	for ; ; f.number++ {
		f.name = numbered(base, f.number)
		mode := os.O_WRONLY | os.O_CREATE | os.O_APPEND
		i, err := os.Stat(f.name)
		if f.pipe = err == nil && i.Mode()&fs.ModeNamedPipe != 0; f.pipe {
			mode |= syscall.O_NONBLOCK // else this waits for a reader, whatever happens
		}
		file, err := os.OpenFile(f.name, mode, 0o600)
		if err != nil {
			return f.wrong("open", err)
		}
		size, err := file.Seek(0, io.SeekEnd)
		if err != nil && !errors.Is(err, syscall.ESPIPE) { // a pipe has none
			return f.wrong("open", errors.Join(err, file.Close()))
		}
		full := f.cfg.Size > 0 && size >= int64(f.cfg.Size)
		if full || f.pack != nil && size > 0 { // a stream that was cut short has no continuation
			if err := file.Close(); err != nil {
				return f.wrong("close", err)
			}
			continue
		}
		f.file, f.size = file, counter{w: file, n: size}
		f.put()
		return nil
	}
}

// put sets out to what is open.
func (f *Files) put() {
	f.out = &f.size
	if f.pack != nil {
		f.pack.Reset(&f.size)
		f.out = f.pack
	}
}

// giveUp closes the file after an error, when before octets of it were right.
func (f *Files) giveUp(before int64) {
	begun := f.pack != nil && before > 0
	if f.file != nil {
		_ = f.file.Truncate(before) // what can't be taken back stays
		_ = f.file.Close()          // the error that brought us here is the one to tell
	}
	if begun {
		f.number++ // nothing can follow half a stream
	}
	f.file, f.out = nil, nil
}

// sync brings what was written to the disk.
func (f *Files) sync() error {
	if f.file == nil {
		return nil
	}
	if err := f.file.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) { // a pipe has no disk
		return f.wrong("sync", err)
	}
	return nil
}

// close ends the file.
func (f *Files) close() error {
	if f.out == nil {
		return nil
	}
	file := f.file
	f.out, f.file = nil, nil
	var err error
	if f.pack != nil {
		if err = f.pack.Close(); err != nil {
			f.number++
		}
	}
	if file != nil {
		if f.cfg.Sync != syncNever && err == nil {
			if err = file.Sync(); errors.Is(err, syscall.EINVAL) {
				err = nil
			}
		}
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return f.wrong("close", err)
	}
	return nil
}

// Close ends the file. Standard output stays open.
func (f *Files) Close() error { return f.stdout.end(f.close) }

// wrong says what went wrong with the file, and what to do.
func (f *Files) wrong(doing string, err error) error {
	if p := new(fs.PathError); errors.As(err, &p) && !errors.Is(err, fs.ErrClosed) {
		err = p.Err // its path is in what we say
	}
	advice := ""
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		advice = ": make room on the disk; weir goes on by itself"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		advice = ": let the user that weir runs as write there, or write another path"
	case errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ENOTDIR):
		advice = ": write the name of a file as path"
	case errors.Is(err, syscall.EPIPE):
		advice = ": whoever read it has gone"
	case errors.Is(err, syscall.ENXIO):
		advice = ": nobody reads this pipe: start who does first"
	}
	return fmt.Errorf("%s %s: %w%s", doing, f.name, err, advice)
}
