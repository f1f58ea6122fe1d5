package source

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// A compressed capture is decompressed as it is read, never as a whole, so that
// one that expands without end costs time, not memory. That has a bound too:
// beyond mostFree octets, none may expand more than mostExpansion fold. DEFLATE
// gets to 1032 fold at most, captures seldom to 50.
const (
	mostFree      = 1 << 30
	mostExpansion = 1000
	maxWindow     = 128 << 20 // of zstd: what its own tool takes without being told
)

// ErrExpands says that a compressed capture is likely made to do harm.
var ErrExpands = fmt.Errorf("compressed capture expands more than %d fold", mostExpansion)

// compression tells how what begins with head is compressed, "" if it isn't.
func compression(head []byte) string {
	switch {
	case len(head) >= 3 && string(head[:3]) == "\x1f\x8b\x08":
		return "gzip"
	case len(head) >= 4 && string(head[:4]) == "\x28\xb5\x2f\xfd":
		return "zstd"
	}
	return ""
}

// decompress returns what in, compressed in that way, holds.
func decompress(in *bufio.Reader, way string) (*bufio.Reader, error) {
	x := &expansion{way: way, in: in, free: mostFree, most: mostExpansion}
	var err error
	switch way {
	case "gzip":
		x.out, err = gzip.NewReader(counter{x})
	case "zstd":
		// Without concurrency it has no goroutines that someone would have to end.
		x.out, err = zstd.NewReader(counter{x}, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	}
	if err != nil {
		return nil, x.wrap(err)
	}
	return bufio.NewReaderSize(x, readAhead), nil
}

// An expansion reads what another reader decompresses, and watches it.
type expansion struct {
	way          string
	in           *bufio.Reader
	out          io.Reader
	taken, given int64
	free, most   int64
	err          error
}

func (x *expansion) Read(b []byte) (int, error) {
	if x.err != nil {
		return 0, x.err
	}
	n, err := x.out.Read(b)
	x.given += int64(n)
	switch {
	case err != nil:
		x.err = x.wrap(err)
	case x.given > x.free && x.given/x.most > x.taken:
		x.err = ErrExpands
	}
	return n, x.err
}

func (x *expansion) wrap(err error) error {
	if err == io.EOF {
		if x.taken == 0 || x.out == nil {
			err = io.ErrUnexpectedEOF
		} else {
			return err
		}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s data is cut short: %w", x.way, err)
	}
	return fmt.Errorf("decompress %s: %w", x.way, err)
}

// A counter counts what is taken of the compressed data. That it reads octets
// one by one keeps gzip from buffering once more.
type counter struct{ x *expansion }

func (c counter) Read(b []byte) (int, error) {
	n, err := c.x.in.Read(b)
	c.x.taken += int64(n)
	return n, err
}

func (c counter) ReadByte() (byte, error) {
	b, err := c.x.in.ReadByte()
	if err == nil {
		c.x.taken++
	}
	return b, err
}
