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
	"github.com/weirflow/weir/shared/template"
)

// A Message is one datagram of a capture.
type Message struct {
	decode.Datagram       // Data is valid until the next call of Next
	Index           int   // of the packet in a pcap file, of the message in a raw one; from 1
	Offset          int64 // where it, or its packet, begins in the file; in a compressed one, decompressed
}

// rawExporter is who sent the messages of a raw file.
var rawExporter = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)

// ErrFormat says that a file holds nothing that weir reads.
var ErrFormat = errors.New("neither a pcap file nor datagrams of NetFlow or IPFIX")

// peekRaw is what is seen of a raw file at once: a message, and whether another
// one comes behind it.
const peekRaw = maxDatagram + 4

// readAhead is much more than that: the rest of a buffer moves when it is filled
// up. It is enough for a pcap.Reader too, which then needs none of its own.
const readAhead = 512 << 10

// A Capture takes datagrams out of a file: a pcap or pcapng file, or the
// payloads of datagrams one behind the other, as RFC 5655 stores IPFIX. Either
// may be compressed with gzip or zstd. It is read as far as it is used, never
// as a whole. One goroutine uses it at a time.
type Capture struct {
	pcap   *pcap.Reader // nil: raw
	raw    *bufio.Reader
	held   int // octets of the raw message handed out last; still in raw's buffer
	index  int
	offset int64 // of the raw message handed out last
}

// NewCapture looks at the beginning of r to tell what it is.
func NewCapture(r io.Reader) (*Capture, error) {
	in := bufio.NewReaderSize(r, readAhead)
	head, err := in.Peek(4)
	if way := compression(head); way != "" {
		if in, err = decompress(in, way); err != nil {
			return nil, err
		}
		if head, err = in.Peek(4); compression(head) != "" {
			return nil, errors.New("capture is compressed twice")
		}
	}
	switch {
	case err != nil && err != io.EOF:
		return nil, fmt.Errorf("read capture: %w", err)
	case pcap.IsPcap(head):
		p, err := pcap.NewReader(in)
		return &Capture{pcap: p}, err
	case len(head) == 0:
		return nil, errors.New("capture is empty")
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
	m := Message{decode.Datagram{From: p.Src, To: p.Dst, Time: p.Time, Data: p.Payload, Opened: p.First}, p.Index, p.Offset}
	if p.TCP {
		m.Over = template.TCP
	}
	return m, nil
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
	c.offset += int64(c.held)
	b, err := c.raw.Peek(peekRaw)
	c.held = 0
	if len(b) == 0 {
		if err != io.EOF {
			err = fmt.Errorf("message %d at offset %d: %w", c.index+1, c.offset, err)
		}
		return Message{}, err
	}
	c.held = min(length(b), maxDatagram)
	c.index++
	return Message{decode.Datagram{From: rawExporter, Over: template.File, Data: b[:c.held:c.held]}, c.index, c.offset}, nil
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
		n = 16 + 48*count
	case 5:
		n = 24 + 48*count
	case 6, 7:
		n = 24 + 52*count
	case 8:
		n = lengthV8(b, count)
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

// v8Record holds the octets of a record by v8's aggregation scheme.
var v8Record = [...]int{1: 28, 28, 32, 32, 40, 32, 40, 44, 32, 32, 32, 32, 40, 40}

func lengthV8(b []byte, count int) int {
	if len(b) < 28 || int(b[22]) >= len(v8Record) || b[22] == 0 {
		return len(b)
	}
	return 28 + count*v8Record[b[22]]
}

// lengthV9 walks FlowSets up to the next header: v9's count doesn't tell where
// a packet ends, but versions are no FlowSet's id (2 to 255 are reserved, RFC
// 3954 §5.2).
func lengthV9(b []byte) int {
	at := 20
	for at+4 <= len(b) {
		switch binary.BigEndian.Uint16(b[at:]) {
		case 5, 6, 7, 8, 9, 10:
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
