package flowtest

import (
	"encoding/binary"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// LoadRecords are in each datagram of a Load: NetFlow v9, 20 fields, 1,439 octets
// and less.
const LoadRecords = 24

// A Load is what is sent to a collector: datagrams of NetFlow v9, each
// exporter's template first.
type Load struct {
	Exporters int
	Rate      int // datagrams a second; 0: as fast as it goes
	Seconds   int
	// Data are datagrams that are sent in turn, again and again, each as if it were
	// exported when it is sent. They are of template 260, Twenty, as long as they are.
	// nil: some that are made up, all of one moment.
	Data [][]byte
}

// burst is how many datagrams a sender passes to the kernel at once.
const burst = 16

// Send sends the load, and returns how many datagrams it were.
func (l Load) Send(to netip.AddrPort) (sent int, took time.Duration, err error) {
	fds := make([]int, min(l.Exporters, 256))
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
	m := New(1)
	const id = 260
	data := l.Data
	if data == nil {
		data = make([][]byte, burst)
		for i := range data {
			data[i] = Packet(9, 0, m.Data(id, LoadRecords, Twenty))
		}
	}
	for e := range l.Exporters {
		template := Packet(9, uint32(e/len(fds)), Template(9, id, Twenty))
		if _, err := unix.Write(fds[e%len(fds)], template); err != nil {
			return 0, 0, err
		}
		if e%32 == 31 {
			time.Sleep(time.Millisecond)
		}
	}
	time.Sleep(100 * time.Millisecond)

	start := time.Now()
	end := start.Add(time.Duration(l.Seconds) * time.Second)
	for exporter := 0; ; exporter++ {
		e := exporter % l.Exporters
		fd, domain := fds[e%len(fds)], uint32(e/len(fds))
		at := exporter * burst
		for i := range burst {
			d := data[(at+i)%len(data)]
			binary.BigEndian.PutUint32(d[16:], domain)
			if l.Data != nil {
				binary.BigEndian.PutUint32(d[8:], uint32(time.Now().Unix()))
			}
			if _, err := unix.Write(fd, d); err != nil {
				return sent, time.Since(start), err
			}
			sent++
		}
		now := time.Now()
		if now.After(end) {
			return sent, now.Sub(start), nil
		}
		if l.Rate > 0 {
			due := start.Add(time.Duration(float64(sent) / float64(l.Rate) * 1e9))
			for time.Until(due) > 60*time.Microsecond {
				time.Sleep(50 * time.Microsecond)
			}
		}
	}
}
