package gen

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"
)

// Protocols are those that an Exporter speaks.
var Protocols = []string{"netflow1", "netflow5", "netflow6", "netflow7", "netflow8", "netflow9", "ipfix", "sflow"}

// An Exporter tells of the flows that it sees. One goroutine uses it at a time.
type Exporter struct {
	Name     string
	Addr     netip.Addr // where its datagrams come from, if the machine allows it
	Protocol string
	Domain   uint32
	Sampling uint32 // 1 packet in so many; 1: all
	// Sees tells whether a flow crosses it, and by which interfaces; nil: all do.
	Sees func(*Flow) (in, out uint32, ok bool)

	rnd       *rand.Rand
	boot      time.Time
	sequence  uint32
	samples   map[uint32]uint32 // of sFlow, by interface
	announced time.Time
	dst       [][]byte
}

// Refresh is how often an exporter repeats its templates and options.
const Refresh = 20 * time.Second

// mtu is how long a datagram may become.
const mtu = 1400

// start makes e ready; it was booted some days before now.
func (e *Exporter) start(seed uint64, now time.Time) error {
	for _, p := range Protocols {
		if p == e.Protocol {
			e.rnd = rand.New(rand.NewPCG(seed, uint64(e.Domain)))
			e.boot = now.Add(-time.Duration(e.rnd.IntN(20*24*3600)) * time.Second).Truncate(time.Millisecond)
			if e.Sampling == 0 {
				e.Sampling = 1
			}
			return nil
		}
	}
	return fmt.Errorf("exporter %s: no protocol %q: it is one of %v", e.Name, e.Protocol, Protocols)
}

// A sampled flow is what is left of a flow.
type sampled struct {
	*Flow
	in, out        uint32
	bytes, packets uint64
}

// Export returns the datagrams that tell, at now, of what e has seen of flows.
// They are valid until the next call.
func (e *Exporter) Export(now time.Time, flows []Flow) [][]byte {
	var seen []sampled
	for i := range flows {
		f := &flows[i]
		s := sampled{Flow: f, in: 1, out: 2}
		if e.Sees != nil {
			var ok bool
			if s.in, s.out, ok = e.Sees(f); !ok {
				continue
			}
		}
		if s.packets = e.sample(f.Packets); s.packets > 0 {
			s.bytes = f.Bytes * s.packets / f.Packets
			seen = append(seen, s)
		}
	}
	e.dst = e.dst[:0]
	switch e.Protocol {
	case "netflow9", "ipfix":
		e.templated(now, seen)
	case "sflow":
		e.sflow(now, seen)
	default:
		e.fixed(now, seen)
	}
	return e.dst
}

// sample returns how many of n packets are taken.
func (e *Exporter) sample(n uint64) (taken uint64) {
	if e.Sampling == 1 {
		return n
	}
	want := float64(n) / float64(e.Sampling)
	taken = uint64(want)
	if e.rnd.Float64() < want-float64(taken) {
		taken++
	}
	return taken
}

// uptime returns t in the exporter's uptime, milliseconds.
func (e *Exporter) uptime(t time.Time) uint32 { return uint32(t.Sub(e.boot).Milliseconds()) }
