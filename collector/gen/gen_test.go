package gen

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

var noon = time.Date(2026, 11, 26, 12, 3, 0, 0, time.UTC) // a minute with a flood

// steps runs a scene for so many ticks.
func steps(t *testing.T, s *Scene, n int, send func(e *Exporter, d []byte)) {
	t.Helper()
	if err := s.Start(noon); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := s.Step(noon.Add(time.Duration(i)*Tick), func(e *Exporter, d []byte) error { send(e, d); return nil }); err != nil {
			t.Fatal(err)
		}
	}
}

// What the office's exporters send, decoders read without a fault: times of
// today, sampling rates, and sequence numbers without a gap.
func TestOffice(t *testing.T) {
	d := decode.New(template.NewStore(template.Limits{}))
	var b flow.Batch
	type stream struct {
		version uint8
		domain  uint32
		from    netip.Addr
	}
	next := map[stream]uint32{}
	versions := map[uint8]int{}
	s := Office()
	flood, six := 0, 0
	now := noon
	steps(t, s, 300, func(e *Exporter, data []byte) {
		if len(data) > 1472 {
			t.Fatalf("%s: a datagram of %d octets", e.Name, len(data))
		}
		b.Reset()
		if err := d.Decode(&b, decode.Datagram{From: netip.AddrPortFrom(e.Addr, 9), Time: now.UnixNano(), Data: data}); err != nil {
			t.Fatalf("%s: %v", e.Name, err)
		}
		h, _ := d.Head()
		k := stream{h.Version, h.Domain, e.Addr}
		if n, ok := next[k]; ok && n != h.Sequence {
			t.Fatalf("%s: sequence %d, want %d", e.Name, h.Sequence, n)
		}
		next[k] = h.Sequence + h.Units
		for i := range b.Flows {
			f := &b.Flows[i]
			versions[f.Version]++
			if f.SamplingRate != e.Sampling {
				t.Fatalf("%s: 1 in %d, want %d", e.Name, f.SamplingRate, e.Sampling)
			}
			if age := noon.UnixNano() + 30e9 - f.Start; age < 0 || age > 120e9 || f.Marks&flow.TimeReplaced != 0 {
				t.Fatalf("%s: a flow began %v before", e.Name, time.Duration(age))
			}
			if f.Bytes == 0 || f.Packets == 0 {
				t.Fatalf("%s: an empty flow", e.Name)
			}
			if f.DstAddr.Netip() == Target && f.SrcPort == 53 {
				flood++
			}
			if f.IsIPv6() {
				six++
			}
		}
	})
	for _, v := range []uint8{5, 9, 10, flow.SFlow5} {
		if versions[v] == 0 {
			t.Errorf("no flows of version %d", v)
		}
	}
	if flood == 0 || six == 0 || len(next) != 6 {
		t.Errorf("%d flows of the flood, %d of IPv6, %d streams", flood, six, len(next))
	}
}

func TestScan(t *testing.T) {
	s := Office()
	noon := noon.Add(3 * time.Minute) // the scan's
	if err := s.Start(noon); err != nil {
		t.Fatal(err)
	}
	hit := map[netip.Addr]bool{}
	for i := range 100 {
		s.Step(noon.Add(time.Duration(i)*Tick), func(*Exporter, []byte) error { return nil })
		for _, f := range s.flows {
			if f.Src == Scanner && f.Flags == 2 {
				hit[f.Dst] = true
			}
		}
	}
	if len(hit) < 200 {
		t.Errorf("%d hosts were scanned", len(hit))
	}
}

// The same seed gives the same datagrams.
func TestSeed(t *testing.T) {
	record := func(seed uint64) (all []byte) {
		s := Office()
		s.Seed = seed
		steps(t, s, 50, func(_ *Exporter, d []byte) { all = append(all, d...) })
		return all
	}
	if a := record(7); !bytes.Equal(a, record(7)) || bytes.Equal(a, record(8)) {
		t.Error("datagrams don't follow from the seed")
	}
}

func TestPlain(t *testing.T) {
	for _, p := range Protocols {
		flows := 0
		d := decode.New(template.NewStore(template.Limits{}))
		var b flow.Batch
		steps(t, Plain(p, 3, 1000, 1), 50, func(e *Exporter, data []byte) {
			if err := d.Decode(&b, decode.Datagram{From: netip.AddrPortFrom(e.Addr, 9), Time: noon.UnixNano(), Data: data}); err != nil {
				t.Fatalf("%s: %v", p, err)
			}
		})
		if flows = len(b.Flows); flows < 2500 {
			t.Errorf("%s: %d flows in 5 s of 1000 a second", p, flows)
		}
	}
	if err := Plain("netflow4", 1, 1, 1).Start(noon); err == nil {
		t.Error("a protocol that is none was taken")
	}
}

func TestRun(t *testing.T) {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	to := netip.MustParseAddrPort(c.LocalAddr().String())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	sent, err := Office().Run(ctx, func(string) netip.AddrPort { return to }, 3)
	if err != nil || sent < 6 {
		t.Fatalf("%d datagrams, %v", sent, err)
	}
	from := map[string]bool{}
	buf := make([]byte, 2000)
	for range sent {
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, a, err := c.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		from[a.String()] = true
	}
	if len(from) < 5 { // the switch samples so little that it may be silent
		t.Errorf("datagrams of %d sockets, want 5 or 6", len(from))
	}
	if _, err := Office().Run(ctx, func(string) netip.AddrPort { return netip.AddrPort{} }, 1); err == nil {
		t.Error("nowhere is no error")
	}
}
