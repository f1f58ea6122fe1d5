package source

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// Sockets are those that systemd has opened for us (sd_listen_fds(3)), so that a
// port below 1024 needs no privilege, and what comes during a restart waits. A
// listener takes the one with its name (Listen.Socket), or the one that is bound
// to its address; it may be closed and opened again.
type Sockets struct{ all []inherited }

// An inherited socket is kept open, and copied for each use. As a file that
// blocks it is not in the runtime's poller, where it would ring for each
// datagram.
type inherited struct {
	name   string
	addr   netip.AddrPort
	stream bool // of TCP, else UDP
	file   *os.File
}

// firstSocket is SD_LISTEN_FDS_START.
const firstSocket = 3

// Activation takes over the sockets that systemd has opened for this process;
// nil means that there are none. The environment then tells nobody else of them.
func Activation() (*Sockets, error) {
	pid, count, names := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES")
	for _, v := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"} {
		os.Unsetenv(v)
	}
	if count == "" || pid != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("LISTEN_FDS is %q, no number of sockets", count)
	}
	s := new(Sockets)
	name := strings.Split(names, ":")
	for i := range n {
		x := inherited{}
		if i < len(name) {
			x.name = name[i]
		}
		f := os.NewFile(uintptr(firstSocket+i), x.name)
		if err := x.take(f); err != nil {
			return nil, fmt.Errorf("socket %d from systemd (%s): %w", i+1, x.name, err)
		}
		s.all = append(s.all, x)
	}
	return s, nil
}

// take finds out what the socket f is.
func (x *inherited) take(f *os.File) error {
	x.file = f
	closeOnExec(f)
	if l, err := net.FileListener(f); err == nil {
		defer l.Close()
		x.stream, x.addr = true, portOf(l.Addr())
	} else {
		c, err := net.FilePacketConn(f)
		if err != nil {
			return err
		}
		defer c.Close()
		x.addr = portOf(c.LocalAddr())
	}
	if !x.addr.IsValid() {
		return errors.New("neither of UDP nor of TCP")
	}
	return nil
}

// find returns the socket of a listener; nil if there is none.
func (s *Sockets) find(l *Listen) (*inherited, error) {
	stream := network(l.Scheme()) == "tcp"
	if s == nil {
		if l.Socket != "" {
			return nil, fmt.Errorf("listen on socket %s: systemd has opened none for us", l.Socket)
		}
		return nil, nil
	}
	var want netip.AddrPort
	if l.Socket == "" {
		if want = l.resolve(); !want.IsValid() || want.Port() == 0 {
			return nil, nil
		}
	}
	var names []string
	for i := range s.all {
		x := &s.all[i]
		switch {
		case x.stream != stream:
		case l.Socket == "" && x.addr == want, l.Socket != "" && x.name == l.Socket:
			return x, nil
		default:
			names = append(names, x.name)
		}
	}
	if l.Socket != "" {
		return nil, fmt.Errorf("listen on socket %s: of those that systemd has opened for us, these are for %s: %s", l.Socket, l.Scheme(), strings.Join(names, ", "))
	}
	return nil, nil
}

// resolve returns the address that the listener is to be bound to, where it is
// given in numbers; without a host, IPv6's for all.
func (l *Listen) resolve() netip.AddrPort {
	host, service, err := net.SplitHostPort(l.HostPort())
	if err != nil {
		return netip.AddrPort{}
	}
	port, err := net.LookupPort(network(l.Scheme()), service)
	if err != nil {
		return netip.AddrPort{}
	}
	a := netip.IPv6Unspecified()
	if host != "" {
		if a, err = netip.ParseAddr(host); err != nil {
			return netip.AddrPort{}
		}
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(port))
}

// udp copies a socket of UDP.
func (x *inherited) udp() (*net.UDPConn, error) {
	c, err := net.FilePacketConn(x.file)
	if err != nil {
		return nil, err
	}
	return c.(*net.UDPConn), nil
}

// tcp copies a socket of TCP.
func (x *inherited) tcp() (net.Listener, error) { return net.FileListener(x.file) }
