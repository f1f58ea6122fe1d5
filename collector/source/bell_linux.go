package source

import (
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A bell rings once when its socket has something, after it was set to.
//
// In the runtime's own poller a socket rings for each datagram: the thread that
// waits there for the end of a pause would be woken by each, which is what pauses
// are to save. So the socket is not in it. It is in an epoll instance of its
// own, which is, and which is quiet until it is set and after it has rung
// (EPOLLONESHOT).
type bell struct {
	file  *os.File // the epoll instance
	raw   syscall.RawConn
	fd    int // its descriptor, in use only while raw is
	armed bool
	rung  [1]unix.EpollEvent
}

// newBell makes the bell of the socket fd. It is to be closed before that.
func newBell(fd int) (*bell, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	err = unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Fd: int32(fd)})
	if err == nil {
		err = unix.SetNonblock(ep, true) // so that the runtime's poller takes it
	}
	if err != nil {
		unix.Close(ep)
		return nil, fmt.Errorf("epoll: %w", err)
	}
	b := &bell{file: os.NewFile(uintptr(ep), "epoll"), fd: ep}
	if b.raw, err = b.file.SyscallConn(); err != nil {
		b.file.Close()
		return nil, err
	}
	return b, nil
}

// set lets the bell ring when the socket fd has something, which may be now.
func (b *bell) set(fd int) {
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: int32(fd)}
	b.armed = unix.EpollCtl(b.fd, unix.EPOLL_CTL_MOD, fd, &ev) == nil
}

// quiet takes note that it has rung, if it has: then it doesn't any more.
func (b *bell) quiet() {
	if b.armed {
		n, _, _ := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(b.fd), uintptr(unsafe.Pointer(&b.rung[0])), 1, 0, 0, 0)
		b.armed = n != 1
	}
}

// SetReadDeadline ends a wait.
func (b *bell) SetReadDeadline(t time.Time) error { return b.file.SetReadDeadline(t) }

// Close ends all waits.
func (b *bell) Close() error { return b.file.Close() }
