//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/weirflow/weir/shared/flowtest"
)

// direct measures a plugin that listens itself, on one core.
func (b *bench) direct() error {
	s, err := b.start("direct", fmt.Sprintf(`{"listen":"udp://127.0.0.1:0","window_mb":%d}`, 64+b.window/4000), "GOMAXPROCS=1")
	if err != nil {
		return err
	}
	defer s.Kill()
	flows, err := b.fill(s)
	if err != nil {
		return err
	}
	s.to = time.Now()
	s.from = s.to.Add(-15 * time.Minute)
	memory, err := flowtest.Memory(s.PID(), "VmRSS")
	if err != nil {
		return err
	}
	name := fmt.Sprintf("direct, %.1f million flows, one core: ", float64(flows)/1e6)
	b.print(name+"memory", float64(memory)/1e6, "MB", 0)
	most := func(goal float64) float64 { // which is for two million
		if flows < 2_000_000 {
			return 0
		}
		return goal
	}
	for _, q := range []struct {
		name, json string
		goal       float64
	}{
		{"filter and top 10 sources", `{"show":"top","by":["src"],"where":"dst net 14.0.0.0/10 and dst port in [80 443] and proto tcp and bytes > 1k"}`, most(40)},
		{"filter and top 10 ports", `{"show":"top","by":["dst port"],"where":"proto tcp and bytes > 1k"}`, most(40)},
		{"top 10 sources", `{"show":"top","by":["src"]}`, 0},
		{"series of all", `{"show":"series"}`, most(20)},
		{"series of protocols", `{"show":"series","by":["proto"]}`, most(20)},
		{"series of 8 sources", `{"show":"series","by":["src"],"limit":8}`, 0},
	} {
		wall, used, err := b.often(s, q.json)
		if err != nil {
			return err
		}
		b.print(name+q.name, used.Seconds()*1e3, "CPU-ms", q.goal)
		b.print(name+q.name+", until the answer", wall.Seconds()*1e3, "ms", 0)
	}
	return b.live(s, "direct", func() (netip.AddrPort, error) { return listening(s) })
}

// often asks so often that the process's CPU time can be told, and returns the median
// of the times and the CPU time of one.
func (b *bench) often(s *source, json string) (wall, used time.Duration, err error) {
	if _, _, err := s.ask(json); err != nil {
		return 0, 0, err
	}
	before, err := cpu(s.PID())
	if err != nil {
		return 0, 0, err
	}
	var all []time.Duration
	for began := time.Now(); len(all) < 20 || time.Since(began) < time.Duration(b.rounds)*200*time.Millisecond; {
		_, took, err := s.ask(json)
		if err != nil {
			return 0, 0, err
		}
		all = append(all, took)
	}
	after, err := cpu(s.PID())
	return at(0.5, all), (after - before) / time.Duration(len(all)), err
}

// A state is what "Save & test" tells of a plugin that listens.
type state struct {
	Message   string
	Listening []netip.AddrPort
	Flows     int
}

func health(s *source) (x state, err error) {
	h, err := s.CheckHealth(context.Background(), &backend.CheckHealthRequest{PluginContext: s.context})
	if err != nil {
		return x, err
	}
	if err := json.Unmarshal(h.JSONDetails, &x); err != nil {
		return x, err
	}
	if h.Status != backend.HealthStatusOk {
		return x, errors.New(x.Message)
	}
	return x, nil
}

func listening(s *source) (netip.AddrPort, error) {
	x, err := health(s)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return x.Listening[0], nil
}

// fill sends flows until the window has as many as it should.
func (b *bench) fill(s *source) (flows int, err error) {
	to, err := listening(s)
	if err != nil {
		return 0, err
	}
	data := traffic(4096)
	began, sent := time.Now(), 0
	for flows < b.window {
		l := flowtest.Load{Exporters: 20, Rate: 8000, Seconds: max(1, (b.window-flows)/200_000), Data: data}
		n, _, err := l.Send(to)
		if err != nil {
			return 0, err
		}
		sent += n * flowtest.LoadRecords
		time.Sleep(300 * time.Millisecond)
		x, err := health(s)
		if err != nil {
			return 0, err
		}
		if x.Flows <= flows && time.Since(began) > time.Minute {
			return 0, fmt.Errorf("of %d flows that were sent, %d are in the window", sent, x.Flows)
		}
		flows = x.Flows
	}
	fmt.Fprintf(os.Stderr, "# %d of %d flows are in the window after %s\n", flows, sent, time.Since(began).Round(time.Second))
	return flows, nil
}

// traffic makes n datagrams of flowtest.Twenty between some hosts that talk much and
// many that talk little.
func traffic(n int) (all [][]byte) {
	m, r := flowtest.New(1), rand.New(rand.NewPCG(1, 1))
	inner, outer := rand.NewZipf(r, 1.05, 1, 30_000), rand.NewZipf(r, 1.08, 1, 1_000_000)
	size := 0
	for _, f := range flowtest.Twenty {
		size += int(f.Len)
	}
	const set, ports, proto = 4, 36, 41 // where these begin
	for range n {
		d := m.Data(260, flowtest.LoadRecords, flowtest.Twenty)
		for i := range flowtest.LoadRecords {
			v := d[set+i*size:]
			in, out := uint32(inner.Uint64())*0x9e3779b1, uint32(outer.Uint64())*0x9e3779b1
			binary.BigEndian.PutUint32(v, 10<<24|out>>8)
			binary.BigEndian.PutUint32(v[4:], 14<<24|in>>8)
			binary.BigEndian.PutUint16(v[ports:], uint16(32768+r.IntN(28232)))
			binary.BigEndian.PutUint16(v[ports+2:], []uint16{443, 443, 443, 80, 53, 8443}[r.IntN(6)])
			v[proto] = []byte{6, 6, 6, 17}[r.IntN(4)]
		}
		all = append(all, flowtest.Packet(9, 0, d))
	}
	return all
}
