// Package same sends testdata/same to a listener and compares the events that
// come of it with what is expected, key by key. It is for tests only.
package same

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/weirflow/weir/shared/pcap"
	"github.com/weirflow/weir/testdata"
)

// Send sends the capture to the listener at to. Each exporter of the capture
// has a socket of its own, bound to the address that it had; the test is skipped
// where the system doesn't have that address.
func Send(t testing.TB, to netip.AddrPort) {
	t.Helper()
	f, err := testdata.FS.Open("same/same.pcap")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcap.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	exporters := map[netip.AddrPort]*net.UDPConn{}
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		c := exporters[p.Src]
		if c == nil {
			from := net.UDPAddrFromAddrPort(netip.AddrPortFrom(p.Src.Addr(), 0))
			c, err = net.DialUDP("udp4", from, net.UDPAddrFromAddrPort(to))
			if err != nil {
				t.Skipf("this system has no loopback address %s: %v", p.Src.Addr(), err)
			}
			defer c.Close()
			exporters[p.Src] = c
		}
		if _, err := c.Write(p.Payload); err != nil {
			t.Fatal(err)
		}
	}
}
