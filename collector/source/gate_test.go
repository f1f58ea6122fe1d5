package source

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/decode"
)

// Random networks, against netip's own arithmetic.
func TestNetworks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func() netip.Addr {
		if r.IntN(2) == 0 {
			return netip.AddrFrom4([4]byte{10, byte(r.IntN(3)), byte(r.IntN(256)), byte(r.IntN(256))})
		}
		return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 4: byte(r.IntN(3)), 5: byte(r.IntN(256)), 15: byte(r.IntN(256))})
	}
	for range 200 {
		var all Prefixes
		for range r.IntN(30) {
			a := random()
			p := netip.PrefixFrom(a, a.BitLen()-r.IntN(min(a.BitLen(), 90))).Masked()
			all = append(all, Prefix{p})
		}
		n := newNetworks(all)
		for range 200 {
			a, want := random(), false
			for _, p := range all {
				want = want || p.Contains(a)
			}
			if n.contain(a) != want {
				t.Fatalf("%v contain %s: got %t", all, a, !want)
			}
		}
	}
}

func TestRules(t *testing.T) {
	f := func(allow, deny, addr string, want bool) {
		t.Helper()
		var l Listen
		if allow != "" {
			l.Allow = prefixes(t, allow)
		}
		if deny != "" {
			l.Deny = prefixes(t, deny)
		}
		if got := newRules(&l).allowed(netip.MustParseAddr(addr)); got != want {
			t.Errorf("allow %s, deny %s: %s: got %t", allow, deny, addr, got)
		}
	}
	f("192.0.2.0/24", "", "192.0.2.255", true)
	f("192.0.2.0/24", "", "192.0.3.0", false)
	f("192.0.2.0/24", "", "2001:db8::1", false)
	f("192.0.2.0/24", "192.0.2.7", "192.0.2.7", false)
	f("192.0.2.7", "192.0.2.0/24", "192.0.2.7", false)
	f("", "192.0.2.7", "192.0.2.8", true)
	f("0.0.0.0/0", "", "198.51.100.1", true)
	f("0.0.0.0/0", "", "2001:db8::1", false)
	f("::/0", "", "2001:db8::1", true)
	f("::/0", "", "198.51.100.1", false)
	f("::ffff:192.0.2.0/120", "", "192.0.2.9", true)
	f("fe80::/10", "", "fe80::1%eth0", true)
	f("", "fe80::1", "fe80::1%eth0", false)
}

// people is a Known.
type people struct {
	mu    sync.Mutex
	known map[netip.Addr]bool
	asked int
}

func (p *people) Known(a netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	return p.known[a]
}

// A flood of exporters that nobody knows takes nothing from those that are known.
func TestBudget(t *testing.T) {
	friend := netip.MustParseAddr("192.0.2.1")
	who := &people{known: map[netip.Addr]bool{friend: true}}
	g := &gates(2, &Listen{}, &Config{Unknown: 100, Known: who})[1]
	d := []byte{0, 9}
	passed := 0
	for i := range 10_000 {
		spoofed := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		now := int64(i) * 1e6 // a thousand a second, for ten
		if g.judge(spoofed, d, now) == pass {
			passed++
		}
		if v := g.judge(friend, d, now); v != pass {
			t.Fatalf("the exporter that is known: %d at %d ms", v, i)
		}
	}
	if want := 100 + 999; passed != want { // what the bucket held, and ten seconds' more but for its last millisecond
		t.Errorf("%d spoofed datagrams passed, want %d", passed, want)
	}
	stranger := netip.MustParseAddr("198.51.100.1")
	if v := g.judge(stranger, d, 10e9); v != overBudget {
		t.Errorf("a stranger in a flood: got %d", v)
	}
	who.known[stranger] = true
	if v := g.judge(stranger, d, 10e9); v != pass {
		t.Errorf("one that has just delivered: got %d", v)
	}
	who.known[friend] = false
	who.asked = 0
	for i := range int64(100) {
		g.judge(friend, d, 10e9+i*1e7)
	}
	if who.asked == 0 || who.asked > 110 {
		t.Errorf("asked %d times about one that was known a second ago", who.asked)
	}
}

func TestGateCosts(t *testing.T) {
	g := testGate(t, 64)
	a := netip.MustParseAddr("10.9.1.1")
	d := []byte{0, 9}
	now := int64(0)
	if n := testing.AllocsPerRun(1000, func() {
		now += 1e7
		a = a.Next()
		g.judge(a, d, now)
	}); n != 0 {
		t.Errorf("%v allocations a datagram, want none", n)
	}
}

// testGate allows n networks, of which every second is known.
func testGate(t testing.TB, n int) *gate {
	l := Listen{Protocol: netflow}
	who := &people{known: map[netip.Addr]bool{}}
	for i := range n {
		var p Prefix
		if err := p.UnmarshalText(fmt.Appendf(nil, "10.%d.0.0/16", i)); err != nil {
			t.Fatal(err)
		}
		l.Allow = append(l.Allow, p)
		if i%2 == 0 {
			who.known[netip.AddrFrom4([4]byte{10, byte(i), 0, 1})] = true
		}
	}
	return &gates(1, &l, &Config{Unknown: 20000, Known: who})[0]
}

func TestListenerCounts(t *testing.T) {
	eachReader(t, func(t *testing.T, open func(t testing.TB, l Listen, cfg Config) *Listener) {
		f := func(l Listen, want Stats, datagrams ...string) {
			t.Helper()
			l.Address, l.Workers = "127.0.0.1:0", 1
			cfg := Default()
			cfg.Idle = time.Millisecond
			x := open(t, l, cfg)
			c := dial(t, x.Addr())
			for _, d := range datagrams {
				if _, err := c.Write([]byte(d)); err != nil {
					t.Fatal(err)
				}
			}
			var dst [8]decode.Datagram
			got := 0
			for end := time.Now().Add(5 * time.Second); x.Stats() != want; {
				n, err := x.Sources()[0].Read(context.Background(), dst[:])
				if err != nil {
					t.Fatal(err)
				}
				got += n
				if time.Now().After(end) {
					t.Fatalf("got %+v, want %+v", x.Stats(), want)
				}
			}
			if uint64(got) != want.Datagrams {
				t.Errorf("read %d, want %d", got, want.Datagrams)
			}
		}
		f(Listen{Deny: prefixes(t, "127.0.0.0/8")}, Stats{Denied: 2}, "\x00\x09", "\x00\x0a")
		f(Listen{Allow: prefixes(t, "192.0.2.0/24")}, Stats{Denied: 1}, "\x00\x09")
		f(Listen{Protocol: 1 << 10}, Stats{Refused: 2, Datagrams: 1, Octets: 2}, "\x00\x09", "\x00\x0a", "\x00\x00\x00\x05")
	})
}

func BenchmarkGate(b *testing.B) {
	for _, hostile := range []bool{false, true} {
		b.Run(fmt.Sprintf("spoofed=%t", hostile), func(b *testing.B) {
			g := testGate(b, 64)
			d := []byte{0, 9}
			a := netip.MustParseAddr("10.2.0.1")
			now := int64(0)
			for b.Loop() {
				now += 5000
				if hostile {
					a = a.Next()
				}
				g.judge(a, d, now)
			}
		})
	}
}

// A clock that is set back doesn't keep a bucket from filling, nor a reader from
// learning.
func TestClockSetBack(t *testing.T) {
	const hour = int64(time.Hour)
	b := newBucket(10)
	for range 10 {
		b.take(2 * hour)
	}
	b.take(hour)
	if !b.take(hour + 1e9) {
		t.Error("a second after the clock was set back there is no token")
	}
	p := pacemaker{buffer: 1 << 20}
	p.drained(2 * hour)
	p.drained(hour)
	for i := range int64(100) {
		p.add(1000, 1000)
		p.drained(hour + i*1e7)
	}
	if p.rate < 1e4 {
		t.Errorf("a rate of %f", p.rate)
	}
}
