package source

import (
	"errors"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// control calls f with c's descriptor.
func control(c syscall.Conn, f func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var ferr error
	return errors.Join(raw.Control(func(fd uintptr) { ferr = f(int(fd)) }), ferr)
}

// enlarge sets the receive buffer of c. Who administers the network may have
// more than net.core.rmem_max.
func enlarge(c syscall.Conn, octets int) error {
	return control(c, func(fd int) error {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, octets) == nil {
			return nil
		}
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, octets)
	})
}

// granted returns the receive buffer of c as it was asked for: Linux doubles
// what it grants, to have room for its own bookkeeping (socket(7)).
func granted(c syscall.Conn) (octets int, ok bool) {
	err := control(c, func(fd int) (err error) {
		octets, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
		return err
	})
	return octets / 2, err == nil
}

// drops returns the kernel's count of datagrams that found the buffer of c full:
// SK_MEMINFO_DROPS of SO_MEMINFO (Linux 4.12).
func drops(c syscall.Conn) (n uint32, ok bool) {
	var info [unix.SK_MEMINFO_VARS]uint32
	err := control(c, func(fd int) error {
		size := uint32(unsafe.Sizeof(info))
		_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		if e != 0 {
			return e
		}
		return nil
	})
	return info[unix.SK_MEMINFO_DROPS], err == nil
}

// closeOnExec keeps f from the programs that we start.
func closeOnExec(f *os.File) { unix.CloseOnExec(int(f.Fd())) }

// reuse lets other sockets have the port of this one.
func reuse(c syscall.Conn) error {
	return control(c, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
}

// leave lets the kernel give to c nothing of what comes to its port from now on, as
// long as other sockets have it too. A socket that is connected takes datagrams of
// its peer alone, and isn't chosen for those of others (net/ipv4/udp.c,
// reuseport_select_sock): so it is connected to itself.
func leave(c syscall.Conn) error {
	return control(c, func(fd int) error {
		sa, err := unix.Getsockname(fd)
		if err != nil {
			return err
		}
		switch a := sa.(type) {
		case *unix.SockaddrInet4:
			if a.Addr == [4]byte{} {
				a.Addr = [4]byte{127, 0, 0, 1}
			}
		case *unix.SockaddrInet6:
			if a.Addr == [16]byte{} {
				a.Addr[15] = 1
				if unix.Connect(fd, a) == nil {
					return nil
				}
				a.Addr = netip.AddrFrom4([4]byte{127, 0, 0, 1}).As16() // without IPv6 on loopback
			}
		}
		return unix.Connect(fd, sa)
	})
}

// steer spreads what comes to the sockets of c's port over the first n of them,
// datagram by datagram, at random: by its addresses, as the kernel does else, one
// exporter would reach only one.
func steer(c syscall.Conn, n int) error {
	const random = 0xfffff000 + 56 // SKF_AD_OFF + SKF_AD_RANDOM (linux/filter.h): a random number
	prog := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: random},
		{Code: unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K, K: uint32(n)},
		{Code: unix.BPF_RET | unix.BPF_A},
	}
	return control(c, func(fd int) error {
		return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF,
			&unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]})
	})
}

// canSpread tells whether several sockets may share a port here.
const canSpread = true
