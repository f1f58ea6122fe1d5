package pcap

import (
	"bufio"
	"io"
	"net/netip"
)

// A Packet is one UDP datagram of a capture.
type Packet struct {
	Time     int64 // Unix nanoseconds
	Src, Dst netip.AddrPort
	Payload  []byte // valid until the next call of Next
	Index    int    // number of the packet in the file, from 1; all packets count
}

// Skipped counts the packets of a file that were no whole UDP datagram. Each
// counts once.
type Skipped struct {
	Other     int // not UDP over IP: ARP, TCP, ICMP, extension headers we don't know
	Fragments int // of an IP packet; they are not put together
	Truncated int // the capture kept only the beginning (snaplen), and it was too little
	Malformed int // as it was on the wire, but shorter than its own headers say
}

// A Reader takes the UDP datagrams out of a capture. One goroutine uses it at a
// time.
type Reader struct {
	in      *bufio.Reader
	f       format
	index   int   // of the packet read last
	offset  int64 // of the next octet in the file
	held    int   // octets of the frame handed out last; still in in's buffer
	skipped Skipped
	err     error // the file's end, or what is wrong with it
}

// NewReader reads the file header of r. It reads ahead, and buffers by itself.
func NewReader(r io.Reader) (*Reader, error) {
	x := &Reader{in: bufio.NewReaderSize(r, packetHeader+maxPacket)}
	if err := x.open(); err != nil {
		return nil, err
	}
	return x, nil
}

// Next returns the next UDP datagram, and io.EOF behind the last packet. Any
// other error is final too: it names the packet and its offset, and all packets
// before it have been returned.
func (r *Reader) Next() (Packet, error) {
	for {
		fr, err := r.frame()
		if err != nil {
			return Packet{}, err
		}
		d, v := parseFrame(fr.link, fr.data)
		switch v {
		case whole:
			return Packet{Time: fr.time, Src: d.src, Dst: d.dst, Payload: d.payload, Index: r.index}, nil
		case other:
			r.skipped.Other++
		case fragment:
			r.skipped.Fragments++
		case short:
			if fr.cut {
				r.skipped.Truncated++
			} else {
				r.skipped.Malformed++
			}
		}
	}
}

// Skipped returns what Next has left out so far.
func (r *Reader) Skipped() Skipped { return r.skipped }
