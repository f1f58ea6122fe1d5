package source

import (
	"testing"
	"time"

	"github.com/weirflow/weir/shared/decode"
)

// What finds the buffer full is counted, also when the socket is closed.
func TestDrops(t *testing.T) {
	x := listen(t, "127.0.0.1:0", Config{Buffer: 16 << 10, Idle: time.Millisecond})
	c := dial(t, x.Addr())
	const sent = 500
	data := make([]byte, 1000)
	for range sent {
		if _, err := c.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	s := x.Stats()
	if s.Dropped == 0 || s.Dropped >= sent {
		t.Fatalf("%d of %d dropped", s.Dropped, sent)
	}
	dst := make([]decode.Datagram, 64)
	got := uint64(0)
	for {
		n, err := x.Sources()[0].Read(t.Context(), dst)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		got += uint64(n)
	}
	if got+s.Dropped != sent {
		t.Errorf("%d read and %d dropped of %d", got, s.Dropped, sent)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if d := x.Stats().Dropped; d != s.Dropped {
		t.Errorf("%d dropped after Close, want %d", d, s.Dropped)
	}
}

// The kernel's count has 32 bits, ours does not wrap.
func TestDropsWrap(t *testing.T) {
	x := listen(t, "127.0.0.1:0", Config{Idle: time.Millisecond})
	u := x.readers[0].socket()
	u.dropped.Store(1<<32 - 5) // the kernel now says 0
	if got := u.Drops(); got != 1<<32 {
		t.Errorf("got %d, want %d", got, int64(1<<32))
	}
	if got := u.Drops(); got != 1<<32 {
		t.Errorf("the second time: got %d", got)
	}
}

// What the kernel granted bounds the pause.
func TestPauseKnowsBuffer(t *testing.T) {
	x := listen(t, "127.0.0.1:0", Config{Buffer: 64 << 10})
	p := x.readers[0].(*coalescing).pace
	if p.buffer != 128<<10 || p.pause() != 0 {
		t.Errorf("buffer %d, pause %s", p.buffer, p.pause())
	}
	if x = listen(t, "127.0.0.1:0", Config{Buffer: 1 << 20}); x.readers[0].(*coalescing).pace.pause() == 0 {
		t.Error("no pause with a large buffer")
	}
}

// A datagram that was cut off is counted, and not taken for a whole one.
func TestTruncated(t *testing.T) {
	conns, err := bind("127.0.0.1:0", 1, &Config{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCoalescing(conns[0], new(gate), time.Millisecond, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	to := dial(t, c.addr)
	for _, n := range []int{100, 101, 99} {
		if _, err := to.Write(make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	dst := make([]decode.Datagram, 64)
	n, err := c.Read(t.Context(), dst)
	if err != nil || n != 2 || len(dst[0].Data) != 100 || len(dst[1].Data) != 99 {
		t.Fatalf("%d datagrams, %v, of %d and %d octets", n, err, len(dst[0].Data), len(dst[1].Data))
	}
	if got := c.truncated.Load(); got != 1 {
		t.Errorf("%d truncated, want 1", got)
	}
}

// All that waits comes with few calls, in order.
func TestCoalesce(t *testing.T) {
	x := listen(t, "127.0.0.1:0", Default())
	c := dial(t, x.Addr())
	for i := range 200 {
		if _, err := c.Write([]byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	dst := make([]decode.Datagram, 64)
	next := 0
	for _, want := range []int{64, 64, 64, 8} {
		n, err := x.Sources()[0].Read(t.Context(), dst)
		if err != nil || n != want {
			t.Fatalf("%d datagrams, %v, want %d", n, err, want)
		}
		for _, d := range dst[:n] {
			if len(d.Data) != 1 || d.Data[0] != byte(next) {
				t.Fatalf("datagram %d is %v", next, d.Data)
			}
			next++
		}
	}
}

// Two processes of a user may share a port if both want to.
func TestSharedPort(t *testing.T) {
	cfg := Default()
	cfg.Share = true
	first, err := Open(Listen{Address: "127.0.0.1:0", Workers: 4}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	at := Listen{Address: first.Addr().String()}
	second, err := Open(at, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if n := len(first.Sources()); n != 1 || second.Addr() != first.Addr() {
		t.Errorf("%d sockets, at %s and %s", n, first.Addr(), second.Addr())
	}
	if x, err := Open(at, Default()); err == nil {
		x.Close()
		t.Error("a listener that shares nothing has the port too")
	}
}
