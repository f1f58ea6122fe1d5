package source

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/decode"
)

func listen(t testing.TB, addr string, cfg Config) *UDP {
	t.Helper()
	u, err := ListenUDP(addr, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Close() })
	return u
}

func dial(t testing.TB, to netip.AddrPort) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func loopback(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
}

// read returns the next datagram.
func read(t testing.TB, u *UDP) decode.Datagram {
	t.Helper()
	var dst [4]decode.Datagram
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		n, err := u.Read(t.Context(), dst[:])
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return dst[0]
		}
	}
	t.Fatal("no datagram came")
	panic("unreachable")
}

func TestUDP(t *testing.T) {
	f := func(addr string, to func(*UDP) netip.AddrPort) {
		t.Helper()
		u := listen(t, addr, Default())
		c := dial(t, to(u))
		for _, data := range []string{"one", "", strings.Repeat("x", 9000)} {
			before := time.Now().UnixNano()
			if _, err := c.Write([]byte(data)); err != nil {
				t.Fatal(err)
			}
			d := read(t, u)
			if string(d.Data) != data {
				t.Errorf("%s: got %d octets, want %d", addr, len(d.Data), len(data))
			}
			if want := c.LocalAddr().(*net.UDPAddr).AddrPort(); d.From != netip.AddrPortFrom(want.Addr().Unmap(), want.Port()) {
				t.Errorf("%s: from %s, want %s", addr, d.From, want)
			}
			if d.From.Addr().Is4In6() {
				t.Errorf("%s: from %s is not unmapped", addr, d.From)
			}
			if d.Time < before || d.Time > time.Now().UnixNano() {
				t.Errorf("%s: time %d is not between sending and now", addr, d.Time)
			}
		}
	}
	self := func(u *UDP) netip.AddrPort { return u.Addr() }
	f("127.0.0.1:0", self)
	f("udp://127.0.0.1:0", self)
	f(":0", func(u *UDP) netip.AddrPort { return loopback(u.Addr().Port()) }) // IPv4 into a socket for both
	if c, err := net.ListenPacket("udp6", "[::1]:0"); err == nil {
		c.Close()
		f("[::1]:0", self)
	}
}

func TestUDPReadEnds(t *testing.T) {
	cfg := Default()
	cfg.Idle = 5 * time.Millisecond
	u := listen(t, "127.0.0.1:0", cfg)
	var dst [1]decode.Datagram
	if n, err := u.Read(t.Context(), dst[:]); n != 0 || err != nil {
		t.Errorf("idle: got %d, %v, want 0 and no error", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := u.Read(ctx, dst[:]); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: got %d, %v", n, err)
	}
	time.AfterFunc(5*time.Millisecond, func() { u.Close() })
	for {
		_, err := u.Read(t.Context(), dst[:])
		if err == nil {
			continue
		}
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed: got %v", err)
		}
		break
	}
}

func TestUDPNoAllocations(t *testing.T) {
	u := listen(t, "127.0.0.1:0", Default())
	c := dial(t, u.Addr())
	data := make([]byte, 1400)
	dst := make([]decode.Datagram, 8)
	got := 0
	n := testing.AllocsPerRun(200, func() {
		if _, err := c.Write(data); err != nil {
			t.Fatal(err)
		}
		n, err := u.Read(t.Context(), dst)
		if err != nil {
			t.Fatal(err)
		}
		got += n
	})
	if n != 0 {
		t.Errorf("%v allocations a datagram, want none", n)
	}
	if got < 190 {
		t.Errorf("only %d datagrams came", got)
	}
}

func TestListenErrors(t *testing.T) {
	taken := listen(t, "127.0.0.1:0", Default())
	f := func(addr string, is error, want ...string) {
		t.Helper()
		u, err := ListenUDP(addr, Default())
		if err == nil {
			u.Close()
			t.Errorf("%s: no error", addr)
			return
		}
		if is != nil && !errors.Is(err, is) {
			t.Errorf("%s: %v is not %v", addr, err, is)
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: error %q lacks %q", addr, err, w)
			}
		}
	}
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	f(taken.Addr().String(), syscall.EADDRINUSE, "UDP port "+port+" is taken", "choose another port")
	f("192.0.2.77:0", nil, "192.0.2.77:0", "doesn't have that address")
	f("2055", nil, `"2055" is not understood`, ":port")
	f("host:", nil, "write host:port")
	f(":x2055", nil, `port "x2055" is not a number`)
	f(":70000", nil, `port "70000" is not a number`)
	f("tcp://:2055", nil, "tcp is not supported", "udp://host:port")
}

// Linux caps the buffer, and its bookkeeping doubles it: what we report is what
// was asked for, or less and a warning.
func TestReceiveBuffer(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells what it granted")
	}
	var log bytes.Buffer
	cfg := Config{Buffer: 64 << 10, Log: slog.New(slog.NewTextHandler(&log, nil))}
	u := listen(t, "127.0.0.1:0", cfg)
	if got, ok := granted(u.conn); !ok || got != 64<<10 {
		t.Errorf("granted %d, %t, want 65536", got, ok)
	}
	if log.Len() > 0 {
		t.Errorf("logged %q", log.String())
	}
	cfg.Buffer = 1 << 30 // above any net.core.rmem_max that is not set by hand
	u = listen(t, "127.0.0.1:0", cfg)
	if got, _ := granted(u.conn); got < 1<<30 {
		if !strings.Contains(log.String(), "net.core.rmem_max") {
			t.Errorf("granted %d of 1 GiB, and no warning names net.core.rmem_max: %q", got, log.String())
		}
	}
}

func TestSize(t *testing.T) {
	f := func(text string, want Size) {
		t.Helper()
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%q: got %d, %v, want %d", text, s, err, want)
		}
	}
	f("8388608", 8388608)
	f("8MiB", 8<<20)
	f("8 MB", 8e6)
	f("64k", 64000)
	f("0", 0)
	for _, bad := range []string{"", "x", "-1", "8Mb", "8.5M", "99999999999999999999", "9223372036854775807GiB"} {
		if err := new(Size).UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func BenchmarkUDP(b *testing.B) {
	u := listen(b, "127.0.0.1:0", Default())
	c := dial(b, u.Addr())
	data := make([]byte, 1400)
	dst := make([]decode.Datagram, 64)
	b.ReportAllocs()
	for b.Loop() { // the price of sending included
		c.Write(data)
		u.Read(b.Context(), dst)
	}
}
