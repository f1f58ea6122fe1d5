package pcap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// The classic format: a file header of 24 octets, then for each packet a header
// of 16 and its octets. The magic number gives byte order and unit of time.
const (
	fileHeader   = 24
	packetHeader = 16
	maxPacket    = 256 << 10 // libpcap's own limit

	magicMicro = 0xa1b2c3d4
	magicNano  = 0xa1b23c4d
)

// ErrFormat says that a file is neither a classic pcap file nor a pcapng file.
var ErrFormat = errors.New("neither a pcap file nor a pcapng file")

// A format is what the file header says of all packets.
type format struct {
	big  bool  // big-endian
	tick int64 // nanoseconds in the unit of a packet's second field
	link uint32
}

func (f format) uint32(b []byte) uint32 {
	if f.big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

// A frame is one packet as it stands in the file.
type frame struct {
	time int64 // 0: the file doesn't say
	link uint32
	data []byte // valid until the next frame
	cut  bool   // data is not the whole packet
}

// IsPcap tells whether head, at least the first four octets of a file, begins
// as a file does that NewReader reads.
func IsPcap(head []byte) bool {
	_, ok := parseMagic(head)
	return ok || isSection(head)
}

func parseMagic(head []byte) (f format, ok bool) {
	if len(head) < 4 {
		return f, false
	}
	for _, f.big = range [...]bool{false, true} {
		switch f.uint32(head) {
		case magicMicro:
			f.tick = 1000
			return f, true
		case magicNano:
			f.tick = 1
			return f, true
		}
	}
	return f, false
}

func (r *Reader) open() error {
	h, err := r.in.Peek(fileHeader)
	if isSection(h) {
		return r.openSection()
	}
	f, ok := parseMagic(h)
	switch {
	case err != nil && err != io.EOF:
		return fmt.Errorf("read pcap header: %w", err)
	case !ok:
		return ErrFormat
	case err == io.EOF:
		return fmt.Errorf("read pcap header: %w", io.ErrUnexpectedEOF)
	}
	f.link = f.uint32(h[20:]) & math.MaxUint16 // above it: whether frames end in a checksum
	if !knownLink(f.link) {
		return fmt.Errorf("pcap link type %d is not known", f.link)
	}
	r.f, r.held = f, fileHeader
	return nil
}

// frame returns the next packet of the file.
func (r *Reader) frame() (frame, error) {
	if r.err != nil {
		return frame{}, r.err
	}
	r.release()
	if r.section != nil {
		return r.blockFrame()
	}
	h, err := r.in.Peek(packetHeader)
	if err != nil {
		if err == io.EOF && len(h) == 0 {
			r.err = io.EOF
			return frame{}, r.err
		}
		return r.fail(err)
	}
	sec, frac := r.f.uint32(h), r.f.uint32(h[4:])
	n, wire := r.f.uint32(h[8:]), r.f.uint32(h[12:])
	if n > maxPacket {
		return r.fail(fmt.Errorf("length %d is over %d", n, maxPacket))
	}
	b, err := r.in.Peek(packetHeader + int(n))
	if err != nil {
		return r.fail(err)
	}
	r.held = len(b)
	r.index++
	return frame{
		time: int64(sec)*1e9 + int64(frac)*r.f.tick,
		link: r.f.link,
		data: b[packetHeader:],
		cut:  n < wire,
	}, nil
}

// release gives up the octets that the last frame stands in.
func (r *Reader) release() {
	r.offset += int64(r.held)
	r.in.Discard(r.held) // all of it is in the buffer
	r.held = 0
}

// fail ends the reading at the packet behind r.index.
func (r *Reader) fail(err error) (frame, error) {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	what := "pcap packet"
	if r.section != nil {
		what = "pcapng packet"
	}
	r.err = fmt.Errorf("%s %d at offset %d: %w", what, r.index+1, r.offset, err)
	return frame{}, r.err
}
