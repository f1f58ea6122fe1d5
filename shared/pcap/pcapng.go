package pcap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
)

// The pcapng format (draft-ietf-opsawg-pcapng): blocks one behind the other,
// each between its length and its length again. A section header opens a
// section, and gives its byte order; interface blocks say what packet blocks
// hold. All other blocks are passed over, whatever their length.
const (
	blockSection   = 0x0a0d0d0a // the same in both byte orders
	blockInterface = 1
	blockOldPacket = 2 // obsolete, but there are files
	blockSimple    = 3
	blockEnhanced  = 6

	blockFrame    = 12 // octets around a block's body: type, length, length
	orderMagic    = 0x1a2b3c4d
	maxBlock      = maxPacket + 64<<10 // of those that are read: a packet, and its options
	maxInterfaces = 1 << 16            // of a section
)

// A section is what holds for packet blocks.
type section struct {
	big    bool
	ifaces []iface
}

// An iface is what an interface block says of its packets.
type iface struct {
	link   uint32
	snap   uint32 // octets that are kept of a packet; 0: all
	unit   uint64 // parts of a second that time stamps count; 0: more than a uint64
	offset int64  // seconds to add to time stamps
}

func (s *section) order() binary.ByteOrder {
	if s.big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

func (s *section) uint32(b []byte) uint32 { return format{big: s.big}.uint32(b) }

func isSection(head []byte) bool {
	return len(head) >= 4 && binary.LittleEndian.Uint32(head) == blockSection
}

// openSection reads the section header that the file begins with.
func (r *Reader) openSection() error {
	r.section = new(section)
	_, body, err := r.block()
	if err == nil {
		err = r.section.begin(body)
	}
	if err != nil {
		return fmt.Errorf("read pcapng header: %w", err)
	}
	return nil
}

// blockFrame returns the packet of the next packet block.
func (r *Reader) blockFrame() (frame, error) {
	for {
		kind, body, err := r.block()
		if err == io.EOF {
			r.err = io.EOF
			return frame{}, r.err
		}
		var fr frame
		if err == nil {
			switch kind {
			case blockSection:
				err = r.section.begin(body)
			case blockInterface:
				err = r.section.addInterface(body)
			default:
				fr, err = r.section.packet(kind, body)
			}
		}
		switch {
		case err != nil:
			return r.fail(err)
		case kind != blockSection && kind != blockInterface:
			r.index++
			return fr, nil
		}
	}
}

// block returns the next block that is of use. Its error is io.EOF only where a
// block could have begun.
func (r *Reader) block() (kind uint32, body []byte, err error) {
	for {
		r.release()
		h, err := r.in.Peek(blockFrame)
		if err != nil {
			if err == io.EOF && len(h) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return 0, nil, err
		}
		if isSection(h) {
			switch uint32(orderMagic) {
			case binary.LittleEndian.Uint32(h[8:]):
				r.section.big = false
			case binary.BigEndian.Uint32(h[8:]):
				r.section.big = true
			default:
				return 0, nil, fmt.Errorf("section's byte order is unknown: % x", h[8:12])
			}
		}
		kind, n := r.section.uint32(h), r.section.uint32(h[4:])
		if n < blockFrame || n%4 != 0 || n > math.MaxInt32 {
			return 0, nil, fmt.Errorf("block of type %d can't have length %d", kind, n)
		}
		var end []byte
		switch kind {
		case blockSection, blockInterface, blockOldPacket, blockSimple, blockEnhanced:
			if n > maxBlock {
				return 0, nil, fmt.Errorf("length %d of a block of type %d is over %d", n, kind, maxBlock)
			}
			b, err := r.in.Peek(int(n))
			if err != nil {
				return 0, nil, unexpected(err)
			}
			r.held, body, end = len(b), b[8:n-4], b[n-4:]
		default:
			if _, err := r.in.Discard(int(n - 4)); err != nil {
				return 0, nil, unexpected(err)
			}
			if end, err = r.in.Peek(4); err != nil {
				return 0, nil, unexpected(err)
			}
			r.offset += int64(n - 4)
			r.held = 4
		}
		if m := r.section.uint32(end); m != n {
			return 0, nil, fmt.Errorf("block of type %d has length %d before it and %d behind it", kind, n, m)
		}
		if body != nil {
			return kind, body, nil
		}
	}
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// begin begins a section; block has noted its byte order.
func (s *section) begin(b []byte) error {
	if len(b) < 16 {
		return errors.New("section header is cut short")
	}
	if v := s.order().Uint16(b[4:]); v != 1 {
		return fmt.Errorf("pcapng version %d is not known", v)
	}
	s.ifaces = s.ifaces[:0]
	return nil
}

// Options of an interface block.
const (
	optEnd      = 0
	optTSResol  = 9
	optTSOffset = 14
)

func (s *section) addInterface(b []byte) error {
	if len(b) < 8 {
		return errors.New("interface block is cut short")
	}
	if len(s.ifaces) == maxInterfaces {
		return fmt.Errorf("section has more than %d interfaces", maxInterfaces)
	}
	o := s.order()
	x := iface{link: uint32(o.Uint16(b)), snap: o.Uint32(b[4:]), unit: 1e6}
	for b = b[8:]; len(b) >= 4; {
		code, n := o.Uint16(b), int(o.Uint16(b[2:]))
		b = b[4:]
		padded := (n + 3) &^ 3
		if padded > len(b) {
			return errors.New("option of an interface block is cut short")
		}
		switch {
		case code == optEnd:
			padded = len(b)
		case code == optTSResol && n == 1:
			x.unit = resolution(b[0])
		case code == optTSOffset && n == 8:
			x.offset = int64(o.Uint64(b))
		}
		b = b[padded:]
	}
	s.ifaces = append(s.ifaces, x)
	return nil
}

// resolution returns the unit of if_tsresol: a negative power of 10 or, with
// the highest bit set, of 2.
func resolution(v byte) uint64 {
	if v&0x80 != 0 {
		return 1 << (v & 0x7f) // 0 from 64 on
	}
	unit := uint64(1)
	for range v {
		hi, lo := bits.Mul64(unit, 10)
		if hi != 0 {
			return 0
		}
		unit = lo
	}
	return unit
}

// time turns a time stamp into Unix nanoseconds, 0 if that can't hold it.
func (x *iface) time(ts uint64) int64 {
	if x.unit == 0 {
		return 0
	}
	sec, frac := ts/x.unit, ts%x.unit
	hi, lo := bits.Mul64(frac, 1e9)
	ns, _ := bits.Div64(hi, lo, x.unit) // frac < unit: the quotient is below 1e9
	const most = math.MaxInt64/1_000_000_000 - 1
	if sec > most || x.offset > most-int64(sec) || x.offset < -most {
		return 0
	}
	return (int64(sec)+x.offset)*1e9 + int64(ns)
}

// packet returns the packet of a packet block.
func (s *section) packet(kind uint32, b []byte) (frame, error) {
	header := 20
	if kind == blockSimple {
		header = 4
	}
	if len(b) < header {
		return frame{}, errors.New("packet block is cut short")
	}
	var number, n, wire uint32
	switch kind {
	case blockEnhanced:
		number = s.uint32(b)
		n, wire = s.uint32(b[12:]), s.uint32(b[16:])
	case blockOldPacket:
		number = uint32(s.order().Uint16(b))
		n, wire = s.uint32(b[12:]), s.uint32(b[16:])
	case blockSimple:
		wire = s.uint32(b)
		n = wire
	}
	if uint64(number) >= uint64(len(s.ifaces)) {
		return frame{}, fmt.Errorf("interface %d is not described", number)
	}
	x := &s.ifaces[number]
	var t int64
	if kind != blockSimple {
		t = x.time(uint64(s.uint32(b[4:]))<<32 | uint64(s.uint32(b[8:])))
	} else if x.snap > 0 {
		n = min(n, x.snap)
	}
	switch {
	case n > maxPacket:
		return frame{}, fmt.Errorf("length %d is over %d", n, maxPacket)
	case int(n) > len(b)-header:
		return frame{}, fmt.Errorf("length %d is over the block's %d octets", n, len(b)-header)
	}
	return frame{time: t, link: x.link, data: b[header : header+int(n)], cut: n < wire}, nil
}
