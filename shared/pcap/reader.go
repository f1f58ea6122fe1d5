package pcap

import (
	"bufio"
	"io"
	"net/netip"
)

// A Packet is one UDP datagram of a capture, or one IPFIX message of a TCP
// stream.
type Packet struct {
	Time     int64 // Unix nanoseconds; 0: the capture doesn't say
	Src, Dst netip.AddrPort
	Payload  []byte // valid until the next call of Next

	TCP   bool // an IPFIX message
	First bool // the first of a connection that the capture has the beginning of

	// Of pieces and segments, the one that made the datagram or the message
	// whole is meant: its time, and where it stands.
	Index  int   // number of the packet in the file, from 1; all packets count
	Offset int64 // of the packet in the file, with its header
}

// Skipped counts what has no datagram and no message in it. A packet counts at
// most once; pieces count when their packet is given up, at the latest at the
// file's end.
type Skipped struct {
	Other     int // ARP, ICMP, TCP that isn't IPFIX, extension headers we don't know
	Fragments int // pieces of IP packets that were not whole, overlapped, or came again
	Truncated int // the capture kept only the beginning (snaplen), and it was too little
	Malformed int // as it was on the wire, but shorter than its own headers say
	Gaps      int // no packets but places in IPFIX streams where octets are missing, or are no message
}

// Packets returns how many packets s counts.
func (s Skipped) Packets() int { return s.Other + s.Fragments + s.Truncated + s.Malformed }

// A Reader takes UDP datagrams and IPFIX messages out of a capture. One
// goroutine uses it at a time.
type Reader struct {
	in        *bufio.Reader
	f         format   // of a classic file
	section   *section // of a pcapng file; nil: a classic one
	index     int      // of the packet read last
	offset    int64    // of the next octet in the file
	held      int      // octets of the frame handed out last; still in in's buffer
	fragments assemblies
	streams   streams
	skipped   Skipped
	err       error // the file's end, or what is wrong with it
}

// NewReader reads the header of r. It reads ahead, and buffers by itself.
func NewReader(r io.Reader) (*Reader, error) {
	x := &Reader{in: bufio.NewReaderSize(r, maxBlock), streams: streams{ports: []uint16{4739}}}
	if err := x.open(); err != nil {
		return nil, err
	}
	return x, nil
}

// IPFIXPorts says which ports the TCP streams go to that are IPFIX for certain,
// wherever the capture begins: messages are searched in them. Before the first
// call that is 4739, IANA's. Other streams are IPFIX if they begin with a
// message.
func (r *Reader) IPFIXPorts(ports ...uint16) { r.streams.ports = ports }

// Next returns the next UDP datagram or IPFIX message, and io.EOF behind the
// last packet. Any other error is final too: it names the packet and its offset,
// and all packets before it have been returned.
func (r *Reader) Next() (Packet, error) {
	for {
		if p, ok := r.streams.message(); ok {
			return p, nil
		}
		fr, err := r.frame()
		if err != nil {
			if r.streams.end() {
				continue
			}
			r.fragments.end()
			return Packet{}, err
		}
		d, v := parseFrame(fr.link, fr.data)
		if v == whole {
			return Packet{Time: fr.time, Src: d.src, Dst: d.dst, Payload: d.payload, Index: r.index, Offset: r.offset}, nil
		}
		if p, ok := r.parts(&fr, &d, v); ok {
			return p, nil
		}
	}
}

// parts takes a frame that is no datagram by itself. It returns the datagram
// that the frame makes whole.
func (r *Reader) parts(fr *frame, d *datagram, v verdict) (Packet, bool) {
	p := Packet{Time: fr.time, Index: r.index, Offset: r.offset}
	switch v {
	case other:
		r.skipped.Other++
	case segment:
		if !r.streams.add(d, p) {
			r.skipped.Other++
		}
	case fragment:
		a := r.fragments.add(d, r.index)
		if a == nil {
			break
		}
		d, v := parsePayload(a.key.src, a.key.dst, a.proto, a.buf[:a.total])
		if v != whole {
			r.fragments.lost += a.packets
			break
		}
		p.Src, p.Dst, p.Payload = d.src, d.dst, d.payload
		return p, true
	case short:
		if fr.cut {
			r.skipped.Truncated++
		} else {
			r.skipped.Malformed++
		}
	}
	return Packet{}, false
}

// Skipped returns what Next has left out so far.
func (r *Reader) Skipped() Skipped {
	s := r.skipped
	s.Fragments += r.fragments.lost
	s.Gaps += r.streams.gaps
	return s
}
