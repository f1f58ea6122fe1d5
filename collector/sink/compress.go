package sink

import (
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// What may be done to octets on their way out.
const (
	compressNone = "none"
	compressGzip = "gzip"
	compressZstd = "zstd"
)

var compressions = []string{compressNone, compressGzip, compressZstd}

// A compressor is a stream that can be used for one output after the other.
type compressor interface {
	io.WriteCloser
	Flush() error
	Reset(io.Writer)
}

// newCompressor returns nil for none.
func newCompressor(kind string) compressor {
	switch kind {
	case compressGzip:
		w, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
		if err != nil {
			panic("gzip doesn't know its own level: " + err.Error())
		}
		return w
	case compressZstd:
		w, err := zstd.NewWriter(io.Discard, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20))
		if err != nil {
			panic("zstd doesn't know its own options: " + err.Error())
		}
		return w
	}
	return nil
}
