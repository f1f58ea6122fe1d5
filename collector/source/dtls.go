package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
	"github.com/pion/transport/v5/packetio"
)

// The budget of handshakes. An exporter shows with a cookie that its address is
// its own (RFC 6347 §4.2.1). Before, it costs us little and not for long: the
// oldest of those makes room. Behind that comes the dear part.
const (
	maxHalfOpen   = 256  // that have not shown it yet
	maxHellos     = 2000 // of those, new ones a second
	maxHandshakes = 64   // that have
	maxEach       = 4    // of an address

	halfOpenQueue = 64 << 10 // octets of datagrams that wait
	openQueue     = 1 << 20
)

var errBudget = errors.New("too many handshakes at once")

// A dtlsAcceptor is a UDP socket whose datagrams belong to associations.
type dtlsAcceptor struct {
	conn  *net.UDPConn
	id    *identity
	rules *rules

	mu       sync.Mutex
	peers    map[netip.AddrPort]*peer
	fresh    map[netip.AddrPort]*peer // of those, who begins anew: its first datagrams
	halfOpen []*peer                  // oldest first
	busy     int                      // handshakes behind their cookie
	each     map[netip.Addr]int       // of an address
	hellos   *bucket

	ready   chan net.Conn
	done    chan struct{}
	once    sync.Once
	running sync.WaitGroup

	denied, stray, refused, dropped atomic.Uint64
}

// A peer is one end of an association: what pion reads from and writes to.
type peer struct {
	a    *dtlsAcceptor
	addr netip.AddrPort
	in   *packetio.Buffer

	// Guarded by a.mu.
	state     peerState
	counted   bool     // in busy and each
	verified  bool     // its cookie has come back
	early     [][]byte // datagrams that came before we were through with the handshake
	earlySize int
	random    [32]byte // of its hello
}

type peerState uint8

const (
	halfOpen peerState = iota
	shaking            // its cookie has come back
	established
	gone
)

func newDTLSAcceptor(conn *net.UDPConn, id *identity, rules *rules) *dtlsAcceptor {
	a := &dtlsAcceptor{
		conn: conn, id: id, rules: rules,
		peers: map[netip.AddrPort]*peer{}, fresh: map[netip.AddrPort]*peer{}, each: map[netip.Addr]int{},
		hellos: newBucket(maxHellos), ready: make(chan net.Conn), done: make(chan struct{}),
	}
	a.running.Go(a.read)
	return a
}

// Accept returns the next connection that has agreed.
func (a *dtlsAcceptor) Accept() (net.Conn, error) {
	select {
	case c := <-a.ready:
		return c, nil
	case <-a.done:
		return nil, net.ErrClosed
	}
}

// Addr returns the socket's address.
func (a *dtlsAcceptor) Addr() net.Addr { return a.conn.LocalAddr() }

// Close ends all associations.
func (a *dtlsAcceptor) Close() error {
	err := net.ErrClosed
	a.once.Do(func() {
		close(a.done)
		err = a.conn.Close()
		a.mu.Lock()
		for _, all := range []map[netip.AddrPort]*peer{a.peers, a.fresh} {
			for _, p := range all {
				p.in.Close()
			}
		}
		a.mu.Unlock()
		a.running.Wait()
	})
	return err
}

// read hands each datagram to its peer.
func (a *dtlsAcceptor) read() {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := a.conn.ReadFromUDPAddrPort(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if n == 0 {
			continue
		}
		p := a.peer(addrPort(from), buf[:n])
		if p == nil {
			continue
		}
		if _, err := p.in.Write(buf[:n], nil); err != nil {
			a.dropped.Add(1)
		}
	}
}

const (
	recordHeader = 13 // type, version, epoch, sequence number, length (RFC 6347 §4.1)
	randomAt     = 27 // in a hello: behind its own header, of 12, and the version
	clientHello  = 1
	serverHello  = 2

	alert           = 21
	applicationData = 23
)

// after tells whether a datagram is of the time behind a handshake: a message, or
// the end that follows it.
func after(d []byte) bool {
	return d[0] == applicationData || d[0] == alert && len(d) > recordHeader && (d[3] != 0 || d[4] != 0)
}

// initial tells whether a datagram is of a handshake, before anything is
// encrypted.
func initial(d []byte) bool {
	return len(d) > recordHeader && d[0] == 22 && d[1] == 0xfe && d[3] == 0 && d[4] == 0
}

// begins tells whether a datagram is the first of a handshake: a hello, whose
// number is 0.
func begins(d []byte) bool {
	return initial(d) && d[recordHeader] == clientHello && len(d) >= randomAt+32 && d[recordHeader+4] == 0 && d[recordHeader+5] == 0
}

// anew tells whether d begins another handshake than p's that is half open.
// Someone else may have begun that.
func (p *peer) anew(d []byte) bool {
	return p.state == halfOpen && begins(d) && !bytes.Equal(p.random[:], d[randomAt:][:32])
}

// peer returns whose the datagram d is; nil if it is nobody's.
func (a *dtlsAcceptor) peer(from netip.AddrPort, d []byte) *peer {
	a.mu.Lock()
	defer a.mu.Unlock()
	books := a.peers
	if p := a.peers[from]; p != nil {
		switch {
		case p.state == shaking && after(d):
			// Its handshake is over, ours not quite: pion would drop all but one
			// of the exporter's first messages, and give up at its goodbye.
			if p.earlySize+len(d) <= halfOpenQueue {
				p.early = append(p.early, bytes.Clone(d))
				p.earlySize += len(d)
			} else {
				a.dropped.Add(1)
			}
			return nil
		case p.anew(d):
			a.end(p)
		case p.state != established || !initial(d):
			return p
		default:
			// Who has an association may begin anew (RFC 6347 §4.2.8). The old
			// one stays until the cookie has come back: anyone could say hello
			// in its name.
			books = a.fresh
		}
	}
	if f := a.fresh[from]; f != nil {
		if !f.anew(d) {
			return f
		}
		a.end(f)
	}
	switch {
	case a.rules != nil && !a.rules.allowed(from.Addr()):
		a.denied.Add(1)
		return nil
	case !begins(d) || !a.hellos.take(time.Now().UnixNano()):
		a.stray.Add(1)
		return nil
	}
	p := &peer{a: a, addr: from, in: packetio.NewBuffer(), random: [32]byte(d[randomAt:])}
	p.in.SetLimitSize(halfOpenQueue)
	if len(a.halfOpen) >= maxHalfOpen {
		a.end(a.halfOpen[0])
	}
	books[from] = p
	a.halfOpen = append(a.halfOpen, p)
	a.running.Go(func() { a.shake(p) })
	return p
}

// shake agrees with p.
func (a *dtlsAcceptor) shake(p *peer) {
	c, err := a.server(p)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), handshakeTime)
		err = c.HandshakeContext(ctx)
		cancel()
	}
	a.mu.Lock()
	if p.state == gone && err == nil {
		err = net.ErrClosed
	}
	if err != nil && p.verified {
		a.refused.Add(1)
	}
	if err == nil {
		a.settle(p)
		p.state = established
		p.in.SetLimitSize(openQueue)
		for _, d := range p.early {
			p.in.Write(d, nil)
		}
	}
	p.early = nil
	a.mu.Unlock()
	if err == nil {
		select {
		case a.ready <- lastWord{c}:
			return
		case <-a.done:
		}
	}
	if c != nil {
		c.Close()
	}
	p.Close()
}

// A lastWord is a connection that may forget its last message: where a goodbye
// follows at once, pion's Read (3.1.15) chooses between the message and the end by
// chance. What it has not read is still there, and another call may have it.
type lastWord struct{ net.Conn }

// chances is how often it is asked. Each is even.
const chances = 40

func (c lastWord) Read(b []byte) (n int, err error) {
	for range chances {
		if n, err = c.Conn.Read(b); n > 0 || !errors.Is(err, io.EOF) {
			break
		}
	}
	return n, err
}

// server makes pion's end.
func (a *dtlsAcceptor) server(p *peer) (*dtls.Conn, error) {
	papers := a.id.current()
	opts := []dtls.ServerOption{
		dtls.WithCertificates(papers.cert),
		dtls.WithClientAuth(map[ClientAuth]dtls.ClientAuthType{Require: dtls.RequireAndVerifyClientCert, Optional: dtls.VerifyClientCertIfGiven, None: dtls.NoClientCert}[a.id.cfg.auth()]),
		dtls.WithVerifyPeerCertificate(a.id.cfg.verify),
		dtls.WithLoggerFactory(&logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}),
	}
	if papers.pool != nil {
		opts = append(opts, dtls.WithClientCAs(papers.pool))
	}
	return dtls.ServerWithOptions(p, net.UDPAddrFromAddrPort(p.addr), opts...)
}

// proved notes that p's cookie has come back, and that the dear part begins.
func (a *dtlsAcceptor) proved(p *peer) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case p.state == gone:
		return net.ErrClosed
	case p.state != halfOpen:
		return nil
	case a.busy >= maxHandshakes || a.each[p.addr.Addr()] >= maxEach:
		a.refused.Add(1)
		return errBudget
	}
	a.unlist(p)
	p.state, p.counted, p.verified = shaking, true, true
	a.busy++
	a.each[p.addr.Addr()]++
	if a.fresh[p.addr] == p {
		delete(a.fresh, p.addr)
		if old := a.peers[p.addr]; old != nil {
			a.end(old)
		}
		a.peers[p.addr] = p
	}
	return nil
}

// settle takes p out of the budget. The caller holds the lock.
func (a *dtlsAcceptor) settle(p *peer) {
	if !p.counted {
		return
	}
	p.counted = false
	a.busy--
	if n := p.addr.Addr(); a.each[n] > 1 {
		a.each[n]--
	} else {
		delete(a.each, n)
	}
}

// unlist takes p out of those that are half open. The caller holds the lock.
func (a *dtlsAcceptor) unlist(p *peer) {
	for i, x := range a.halfOpen {
		if x == p {
			a.halfOpen = append(a.halfOpen[:i], a.halfOpen[i+1:]...)
			return
		}
	}
}

// end ends p: its reader finds that out. The caller holds the lock.
func (a *dtlsAcceptor) end(p *peer) {
	a.leave(p)
	p.in.Close()
}

// leave takes p out of the books. The caller holds the lock.
func (a *dtlsAcceptor) leave(p *peer) {
	a.unlist(p)
	a.settle(p)
	p.state = gone
	if a.peers[p.addr] == p {
		delete(a.peers, p.addr)
	}
	if a.fresh[p.addr] == p {
		delete(a.fresh, p.addr)
	}
}

// A peer is a net.PacketConn.

func (p *peer) ReadFrom(b []byte) (int, net.Addr, error) {
	n, _, err := p.in.Read(b, nil)
	return n, net.UDPAddrFromAddrPort(p.addr), err
}

// WriteTo sends b. Our hello follows only on a cookie that has come back.
func (p *peer) WriteTo(b []byte, _ net.Addr) (int, error) {
	if initial(b) && b[recordHeader] == serverHello {
		if err := p.a.proved(p); err != nil {
			return 0, err
		}
	}
	return p.a.conn.WriteToUDPAddrPort(b, p.addr)
}

func (p *peer) Close() error {
	p.a.mu.Lock()
	defer p.a.mu.Unlock()
	p.a.leave(p)
	return p.in.Close()
}

func (p *peer) LocalAddr() net.Addr                { return p.a.conn.LocalAddr() }
func (p *peer) SetDeadline(t time.Time) error      { return p.in.SetReadDeadline(t) }
func (p *peer) SetReadDeadline(t time.Time) error  { return p.in.SetReadDeadline(t) }
func (p *peer) SetWriteDeadline(t time.Time) error { return nil }
