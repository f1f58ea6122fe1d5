package gen

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"
)

// A Scene is traffic, and the exporters that tell of it.
type Scene struct {
	Exporters []*Exporter
	Seed      uint64
	Rate      float64 // flows a second that happen; each exporter tells of those that it sees
	Attacks   bool    // a scan and a flood now and then, by the clock

	traffic *Traffic
	due     float64 // flows
	scanned int
	flows   []Flow
}

// Tick is how often exporters send.
const Tick = 100 * time.Millisecond

// Office is six exporters of one office: a core router that samples, an edge
// router, a branch, a switch with sFlow, an access router that knows
// applications, and a lab. All speak of the same traffic where they see it.
func Office() *Scene {
	outside := func(f *Flow) (in, out uint32, ok bool) {
		if f.SrcAS == own {
			return 2, 1, !f.Inside
		}
		return 1, 2, !f.Inside
	}
	inside := func(f *Flow) (in, out uint32, ok bool) { return 3, 4, f.Inside }
	half := func(bit byte) func(*Flow) (uint32, uint32, bool) {
		return func(f *Flow) (in, out uint32, ok bool) {
			return 5, 6, lowest(f.Src)&1 == bit
		}
	}
	return &Scene{
		Rate: 60, Attacks: true, Seed: 1,
		Exporters: []*Exporter{
			{Name: "demo-core", Addr: loopback(11), Protocol: "netflow9", Domain: 1, Sampling: 10},
			{Name: "demo-edge", Addr: loopback(12), Protocol: "ipfix", Domain: 2, Sampling: 1, Sees: outside},
			{Name: "demo-branch", Addr: loopback(13), Protocol: "netflow5", Domain: 3, Sampling: 1, Sees: half(0)},
			{Name: "demo-switch", Addr: loopback(14), Protocol: "sflow", Domain: 0, Sampling: 50, Sees: inside},
			{Name: "demo-access", Addr: loopback(15), Protocol: "netflow9", Domain: 5, Sampling: 1, Sees: half(1)},
			{Name: "demo-lab", Addr: loopback(16), Protocol: "ipfix", Domain: 6, Sampling: 4, Sees: inside},
		},
	}
}

// Plain is n exporters of one protocol, each of which sees its share of the
// flows.
func Plain(protocol string, n int, rate float64, seed uint64) *Scene {
	s := &Scene{Rate: rate, Seed: seed}
	for i := range n {
		s.Exporters = append(s.Exporters, &Exporter{
			Name: fmt.Sprintf("gen-%d", i+1), Addr: netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}).Next(), Protocol: protocol, Domain: uint32(i + 1), Sampling: 1,
			Sees: func(f *Flow) (in, out uint32, ok bool) { return 1, 2, (int(f.SrcPort)+int(f.DstPort))%n == i },
		})
	}
	return s
}

func loopback(n byte) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, n}) }

func lowest(a netip.Addr) byte { b := a.As16(); return b[15] }

// Start makes s ready to Step from now on.
func (s *Scene) Start(now time.Time) error {
	s.traffic = NewTraffic(s.Seed)
	for _, e := range s.Exporters {
		if err := e.start(s.Seed, now); err != nil {
			return err
		}
	}
	return nil
}

// Step calls send for each datagram that tells of the time passed since the step
// before, which was Tick ago. d is valid until send returns.
func (s *Scene) Step(now time.Time, send func(e *Exporter, d []byte) error) error {
	s.flows = s.flows[:0]
	for s.due += s.Rate * Tick.Seconds(); s.due >= 1; s.due-- {
		s.flows = append(s.flows, s.traffic.Next(now))
	}
	if s.Attacks {
		s.attack(now)
	}
	for _, e := range s.Exporters {
		for _, d := range e.Export(now, s.flows) {
			if err := send(e, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// attack adds a scan in the second minute of five, and a flood in the fourth,
// for 20 seconds each.
func (s *Scene) attack(now time.Time) {
	if now.Second() >= 20 {
		s.scanned = 0
		return
	}
	switch now.Minute() % 5 {
	case 1:
		for range 3 {
			s.flows = append(s.flows, s.traffic.Scan(now, s.scanned))
			s.scanned++
		}
	case 3:
		for range 10 {
			s.flows = append(s.flows, s.traffic.Flood(now))
		}
	}
}

// Run sends the scene's datagrams to where to says for a protocol, from a socket
// of each exporter's own, until ctx ends or steps are done; 0 steps are without
// end. It returns how many datagrams it has sent.
func (s *Scene) Run(ctx context.Context, to func(protocol string) netip.AddrPort, steps int) (sent int, err error) {
	now := time.Now()
	if err := s.Start(now); err != nil {
		return 0, err
	}
	conns := map[*Exporter]*net.UDPConn{}
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for _, e := range s.Exporters {
		c, err := dial(e, to(e.Protocol))
		if err != nil {
			return 0, err
		}
		conns[e] = c
	}
	tick := time.NewTicker(Tick)
	defer tick.Stop()
	for n := 0; steps == 0 || n < steps; n++ {
		err := s.Step(now, func(e *Exporter, d []byte) error {
			sent++
			_, err := conns[e].WriteToUDPAddrPort(d, to(e.Protocol))
			return err
		})
		if err != nil {
			return sent, fmt.Errorf("send: %w", err)
		}
		select {
		case <-ctx.Done():
			return sent, nil
		case now = <-tick.C:
		}
	}
	return sent, nil
}

// dial opens the socket of an exporter: with its address where the machine has
// that and the target is on it, else with any.
func dial(e *Exporter, to netip.AddrPort) (*net.UDPConn, error) {
	if !to.IsValid() {
		return nil, fmt.Errorf("exporter %s: nowhere to send %s to", e.Name, e.Protocol)
	}
	local := netip.AddrPort{}
	if to.Addr().IsLoopback() && to.Addr().Is4() {
		local = netip.AddrPortFrom(e.Addr, 0)
		if c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(local)); err == nil {
			return c, nil
		}
	}
	network := "udp6"
	if to.Addr().Is4() {
		network = "udp4"
	}
	return net.ListenUDP(network, nil)
}

// Names returns the exporters' names by their addresses.
func (s *Scene) Names() map[netip.Addr]string {
	names := map[netip.Addr]string{}
	for _, e := range s.Exporters {
		names[e.Addr] = e.Name
	}
	return names
}

// Protocols returns the protocols that the scene speaks.
func (s *Scene) Protocols() (all []string) {
	for _, e := range s.Exporters {
		if !slices.Contains(all, e.Protocol) {
			all = append(all, e.Protocol)
		}
	}
	return all
}
