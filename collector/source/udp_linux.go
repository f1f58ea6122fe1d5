package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/weirflow/weir/shared/decode"
)

// A coalescing reader takes up to 64 datagrams with one system call, and lets
// them pile up for a moment before it asks for them (package pause). Where
// little comes, it waits in the netpoller, and has the first of them at once.
type coalescing struct {
	udp
	file *os.File // the socket, which the runtime's poller doesn't know
	raw  syscall.RawConn
	bell *bell
	pace pacemaker
	rest time.Duration // before the next call; 0: none
	dry  int           // calls in a row that brought nothing

	// What the system call is given, and what it left.
	headers [batch]header
	vectors [batch]unix.Iovec
	names   [batch]unix.RawSockaddrInet6
	slots   []byte
	slot    int // octets of one
	want    int
	got     int
	errno   syscall.Errno
	poll    func(fd uintptr)
	ring    func(fd uintptr)
	wait    func(uintptr) bool
	failure error // of wait

	zones map[uint32]string
	since int64 // when zones was begun
}

// batch is how many datagrams are taken at once.
const batch = 64

// header is struct mmsghdr.
type header struct {
	unix.Msghdr
	n uint32
}

// slotSize is a datagram's, and an odd number of cache lines more: slots at a
// multiple of 64 KiB would push one another out of the cache. A page that
// nothing was written to takes no memory.
const slotSize = maxDatagram + 1 + 23*64

func newCoalescing(conn *net.UDPConn, gate *gate, idle time.Duration, slot int) (*coalescing, error) {
	c := &coalescing{slot: slot}
	c.gate, c.idle = gate, idle
	c.addr = addrPort(conn.LocalAddr().(*net.UDPAddr).AddrPort())
	if err := c.adopt(conn); err != nil {
		return nil, err
	}
	if n, ok := granted(c.file); ok {
		c.pace.buffer = 2 * n
	}
	if err := c.mapSlots(batch * slot); err != nil {
		c.Close()
		return nil, err
	}
	for i := range c.headers {
		c.vectors[i].Base = &c.slots[i*slot]
		c.vectors[i].SetLen(min(slot, maxDatagram))
		h := &c.headers[i].Msghdr
		h.Iov = &c.vectors[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&c.names[i]))
		h.Namelen = unix.SizeofSockaddrInet6
	}
	// Bound once: a closure for each call would be an allocation.
	c.poll = c.receive
	c.wait = func(uintptr) bool {
		c.bell.quiet()
		if c.failure = c.raw.Control(c.poll); c.failure != nil || c.errno != unix.EAGAIN {
			return true
		}
		c.failure = c.raw.Control(c.ring)
		return c.failure != nil
	}
	c.ring = func(fd uintptr) { c.bell.set(int(fd)) }
	return c, nil
}

// adopt takes the socket over from conn, which is closed with the reader. To the
// runtime it is a file that blocks; we never let it.
func (c *coalescing) adopt(conn *net.UDPConn) error {
	fd := -1
	err := control(conn, func(from int) (err error) {
		fd, err = unix.FcntlInt(uintptr(from), unix.F_DUPFD_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		unix.Close(fd)
		return err
	}
	c.file = os.NewFile(uintptr(fd), "udp "+c.addr.String())
	c.conn = c.file
	if c.raw, err = c.file.SyscallConn(); err == nil {
		c.bell, err = newBell(fd)
	}
	if err != nil {
		c.file.Close()
		return err
	}
	c.deadline = c.bell
	return conn.Close()
}

// Close closes the socket; a Read that waits returns.
func (c *coalescing) Close() error {
	return errors.Join(c.udp.Close(), c.bell.Close())
}

// newReader returns the reader of this system.
func newReader(conn *net.UDPConn, gate *gate, idle time.Duration) (reader, error) {
	return newCoalescing(conn, gate, idle, slotSize)
}

// receive makes the system call. It never waits: in a raw system call the
// runtime would not know.
func (c *coalescing) receive(fd uintptr) {
	n, _, e := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&c.headers[0])), uintptr(c.want), unix.MSG_DONTWAIT, 0, 0)
	c.got, c.errno = int(n), e
	if e != 0 {
		c.got = 0
	}
}

// Read waits for datagrams, at most Config.Idle. It returns 0 and no error if
// none came, ctx's error once it has ended, and io.EOF when all is drained.
func (c *coalescing) Read(ctx context.Context, dst []decode.Datagram) (int, error) {
	if err := ctx.Err(); err != nil || len(dst) == 0 {
		return 0, err
	}
	c.want = min(len(dst), batch)
	if c.drained {
		return c.drain(dst)
	}
	now := time.Now()
	for end := now.Add(c.idle); ; {
		if err := c.call(now); err != nil {
			return 0, c.failed(ctx, err)
		}
		now = time.Now()
		t := now.UnixNano()
		n, octets := c.take(dst, t)
		c.pace.add(c.got, octets)
		if c.got < c.want {
			c.rest = c.pace.drained(t)
			if c.got == 0 {
				c.dry++
			} else {
				c.dry = 0
			}
		} else {
			c.rest, c.dry = 0, 0
		}
		c.member.balance(now)
		if n > 0 || !now.Before(end) {
			return n, nil
		}
	}
}

// drain takes what there is. It looks a second time before it says that there is
// no more.
func (c *coalescing) drain(dst []decode.Datagram) (int, error) {
	for again := range 2 {
		if again > 0 {
			time.Sleep(last)
		}
		err := c.raw.Control(c.poll)
		if err == nil {
			err = c.error()
		}
		if err != nil {
			return 0, c.failed(context.Background(), err)
		}
		if c.got > 0 {
			n, _ := c.take(dst, time.Now().UnixNano())
			return n, nil
		}
	}
	return 0, io.EOF
}

// call asks for datagrams, after a pause or a wait where that is right.
func (c *coalescing) call(now time.Time) error {
	if c.dry >= 3 || c.dry > 0 && (c.pace.sparse() || c.rest == 0) {
		if err := c.await(now); err != nil {
			return err
		}
		err := c.bell.raw.Read(c.wait)
		c.member.rested(now)
		if err == nil {
			err = c.failure
		}
		if err != nil {
			return err
		}
		return c.error()
	}
	if c.rest > 0 {
		time.Sleep(c.rest)
		c.member.rested(now)
	}
	if err := c.raw.Control(c.poll); err != nil {
		return err
	}
	return c.error()
}

// error returns what the system call said, if it is an error.
func (c *coalescing) error() error {
	switch c.errno {
	case 0, unix.EAGAIN, unix.EINTR:
		return nil
	}
	return c.errno
}

// take moves what came to dst, but for what the gate refuses.
func (c *coalescing) take(dst []decode.Datagram, now int64) (n, octets int) {
	open := c.gate.open()
	passed := uint64(0)
	for i := range c.got {
		h := &c.headers[i]
		size := int(h.n)
		octets += size
		from := c.from(&c.names[i], now)
		cut := h.Flags&unix.MSG_TRUNC != 0
		h.Namelen, h.Flags = unix.SizeofSockaddrInet6, 0
		if cut {
			c.truncated.Add(1)
			continue
		}
		data := c.slots[i*c.slot:][:size:size]
		if !open {
			if v := c.gate.judge(from.Addr(), data, now); v != pass {
				c.count(v)
				continue
			}
		}
		passed += uint64(size)
		dst[n] = decode.Datagram{From: from, Time: now, Data: data}
		n++
	}
	if n > 0 {
		c.datagrams.Add(uint64(n))
		c.octets.Add(passed)
	}
	return n, octets
}

// from reads a sender's address.
func (c *coalescing) from(sa *unix.RawSockaddrInet6, now int64) netip.AddrPort {
	p := (*[2]byte)(unsafe.Pointer(&sa.Port))
	port := uint16(p[0])<<8 | uint16(p[1])
	if sa.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(sa)).Addr), port)
	}
	a := netip.AddrFrom16(sa.Addr).Unmap()
	if sa.Scope_id != 0 && a.Is6() {
		a = a.WithZone(c.zone(sa.Scope_id, now))
	}
	return netip.AddrPortFrom(a, port)
}

// zone returns the name of a link, which is looked up once a minute.
func (c *coalescing) zone(index uint32, now int64) string {
	if c.zones == nil || now-c.since > int64(time.Minute) {
		c.zones, c.since = map[uint32]string{}, now
	}
	name, ok := c.zones[index]
	if !ok {
		name = strconv.FormatUint(uint64(index), 10)
		if i, err := net.InterfaceByIndex(int(index)); err == nil {
			name = i.Name
		}
		c.zones[index] = name
	}
	return name
}

// mapSlots returns memory for datagrams outside of Go's heap, where pages that
// are never touched would count. It goes when c does.
func (c *coalescing) mapSlots(n int) error {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("memory for datagrams: %w", err)
	}
	unix.Madvise(b, unix.MADV_NOHUGEPAGE) // where that fails, memory is used sooner
	c.slots = b
	runtime.AddCleanup(c, func(b []byte) { unix.Munmap(b) }, b)
	return nil
}
