package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/weirflow/weir/shared/decode"
)

// maxDatagram is the most that UDP carries.
const maxDatagram = 65535

// A socketFile is an open socket.
type socketFile interface {
	syscall.Conn
	Close() error
}

// A udp is what the readers of a socket have in common.
type udp struct {
	conn  socketFile
	addr  netip.AddrPort
	idle  time.Duration
	gate  *gate
	until time.Time // the deadline that is set
	// deadline is where: the socket, or what rings for it.
	deadline interface{ SetReadDeadline(time.Time) error }
	counters
	dropped atomic.Uint64 // by the kernel, as far as we know
	closed  atomic.Bool
	member  member // of the sockets of one port
	shared  bool   // other processes have the port as well
	drained bool   // no more is to be waited for
}

// A reader is a UDP socket as a source.
type reader interface {
	Source
	// Drops returns how many datagrams the kernel has dropped because the buffer
	// was full. Only Linux tells.
	Drops() uint64
	socket() *udp
}

func (u *udp) socket() *udp { return u }

// Drain begins the end of a socket in order: who reads it calls it, then Read until
// that returns io.EOF, which it does when the kernel holds nothing more for it. On a
// port that processes share, the kernel gives what comes from now on to the others.
func (u *udp) Drain() error {
	u.drained = true
	if !u.shared {
		return nil
	}
	if err := leave(u.conn); err != nil {
		return fmt.Errorf("leave %s to others: %w", u.addr, err)
	}
	return nil
}

// last is how long a datagram may take to a socket that the kernel has chosen.
const last = time.Millisecond

// counters are of what a socket brought. Its reader writes them.
type counters struct {
	datagrams, octets, denied, refused, overBudget, truncated atomic.Uint64
}

// count enters a datagram that may not go on.
func (c *counters) count(v verdict) {
	switch v {
	case denied:
		c.denied.Add(1)
	case refused:
		c.refused.Add(1)
	case overBudget:
		c.overBudget.Add(1)
	}
}

func (c *counters) addTo(s *Stats) {
	s.Datagrams += c.datagrams.Load()
	s.Octets += c.octets.Load()
	s.Denied += c.denied.Load()
	s.Refused += c.refused.Load()
	s.OverBudget += c.overBudget.Load()
	s.Truncated += c.truncated.Load()
}

// addrPort unmaps IPv4 that came through a socket for both.
func addrPort(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// await sets a deadline for one more wait. It costs more than it saves to set it
// anew for each datagram.
func (u *udp) await(now time.Time) error {
	if u.until.Sub(now) >= u.idle/2 {
		return nil
	}
	u.until = now.Add(u.idle)
	return u.deadline.SetReadDeadline(u.until)
}

// setBuffer asks for a receive buffer, and says what to do where the kernel
// gives less.
func setBuffer(c *net.UDPConn, want int, log *slog.Logger) {
	if want == 0 {
		return
	}
	if err := enlarge(c, want); err != nil {
		log.Warn("receive buffer not set", "listen", c.LocalAddr(), "asked", want, "error", err)
		return
	}
	granted, ok := granted(c)
	switch {
	case !ok:
	case granted < want:
		log.Warn("receive buffer is smaller than asked: raise net.core.rmem_max (sysctl -w net.core.rmem_max="+fmt.Sprint(want)+")",
			"listen", c.LocalAddr(), "asked", want, "granted", granted)
	default:
		log.Debug("receive buffer", "listen", c.LocalAddr(), "granted", granted)
	}
}

// A portable reader takes one datagram at a time, through package net.
type portable struct {
	udp
	socketConn *net.UDPConn
	buf        []byte
}

func newPortable(conn *net.UDPConn, gate *gate, idle time.Duration) *portable {
	p := &portable{socketConn: conn, buf: make([]byte, maxDatagram)}
	p.conn, p.deadline, p.gate, p.idle = conn, conn, gate, idle
	p.addr = addrPort(conn.LocalAddr().(*net.UDPAddr).AddrPort())
	return p
}

// Read waits for a datagram, at most Config.Idle. It returns 0 and no error if
// none came, ctx's error once it has ended, and io.EOF when all is drained.
func (p *portable) Read(ctx context.Context, dst []decode.Datagram) (int, error) {
	if err := ctx.Err(); err != nil || len(dst) == 0 {
		return 0, err
	}
	if p.drained {
		if err := p.deadline.SetReadDeadline(time.Now().Add(last)); err != nil {
			return 0, err
		}
	} else if err := p.await(time.Now()); err != nil {
		return 0, err
	}
	n, from, err := p.socketConn.ReadFromUDPAddrPort(p.buf)
	if p.drained && errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, io.EOF
	}
	if err != nil {
		return 0, p.failed(ctx, err)
	}
	d := decode.Datagram{From: addrPort(from), Time: time.Now().UnixNano(), Data: p.buf[:n:n]}
	if v := p.gate.judge(d.From.Addr(), d.Data, d.Time); v != pass {
		p.count(v)
		return 0, nil
	}
	p.datagrams.Add(1)
	p.octets.Add(uint64(n))
	dst[0] = d
	return 1, nil
}

// failed judges an error of reading.
func (u *udp) failed(ctx context.Context, err error) error {
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		return ctx.Err()
	}
	if u.closed.Load() {
		err = net.ErrClosed // what a file says then is the runtime's own
	}
	return fmt.Errorf("read from %s: %w", u.addr, err)
}

func (u *udp) Drops() uint64 {
	if n, ok := drops(u.conn); ok {
		old := u.dropped.Load()
		more := n - uint32(old) // the kernel counts in 32 bits
		if more < 1<<31 {       // else another reading has overtaken this one
			u.dropped.CompareAndSwap(old, old+uint64(more))
		}
	}
	return u.dropped.Load()
}

// Close closes the socket; a Read that waits returns.
func (u *udp) Close() error {
	u.Drops()
	u.closed.Store(true)
	return u.conn.Close()
}

// explain says what to do about an error of opening a socket.
func explain(network, hostport string, err error) error {
	_, port, _ := net.SplitHostPort(hostport)
	e := &listenError{err: err}
	name := strings.ToUpper(network)
	switch {
	case errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, wsaAddrInUse):
		e.text = fmt.Sprintf("listen on %s: %s port %s is taken by another program: stop that, or choose another port", hostport, name, port)
	case errors.Is(err, fs.ErrPermission):
		e.text = fmt.Sprintf("listen on %s: no permission for %s port %s: choose one above 1023", hostport, name, port)
	case errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, wsaAddrNotAvailable):
		e.text = fmt.Sprintf("listen on %s: this machine doesn't have that address: write :%s for all addresses", hostport, port)
	default:
		return fmt.Errorf("listen on %s: %w", hostport, err)
	}
	return e
}

// A listenError says what the system's error means; it unwraps to that.
type listenError struct {
	text string
	err  error
}

func (e *listenError) Error() string { return e.text }
func (e *listenError) Unwrap() error { return e.err }

// What Windows says for EADDRINUSE and EADDRNOTAVAIL, whose numbers in package
// syscall are invented there.
const (
	wsaAddrInUse        = syscall.Errno(10048)
	wsaAddrNotAvailable = syscall.Errno(10049)
)
