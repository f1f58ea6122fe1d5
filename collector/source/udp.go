package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/weirflow/weir/shared/decode"
)

// maxDatagram is the most that UDP carries.
const maxDatagram = 65535

// A UDP is a socket that exporters send to. One goroutine reads; Close may be
// called from any.
type UDP struct {
	conn  *net.UDPConn
	addr  netip.AddrPort
	idle  time.Duration
	until time.Time // the deadline that is set
	buf   []byte
}

// ListenUDP opens a socket at addr: "udp://:2055", ":2055", "127.0.0.1:2055",
// "[2001:db8::1]:2055". Without a host it takes IPv4 and IPv6.
func ListenUDP(addr string, cfg Config) (*UDP, error) {
	hostport, err := ParseListen(addr)
	if err != nil {
		return nil, err
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(context.Background(), "udp", hostport)
	if err != nil {
		return nil, explain(hostport, err)
	}
	u := &UDP{conn: pc.(*net.UDPConn), idle: cfg.Idle, buf: make([]byte, maxDatagram)}
	u.addr = u.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	u.addr = netip.AddrPortFrom(u.addr.Addr().Unmap(), u.addr.Port())
	if u.idle <= 0 {
		u.idle = 100 * time.Millisecond
	}
	u.setBuffer(int(cfg.Buffer), cfg.Log)
	return u, nil
}

// ParseListen checks a listen address, and returns it as host:port.
func ParseListen(addr string) (hostport string, err error) {
	hostport = addr
	if scheme, rest, ok := strings.Cut(addr, "://"); ok {
		if scheme != "udp" {
			return "", fmt.Errorf("listen address %q: %s is not supported: write udp://host:port", addr, scheme)
		}
		hostport = rest
	}
	host, port, err := net.SplitHostPort(hostport)
	if err != nil || port == "" {
		return "", fmt.Errorf("listen address %q is not understood: write host:port, or :port for all addresses", addr)
	}
	if _, err := net.LookupPort("udp", port); err != nil {
		return "", fmt.Errorf("listen address %q: port %q is not a number from 0 to 65535", addr, port)
	}
	return net.JoinHostPort(host, port), nil
}

// explain says what to do about an error of opening a socket.
func explain(hostport string, err error) error {
	_, port, _ := net.SplitHostPort(hostport)
	e := &listenError{err: err}
	switch {
	case errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, wsaAddrInUse):
		e.text = fmt.Sprintf("listen on %s: UDP port %s is taken by another program: stop that, or choose another port", hostport, port)
	case errors.Is(err, fs.ErrPermission):
		e.text = fmt.Sprintf("listen on %s: no permission for UDP port %s: choose one above 1023", hostport, port)
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

func (u *UDP) setBuffer(want int, log *slog.Logger) {
	if want == 0 {
		return
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := u.conn.SetReadBuffer(want); err != nil {
		log.Warn("receive buffer not set", "listen", u.addr, "asked", want, "error", err)
		return
	}
	granted, ok := granted(u.conn)
	switch {
	case !ok:
	case granted < want:
		log.Warn("receive buffer is smaller than asked: raise net.core.rmem_max (sysctl -w net.core.rmem_max="+fmt.Sprint(want)+")",
			"listen", u.addr, "asked", want, "granted", granted)
	default:
		log.Debug("receive buffer", "listen", u.addr, "granted", granted)
	}
}

// Addr returns the address that the socket is bound to, with the port that was
// chosen where the wanted one was 0.
func (u *UDP) Addr() netip.AddrPort { return u.addr }

// Read waits for a datagram, at most Config.Idle. It returns 0 and no error if
// none came, and ctx's error once it has ended.
func (u *UDP) Read(ctx context.Context, dst []decode.Datagram) (int, error) {
	if err := ctx.Err(); err != nil || len(dst) == 0 {
		return 0, err
	}
	// A deadline costs more than it saves to set anew for each datagram.
	if now := time.Now(); u.until.Sub(now) < u.idle/2 {
		u.until = now.Add(u.idle)
		if err := u.conn.SetReadDeadline(u.until); err != nil {
			return 0, err
		}
	}
	n, from, err := u.conn.ReadFromUDPAddrPort(u.buf)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, ctx.Err()
	case err != nil:
		return 0, fmt.Errorf("read from %s: %w", u.addr, err)
	}
	dst[0] = decode.Datagram{
		From: netip.AddrPortFrom(from.Addr().Unmap(), from.Port()),
		Time: time.Now().UnixNano(),
		Data: u.buf[:n:n],
	}
	return 1, nil
}

// Close closes the socket; a Read that waits returns.
func (u *UDP) Close() error { return u.conn.Close() }
