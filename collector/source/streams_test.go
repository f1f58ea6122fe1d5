package source

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

// ipfixMessage returns an IPFIX message of n octets, with a number in it.
func ipfixMessage(n int, number uint32) []byte {
	b := make([]byte, n)
	binary.BigEndian.PutUint16(b, 10)
	binary.BigEndian.PutUint16(b[2:], uint16(n))
	binary.BigEndian.PutUint32(b[8:], number)
	return b
}

// openStream opens a listener for connections.
func openStream(t testing.TB, l Listen, change func(*Config)) *Listener {
	t.Helper()
	cfg := Default()
	cfg.Idle = 10 * time.Millisecond
	if change != nil {
		change(&cfg)
	}
	return open(t, l, cfg)
}

func dialTCP(t testing.TB, x *Listener) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", x.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// next returns the next datagrams of a source: n of them, their data copied.
func next(t testing.TB, s Source, n int) (all []decode.Datagram) {
	t.Helper()
	dst := make([]decode.Datagram, 3)
	for end := time.Now().Add(10 * time.Second); len(all) < n; {
		got, err := s.Read(t.Context(), dst[:min(len(dst), n-len(all))])
		if err != nil {
			t.Fatalf("after %d of %d: %v", len(all), n, err)
		}
		for _, d := range dst[:got] {
			d.Data = bytes.Clone(d.Data)
			all = append(all, d)
		}
		if time.Now().After(end) {
			t.Fatalf("%d datagrams came, want %d", len(all), n)
		}
	}
	return all
}

// nothing fails if something comes.
func nothing(t testing.TB, s Source) {
	t.Helper()
	var dst [1]decode.Datagram
	for range 5 {
		if n, err := s.Read(t.Context(), dst[:]); n > 0 || err != nil {
			t.Fatalf("got %d datagrams, %v: %+v", n, err, dst[0])
		}
	}
}

// eventually waits until the listener has counted as wanted.
func eventually(t testing.TB, x *Listener, what string, cond func(Stats) bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !cond(x.Stats()); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for %s: %+v", what, x.Stats())
		}
	}
}

// ends waits until the other end has closed c.
func ends(t testing.TB, c net.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.Copy(io.Discard, c); errors.Is(err, context.DeadlineExceeded) || slow(err) {
		t.Fatal("the connection was not closed")
	}
}

func write(t testing.TB, c io.Writer, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

// Messages come whole and in order, however they were cut.
func TestTCP(t *testing.T) {
	x := openStream(t, Listen{Address: "tcp://127.0.0.1:0"}, nil)
	s := x.Sources()[0]
	c := dialTCP(t, x)
	sizes := []int{16, 17, 300, 65535, 20, 16384, 30000, 65535, 1400}
	var want [][]byte
	for i := range 40 {
		want = append(want, ipfixMessage(sizes[i%len(sizes)], uint32(i)))
	}
	all := bytes.Join(want, nil)
	go func() {
		for i := 1; len(all) > 0; i = i*7%9973 + 1 {
			n := min(i, len(all))
			c.Write(all[:n])
			all = all[n:]
		}
		c.CloseWrite()
	}()
	got := next(t, s, len(want)+1)
	from := portOf(c.LocalAddr())
	for i, d := range got[:len(want)] {
		if !bytes.Equal(d.Data, want[i]) {
			t.Fatalf("message %d came changed: %d octets of %d", i, len(d.Data), len(want[i]))
		}
		if d.From != from || d.To != x.Addr() || d.Over != template.TCP || d.Closed || d.Opened != (i == 0) || d.Time == 0 {
			t.Errorf("message %d: %+v", i, decode.Datagram{From: d.From, To: d.To, Time: d.Time, Over: d.Over, Opened: d.Opened, Closed: d.Closed})
		}
	}
	if d := got[len(want)]; !d.Closed || d.From != from || d.To != x.Addr() || d.Over != template.TCP || len(d.Data) > 0 {
		t.Errorf("the end is %+v", d)
	}
	eventually(t, x, "the connection to leave", func(s Stats) bool { return s.Connections == 0 })
	s2 := x.Stats()
	if s2.Datagrams != 40 || s2.Octets != uint64(len(bytes.Join(want, nil))) || s2.Accepted != 1 || s2.Malformed+s2.Late+s2.Silent > 0 {
		t.Errorf("%+v", s2)
	}
}

// What a connection announces is its own, and goes with it.
func TestTCPTemplates(t *testing.T) {
	x := openStream(t, Listen{Address: "tcp://127.0.0.1:0"}, nil)
	s := x.Sources()[0]
	tmpl := ipfixMessage(16+12, 1)
	copy(tmpl[16:], []byte{0, 2, 0, 12, 1, 0, 0, 1, 0, 4, 0, 4}) // template 256: protocolIdentifier in 4 octets
	data := ipfixMessage(16+8, 1)
	copy(data[16:], []byte{1, 0, 0, 8, 0, 0, 0, 17})
	withdrawal := ipfixMessage(16+8, 1)
	copy(withdrawal[16:], []byte{0, 2, 0, 8, 1, 0, 0, 0})

	store := template.NewStore(template.Limits{})
	dec := decode.New(store)
	flows := func(n int) int {
		t.Helper()
		var b flow.Batch
		for _, d := range next(t, s, n) {
			dec.Decode(&b, d)
		}
		return len(b.Flows)
	}
	one, two := dialTCP(t, x), dialTCP(t, x)
	write(t, one, bytes.Join([][]byte{tmpl, data, data}, nil))
	if n := flows(3); n != 2 {
		t.Errorf("%d flows of the connection that announced its template, want 2", n)
	}
	write(t, two, data)
	if n := flows(1); n != 0 {
		t.Errorf("%d flows of another connection, want none", n)
	}
	write(t, one, bytes.Join([][]byte{withdrawal, data}, nil))
	if n := flows(2); n != 0 {
		t.Errorf("%d flows after the withdrawal, want none", n)
	}
	one.Close()
	two.Close()
	flows(2)
	if n := store.Len(); n != 0 {
		t.Errorf("%d sessions are left of connections that have ended", n)
	}
}

func TestTCPMalformed(t *testing.T) {
	f := func(what string, whole int, bad []byte) {
		t.Helper()
		x := openStream(t, Listen{Address: "tcp://127.0.0.1:0"}, nil)
		c := dialTCP(t, x)
		good := ipfixMessage(100, 1)
		write(t, c, append(bytes.Repeat(good, whole), bad...))
		for _, d := range next(t, x.Sources()[0], whole) {
			if !bytes.Equal(d.Data, good) {
				t.Errorf("%s: a message before it came changed", what)
			}
		}
		if whole > 0 {
			if d := next(t, x.Sources()[0], 1)[0]; !d.Closed {
				t.Errorf("%s: %+v behind the last message", what, d)
			}
		}
		ends(t, c)
		eventually(t, x, what, func(s Stats) bool { return s.Malformed == 1 && s.Connections == 0 })
	}
	f("a version that is not IPFIX", 2, []byte{0, 9, 0, 20})
	f("the same at once, and no more", 0, []byte{0, 5})
	f("a length below a header's", 1, []byte{0, 10, 0, 15})
	f("HTTP", 0, []byte("GET / HTTP/1.1\r\n\r\n"))
}

// A message that has begun must be whole in time: octets that drip don't help.
func TestTCPSlow(t *testing.T) {
	x := openStream(t, Listen{Address: "tcp://127.0.0.1:0"}, func(c *Config) { c.Message = 50 * time.Millisecond })
	s := x.Sources()[0]
	c := dialTCP(t, x)
	write(t, c, ipfixMessage(20, 1))
	next(t, s, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		next(t, s, 1) // the end
	}()
	for b := ipfixMessage(60000, 2); len(b) > 0; b = b[1:] {
		if _, err := c.Write(b[:1]); err != nil {
			break
		}
		if s := x.Stats(); s.Late > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	<-read
	eventually(t, x, "the end", func(s Stats) bool { return s.Late == 1 && s.Connections == 0 })
}

func TestTCPSilent(t *testing.T) {
	x := openStream(t, Listen{Address: "tcp://127.0.0.1:0"}, func(c *Config) { c.Silence = 30 * time.Millisecond })
	ends(t, dialTCP(t, x))
	eventually(t, x, "the end", func(s Stats) bool { return s.Silent == 1 && s.Connections == 0 })
	nothing(t, x.Sources()[0]) // of a connection that said nothing there is no end
}

// Who has not sent a message makes room, who has stays.
func TestTCPLimits(t *testing.T) {
	x := openStream(t, Listen{Address: "tcp://127.0.0.1:0"}, func(c *Config) { c.PerExporter = 2 })
	first := dialTCP(t, x)
	eventually(t, x, "the first", func(s Stats) bool { return s.Accepted == 1 })
	second := dialTCP(t, x)
	write(t, second, ipfixMessage(20, 2))
	next(t, x.Sources()[0], 1)
	third := dialTCP(t, x) // in place of the first
	ends(t, first)
	write(t, third, ipfixMessage(20, 3))
	next(t, x.Sources()[0], 1)
	ends(t, dialTCP(t, x)) // there is no more room
	for i, c := range []*net.TCPConn{second, third} {
		write(t, c, ipfixMessage(20, uint32(i)))
		next(t, x.Sources()[0], 1)
	}
	if s := x.Stats(); s.Connections != 2 || s.Accepted != 3 || s.TooMany != 2 {
		t.Errorf("%+v", s)
	}

	x = openStream(t, Listen{Address: "tcp://127.0.0.1:0"}, func(c *Config) { c.Connections = 1 })
	first = dialTCP(t, x)
	write(t, first, ipfixMessage(20, 1))
	next(t, x.Sources()[0], 1)
	ends(t, dialTCP(t, x))
	if s := x.Stats(); s.Connections != 1 || s.TooMany != 1 {
		t.Errorf("%+v", s)
	}
}

func TestTCPDenied(t *testing.T) {
	x := openStream(t, Listen{Address: "tcp://127.0.0.1:0", Deny: prefixes(t, "127.0.0.1")}, nil)
	ends(t, dialTCP(t, x))
	if s := x.Stats(); s.Denied != 1 || s.Accepted != 0 || s.Connections != 0 {
		t.Errorf("%+v", s)
	}
}

// Who is not read waits, and holds no more than a buffer.
func TestTCPBackPressure(t *testing.T) {
	x := openStream(t, Listen{Address: "tcp://127.0.0.1:0"}, nil)
	c := dialTCP(t, x)
	c.SetWriteBuffer(64 << 10)
	sent := 0
	for {
		c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		n, err := c.Write(ipfixMessage(60000, uint32(sent)))
		if err != nil {
			if n > 0 { // the rest of it
				c.SetWriteDeadline(time.Time{})
				rest := ipfixMessage(60000, uint32(sent))[n:]
				go c.Write(rest)
				sent++
			}
			break
		}
		if sent++; sent > 1000 {
			t.Fatal("60 MB were taken, and nobody reads")
		}
	}
	for i, d := range next(t, x.Sources()[0], sent) {
		if n := binary.BigEndian.Uint32(d.Data[8:]); len(d.Data) != 60000 || n != uint32(i) {
			t.Fatalf("message %d is number %d, of %d octets", i, n, len(d.Data))
		}
	}
}

// Connections are shared among the sources; one stays with its own.
func TestTCPWorkers(t *testing.T) {
	x := openStream(t, Listen{Address: "tcp://127.0.0.1:0", Workers: 2}, nil)
	from := map[netip.AddrPort]int{}
	var conns []*net.TCPConn
	for i := range 4 {
		conns = append(conns, dialTCP(t, x))
		eventually(t, x, "the connection", func(s Stats) bool { return s.Accepted == uint64(i+1) })
	}
	for round := range 3 {
		for _, c := range conns {
			write(t, c, ipfixMessage(20, 0))
		}
		for i, s := range x.Sources() {
			for _, d := range next(t, s, 2) {
				if was, ok := from[d.From]; ok && was != i {
					t.Errorf("round %d: %s is with source %d, was with %d", round, d.From, i, was)
				}
				from[d.From] = i
			}
		}
	}
	if err := x.Sources()[0].Close(); err != nil {
		t.Error(err)
	}
	for i := range 4 { // those of the other one stay, new ones come to it
		if from[portOf(conns[i].LocalAddr())] == 0 {
			ends(t, conns[i])
		}
	}
	write(t, dialTCP(t, x), ipfixMessage(20, 0))
	next(t, x.Sources()[1], 1)
}

func TestTCPClose(t *testing.T) {
	x := openStream(t, Listen{Address: "tcp://127.0.0.1:0"}, nil)
	c := dialTCP(t, x)
	write(t, c, ipfixMessage(20, 0))
	eventually(t, x, "the connection", func(s Stats) bool { return s.Connections == 1 })
	if err := x.Close(); err != nil { // waits for what it started
		t.Error(err)
	}
	ends(t, c)
	var dst [1]decode.Datagram
	for {
		n, err := x.Sources()[0].Read(t.Context(), dst[:])
		if errors.Is(err, net.ErrClosed) {
			break
		}
		if err != nil || n > 1 {
			t.Fatalf("%d, %v", n, err)
		}
	}
	if s := x.Stats(); s.Connections != 0 {
		t.Errorf("%+v", s)
	}
	if _, err := net.Dial("tcp", x.Addr().String()); err == nil {
		t.Error("still listening")
	}
}

func TestTCPNoAllocations(t *testing.T) {
	x := openStream(t, Listen{Address: "tcp://127.0.0.1:0"}, nil)
	s := x.Sources()[0]
	c := dialTCP(t, x)
	m := ipfixMessage(1400, 0)
	dst := make([]decode.Datagram, 8)
	got := 0
	n := testing.AllocsPerRun(200, func() {
		write(t, c, m)
		for before := got; got == before; {
			n, err := s.Read(t.Context(), dst)
			if err != nil {
				t.Fatal(err)
			}
			got += n
		}
	})
	if n != 0 {
		t.Errorf("%v allocations a message, want none", n)
	}
}

func TestStreamTaken(t *testing.T) {
	x := openStream(t, Listen{Address: "tcp://127.0.0.1:0"}, nil)
	if _, err := Open(Listen{Address: "tcp://" + x.Addr().String()}, Default()); err == nil {
		t.Error("no error")
	}
}

// FuzzFrame feeds a connection: what comes out is what a slow reader finds.
func FuzzFrame(f *testing.F) {
	f.Add(append(ipfixMessage(20, 1), ipfixMessage(65535, 2)...), uint16(7))
	f.Add([]byte{0, 10, 0, 16, 1, 2}, uint16(1))
	f.Fuzz(func(t *testing.T, data []byte, cut uint16) {
		var want [][]byte
		bad := false
		for rest := data; len(rest) > 0; {
			if len(rest) < 2 {
				break
			}
			if rest[0] != 0 || rest[1] != 10 {
				bad = true
				break
			}
			if len(rest) < 4 {
				break
			}
			n := int(rest[2])<<8 | int(rest[3])
			if n < 16 {
				bad = true
				break
			}
			if n > len(rest) {
				break
			}
			want, rest = append(want, rest[:n]), rest[n:]
		}
		c := &conn{Conn: &pieces{data: data, size: int(cut)%5000 + 1}, buf: make([]byte, firstBuffer), fan: &fan{streams: new(streams)}}
		for {
			err := c.fill()
			for c.at < c.whole {
				n := messageLength(c.buf[c.at:])
				if len(want) == 0 || !bytes.Equal(want[0], c.buf[c.at:c.at+n]) {
					t.Fatalf("a message of %d octets that isn't there", n)
				}
				want, c.at = want[1:], c.at+n
			}
			if err != nil {
				if len(want) > 0 || errors.Is(err, errFraming) != bad {
					t.Fatalf("%d messages are missing, %v", len(want), err)
				}
				return
			}
		}
	})
}

// pieces is a connection that gives its data piece by piece.
type pieces struct {
	net.Conn
	data []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(b) == 0 {
		panic("a read into nothing")
	}
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.data[:min(p.size, len(p.data))])
	p.data = p.data[n:]
	return n, nil
}

func (p *pieces) SetReadDeadline(time.Time) error { return nil }
