package sink

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
)

// A message is some flows in the form PackedForward, ready to be sent.
type message struct {
	data  []byte
	id    [chunkLen]byte // its option chunk, which the server acknowledges
	flows int
	batch uint64
	on    *link // that it was sent over, and is to be acknowledged by; nil: it is to be sent
}

// A messenger makes messages. It keeps the memory of those that are done with.
type messenger struct {
	cfg     *Forward
	enc     *encode.Encoder
	gzip    *gzip.Writer
	zstd    *zstd.Encoder
	entries []byte
	packed  []byte
	free    [][]byte
	run     [8]byte // in the chunk ids, to tell our run from others
	serial  uint64
}

const (
	// chunkLen is the length of an id: 128 bits in Base64.
	chunkLen = 24
	// maxEntries is the length at which a message is full; it gets less than twice
	// as long. Fluentd takes as much as there is, Fluent Bit by default 6 MB. But
	// what zstd makes of less, Fluent Bit unpacks into Buffer_Chunk_Size, by default
	// 1,024,000 octets, and acknowledges what has no room there as if it had kept
	// it (seen in 5.1.1).
	maxEntries = 500_000
	// group is how many flows are encoded at once.
	group = 64
	// maxFree is how many buffers are kept.
	maxFree = 16
)

func newMessenger(cfg *Forward) (*messenger, error) {
	profile, err := encode.ParseProfile(cfg.Profile)
	if err != nil {
		return nil, err
	}
	p := &messenger{cfg: cfg, enc: encode.NewWith(profile, encode.Options{Typed: true})}
	rand.Read(p.run[:])
	switch cfg.Compress {
	case compressGzip:
		if p.gzip, err = gzip.NewWriterLevel(nil, gzip.BestSpeed); err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
	case compressZstd:
		p.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(512<<10))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
	}
	return p, nil
}

// append appends the flows of b as messages to dst.
func (p *messenger) append(dst []*message, b *flow.Batch, batch uint64) ([]*message, error) {
	fl := b.Flows
	n, at := 0, 0 // flows in entries, and how far they have come
	p.entries = p.entries[:0]
	for at < len(fl) {
		before, step := len(p.entries), min(group, len(fl)-at)
		p.entries = p.enc.AppendEntries(p.entries, b, fl[at:at+step])
		if step > 1 && len(p.entries)-before > maxEntries { // big ones go one by one
			step = 1
			p.entries = p.enc.AppendEntries(p.entries[:before], b, fl[at:at+step])
		}
		n, at = n+step, at+step
		if len(p.entries) >= maxEntries || at == len(fl) {
			m, err := p.message(n)
			if err != nil {
				return dst, err
			}
			m.batch = batch
			dst = append(dst, m)
			p.entries, n = p.entries[:0], 0
		}
	}
	return dst, nil
}

// message makes a message of the entries, which are n flows.
func (p *messenger) message(n int) (*message, error) {
	m := &message{flows: n}
	if k := len(p.free); k > 0 {
		m.data, p.free = p.free[k-1][:0], p.free[:k-1]
	}
	entries, options := p.entries, 1
	switch {
	case p.gzip != nil:
		out := &appender{p.packed[:0]}
		p.gzip.Reset(out)
		if _, err := p.gzip.Write(entries); err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		if err := p.gzip.Close(); err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		p.packed = out.b
		entries = p.packed
		options++
	case p.zstd != nil:
		p.packed = p.zstd.EncodeAll(entries, p.packed[:0])
		entries = p.packed
		options++
	}
	if p.cfg.Ack {
		options++
	}
	m.data = appendText(append(m.data, 0x93), p.cfg.Tag)
	m.data = binary.BigEndian.AppendUint32(append(m.data, 0xc6), uint32(len(entries)))
	m.data = append(append(m.data, entries...), 0x80|byte(options))
	m.data = binary.BigEndian.AppendUint32(append(appendText(m.data, "size"), 0xce), uint32(n))
	if options > 1 && p.cfg.Compress != compressNone {
		m.data = appendText(appendText(m.data, "compressed"), p.cfg.Compress)
	}
	if p.cfg.Ack {
		p.serial++
		base64.StdEncoding.Encode(m.id[:], binary.BigEndian.AppendUint64(p.run[:len(p.run):len(p.run)], p.serial))
		m.data = appendText(appendText(m.data, "chunk"), string(m.id[:]))
	}
	return m, nil
}

// done takes the memory of m back.
func (p *messenger) done(m *message) {
	if len(p.free) < maxFree && cap(m.data) <= 2*maxEntries {
		p.free = append(p.free, m.data)
	}
	m.data = nil
}

// An appender is a slice to write to.
type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

// appendText appends a msgpack string of up to 64 KiB.
func appendText(dst []byte, s string) []byte {
	switch n := len(s); {
	case n < 32:
		dst = append(dst, 0xa0|byte(n))
	case n < 256:
		dst = append(dst, 0xd9, byte(n))
	default:
		dst = binary.BigEndian.AppendUint16(append(dst, 0xda), uint16(n))
	}
	return append(dst, s...)
}
