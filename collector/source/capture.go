package source

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/pcap"
)

// A Message is one datagram of a capture.
type Message struct {
	decode.Datagram                // Data is valid until the next call of Next
	Index           int            // of the packet in a pcap file, of the message in a raw one; from 1
	To              netip.AddrPort // where it was sent; not known in a raw file
}

// rawExporter is who sent the messages of a raw file.
var rawExporter = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)

// ErrFormat says that a file holds nothing that weir reads.
var ErrFormat = errors.New("neither a pcap file nor datagrams of NetFlow or IPFIX")

// A Capture takes datagrams out of a file: a pcap file, or the payloads of
// datagrams one behind the other. One goroutine uses it at a time.
type Capture struct {
	pcap  *pcap.Reader // nil: raw
	raw   *bufio.Reader
	held  int // octets of the raw message handed out last; still in raw's buffer
	index int
}

// NewCapture looks at the beginning of r to tell what it is.
func NewCapture(r io.Reader) (*Capture, error) {
	in := bufio.NewReaderSize(r, maxDatagram)
	head, err := in.Peek(4)
	switch {
	case err != nil && err != io.EOF:
		return nil, fmt.Errorf("read capture: %w", err)
	case pcap.IsPcap(head):
		p, err := pcap.NewReader(in)
		return &Capture{pcap: p}, err
	case len(head) == 0:
		return nil, errors.New("capture is empty")
	case string(head) == "\x0a\x0d\x0d\x0a":
		return nil, errors.New("pcapng is not read yet: convert it with: editcap -F pcap IN OUT")
	case string(head[:2]) == "\x1f\x8b":
		return nil, errors.New("capture is compressed: pipe it through gunzip")
	case !known(head):
		return nil, ErrFormat
	}
	return &Capture{raw: in}, nil
}

// known tells whether a datagram may begin with head: versions 1 to 10, and
// sFlow's 32-bit 2 to 5.
func known(head []byte) bool {
	if len(head) < 4 {
		return false
	}
	v, w := binary.BigEndian.Uint16(head), binary.BigEndian.Uint32(head)
	return v >= 1 && v <= 10 || w >= 2 && w <= 5
}

// Next returns the next datagram, and io.EOF behind the last one. The messages
// of a raw file have no arrival time: the decoder takes their export time.
func (c *Capture) Next() (Message, error) {
	if c.pcap == nil {
		return c.nextRaw()
	}
	p, err := c.pcap.Next()
	if err != nil {
		return Message{}, err
	}
	return Message{decode.Datagram{From: p.Src, Time: p.Time, Data: p.Payload}, p.Index, p.Dst}, nil
}

// Skipped returns what Next has left out of a pcap file so far.
func (c *Capture) Skipped() pcap.Skipped {
	if c.pcap == nil {
		return pcap.Skipped{}
	}
	return c.pcap.Skipped()
}

func (c *Capture) nextRaw() (Message, error) {
	c.raw.Discard(c.held) // all of it is in the buffer
	b, err := c.raw.Peek(maxDatagram)
	c.held = 0
	if len(b) == 0 {
		if err == nil {
			err = io.EOF
		}
		return Message{}, err
	}
	c.held = length(b)
	c.index++
	return Message{decode.Datagram{From: rawExporter, Data: b[:c.held:c.held]}, c.index, netip.AddrPort{}}, nil
}

// length returns the octets of the message that b begins with: by the length or
// the count in its header, if the next message begins there, else all of b.
func length(b []byte) int {
	n := len(b)
	if n < 4 {
		return n
	}
	count := int(binary.BigEndian.Uint16(b[2:]))
	switch binary.BigEndian.Uint16(b) {
	case 1:
		n = 16 + 52*count
	case 5:
		n = 24 + 48*count
	case 7:
		n = 24 + 52*count
	case 9:
		n = lengthV9(b)
	case 10:
		n = count
	}
	if n < 16 || n > len(b) || !known(b[n:]) {
		return len(b)
	}
	return n
}

// lengthV9 walks FlowSets up to the next header: v9's count doesn't tell where
// a packet ends, but versions are no FlowSet's id (2 to 255 are reserved, RFC
// 3954 §5.2).
func lengthV9(b []byte) int {
	at := 20
	for at+4 <= len(b) {
		switch binary.BigEndian.Uint16(b[at:]) {
		case 5, 7, 9, 10:
			return at
		}
		n := int(binary.BigEndian.Uint16(b[at+2:]))
		if n < 4 || n > len(b)-at {
			return len(b)
		}
		at += n
	}
	return len(b)
}
