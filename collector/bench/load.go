//go:build linux

package main

import (
	"encoding/binary"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirflow/weir/shared/flowtest"
)

// records are in each datagram: NetFlow v9, 20 fields, 1,439 octets and less.
const records = 24

// A load is what is sent to a collector: datagrams of NetFlow v9, each
// exporter's template first.
type load struct {
	exporters int
	rate      int // datagrams a second; 0: as fast as it goes
	seconds   int
}

// burst is how many datagrams a sender passes to the kernel at once.
const burst = 16

// send sends the load, and returns how many datagrams it were.
func (l load) send(to netip.AddrPort) (sent int, took time.Duration, err error) {
	fds := make([]int, min(l.exporters, 256))
	for i := range fds {
		if fds[i], err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return 0, 0, err
		}
		defer unix.Close(fds[i])
		if err = unix.Connect(fds[i], &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}); err != nil {
			return 0, 0, err
		}
	}
	// More exporters than sockets are told apart by their source id.
	m := flowtest.New(1)
	const id = 260
	data := make([][]byte, burst)
	for i := range data {
		data[i] = flowtest.Packet(9, 0, m.Data(id, records, flowtest.Twenty))
	}
	for e := range l.exporters {
		template := flowtest.Packet(9, uint32(e/len(fds)), flowtest.Template(9, id, flowtest.Twenty))
		if _, err := unix.Write(fds[e%len(fds)], template); err != nil {
			return 0, 0, err
		}
		if e%32 == 31 {
			time.Sleep(time.Millisecond)
		}
	}
	time.Sleep(100 * time.Millisecond)

	start := time.Now()
	end := start.Add(time.Duration(l.seconds) * time.Second)
	for exporter := 0; ; exporter++ {
		e := exporter % l.exporters
		fd, domain := fds[e%len(fds)], uint32(e/len(fds))
		for _, d := range data {
			binary.BigEndian.PutUint32(d[16:], domain)
			if _, err := unix.Write(fd, d); err != nil {
				return sent, time.Since(start), err
			}
			sent++
		}
		now := time.Now()
		if now.After(end) {
			return sent, now.Sub(start), nil
		}
		if l.rate > 0 {
			due := start.Add(time.Duration(float64(sent) / float64(l.rate) * 1e9))
			for time.Until(due) > 60*time.Microsecond {
				time.Sleep(50 * time.Microsecond)
			}
		}
	}
}
