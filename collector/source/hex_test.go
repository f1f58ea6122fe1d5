package source

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/pcap"
)

// The same message as the tools write it: xxd 2022-01-14, hexdump and od of
// Debian 12; the others by their documentation.
const hexMessage = "000a001c6ae85f5700000002000000070002000c0100000100080004"

func TestHex(t *testing.T) {
	want, _ := hex.DecodeString(hexMessage)
	f := func(name, text string, n int) {
		t.Helper()
		c, err := NewHexCapture(strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		i := 0
		for ; ; i++ {
			m, err := c.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !bytes.Equal(m.Data, want) || m.Index != i+1 || m.Time != 0 {
				t.Errorf("%s: message %d at %d is %x", name, m.Index, m.Time, m.Data)
			}
		}
		if i != n {
			t.Errorf("%s: %d messages, want %d", name, i, n)
		}
	}
	f("stream", hexMessage, 1)
	f("two streams", hexMessage+"\n\n"+strings.ToUpper(hexMessage)+"\n", 2)
	f("groups", "000a 001c 6ae8 5f57 0000 0002 0000 0007\n0002 000c 0100 0001 0008 0004\n", 1)
	f("colons", "00:0a:00:1c:6a:e8:5f:57:00:00:00:02:00:00:00:07:00:02:00:0c:01:00:00:01:00:08:00:04", 1)
	f("escaped", `"\x00\x0a\x00\x1c\x6a\xe8\x5f\x57\x00\x00\x00\x02\x00\x00\x00\x07" \
"\x00\x02\x00\x0c\x01\x00\x00\x01\x00\x08\x00\x04"
`, 1)
	f("xxd -i", `unsigned char m_bin[] = {
  0x00, 0x0a, 0x00, 0x1c, 0x6a, 0xe8, 0x5f, 0x57, 0x00, 0x00, 0x00, 0x02,
  0x00, 0x00, 0x00, 0x07, 0x00, 0x02, 0x00, 0x0c, 0x01, 0x00, 0x00, 0x01,
  0x00, 0x08, 0x00, 0x04
};
unsigned int m_bin_len = 28;
`, 1)
	f("xxd", `00000000: 000a 001c 6ae8 5f57 0000 0002 0000 0007  ....j._W........
00000010: 0002 000c 0100 0001 0008 0004            ............
00000000: 000a 001c 6ae8 5f57 0000 0002 0000 0007  ....j._W........
00000010: 0002 000c 0100 0001 0008 0004            abcd12345678
`, 2)
	f("hexdump -C", `00000000  00 0a 00 1c 6a e8 5f 57  00 00 00 02 00 00 00 07  |....j._W........|
00000010  00 02 00 0c 01 00 00 01  00 08 00 04              |............|
0000001c
`, 1)
	f("hexdump", `0000000 0a00 1c00 e86a 575f 0000 0200 0000 0700
0000010 0200 0c00 0001 0100 0800 0400          
000001c
`, 1)
	f("od -x", `0000000 0a00 1c00 e86a 575f 0000 0200 0000 0700
0000020 0200 0c00 0001 0100 0800 0400
0000034
`, 1)
	f("od -t x1", `0000000 00 0a 00 1c 6a e8 5f 57 00 00 00 02 00 00 00 07
0000020 00 02 00 0c 01 00 00 01 00 08 00 04
0000034
`, 1)
	f("od -A x -t x1", `000000 00 0a 00 1c 6a e8 5f 57 00 00 00 02 00 00 00 07
000010 00 02 00 0c 01 00 00 01 00 08 00 04
00001c
`, 1)
	f("wireshark", `0000   00 0a 00 1c 6a e8 5f 57 00 00 00 02 00 00 00 07   ....j._W........
0010   00 02 00 0c 01 00 00 01 00 08 00 04               ............

0000   00 0a 00 1c 6a e8 5f 57 00 00 00 02 00 00 00 07   ....j._W........
0010   00 02 00 0c 01 00 00 01 00 08 00 04               ab cd ef 12
`, 2)
}

// Packets with headers, as tcpdump -x and -xx write them.
func TestHexPackets(t *testing.T) {
	payload, _ := hex.DecodeString(hexMessage)
	var file bytes.Buffer
	w, err := pcap.NewWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	from, to := netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("192.0.2.2:4739")
	from6, to6 := netip.MustParseAddrPort("[2001:db8::1]:40000"), netip.MustParseAddrPort("[2001:db8::2]:4739")
	start := file.Len() + 16
	if err := w.WriteUDP(0, from, to, payload); err != nil {
		t.Fatal(err)
	}
	frame := bytes.Clone(file.Bytes()[start:])
	start = file.Len() + 16
	if err := w.WriteUDP(0, from6, to6, payload); err != nil {
		t.Fatal(err)
	}
	frame6 := bytes.Clone(file.Bytes()[start:])

	tcpdump := func(d []byte) string {
		var s strings.Builder
		s.WriteString("12:00:00.000000 IP 192.0.2.1.40000 > 192.0.2.2.4739: UDP, length 28\n")
		for at := 0; at < len(d); at += 16 {
			s.WriteString("\t0x" + hex.EncodeToString([]byte{byte(at >> 8), byte(at)}) + ":  ")
			for i := at; i < min(len(d), at+16); i += 2 {
				s.WriteString(hex.EncodeToString(d[i:min(len(d), i+2)]) + " ")
			}
			s.WriteString(" E..4....@.\n")
		}
		return s.String()
	}
	f := func(name string, d []byte, src, dst netip.AddrPort) {
		t.Helper()
		c, err := NewHexCapture(strings.NewReader(tcpdump(d) + tcpdump(d)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for range 2 {
			m, err := c.Next()
			if err != nil || m.From != src || m.To != dst || !bytes.Equal(m.Data, payload) {
				t.Errorf("%s: %v: %s to %s, %x", name, err, m.From, m.To, m.Data)
			}
		}
		if _, err := c.Next(); err != io.EOF {
			t.Errorf("%s: %v behind the last", name, err)
		}
	}
	f("frame", frame, from, to)
	f("IP packet", frame[14:], from, to)
	f("frame, IPv6", frame6, from6, to6)
	f("IPv6 packet", frame6[14:], from6, to6)
	f("VLAN", append(append(bytes.Clone(frame[:12]), 0x81, 0, 0, 5), frame[12:]...), from, to)
}

func TestHexErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "no hexadecimal digits",
		"hello\n":                          "no hexadecimal digits",
		strings.Repeat("00", 70000):        "more than 65535 octets",
		strings.Repeat("0", 1<<20+1):       "token too long",
		"000a\n" + strings.Repeat("zz", 9): "",
	} {
		_, err := NewHexCapture(strings.NewReader(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.20q: %v, want %q", text, err, want)
		}
	}
}

func FuzzHex(f *testing.F) {
	f.Add([]byte(hexMessage))
	f.Add([]byte("00000000: 000a 001c  ab\n0010   00 | x\n0000020 0a00\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := NewHexCapture(bytes.NewReader(text))
		if err != nil {
			return
		}
		octets := 0
		for {
			m, err := c.Next()
			if err != nil {
				break
			}
			octets += len(m.Data)
		}
		if octets > len(text)/2 {
			t.Fatalf("%d octets out of %d characters", octets, len(text))
		}
	})
}
