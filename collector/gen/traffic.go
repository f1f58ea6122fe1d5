package gen

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"time"
)

// A Flow is one direction of a conversation, as it happened: not sampled.
type Flow struct {
	Start, End       time.Time
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16
	Proto, TOS       uint8
	Flags            uint8 // of TCP, or-ed
	Bytes, Packets   uint64
	SrcAS, DstAS     uint32
	App              uint16 // port that the application is known by
	Inside           bool   // neither end is out in the Internet
}

// A Traffic makes flows of an office with about 200 hosts. One goroutine uses it
// at a time.
type Traffic struct {
	rnd  *rand.Rand
	back []Flow // answers, next first
}

// NewTraffic makes a Traffic whose flows follow from seed.
func NewTraffic(seed uint64) *Traffic { return &Traffic{rnd: rand.New(rand.NewPCG(seed, 0x77656972))} }

// An app is what hosts do, and how often.
type app struct {
	weight  int
	port    uint16
	proto   uint8
	inside  bool    // with a server of the office
	answer  float64 // octets that come back for one that goes
	octets  float64 // median of the smaller direction
	spread  float64 // of its logarithm
	seconds float64 // median duration
	six     float64 // share over IPv6
}

var apps = []app{
	{36, 443, 6, false, 14, 3_000, 1.4, 8, 0.35},
	{14, 443, 17, false, 20, 6_000, 1.5, 12, 0.5},
	{22, 53, 17, true, 3, 70, 0.2, 0.02, 0.2},
	{4, 80, 6, false, 10, 900, 1.2, 2, 0.1},
	{3, 123, 17, false, 1, 76, 0, 0.05, 0.2},
	{4, 993, 6, false, 6, 2_500, 1.3, 30, 0.3},
	{2, 587, 6, false, 0.1, 40_000, 1.6, 4, 0.2},
	{5, 445, 6, true, 3, 60_000, 1.8, 20, 0},
	{2, 22, 6, true, 1.5, 9_000, 1.6, 60, 0.1},
	{3, 3478, 17, false, 1, 900_000, 1.1, 55, 0.2},
	{2, 5432, 6, true, 4, 8_000, 1.2, 10, 0},
	{1, 0, 1, true, 1, 84, 0, 1, 0.1},
}

var weights = func() (n int) {
	for _, a := range apps {
		n += a.weight
	}
	return n
}()

// servers out in the Internet: prefixes for documentation, and AS numbers
// likewise.
var servers = []struct {
	four, six netip.Addr
	as        uint32
}{
	{netip.MustParseAddr("198.51.100.0"), netip.MustParseAddr("2001:db8:a::"), 64496},
	{netip.MustParseAddr("203.0.113.0"), netip.MustParseAddr("2001:db8:b::"), 64497},
	{netip.MustParseAddr("192.0.2.0"), netip.MustParseAddr("2001:db8:c::"), 64498},
	{netip.MustParseAddr("198.18.7.0"), netip.MustParseAddr("2001:db8:d::"), 65551},
}

// own is the office's AS.
const own = 64500

// Next returns a flow that has just ended at now.
func (t *Traffic) Next(now time.Time) Flow {
	if n := len(t.back); n > 0 {
		f := t.back[n-1]
		t.back = t.back[:n-1]
		return f
	}
	a := t.app()
	six := t.rnd.Float64() < a.six
	f := Flow{Proto: a.proto, DstPort: a.port, App: a.port, Inside: a.inside, SrcAS: own}
	f.Src = host(six, t.rnd.IntN(200))
	if a.inside {
		f.Dst, f.DstAS = host(six, 200+t.rnd.IntN(8)), own
	} else {
		s := &servers[min(t.rnd.IntN(len(servers)), t.rnd.IntN(len(servers)))]
		f.Dst, f.DstAS = with(s.four, t.rnd.IntN(40)), s.as
		if six {
			f.Dst = with(s.six, t.rnd.IntN(40))
		}
	}
	if a.proto != 1 {
		f.SrcPort = uint16(32768 + t.rnd.IntN(28000))
	}
	if a.proto == 6 {
		f.Flags = 0x1b // FIN, SYN, PSH, ACK
	}
	seconds := a.seconds * math.Exp(t.rnd.NormFloat64()*0.8)
	f.End = now
	f.Start = now.Add(-time.Duration(min(seconds, 55) * 1e9))
	octets := a.octets * math.Exp(t.rnd.NormFloat64()*a.spread)
	f.size(octets)

	back := f
	back.Src, back.Dst, back.SrcPort, back.DstPort = f.Dst, f.Src, f.DstPort, f.SrcPort
	back.SrcAS, back.DstAS = f.DstAS, f.SrcAS
	back.size(octets * a.answer)
	t.back = append(t.back, back)
	return f
}

// size sets octets and packets: full ones where there is much.
func (f *Flow) size(octets float64) {
	f.Bytes = uint64(min(max(octets, 40), 4e9))
	f.Packets = max(f.Bytes/1100, 1)
	if f.Proto == 6 {
		f.Packets += 3
		f.Bytes += 3 * 40
	}
}

func (t *Traffic) app() *app {
	n := t.rnd.IntN(weights)
	for i := range apps {
		if n -= apps[i].weight; n < 0 {
			return &apps[i]
		}
	}
	panic("gen: bug: weights don't add up")
}

// host returns an address of the office.
func host(six bool, n int) netip.Addr {
	if six {
		return with(netip.MustParseAddr("2001:db8:20::"), n)
	}
	return netip.AddrFrom4([4]byte{10, 20, byte(n >> 6), byte(10 + n&63)})
}

// with returns the n-th address behind a.
func with(a netip.Addr, n int) netip.Addr {
	if a.Is4() {
		b := a.As4()
		b[3] += byte(n)
		return netip.AddrFrom4(b)
	}
	b := a.As16()
	b[14], b[15] = byte(n>>8), byte(n)
	return netip.AddrFrom16(b)
}

// Scanner is who scans the office, and Target whom the flood hits.
var (
	Scanner = netip.MustParseAddr("203.0.113.66")
	Target  = host(false, 203)
)

// Scan returns the n-th flow of a horizontal scan: SYNs to port 445, host after
// host, that nobody answers.
func (t *Traffic) Scan(now time.Time, n int) Flow {
	return Flow{
		Start: now.Add(-time.Millisecond), End: now, Src: Scanner, Dst: netip.AddrFrom4([4]byte{10, 20, byte(n >> 8 & 3), byte(n)}),
		SrcPort: uint16(40000 + t.rnd.IntN(20000)), DstPort: 445, Proto: 6, Flags: 2, Bytes: 44, Packets: 1, SrcAS: 64497, DstAS: own, App: 445,
	}
}

// Flood returns a flow of a flood of UDP answers that nobody asked for, from
// many sources to one host.
func (t *Traffic) Flood(now time.Time) Flow {
	return Flow{
		Start: now.Add(-time.Second), End: now, Src: netip.AddrFrom4([4]byte{198, 18, byte(t.rnd.IntN(256)), byte(t.rnd.IntN(256))}), Dst: Target,
		SrcPort: 53, DstPort: uint16(1024 + t.rnd.IntN(60000)), Proto: 17, Bytes: 1400 * 700, Packets: 700, SrcAS: 65551, DstAS: own, App: 53,
	}
}
