package sink

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A sender sends datagrams to one address: from the exporter's, through a raw
// socket, where keep has opened one, else from this machine's.
type sender struct {
	to    netip.AddrPort
	plain socket
	raw   socket // its conn is nil: none
	mtu   int
	pack  packer
	owner []int // whose packet is it
}

// A socket sends many packets with one system call.
type socket struct {
	conn    interface{ Close() error }
	raw     syscall.RawConn
	headers [sendBatch]header
	vectors [sendBatch]unix.Iovec
	n       int // packets that were put
	at      int // of them, the first that is to be sent
	done    int // of what the last system call was given
	errno   syscall.Errno
	write   func(fd uintptr) bool
}

// sendBatch is how many packets a system call is given.
const sendBatch = 64

// header is struct mmsghdr.
type header struct {
	unix.Msghdr
	n uint32
}

func newSender(to netip.AddrPort) (*sender, error) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return nil, err
	}
	s := &sender{to: to}
	if err := s.plain.open(conn, conn); err != nil {
		conn.Close()
		return nil, err
	}
	s.readMTU()
	return s, nil
}

func (x *socket) open(conn interface{ Close() error }, c syscall.Conn) (err error) {
	if x.raw, err = c.SyscallConn(); err != nil {
		return err
	}
	x.conn = conn
	x.write = func(fd uintptr) bool {
		n, _, e := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&x.headers[x.at])), uintptr(x.n-x.at), unix.MSG_DONTWAIT, 0, 0)
		x.done, x.errno = int(n), e
		if e != 0 {
			x.done = 0
		}
		return e != unix.EAGAIN
	}
	for i := range x.headers {
		x.headers[i].Iov = &x.vectors[i]
		x.headers[i].SetIovlen(1)
	}
	return nil
}

// keep opens the raw socket, which needs CAP_NET_RAW. What it sends has its IP
// header already.
func (s *sender) keep() error {
	family := unix.AF_INET
	var to unix.Sockaddr = &unix.SockaddrInet4{Addr: s.v4()}
	if s.to.Addr().Is6() {
		a := &unix.SockaddrInet6{Addr: s.to.Addr().As16()}
		if i, err := net.InterfaceByName(s.to.Addr().Zone()); err == nil {
			a.ZoneId = uint32(i.Index)
		}
		family, to = unix.AF_INET6, a
	}
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_RAW)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	if err := unix.Connect(fd, to); err != nil {
		unix.Close(fd)
		return os.NewSyscallError("connect", err)
	}
	f := os.NewFile(uintptr(fd), "raw socket")
	if err := s.raw.open(f, f); err != nil {
		f.Close()
		return err
	}
	return nil
}

func (s *sender) v4() (a [4]byte) {
	if s.to.Addr().Is4() {
		a = s.to.Addr().As4()
	}
	return a
}

// keeps tells whether datagrams from a go through the raw socket. An address
// that means nothing elsewhere is not sent there.
func (s *sender) keeps(a netip.Addr) bool {
	return s.raw.conn != nil && a.BitLen() == s.to.Addr().BitLen() && a.Zone() == "" &&
		(!a.IsLoopback() || s.to.Addr().IsLoopback()) && !a.IsUnspecified() && !a.IsMulticast()
}

// readMTU asks how large a packet may be on the way.
func (s *sender) readMTU() {
	s.mtu = 1280
	level, option := unix.IPPROTO_IP, unix.IP_MTU
	if s.to.Addr().Is6() {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_MTU
	}
	s.plain.raw.Control(func(fd uintptr) {
		if n, err := unix.GetsockoptInt(int(fd), level, option); err == nil && n > 0 {
			s.mtu = min(n, 65535)
		}
	})
}

// all sends a parcel, and returns how many of its datagrams the kernel took.
func (s *sender) all(p *parcel) (sent int) {
	for items := p.items; len(items) > 0; {
		n := min(len(items), sendBatch)
		keep := s.keeps(items[0].from.Addr())
		for i := range items[:n] {
			if s.keeps(items[i].from.Addr()) != keep {
				n = i
				break
			}
		}
		if keep {
			sent += s.kept(p.data, items[:n])
		} else {
			sent += s.own(p.data, items[:n])
		}
		items = items[n:]
	}
	return sent
}

// own sends from this machine's address.
func (s *sender) own(data []byte, items []item) (sent int) {
	x := &s.plain
	x.n = 0
	for _, it := range items {
		x.put(data[it.at:][:it.size])
	}
	x.flush(func(_ int, err syscall.Errno) {
		if err == 0 {
			sent++
		}
	})
	return sent
}

// kept sends from the exporters' addresses.
func (s *sender) kept(data []byte, items []item) (sent int) {
	bad := s.packets(data, items)
	if bad == 0 {
		return len(items)
	}
	// The way may have become narrower.
	before := s.mtu
	if s.readMTU(); s.mtu >= before {
		return len(items) - bad
	}
	return len(items) - s.packets(data, items)
}

// packets returns how many datagrams could not be sent.
func (s *sender) packets(data []byte, items []item) (bad int) {
	k := &s.pack
	k.data, k.packets, s.owner = k.data[:0], k.packets[:0], s.owner[:0]
	for i, it := range items {
		k.from, k.to, k.mtu = it.from, s.to, s.mtu
		k.id++
		k.pack(data[it.at:][:it.size])
		for len(s.owner) < len(k.packets) {
			s.owner = append(s.owner, i)
		}
	}
	last := -1 // datagrams that failed are counted once, whatever their packets
	for at := 0; at < len(k.packets); at += sendBatch {
		x := &s.raw
		x.n = 0
		for _, p := range k.packets[at:min(at+sendBatch, len(k.packets))] {
			x.put(k.data[p.at:][:p.size])
		}
		x.flush(func(i int, err syscall.Errno) {
			if o := s.owner[at+i]; err != 0 && o != last {
				last = o
				bad++
			}
		})
	}
	return bad
}

// put adds a packet to the next flush.
func (x *socket) put(b []byte) {
	v := &x.vectors[x.n]
	v.Base = unsafe.SliceData(b)
	v.SetLen(len(b))
	x.n++
}

// flush sends what was put, and tells of each how it went.
func (x *socket) flush(went func(i int, err syscall.Errno)) {
	for x.at = 0; x.at < x.n; {
		if err := x.raw.Write(x.write); err != nil {
			x.errno, x.done = unix.EBADF, 0
			if e := syscall.Errno(0); errors.As(err, &e) {
				x.errno = e
			}
		}
		for i := range x.done {
			went(x.at+i, 0)
		}
		x.at += x.done
		switch x.errno {
		case 0, unix.EINTR:
		case unix.ECONNREFUSED: // says that nobody heard one from before
		default:
			went(x.at, x.errno) // the first of them is at fault
			x.at++
		}
	}
}

func (s *sender) close() error {
	err := s.plain.conn.Close()
	if s.raw.conn != nil {
		err = errors.Join(err, s.raw.conn.Close())
	}
	return err
}
