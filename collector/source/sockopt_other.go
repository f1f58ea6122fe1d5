//go:build !linux

package source

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// newReader returns the reader of this system.
func newReader(conn *net.UDPConn, gate *gate, idle time.Duration) (reader, error) {
	return newPortable(conn, gate, idle), nil
}

// enlarge sets the receive buffer of c, once it is bound.
func enlarge(c syscall.Conn, octets int) error {
	if u, ok := c.(*net.UDPConn); ok {
		return u.SetReadBuffer(octets)
	}
	return errNotHere
}

// granted is not known here: other systems refuse what they don't grant.
func granted(syscall.Conn) (octets int, ok bool) { return 0, false }

// drops is not known here.
func drops(syscall.Conn) (n uint32, ok bool) { return 0, false }

// canSpread tells whether several sockets may share a port here.
const canSpread = false

var errNotHere = errors.New("not on this system")

// closeOnExec is for sockets that systemd has opened.
func closeOnExec(*os.File) {}

func reuse(syscall.Conn) error      { return errNotHere }
func leave(syscall.Conn) error      { return errNotHere }
func steer(syscall.Conn, int) error { return errNotHere }
