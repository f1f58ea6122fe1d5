package sink

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
)

// A namespace is a network of its own; do runs f in it.
type namespace struct {
	tid  int
	work chan func()
}

// newNamespace makes one that lasts as long as the test.
func newNamespace(t *testing.T) *namespace {
	t.Helper()
	n := &namespace{work: make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		n.tid = unix.Gettid()
		ready <- err
		if err == nil {
			for f := range n.work {
				f()
			}
		}
	}()
	if err := <-ready; err != nil {
		t.Skipf("no network namespace: %v", err)
	}
	t.Cleanup(func() { close(n.work) })
	return n
}

func (n *namespace) do(f func()) {
	done := make(chan struct{})
	n.work <- func() { defer close(done); f() }
	<-done
}

func (n *namespace) ip(t *testing.T, args string) {
	t.Helper()
	n.do(func() {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Errorf("ip %s: %v: %s", args, err, out)
		}
	})
	if t.Failed() {
		t.FailNow()
	}
}

// The datagrams of exporters arrive at the other end of a link from the
// exporters' addresses and ports, in fragments where they are larger than it
// takes.
func TestRelayKeepsAddress(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs ip")
	}
	here, there := newNamespace(t), newNamespace(t)
	here.ip(t, "link add weir0 type veth peer name weir1 netns "+strconv.Itoa(there.tid))
	for i, n := range []*namespace{here, there} {
		name := "weir" + strconv.Itoa(i)
		n.ip(t, "link set lo up")
		n.ip(t, "addr add 10.9.0."+strconv.Itoa(i+1)+"/24 dev "+name)
		n.ip(t, "addr add fd00:9::"+strconv.Itoa(i+1)+"/64 dev "+name+" nodad")
		n.ip(t, "link set "+name+" up")
	}
	there.do(func() { // a new namespace may have inherited that the way back is checked
		for _, dev := range []string{"all", "weir1"} {
			os.WriteFile("/proc/sys/net/ipv4/conf/"+dev+"/rp_filter", []byte("0"), 0o644)
		}
	})
	f := func(at *namespace, to string, exporters ...string) {
		t.Helper()
		var conn *net.UDPConn
		at.do(func() { conn = hear(t, to) })
		c := DefaultRelay()
		c.To = conn.LocalAddr().String()
		var r *Relayer
		here.do(func() { r = relay(t, c, nil) })
		var b flow.Batch
		sent := 0
		for _, e := range exporters {
			from := netip.MustParseAddrPort(e)
			if !r.Keeps(from.Addr()) {
				t.Fatalf("%s does not stay", from)
			}
			for _, n := range []int{24, 1400, 9000} {
				r.Datagram(&decode.Datagram{From: from, Data: bytes.Repeat([]byte{byte(n)}, n)}, &b, 0)
				sent++
			}
		}
		for _, e := range exporters {
			for _, n := range []int{24, 1400, 9000} {
				d, from := heard(t, conn)
				if from.String() != e || d != strings.Repeat(string([]byte{byte(n)}), n) {
					t.Errorf("%d octets from %s, want %d from %s", len(d), from, n, e)
				}
			}
		}
		r.Close()
		if s := r.Stats(); s != (RelayStats{Sent: uint64(sent)}) {
			t.Errorf("%+v", s)
		}
	}
	f(there, "10.9.0.2:0", "192.0.2.7:1234", "198.51.100.9:2055", "192.0.2.7:1235")
	f(here, "127.0.0.1:0", "192.0.2.7:1234", "127.0.0.1:99") // a collector on the same machine
	f(here, "[::1]:0", "[2001:db8::7]:1234")
	f(there, "[fd00:9::2]:0", "[2001:db8::7]:1234", "[2001:db8::8]:2055")

	// One of the other family comes from us.
	var conn *net.UDPConn
	there.do(func() { conn = hear(t, "10.9.0.2:0") })
	c := DefaultRelay()
	c.To = conn.LocalAddr().String()
	var r *Relayer
	here.do(func() { r = relay(t, c, nil) })
	for _, e := range []string{"[2001:db8::7]:1", "192.0.2.7:2", "127.0.0.1:3"} {
		r.Datagram(&decode.Datagram{From: netip.MustParseAddrPort(e), Data: []byte(e)}, new(flow.Batch), 0)
	}
	for _, want := range []string{"10.9.0.1", "192.0.2.7", "10.9.0.1"} {
		if d, from := heard(t, conn); from.Addr().String() != want {
			t.Errorf("%q came from %s, want %s", d, from, want)
		}
	}
}
