package source

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"syscall"

	"github.com/weirflow/weir/shared/decode"
)

// A Source is where datagrams come from. One goroutine reads; Close may be called
// from any.
type Source interface {
	// Read fills dst from its start and returns how many datagrams there are;
	// their Data is valid until the next Read, and as long as the Source is
	// reachable. It waits for the first one, at most Config.Idle. At the end it
	// returns net.ErrClosed, io.EOF or ctx's error.
	Read(ctx context.Context, dst []decode.Datagram) (int, error)
	Close() error
}

// A Listener is an open Listen: one or more sources that share what comes to its
// address.
type Listener struct {
	listen  Listen
	addr    netip.AddrPort
	sources []Source
	readers []reader // over UDP
	streams *streams // else
}

// Stats counts what came to a listener. Nothing is in two of its counts.
type Stats struct {
	Datagrams  uint64 // handed on, to be decoded; of a connection, messages
	Octets     uint64 // of those
	Denied     uint64 // datagrams or connections of exporters that may not send here
	Refused    uint64 // of another protocol than the listener's
	OverBudget uint64 // from exporters that nobody knows, above Config.Unknown
	Truncated  uint64 // longer than a datagram can be
	Dropped    uint64 // by the kernel, because the receive buffer was full

	Connections int    // at this moment
	Accepted    uint64 // connections
	TooMany     uint64 // connections that were refused or ended because there were too many
	Handshakes  uint64 // of TLS and DTLS that failed
	Malformed   uint64 // connections ended because what came was no IPFIX message
	Late        uint64 // connections ended because a message took too long
	Silent      uint64 // connections ended because nothing came any more
}

// Open opens what l says.
func Open(l Listen, cfg Config) (*Listener, error) {
	if err := l.Validate(); err != nil {
		return nil, err
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", l.Address, err)
	}
	cfg.complete()
	x := &Listener{listen: l}
	open := x.openStreams
	if l.Scheme() == "udp" {
		open = x.openUDP
	}
	if err := open(&cfg); err != nil {
		x.Close()
		return nil, err
	}
	return x, nil
}

// openUDP opens the sockets of a port.
func (x *Listener) openUDP(cfg *Config) error {
	workers := x.listen.Workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	if !canSpread || cfg.Share { // the program that steers is one for all sockets of a port
		workers = 1
	}
	conns, shared, err := sockets(&x.listen, cfg, workers)
	if err != nil {
		return err
	}
	g := &group{n: len(conns), active: 1, steer: func(n int) error { return steer(x.readers[0].socket().conn, n) }}
	if len(conns) > 1 {
		if err := steer(conns[0], g.active); err != nil { // the kernel spreads by address
			cfg.Log.Warn("one exporter reaches one worker only", "listen", x.listen.Address, "error", err)
			g = nil
		}
	}
	gates := gates(len(conns), &x.listen, cfg)
	for i, c := range conns {
		setBuffer(c, int(cfg.Buffer), cfg.Log)
		r, err := newReader(c, &gates[i], cfg.Idle)
		if err != nil {
			for _, c := range conns[i:] {
				c.Close()
			}
			return err
		}
		r.socket().shared = shared
		if len(conns) > 1 {
			r.socket().member = member{group: g, index: i}
		}
		x.readers = append(x.readers, r)
		x.sources = append(x.sources, r)
	}
	x.addr = x.readers[0].socket().addr
	return nil
}

// sockets returns systemd's socket for l, or opens n, which other processes may
// have the port of as well.
func sockets(l *Listen, cfg *Config, n int) (conns []*net.UDPConn, shared bool, err error) {
	s, err := cfg.Sockets.find(l)
	switch {
	case err != nil:
		return nil, false, err
	case s == nil && cfg.Share && !canSpread:
		return nil, false, fmt.Errorf("listen on %s: processes can't share a port here: give each its own", l.HostPort())
	case s == nil:
		conns, err = bind(l.HostPort(), n, cfg)
		return conns, cfg.Share, err
	}
	c, err := s.udp()
	if err != nil {
		return nil, false, fmt.Errorf("listen on systemd's socket %s: %w", s.name, err)
	}
	return []*net.UDPConn{c}, false, nil // systemd's stays open for whoever comes next
}

// bind opens n sockets with one address. The first is alone until it has the
// address, so that another program that has it is noticed, unless they are to
// share it. A socket gets its buffer before its address: datagrams may come as soon
// as it has that, and nobody reads yet.
func bind(hostport string, n int, cfg *Config) (conns []*net.UDPConn, err error) {
	defer func() {
		if err != nil {
			for _, c := range conns {
				c.Close()
			}
		}
	}()
	shared := cfg.Share
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		if cfg.Buffer > 0 {
			enlarge(rawConn{c}, int(cfg.Buffer)) // setBuffer says what came of it
		}
		if !shared {
			return nil
		}
		return reuse(rawConn{c})
	}}
	for range n {
		pc, err := lc.ListenPacket(context.Background(), family("udp", hostport), hostport)
		if err != nil {
			return conns, explain("udp", hostport, err)
		}
		c := pc.(*net.UDPConn)
		conns = append(conns, c)
		if n == 1 || len(conns) > 1 {
			continue
		}
		if err := reuse(c); err != nil {
			return conns, fmt.Errorf("listen on %s: share the port: %w", hostport, err)
		}
		hostport = c.LocalAddr().String()
		shared = true
	}
	return conns, nil
}

// family returns the network for an address: net takes 0.0.0.0 for all, IPv6
// too.
func family(network, hostport string) string {
	if strings.HasPrefix(hostport, "0.0.0.0:") {
		return network + "4"
	}
	return network
}

// A rawConn is a syscall.Conn that is not bound yet.
type rawConn struct{ c syscall.RawConn }

func (r rawConn) SyscallConn() (syscall.RawConn, error) { return r.c, nil }

// Listen returns what the listener was opened with.
func (x *Listener) Listen() Listen { return x.listen }

// Addr returns the address that the listener is bound to, with the port that was
// chosen where the wanted one was 0.
func (x *Listener) Addr() netip.AddrPort { return x.addr }

// Sources returns the sources. Each is to be read, by a goroutine of its own.
func (x *Listener) Sources() []Source { return x.sources }

// Stats returns what has come so far. Any goroutine may call it, also after
// Close.
func (x *Listener) Stats() (s Stats) {
	for _, r := range x.readers {
		r.socket().addTo(&s)
		s.Dropped += r.Drops()
	}
	if x.streams != nil {
		x.streams.addTo(&s)
	}
	return s
}

// Close closes all sources.
func (x *Listener) Close() (err error) {
	for _, s := range x.sources {
		if e := s.Close(); err == nil {
			err = e
		}
	}
	return err
}
