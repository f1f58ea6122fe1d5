package source

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/decode"
)

// A load sends datagrams to a port from many sockets, as fast as it can while no
// more than window are on their way.
type load struct {
	window    int64
	sent, got atomic.Int64
	stop      atomic.Bool
	going     sync.WaitGroup
}

func (l *load) start(t *testing.T, to netip.AddrPort, senders int) {
	for range senders {
		c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		l.going.Go(func() {
			for !l.stop.Load() {
				if l.sent.Load()-l.got.Load() > l.window {
					runtime.Gosched()
					continue
				}
				if _, err := c.Write([]byte("datagram")); err == nil {
					l.sent.Add(1)
				}
			}
		})
	}
}

// read reads s until it is told to leave, then what it drains.
func (l *load) read(t *testing.T, s Source, leave *atomic.Bool, drain bool) {
	dst := make([]decode.Datagram, 64)
	for !leave.Load() {
		n, err := s.Read(t.Context(), dst)
		if err != nil {
			t.Error(err)
			return
		}
		l.got.Add(int64(n))
	}
	if drain {
		if err := s.(interface{ Drain() error }).Drain(); err != nil {
			t.Error(err)
		}
		for {
			n, err := s.Read(t.Context(), dst)
			l.got.Add(int64(n))
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Error(err)
				}
				break
			}
		}
	}
	s.Close()
}

// Sockets of several processes come and go on one port, under full load: what is
// sent is read.
func TestDrainLosesNothing(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", ":0"} {
		cfg := Default()
		cfg.Share, cfg.Unknown = true, 0
		x := open(t, Listen{Address: address}, cfg)
		address = netip.AddrPortFrom(x.Addr().Addr(), x.Addr().Port()).String()
		buffer, _ := granted(x.readers[0].socket().conn)
		l := load{window: int64(min(buffer/2048, 4000))}
		var never atomic.Bool
		var readers sync.WaitGroup
		readers.Go(func() { l.read(t, x.Sources()[0], &never, true) })
		l.start(t, loopback(x.Addr().Port()), 16)
		dropped := int64(0)
		for range 20 {
			other := open(t, Listen{Address: address}, cfg)
			var leave atomic.Bool
			var reader sync.WaitGroup
			before := other.readers[0].socket().datagrams.Load()
			reader.Go(func() { l.read(t, other.Sources()[0], &leave, true) })
			for end := time.Now().Add(5 * time.Second); other.readers[0].socket().datagrams.Load() < before+500 && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
			leave.Store(true)
			reader.Wait()
			if n := other.Stats().Datagrams; n < 500 {
				t.Errorf("%s: the second socket got %d datagrams", address, n)
			}
			dropped += int64(other.Stats().Dropped)
		}
		l.stop.Store(true)
		l.going.Wait()
		never.Store(true)
		readers.Wait()
		dropped += int64(x.Stats().Dropped)
		if sent, got := l.sent.Load(), l.got.Load(); sent != got+dropped {
			t.Errorf("%s: %d datagrams sent, %d read, %d dropped by the kernel", address, sent, got, dropped)
		} else {
			t.Logf("%s: %d datagrams, %d dropped by the kernel", address, sent, dropped)
		}
	}
}
