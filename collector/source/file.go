package source

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/weirflow/weir/shared/decode"
)

// ReplayOptions say how a capture is played.
type ReplayOptions struct {
	Speed float64       // 1: as fast as it was captured, 2: twice as fast; 0: as fast as possible
	Pause time.Duration // no pause between two datagrams is longer; 0: no limit
	Now   bool          // export times, and the absolute times in records, are moved to now
}

// A File is a capture as a source: it ends in io.EOF.
type File struct {
	name    string
	file    io.Closer
	capture *Capture
	opts    ReplayOptions
	pace    pacer
	shift   shifter
	done    bool
}

// OpenFile opens a capture, as NewCapture knows them; "-" is the standard input.
func OpenFile(path string, opts ReplayOptions) (*File, error) {
	f := os.Stdin
	if path != "-" {
		var err error
		if f, err = os.Open(path); err != nil {
			return nil, err
		}
	}
	c, err := NewCapture(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &File{name: path, file: f, capture: c, opts: opts, pace: pacer{speed: opts.Speed, most: opts.Pause}}, nil
}

// Read returns the next datagram, when its time has come.
func (f *File) Read(ctx context.Context, dst []decode.Datagram) (int, error) {
	if err := ctx.Err(); err != nil || len(dst) == 0 {
		return 0, err
	}
	if f.done {
		return 0, io.EOF
	}
	m, err := f.capture.Next()
	if err != nil {
		f.done = true // an error of a Capture is final
		if err != io.EOF {
			err = fmt.Errorf("%s: %w", f.name, err)
		}
		return 0, err
	}
	if err := f.pace.wait(ctx, m.Time); err != nil {
		return 0, err
	}
	if f.opts.Now {
		now := time.Now()
		f.shift.to(now, m.From, m.Data)
		m.Time = now.UnixNano()
	}
	dst[0] = m.Datagram
	return 1, nil
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }
