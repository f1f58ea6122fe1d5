package pcap

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
)

// What is kept of TCP streams.
const (
	maxStreams    = 512
	maxLate       = 256 << 10 // octets of a stream behind a gap
	maxLatePieces = 256       // segments of a stream behind a gap
	maxLateOctets = 16 << 20  // octets behind gaps, of all streams
	maxWindow     = 1 << 24   // octets from one segment to the next: what is further is another stream
)

const (
	flagFIN = 1
	flagSYN = 2
	flagRST = 4
)

// streams takes IPFIX messages out of TCP streams (RFC 7011 §10.4), of each
// direction by itself. A stream is taken for IPFIX if it goes to one of the
// ports, or begins with a message, or with one goes on where the capture
// begins. Where octets are missing, or are no message, it goes on with the next
// message that can be found.
type streams struct {
	ports   []uint16
	open    map[streamKey]*stream
	begun   uint64
	current *stream // has messages to hand out, perhaps
	late    int     // octets behind gaps
	gaps    int
}

type streamKey struct{ src, dst netip.AddrPort }

type stream struct {
	key    streamKey
	number uint64 // in the order of their beginnings
	asked  bool   // goes to one of the ports
	proven bool   // has begun with a message
	fresh  bool   // its SYN was seen, and no message handed out yet
	synced bool   // the octets at buf[at:] begin a message
	closed bool   // nothing is to come
	next   uint32 // sequence number of the octet behind buf
	buf    []byte
	at     int // of what is not handed out yet
	behind []lateSegment
	late   int // octets in behind

	time   int64 // of the last segment, and where it stands in the file
	index  int
	offset int64
}

// A lateSegment came while octets before it are missing.
type lateSegment struct {
	seq  uint32
	data []byte
}

// add takes the segment d. It tells whether that belongs to a stream that may be
// IPFIX; its messages are then for next to hand out.
func (x *streams) add(d *datagram, p Packet) bool {
	key := streamKey{d.src, d.dst}
	s := x.open[key]
	seq := d.seq
	if d.flags&flagSYN != 0 {
		seq++ // SYN has a number of its own
		if s != nil && s.next != seq {
			x.forget(s) // the ports are used again
			s = nil
		}
		// Among many other streams, one must show a message to be noticed:
		// making room for each of them would be slow.
		if s == nil && (len(x.open) < maxStreams || x.asked(key)) {
			s = x.begin(key, seq)
			s.synced, s.fresh = true, true
		}
	}
	switch {
	case d.flags&flagRST != 0:
		if s != nil {
			s.closed, x.current = true, s
		}
		return false
	case len(d.payload) == 0:
		if s != nil && d.flags&flagFIN != 0 && s.next == seq {
			s.closed, x.current = true, s
		}
		return false
	case s == nil:
		looks := IsIPFIX(d.payload)
		if !x.asked(key) && !(looks && surely(d.payload, p.Time)) {
			return false
		}
		s = x.begin(key, seq)
		s.synced = looks
	}
	s.time, s.index, s.offset = p.Time, p.Index, p.Offset
	x.take(s, seq, d.payload)
	if d.flags&flagFIN != 0 && s.next == seq+uint32(len(d.payload)) {
		s.closed = true
	}
	if !s.asked && !s.proven && looksIPFIX(s.buf[s.at:]) == no {
		x.forget(s) // something else
		return false
	}
	x.current = s
	return true
}

func (x *streams) asked(key streamKey) bool { return slices.Contains(x.ports, key.dst.Port()) }

// surely tells more of b, which looks like a message: one in 100,000 segments of
// random octets does. A message is all there, or was exported within a month of
// the segment.
func surely(b []byte, t int64) bool {
	const month = 30 * 86400
	away := int64(binary.BigEndian.Uint32(b[4:])) - t/1e9
	return int(binary.BigEndian.Uint16(b[2:])) <= len(b) || away > -month && away < month
}

// take puts data where it belongs in s.
func (x *streams) take(s *stream, seq uint32, data []byte) {
	ahead := int32(seq - s.next)
	switch {
	case ahead > maxWindow || ahead < -maxWindow:
		x.gap(s)
		x.release(s)
		s.next = seq
		s.append(data)
	case ahead <= 0:
		s.append(data[min(int(-ahead), len(data)):]) // sent again; what came first counts
		x.catchUp(s)
	default:
		at, _ := slices.BinarySearchFunc(s.behind, ahead, func(l lateSegment, ahead int32) int {
			return cmp.Compare(int32(l.seq-s.next), ahead)
		})
		s.behind = slices.Insert(s.behind, at, lateSegment{seq, bytes.Clone(data)})
		s.late += len(data)
		x.late += len(data)
		for s.late > maxLate || len(s.behind) > maxLatePieces || x.late > maxLateOctets && s.late > 0 {
			x.skip(s)
		}
	}
}

// append adds data to what s has in order.
func (s *stream) append(data []byte) {
	if s.at > 0 {
		n := copy(s.buf, s.buf[s.at:])
		s.buf, s.at = s.buf[:n], 0
	}
	s.buf = append(s.buf, data...)
	s.next += uint32(len(data))
}

// catchUp takes the late segments that are not late any more.
func (x *streams) catchUp(s *stream) {
	n := 0
	for ; n < len(s.behind); n++ {
		l := &s.behind[n]
		ahead := int32(l.seq - s.next)
		if ahead > 0 {
			break
		}
		s.append(l.data[min(int(-ahead), len(l.data)):])
		s.late -= len(l.data)
		x.late -= len(l.data)
	}
	s.behind = slices.Delete(s.behind, 0, n)
}

// skip gives up the octets that are missing before the late segments of s.
func (x *streams) skip(s *stream) {
	x.gap(s)
	s.next = s.behind[0].seq
	x.catchUp(s)
}

// gap counts a place where messages are missing, and lets s look for the next
// one. What is left of a message before it is of no use.
func (x *streams) gap(s *stream) {
	x.gaps++
	s.synced = false
	s.buf, s.at = s.buf[:0], 0
}

// message returns the next message of the stream that was added to last, and
// false if there is no whole one. It is valid until the next add.
func (x *streams) message() (Packet, bool) {
	s := x.current
	if s == nil {
		return Packet{}, false
	}
	if b := x.cut(s); b != nil {
		first := s.fresh
		s.fresh = false
		return Packet{Time: s.time, Src: s.key.src, Dst: s.key.dst, Payload: b, TCP: true, First: first, Index: s.index, Offset: s.offset}, true
	}
	x.current = nil
	switch {
	case s.closed && len(s.behind) > 0: // the last of it
		x.skip(s)
		x.current = s
		return x.message()
	case s.closed:
		x.forget(s)
	case cap(s.buf) > 2*maxLate: // a burst's memory isn't kept
		s.buf, s.at = bytes.Clone(s.buf[s.at:]), 0
	}
	return Packet{}, false
}

// cut takes a message off the beginning of what s has in order.
func (x *streams) cut(s *stream) []byte {
	for {
		b := s.buf[s.at:]
		if !s.synced {
			i := findIPFIX(b)
			s.at += i
			if looksIPFIX(b[i:]) != yes {
				return nil
			}
			s.synced = true
			continue
		}
		if len(b) < 4 {
			return nil
		}
		n := int(binary.BigEndian.Uint16(b[2:]))
		if binary.BigEndian.Uint16(b) != ipfixVersion || n < ipfixHeader {
			x.gaps++
			s.synced = false
			continue
		}
		if len(b) < n {
			return nil
		}
		s.at += n
		s.proven = true
		return b[:n:n]
	}
}

// findIPFIX returns where in b a message begins, or may begin when there is more.
func findIPFIX(b []byte) int {
	for i := 0; ; i++ {
		n := bytes.Index(b[i:], []byte{0, ipfixVersion})
		if n < 0 {
			if len(b) > i && b[len(b)-1] == 0 {
				return len(b) - 1
			}
			return len(b)
		}
		if i += n; looksIPFIX(b[i:]) != no {
			return i
		}
	}
}

func (x *streams) begin(key streamKey, next uint32) *stream {
	if x.open == nil {
		x.open = map[streamKey]*stream{}
	}
	if len(x.open) == maxStreams {
		x.forget(x.idlest())
	}
	x.begun++
	s := &stream{key: key, number: x.begun, asked: x.asked(key), next: next}
	x.open[key] = s
	return s
}

// idlest returns the stream that has been silent for longest, and one that has
// given no message before any that has.
func (x *streams) idlest() *stream {
	var idle *stream
	for _, s := range x.open {
		if idle == nil || !s.proven && idle.proven || s.proven == idle.proven && s.index < idle.index {
			idle = s
		}
	}
	return idle
}

// forget ends s. What it still holds is given up.
func (x *streams) forget(s *stream) {
	if (s.proven || s.asked) && (len(s.buf) > s.at || len(s.behind) > 0) {
		x.gaps++
	}
	x.release(s)
	delete(x.open, s.key)
	if x.current == s {
		x.current = nil
	}
}

func (x *streams) release(s *stream) {
	x.late -= s.late
	s.late, s.behind = 0, nil
}

// end ends a stream, so that message hands out what can be had of it. It tells
// whether there was one.
func (x *streams) end() bool {
	if len(x.open) == 0 {
		return false
	}
	x.current = slices.MinFunc(slices.Collect(maps.Values(x.open)), func(a, b *stream) int {
		return cmp.Compare(a.number, b.number)
	})
	x.current.closed = true
	return true
}
