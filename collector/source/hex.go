package source

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/weirflow/weir/shared/pcap"
)

// maxHexLine bounds a line of hexadecimal text: a datagram as one string of
// digits has 131,070.
const maxHexLine = 1 << 20

// NewHexCapture reads packets from text: strings of hexadecimal digits, and what
// xxd, hexdump, od -t x1, tcpdump -x and -X, tshark -x and Wireshark ("Copy as
// hex dump", "as hex stream", "as escaped string") write. A packet ends at a
// line that is none, or where the offsets begin anew. It is a datagram's payload,
// an IP packet or an Ethernet frame: what it begins with tells.
func NewHexCapture(r io.Reader) (*Capture, error) {
	packets, err := readHex(r)
	if err != nil {
		return nil, err
	}
	var file bytes.Buffer
	w, err := pcap.NewWriter(&file)
	if err != nil {
		return nil, err
	}
	for i, p := range packets {
		frame := p
		switch {
		case isFrame(p):
		case isIP(p):
			frame = append([]byte("\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x08\x00"), p...)
			if p[0]>>4 == 6 {
				frame[12], frame[13] = 0x86, 0xdd
			}
		default:
			if err := w.WriteUDP(0, rawExporter, rawExporter, p); err != nil {
				return nil, fmt.Errorf("packet %d: %w", i+1, err)
			}
			continue
		}
		var h [16]byte // the time is not known
		binary.LittleEndian.PutUint32(h[8:], uint32(len(frame)))
		binary.LittleEndian.PutUint32(h[12:], uint32(len(frame)))
		file.Write(h[:])
		file.Write(frame)
	}
	p, err := pcap.NewReader(&file)
	return &Capture{pcap: p}, err
}

// isFrame tells whether p is an Ethernet frame with an IP packet.
func isFrame(p []byte) bool {
	for at := 12; at+2 <= len(p); at += 4 {
		switch typ := binary.BigEndian.Uint16(p[at:]); typ {
		case 0x0800, 0x86dd:
			rest := p[at+2:]
			return isIP(rest) && (rest[0]>>4 == 4) == (typ == 0x0800)
		case 0x8100, 0x88a8:
		default:
			return false
		}
	}
	return false
}

// isIP tells whether p is an IP packet: no datagram of ours begins as one does.
func isIP(p []byte) bool {
	switch {
	case len(p) >= 20 && p[0]>>4 == 4:
		return p[0]&15 >= 5
	case len(p) >= 40:
		return p[0]>>4 == 6
	}
	return false
}

var errNoHex = errors.New("text holds no hexadecimal digits of a packet")

func readHex(r io.Reader) (packets [][]byte, err error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxHexLine)
	var p []byte
	end := func() {
		if len(p) > 0 {
			packets = append(packets, p)
		}
		p = nil
	}
	for n := 1; in.Scan(); n++ {
		line := strings.TrimSpace(in.Text())
		offset, rest, style := hexOffset(line, len(p))
		switch {
		case style == noOffset:
			d, ok := hexString(line)
			if !ok {
				end()
				continue
			}
			p = append(p, d...)
		case offset == 0:
			end()
			p = appendDump(p, rest, style)
		default:
			p = appendDump(p, rest, style)
		}
		if len(p) > maxDatagram+100 {
			return nil, fmt.Errorf("line %d: the packet has more than %d octets", n, maxDatagram)
		}
	}
	end()
	switch {
	case in.Err() != nil:
		return nil, fmt.Errorf("read text: %w", in.Err())
	case len(packets) == 0:
		return nil, errNoHex
	}
	return packets, nil
}

// A dumpStyle says how a line of a dump is written behind its offset.
type dumpStyle uint8

const (
	noOffset dumpStyle = iota
	colon              // xxd, tcpdump: two spaces end the octets
	spaces             // hexdump -C, Wireshark: three do, or sixteen octets
	words              // hexdump, od -x: 16-bit words of a little-endian machine
)

// hexOffset tells whether a line begins with the offset of its octets, of which
// have are there already.
func hexOffset(line string, have int) (offset int, rest string, style dumpStyle) {
	digits := strings.TrimPrefix(line, "0x")
	n := 0
	for n < len(digits) && isHex(digits[n]) {
		n++
	}
	if n < 4 || n > 8 {
		return 0, "", noOffset
	}
	rest = digits[n:]
	switch {
	case strings.HasPrefix(rest, ":"):
		style, rest = colon, strings.TrimLeft(rest[1:], " \t")
	case strings.HasPrefix(rest, "  ") || strings.HasPrefix(rest, "\t") || n == 6 || n == 7:
		style, rest = spaces, strings.TrimLeft(rest, " \t")
		if first, _, _ := strings.Cut(rest, " "); n == 7 && len(first) == 4 {
			style = words
		}
	case rest == "" && have > 0: // the end of hexdump's
		style = spaces
	default:
		return 0, "", noOffset
	}
	for _, base := range []int{16, 8} { // od's are octal
		if v, err := strconv.ParseUint(digits[:n], base, 32); err == nil && (int(v) == have || v == 0) {
			return int(v), rest, style
		}
	}
	return 0, "", noOffset
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }

// appendDump appends the octets of a line of a dump, without the text beside
// them.
func appendDump(p []byte, line string, style dumpStyle) []byte {
	gap := "   "
	if style == colon {
		gap = "  "
	}
	line, _, _ = strings.Cut(line, gap)
	line, _, _ = strings.Cut(line, "|")
	n := 0
	for token := range strings.FieldsSeq(line) {
		d, err := hex.DecodeString(token)
		if err != nil || style != colon && n+len(d) > 16 {
			break
		}
		if style == words && len(d) == 2 {
			d[0], d[1] = d[1], d[0]
		}
		p = append(p, d...)
		n += len(d)
	}
	return p
}

// hexString reads a line of digits and nothing but what stands between digits in
// programs and messages.
func hexString(line string) ([]byte, bool) {
	line = strings.NewReplacer("0x", " ", `\x`, " ", `\`, " ", ",", " ", `"`, " ", "{", " ", "}", " ", ";", " ", ":", " ", "-", " ").Replace(line)
	d, err := hex.DecodeString(strings.Join(strings.Fields(line), ""))
	return d, err == nil && len(d) > 0
}
