package source

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/dtls/v3"

	"github.com/weirflow/weir/shared/template"
)

// dialDTLS agrees from the socket pc.
func dialDTLS(t testing.TB, x *Listener, pc net.PacketConn, a *authority, certs ...tls.Certificate) (*dtls.Conn, error) {
	t.Helper()
	c, err := dtls.ClientWithOptions(pc, net.UDPAddrFromAddrPort(x.Addr()),
		dtls.WithRootCAs(a.pool()), dtls.WithServerName("collector"), dtls.WithFlightInterval(200*time.Millisecond),
		dtls.WithGetClientCertificate(func(*dtls.CertificateRequestInfo) (*tls.Certificate, error) {
			if len(certs) == 0 {
				return new(tls.Certificate), nil
			}
			return &certs[0], nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	return c, c.HandshakeContext(ctx)
}

func packetConn(t testing.TB) net.PacketConn {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	return pc
}

func TestDTLS(t *testing.T) {
	a, other := newAuthority(t, "ca"), newAuthority(t, "other")
	x := openStream(t, Listen{Address: "dtls://127.0.0.1:0", TLS: a.server()}, nil)
	s := x.Sources()[0]
	a.issue("exporter")
	other.issue("stranger")
	pc := packetConn(t)
	c, err := dialDTLS(t, x, pc, a, a.pair("exporter"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		write(t, c, ipfixMessage(1000+i, uint32(i)))
	}
	for i, d := range next(t, s, 3) {
		if d.From != portOf(pc.LocalAddr()) || d.To != x.Addr() || d.Over != template.DTLS || d.Opened != (i == 0) || len(d.Data) != 1000+i {
			t.Errorf("message %d: %d octets, %s to %s, opened %t", i, len(d.Data), d.From, d.To, d.Opened)
		}
	}
	c.Close()
	if d := next(t, s, 1)[0]; !d.Closed {
		t.Errorf("the end is %+v", d)
	}
	eventually(t, x, "the end", func(s Stats) bool { return s.Connections == 0 })

	if _, err := dialDTLS(t, x, packetConn(t), a); err == nil {
		t.Error("let in without a certificate")
	}
	eventually(t, x, "no certificate", func(s Stats) bool { return s.Handshakes == 1 })
	if _, err := dialDTLS(t, x, packetConn(t), a, other.pair("stranger")); err == nil {
		t.Error("let in with a certificate that another vouches for")
	}
	eventually(t, x, "a wrong certificate", func(s Stats) bool { return s.Handshakes == 2 })
	nothing(t, s)
	if s := x.Stats(); s.Accepted != 1 || s.Datagrams != 3 {
		t.Errorf("%+v", s)
	}
}

// A record of DTLS holds whole messages, or its association ends.
func TestDTLSTruncated(t *testing.T) {
	a := newAuthority(t, "ca")
	x := openStream(t, Listen{Address: "dtls://127.0.0.1:0", TLS: a.server()}, nil)
	a.issue("exporter")
	c, err := dialDTLS(t, x, packetConn(t), a, a.pair("exporter"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, c, append(ipfixMessage(100, 1), ipfixMessage(50, 2)...))
	if got := next(t, x.Sources()[0], 2); len(got[0].Data) != 100 || len(got[1].Data) != 50 {
		t.Errorf("%d and %d octets", len(got[0].Data), len(got[1].Data))
	}
	write(t, c, ipfixMessage(100, 3)[:80])
	if d := next(t, x.Sources()[0], 1)[0]; !d.Closed {
		t.Errorf("%d octets of a message that was cut short", len(d.Data))
	}
	eventually(t, x, "the end", func(s Stats) bool { return s.Malformed == 1 && s.Connections == 0 })
}

// hello is a client's, without a cookie, as OpenSSL would send it.
func hello() []byte {
	body := append([]byte{0xfe, 0xfd}, make([]byte, 32)...)           // version, random
	body = append(body, 0, 0, 0, 2, 0xc0, 0x2b, 1, 0)                 // no session, no cookie, a suite, no compression
	body = append(body, 0, 12, 0, 10, 0, 4, 0, 2, 0, 23, 0, 23, 0, 0) // groups; extended master secret
	n := byte(len(body))
	m := append([]byte{1, 0, 0, n, 0, 0, 0, 0, 0, 0, 0, n}, body...)
	return append([]byte{22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(len(m))}, m...)
}

// Hellos from addresses that never answer take a bounded part of us, and hold
// up nobody.
func TestDTLSFlood(t *testing.T) {
	a := newAuthority(t, "ca")
	x := openStream(t, Listen{Address: "dtls://127.0.0.1:0", TLS: a.server()}, nil)
	d := x.streams.dtls
	a.issue("exporter")
	garbage := dial(t, x.Addr()) // now: its port is none of those that the flood has had
	for i := range 2 * maxHalfOpen {
		c := dial(t, x.Addr())
		write(t, c, hello())
		if i == 0 {
			c.SetReadDeadline(time.Now().Add(5 * time.Second))
			b := make([]byte, 1000)
			n, err := c.Read(b)
			if err != nil || n < 26 || b[recordHeader] != 3 {
				t.Fatalf("the answer to a hello is % x, %v: not a request to verify it", b[:n], err)
			}
			if n > len(hello()) {
				t.Errorf("%d octets were answered with %d", len(hello()), n)
			}
		}
		c.Close()
	}
	eventually(t, x, "the flood", func(Stats) bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.halfOpen) == maxHalfOpen
	})
	c, err := dialDTLS(t, x, packetConn(t), a, a.pair("exporter"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, c, ipfixMessage(100, 1))
	next(t, x.Sources()[0], 1)
	d.mu.Lock()
	peers, busy := len(d.peers), d.busy
	d.mu.Unlock()
	if peers > maxHalfOpen+1 || busy != 0 {
		t.Errorf("%d peers, %d handshakes", peers, busy)
	}
	write(t, garbage, []byte("x"))
	write(t, garbage, ipfixMessage(100, 1))
	eventually(t, x, "garbage", func(s Stats) bool { return s.Refused == 2 })
	if s := x.Stats(); s.Handshakes != 0 || s.Accepted != 1 {
		t.Errorf("%+v", s)
	}
}

// An exporter that starts anew from the same port gets a new association; who
// only says hello in its name does not end the old one.
func TestDTLSAnew(t *testing.T) {
	a := newAuthority(t, "ca")
	x := openStream(t, Listen{Address: "dtls://127.0.0.1:0", TLS: a.server()}, nil)
	s := x.Sources()[0]
	a.issue("exporter")
	pc := &listening{PacketConn: packetConn(t), verify: make(chan struct{}, 2)}
	c, err := dialDTLS(t, x, pc, a, a.pair("exporter"))
	if err != nil {
		t.Fatal(err)
	}
	<-pc.verify
	write(t, c, ipfixMessage(100, 1))
	next(t, s, 1)
	if _, err := pc.WriteTo(hello(), net.UDPAddrFromAddrPort(x.Addr())); err != nil {
		t.Fatal(err)
	}
	write(t, c, ipfixMessage(101, 2))
	if d := next(t, s, 1)[0]; len(d.Data) != 101 {
		t.Fatalf("after a hello in its name: %+v", d)
	}
	<-pc.verify // the answer to that hello
	pc.Close()  // without a word
	restarted, err := net.ListenPacket("udp", pc.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer restarted.Close()
	again, err := dialDTLS(t, x, restarted, a, a.pair("exporter"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, again, ipfixMessage(102, 3))
	opened, closed := 0, 0
	for _, d := range next(t, s, 2) { // in either order
		switch {
		case d.Closed:
			closed++
		case d.Opened && len(d.Data) == 102:
			opened++
		}
	}
	if opened != 1 || closed != 1 {
		t.Errorf("%d opened, %d closed", opened, closed)
	}
}

// listening tells when it was asked to verify a hello.
type listening struct {
	net.PacketConn
	verify chan struct{}
}

func (l *listening) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := l.PacketConn.ReadFrom(b)
	if n > recordHeader && b[0] == 22 && b[recordHeader] == 3 {
		l.verify <- struct{}{}
	}
	return n, from, err
}

// What comes behind a handshake, while ours isn't over, waits for its end: the
// exporter's messages, and its goodbye. Alerts of the handshake itself don't.
func TestDTLSEarly(t *testing.T) {
	from := netip.MustParseAddrPort("192.0.2.1:4740")
	p := &peer{addr: from, state: shaking}
	a := &dtlsAcceptor{peers: map[netip.AddrPort]*peer{from: p}, fresh: map[netip.AddrPort]*peer{}}
	record := func(kind, epoch byte) []byte {
		return append([]byte{kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 1, 0, 2}, 1, 0)
	}
	for _, d := range [][]byte{record(applicationData, 1), record(alert, 1)} {
		if got := a.peer(from, d); got != nil {
			t.Errorf("%x does not wait", d)
		}
	}
	if len(p.early) != 2 {
		t.Errorf("%d datagrams wait", len(p.early))
	}
	for _, d := range [][]byte{record(alert, 0), record(22, 1), record(20, 0)} {
		if got := a.peer(from, d); got != p {
			t.Errorf("%x waits", d)
		}
	}
}

// A forgetful connection has a message left when it says that it has ended.
type forgetful struct {
	net.Conn
	message string
	ends    int // before that
}

func (f *forgetful) Read(b []byte) (int, error) {
	if f.ends--; f.ends >= 0 || f.message == "" {
		return 0, io.EOF
	}
	n := copy(b, f.message)
	f.message = ""
	return n, nil
}

func TestLastWord(t *testing.T) {
	var b [10]byte
	c := lastWord{&forgetful{message: "bye", ends: 5}}
	if n, err := c.Read(b[:]); n != 3 || err != nil {
		t.Errorf("%d octets, %v", n, err)
	}
	if n, err := c.Read(b[:]); n != 0 || err != io.EOF {
		t.Errorf("%d octets, %v", n, err)
	}
}
