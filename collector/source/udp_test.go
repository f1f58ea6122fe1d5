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

// listen opens a listener with one socket.
func listen(t testing.TB, addr string, cfg Config) *Listener {
	t.Helper()
	l, err := ParseListen(addr)
	if err != nil {
		t.Fatal(err)
	}
	if l.Workers == 0 {
		l.Workers = 1
	}
	return open(t, l, cfg)
}

func open(t testing.TB, l Listen, cfg Config) *Listener {
	t.Helper()
	x, err := Open(l, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
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
func read(t testing.TB, x *Listener) decode.Datagram {
	t.Helper()
	var dst [1]decode.Datagram
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		n, err := x.Sources()[0].Read(t.Context(), dst[:1])
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

// openPortable opens a listener with the portable reader, whatever the system.
func openPortable(t testing.TB, l Listen, cfg Config) *Listener {
	t.Helper()
	conns, err := bind(l.HostPort(), 1, &cfg)
	if err != nil {
		t.Fatal(err)
	}
	p := newPortable(conns[0], &gates(1, &l, &cfg)[0], max(cfg.Idle, time.Millisecond))
	t.Cleanup(func() { p.Close() })
	return &Listener{listen: l, addr: p.addr, readers: []reader{p}, sources: []Source{p}}
}

// eachReader runs f with the system's reader and the portable one.
func eachReader(t *testing.T, f func(t *testing.T, open func(t testing.TB, l Listen, cfg Config) *Listener)) {
	t.Run("system", func(t *testing.T) { f(t, open) })
	t.Run("portable", func(t *testing.T) { f(t, openPortable) })
}

func TestUDP(t *testing.T) {
	eachReader(t, func(t *testing.T, open func(t testing.TB, l Listen, cfg Config) *Listener) {
		f := func(addr string, to func(*Listener) netip.AddrPort) {
			t.Helper()
			x := open(t, Listen{Address: addr, Workers: 1}, Default())
			c := dial(t, to(x))
			for _, data := range []string{"one", "", strings.Repeat("x", 9000), strings.Repeat("y", 65507)} {
				before := time.Now().UnixNano()
				if _, err := c.Write([]byte(data)); err != nil {
					t.Fatal(err)
				}
				d := read(t, x)
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
			if s := x.Stats(); s != (Stats{Datagrams: 4, Octets: 3 + 9000 + 65507}) {
				t.Errorf("%s: %+v", addr, s)
			}
		}
		self := func(x *Listener) netip.AddrPort { return x.Addr() }
		mapped := func(x *Listener) netip.AddrPort { return loopback(x.Addr().Port()) }
		f("127.0.0.1:0", self)
		f("0.0.0.0:0", mapped)
		f(":0", mapped) // IPv4 into a socket for both
		if c, err := net.ListenPacket("udp6", "[::1]:0"); err == nil {
			c.Close()
			f("[::1]:0", self)
		}
	})
}

// A link-local address comes with its zone.
func TestUDPZone(t *testing.T) {
	eachReader(t, func(t *testing.T, open func(t testing.TB, l Listen, cfg Config) *Listener) {
		all, err := net.Interfaces()
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range all {
			addrs, err := i.Addrs()
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range addrs {
				p, err := netip.ParsePrefix(a.String())
				if err != nil || !p.Addr().Is6() || !p.Addr().IsLinkLocalUnicast() {
					continue
				}
				want := p.Addr().WithZone(i.Name)
				x := open(t, Listen{Address: netip.AddrPortFrom(want, 0).String(), Workers: 1}, Default())
				c := dial(t, x.Addr())
				for range 2 {
					if _, err := c.Write([]byte("x")); err != nil {
						t.Fatal(err)
					}
					if d := read(t, x); d.From.Addr() != want {
						t.Errorf("from %s, want %s", d.From.Addr(), want)
					}
				}
				return
			}
		}
		t.Skip("this machine has no link-local address")
	})
}

func TestUDPReadEnds(t *testing.T) {
	eachReader(t, func(t *testing.T, open func(t testing.TB, l Listen, cfg Config) *Listener) {
		cfg := Default()
		cfg.Idle = 5 * time.Millisecond
		x := open(t, Listen{Address: "127.0.0.1:0", Workers: 1}, cfg)
		u := x.Sources()[0]
		var dst [1]decode.Datagram
		if n, err := u.Read(t.Context(), dst[:]); n != 0 || err != nil {
			t.Errorf("idle: got %d, %v, want 0 and no error", n, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if n, err := u.Read(ctx, dst[:]); n != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: got %d, %v", n, err)
		}
		time.AfterFunc(5*time.Millisecond, func() { x.Close() })
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
	})
}

func TestUDPNoAllocations(t *testing.T) {
	eachReader(t, func(t *testing.T, open func(t testing.TB, l Listen, cfg Config) *Listener) {
		x := open(t, Listen{Address: "127.0.0.1:0", Workers: 1}, Default())
		u := x.Sources()[0]
		c := dial(t, x.Addr())
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
	})
}

func TestListenErrors(t *testing.T) {
	taken := listen(t, "127.0.0.1:0", Default())
	f := func(addr string, is error, want ...string) {
		t.Helper()
		x, err := Open(Listen{Address: addr, Workers: 2}, Default())
		if err == nil {
			x.Close()
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
	shared := open(t, Listen{Address: "127.0.0.1:0", Workers: 2}, Default()) // no other weir may join in
	f(shared.Addr().String(), syscall.EADDRINUSE, "is taken")
	f("192.0.2.77:0", nil, "192.0.2.77:0", "doesn't have that address")
}

// Linux caps the buffer, and its bookkeeping doubles it: what we report is what
// was asked for, or less and a warning.
func TestReceiveBuffer(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells what it granted")
	}
	var log bytes.Buffer
	cfg := Config{Buffer: 64 << 10, Log: slog.New(slog.NewTextHandler(&log, nil))}
	x := listen(t, "127.0.0.1:0", cfg)
	if got, ok := granted(x.readers[0].socket().conn); !ok || got != 64<<10 {
		t.Errorf("granted %d, %t, want 65536", got, ok)
	}
	if log.Len() > 0 {
		t.Errorf("logged %q", log.String())
	}
	cfg.Buffer = 1 << 30 // above any net.core.rmem_max that is not set by hand
	x = listen(t, "127.0.0.1:0", cfg)
	if got, _ := granted(x.readers[0].socket().conn); got < 1<<30 {
		if !strings.Contains(log.String(), "sysctl -w net.core.rmem_max=1073741824") {
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
