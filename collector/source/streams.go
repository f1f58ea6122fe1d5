package source

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirflow/weir/shared/template"
)

// An acceptor gives connections: a net.Listener, whose addresses have ports.
type acceptor interface {
	Accept() (net.Conn, error)
	Close() error
	Addr() net.Addr
}

// streams are the connections of a listener.
type streams struct {
	over     template.Transport
	acceptor acceptor
	dtls     *dtlsAcceptor // the acceptor, if it is one
	rules    *rules
	cfg      *Config
	log      *slog.Logger
	fans     []*fan

	mu    sync.Mutex
	conns map[*conn]struct{}
	each  map[netip.Addr]int // connections of an address
	open  int                // fans
	next  int                // fan that gets the next one

	running                                           sync.WaitGroup
	accepted, denied, tooMany, evicted, refused, late atomic.Uint64
	malformed, silent                                 atomic.Uint64
}

// openStreams opens a listener for connections.
func (x *Listener) openStreams(cfg *Config) error {
	s := &streams{
		rules: newRules(&x.listen), cfg: cfg, log: cfg.Log,
		conns: map[*conn]struct{}{}, each: map[netip.Addr]int{},
	}
	if err := s.listen(&x.listen, cfg); err != nil {
		return err
	}
	x.streams, x.addr = s, portOf(s.acceptor.Addr())
	s.open = max(x.listen.Workers, 1)
	for range s.open {
		f := newFan(s, cfg.Idle)
		s.fans = append(s.fans, f)
		x.sources = append(x.sources, f)
	}
	s.running.Go(s.accept)
	return nil
}

// listen opens the acceptor of the listener's transport.
func (s *streams) listen(l *Listen, cfg *Config) error {
	var id *identity
	if scheme := l.Scheme(); scheme == "tls" || scheme == "dtls" {
		var err error
		if id, err = newIdentity(l.TLS, cfg.Log); err != nil {
			return fmt.Errorf("listen on %s: %w", l.Address, err)
		}
	}
	tcp := func() (net.Listener, error) {
		inherited, err := cfg.Sockets.find(l)
		switch {
		case err != nil:
			return nil, err
		case inherited != nil:
			return inherited.tcp()
		}
		hostport := l.HostPort()
		a, err := new(net.ListenConfig).Listen(context.Background(), family("tcp", hostport), hostport)
		if err != nil {
			return nil, explain("tcp", hostport, err)
		}
		return a, nil
	}
	switch l.Scheme() {
	case "tcp":
		a, err := tcp()
		if err != nil {
			return err
		}
		s.over, s.acceptor = template.TCP, a
	case "tls":
		a, err := tcp()
		if err != nil {
			return err
		}
		s.over, s.acceptor = template.TLS, tls.NewListener(a, id.tls())
	case "dtls":
		conns, _, err := sockets(l, cfg, 1)
		if err != nil {
			return err
		}
		setBuffer(conns[0], int(cfg.Buffer), cfg.Log)
		s.dtls = newDTLSAcceptor(conns[0], id, s.rules)
		s.over, s.acceptor = template.DTLS, s.dtls
	}
	return nil
}

// portOf returns a as a netip.AddrPort, IPv4 unmapped.
func portOf(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.TCPAddr:
		return addrPort(a.AddrPort())
	case *net.UDPAddr:
		return addrPort(a.AddrPort())
	}
	return netip.AddrPort{}
}

// accept takes connections until the acceptor is closed.
func (s *streams) accept() {
	for {
		nc, err := s.acceptor.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // there are no more descriptors, perhaps
			s.log.Warn("accept a connection", "listen", s.acceptor.Addr(), "error", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		s.admit(nc)
	}
}

// admit starts the connection nc, if it may be one.
func (s *streams) admit(nc net.Conn) {
	from := portOf(nc.RemoteAddr())
	if s.rules != nil && !s.rules.allowed(from.Addr()) {
		s.denied.Add(1)
		nc.Close()
		return
	}
	c := &conn{
		Conn: nc, from: from, to: portOf(nc.LocalAddr()), over: s.over, back: make(chan struct{}, 1), since: time.Now(),
		message: s.cfg.Message, silence: s.cfg.Silence,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == 0 || !s.room(from.Addr()) {
		if s.open > 0 {
			s.tooMany.Add(1)
		}
		nc.Close()
		return
	}
	for {
		c.fan = s.fans[s.next%len(s.fans)]
		s.next++
		select {
		case <-c.fan.closed:
			continue
		default:
		}
		break
	}
	s.accepted.Add(1)
	s.conns[c] = struct{}{}
	s.each[from.Addr()]++
	s.running.Go(func() {
		err := c.serve()
		s.left(c, err)
	})
}

// room tells whether there is room for a connection more of an address. Where
// there are too many, those make room that have not sent a message yet, the
// oldest first. The caller holds the lock.
func (s *streams) room(from netip.Addr) bool {
	if s.each[from] >= s.cfg.PerExporter {
		return s.evict(func(c *conn) bool { return c.from.Addr() == from })
	}
	return len(s.conns) < s.cfg.Connections || s.evict(func(*conn) bool { return true })
}

// evict ends the oldest of the connections that have not sent a message.
func (s *streams) evict(of func(*conn) bool) bool {
	var oldest *conn
	for c := range s.conns {
		if !c.proven && of(c) && (oldest == nil || c.since.Before(oldest.since)) {
			oldest = c
		}
	}
	if oldest == nil {
		return false
	}
	oldest.evicted = true
	s.evicted.Add(1)
	s.forget(oldest)
	oldest.Conn.Close()
	return true
}

// forget takes c out of the books. The caller holds the lock.
func (s *streams) forget(c *conn) {
	if _, ok := s.conns[c]; !ok {
		return
	}
	delete(s.conns, c)
	a := c.from.Addr()
	if s.each[a]--; s.each[a] == 0 {
		delete(s.each, a)
	}
}

// prove notes that c has sent a message.
func (s *streams) prove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.proven = true
}

// left ends c, for a reason.
func (s *streams) left(c *conn, err error) {
	c.Conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(c)
	var he handshakeError
	switch {
	case c.evicted || s.open == 0:
	case errors.As(err, &he):
		s.refused.Add(1)
		s.log.Debug("handshake", "exporter", c.from, "error", he.error)
	case errors.Is(err, errFraming):
		s.malformed.Add(1)
	case slow(err) && c.started:
		s.late.Add(1)
	case slow(err):
		s.silent.Add(1)
	}
}

// close ends one fan and its connections, and with the last one the listener.
func (s *streams) close(f *fan) (err error) {
	s.mu.Lock()
	select {
	case <-f.closed:
		s.mu.Unlock()
		return net.ErrClosed
	default:
	}
	close(f.closed)
	s.open--
	last := s.open == 0
	for c := range s.conns {
		if c.fan == f {
			c.Conn.Close()
		}
	}
	s.mu.Unlock()
	if last {
		err = s.acceptor.Close()
		s.running.Wait()
	}
	return err
}

func (s *streams) addTo(x *Stats) {
	for _, f := range s.fans {
		x.Datagrams += f.messages.Load()
		x.Octets += f.octets.Load()
	}
	s.mu.Lock()
	x.Connections = len(s.conns)
	s.mu.Unlock()
	x.Accepted = s.accepted.Load()
	x.Denied = s.denied.Load()
	x.TooMany = s.tooMany.Load() + s.evicted.Load()
	x.Handshakes = s.refused.Load()
	x.Malformed = s.malformed.Load()
	x.Late = s.late.Load()
	x.Silent = s.silent.Load()
	if d := s.dtls; d != nil {
		x.Denied += d.denied.Load()
		x.Refused = d.stray.Load()
		x.Handshakes += d.refused.Load()
		n, _ := drops(d.conn)
		x.Dropped = d.dropped.Load() + uint64(n)
	}
}
