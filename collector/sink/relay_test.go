package sink

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

func hear(t testing.TB, addr string) *net.UDPConn {
	t.Helper()
	pc, err := net.ListenPacket("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	c := pc.(*net.UDPConn)
	c.SetReadBuffer(8 << 20)
	return c
}

// heard returns the next datagram and its sender.
func heard(t testing.TB, c *net.UDPConn) (string, netip.AddrPort) {
	t.Helper()
	b := make([]byte, 65536)
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n]), netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
}

func relay(t testing.TB, c Relay, f RelayFilter) *Relayer {
	t.Helper()
	r, err := NewRelay(c, f, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestRelayOwnAddress(t *testing.T) {
	to := hear(t, "127.0.0.1:0")
	c := DefaultRelay()
	c.To, c.Keep = to.LocalAddr().String(), false
	r := relay(t, c, nil)
	from := netip.MustParseAddrPort("192.0.2.7:1234")
	if r.Keeps(from.Addr()) {
		t.Error("says that it keeps the address")
	}
	var b flow.Batch
	sizes := []int{1, 0, 1400, 9000, 65507}
	for _, n := range sizes {
		r.Datagram(&decode.Datagram{From: from, Data: bytes.Repeat([]byte{byte(n)}, n)}, &b, 0)
	}
	r.Datagram(&decode.Datagram{From: from, Data: make([]byte, 65508)}, &b, 0) // more than UDP carries
	r.Datagram(&decode.Datagram{From: from, Over: template.TCP, Data: []byte("x")}, &b, 0)
	r.Datagram(&decode.Datagram{From: from, Over: template.TCP, Closed: true}, &b, 0)
	r.Datagram(&decode.Datagram{From: from, Over: template.DTLS, Data: []byte("dtls")}, &b, 0)
	for _, n := range sizes {
		if d, _ := heard(t, to); d != strings.Repeat(string([]byte{byte(n)}), n) {
			t.Errorf("%d octets came, want %d, and the same", len(d), n)
		}
	}
	if d, _ := heard(t, to); d != "dtls" {
		t.Errorf("got %q", d)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := r.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
	r.Datagram(&decode.Datagram{From: from, Data: []byte("late")}, &b, 0)
	if got, want := r.Stats(), (RelayStats{Sent: 6, Failed: 1, Streams: 1, Dropped: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// Nothing that was taken is lost at the end, and what was not is counted.
func TestRelayAccount(t *testing.T) {
	to := hear(t, "127.0.0.1:0")
	c := DefaultRelay()
	c.To, c.Keep, c.Queue = to.LocalAddr().String(), false, leastQueue
	r := relay(t, c, nil)
	const workers, each = 4, 500
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			var b flow.Batch
			for range each {
				r.Datagram(&decode.Datagram{From: netip.MustParseAddrPort("192.0.2.7:1"), Data: make([]byte, 1400)}, &b, 0)
			}
		})
	}
	wg.Wait()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	s := r.Stats()
	if s.Sent+s.Dropped != workers*each || s.Failed > 0 || s.Sent == 0 {
		t.Errorf("%+v of %d", s, workers*each)
	}
	for range s.Sent {
		heard(t, to)
	}
}

// A filter is asked about flows; what announces templates goes on without.
func TestRelayFilter(t *testing.T) {
	to := hear(t, "127.0.0.1:0")
	c := DefaultRelay()
	c.To, c.Keep = to.LocalAddr().String(), false
	r := relay(t, c, func(_ *decode.Datagram, b *flow.Batch, from int) bool { return b.Flows[from].DstPort == 53 })
	from := netip.MustParseAddrPort("192.0.2.7:1")
	b := flow.Batch{Flows: []flow.Flow{{DstPort: 53}, {DstPort: 80}}}
	ipfix := make([]byte, 16, 40)
	ipfix[1] = 10
	data := append(ipfix[:16:16], 1, 0, 0, 8, 1, 2, 3, 4)
	both := append(data[:24:24], 0, 2, 0, 12, 1, 0, 0, 1, 0, 4, 0, 4)
	v9 := append(make([]byte, 20), 0, 1, 0, 4)
	v9[1] = 9
	for _, d := range []struct {
		data []byte
		from int
	}{{data, 1}, {data, 0}, {both, 1}, {v9, 1}, {data, 2}, {[]byte{0, 5}, 1}, {[]byte{0, 10, 0}, 1}, {append(ipfix[:16:16], 1, 0, 0, 0), 1}} {
		r.Datagram(&decode.Datagram{From: from, Data: d.data}, &b, d.from)
	}
	for i, want := range [][]byte{data, both, v9, data} {
		if got, _ := heard(t, to); got != string(want) {
			t.Errorf("datagram %d: got % x, want % x", i, got, want)
		}
	}
	r.Close()
	if s := r.Stats(); s.Sent != 4 || s.Filtered != 4 {
		t.Errorf("%+v", s)
	}
}

func TestRelayNoAllocations(t *testing.T) {
	to := hear(t, "127.0.0.1:0")
	c := DefaultRelay()
	c.To, c.Keep = to.LocalAddr().String(), false
	r := relay(t, c, func(*decode.Datagram, *flow.Batch, int) bool { return true })
	dg := decode.Datagram{From: netip.MustParseAddrPort("192.0.2.7:1"), Data: make([]byte, 1400)}
	b := flow.Batch{Flows: make([]flow.Flow, 1)}
	if n := testing.AllocsPerRun(2000, func() { r.Datagram(&dg, &b, 0) }); n != 0 {
		t.Errorf("%v allocations a datagram, want none", n)
	}
}

func TestRelayErrors(t *testing.T) {
	f := func(to string, queue int, want string) {
		t.Helper()
		c := DefaultRelay()
		c.To = to
		if queue != 0 {
			c.Queue = 1
		}
		r, err := NewRelay(c, nil, nil)
		if err == nil {
			r.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", to, err, want)
		}
	}
	f("", 0, "write the other collector's host:port")
	f("192.0.2.1", 0, "write the other collector's host:port")
	f("192.0.2.1:0", 0, "write the other collector's host:port")
	f("192.0.2.1:70000", 0, "write the other collector's host:port")
	f("127.0.0.1:2055", 1, "queue is 1: write a size")
}

// checksum adds up as RFC 1071 has it, slowly.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := range b {
		w := uint32(b[i])
		if i%2 == 0 {
			w <<= 8
		}
		sum += w
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}

// Packets are put together again, as RFC 791 and RFC 8200 say, and hold what was
// put in.
func TestPack(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	f := func(from, to string, mtu, n int) {
		t.Helper()
		payload := make([]byte, n)
		for i := range payload {
			payload[i] = byte(r.Uint32())
		}
		k := packer{from: netip.MustParseAddrPort(from), to: netip.MustParseAddrPort(to), mtu: mtu, id: 77}
		k.pack(payload)
		var udp []byte
		more := true
		for _, p := range k.packets {
			b := k.data[p.at:][:p.size]
			if len(b) > mtu || !more {
				t.Errorf("a packet of %d octets, mtu %d", len(b), mtu)
			}
			var body []byte
			offset := 0
			var pseudo []byte
			switch b[0] >> 4 {
			case 4:
				if int(binary.BigEndian.Uint16(b[2:])) != len(b) || binary.BigEndian.Uint16(b[4:]) != 77 || b[9] != 17 || b[0] != 0x45 {
					t.Fatalf("header % x", b[:20])
				}
				bits := binary.BigEndian.Uint16(b[6:])
				offset, more = int(bits&0x1fff)*8, bits&0x2000 != 0
				pseudo, body = b[12:20], b[20:]
			case 6:
				if int(binary.BigEndian.Uint16(b[4:])) != len(b)-40 {
					t.Fatalf("header % x", b[:40])
				}
				pseudo, body = b[8:40], b[40:]
				more = false
				if b[6] == 44 {
					bits := binary.BigEndian.Uint16(body[2:])
					offset, more = int(bits&^7), bits&1 != 0
					if body[0] != 17 || binary.BigEndian.Uint32(body[4:]) != 77 {
						t.Fatalf("fragment header % x", body[:8])
					}
					body = body[8:]
				} else if b[6] != 17 {
					t.Fatalf("next header %d", b[6])
				}
			}
			half := len(pseudo) / 2
			if !bytes.Equal(pseudo[:half], k.from.Addr().AsSlice()) || !bytes.Equal(pseudo[half:], k.to.Addr().AsSlice()) {
				t.Fatalf("addresses % x", pseudo)
			}
			if offset != len(udp) {
				t.Fatalf("a piece at %d, want %d", offset, len(udp))
			}
			udp = append(udp, body...)
			if !more {
				sum := checksum(append(append(bytes.Clone(pseudo), 0, 17, udp[4], udp[5]), udp...))
				if sum != 0xffff {
					t.Errorf("checksum is off: %04x", sum)
				}
			}
		}
		if more || !bytes.Equal(udp[8:], payload) || binary.BigEndian.Uint16(udp) != k.from.Port() || binary.BigEndian.Uint16(udp[2:]) != k.to.Port() || int(binary.BigEndian.Uint16(udp[4:])) != len(udp) {
			t.Errorf("%s to %s, mtu %d: %d octets came back of %d", from, to, mtu, len(udp)-8, n)
		}
	}
	for _, n := range []int{0, 1, 2, 3, 1400, 1472, 1473, 1452, 1453, 2999, 9000, 65507} {
		for _, mtu := range []int{1280, 1500, 65535} {
			f("192.0.2.1:65535", "198.51.100.2:2055", mtu, n)
			f("[2001:db8::1]:1", "[2001:db8::2]:4739", mtu, n)
		}
	}
}

func BenchmarkRelayDatagram(b *testing.B) {
	to := hear(b, "127.0.0.1:0")
	c := DefaultRelay()
	c.To = to.LocalAddr().String()
	r := relay(b, c, nil)
	dg := decode.Datagram{From: netip.MustParseAddrPort("192.0.2.7:1"), Data: make([]byte, 1400)}
	var batch flow.Batch
	for b.Loop() {
		r.Datagram(&dg, &batch, 0)
	}
}
