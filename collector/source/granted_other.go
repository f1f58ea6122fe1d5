//go:build !linux

package source

import "net"

// granted is not known here: other systems refuse what they don't grant.
func granted(*net.UDPConn) (octets int, ok bool) { return 0, false }
