package source

import (
	"net"

	"golang.org/x/sys/unix"
)

// granted returns the receive buffer of c as it was asked for: Linux doubles
// what it grants, to have room for its own bookkeeping (socket(7)).
func granted(c *net.UDPConn) (octets int, ok bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	cerr := raw.Control(func(fd uintptr) {
		octets, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
	})
	return octets / 2, cerr == nil && err == nil
}
