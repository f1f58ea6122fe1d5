//go:build unix

package modinput

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/template"
)

// usual returns v9 datagrams of n records of flowtest.Twenty each, with values as a
// router between an office and the Internet has them. Each second record answers
// one before it, some apart records away; of 0, none does.
func usual(seed uint64, datagrams, n, apart int) (all [][]byte) {
	rnd := rand.New(rand.NewPCG(seed, 7))
	// between is a number whose logarithm is even.
	between := func(low, high float64) uint64 {
		return uint64(low * math.Pow(high/low, rnd.Float64()))
	}
	type record map[uint16]uint64
	asked := []record{}
	next := func() record {
		if apart > 0 && len(asked) > 0 && (len(asked) >= apart || rnd.IntN(2) == 0) {
			i := rnd.IntN(len(asked))
			r := asked[i]
			asked[i] = asked[len(asked)-1]
			asked = asked[:len(asked)-1]
			back := record{}
			for k, v := range r {
				back[k] = v
			}
			for a, b := range map[uint16]uint16{8: 12, 7: 11, 10: 14, 16: 17, 9: 13} {
				back[a], back[b] = r[b], r[a]
			}
			back[15] = 10<<24 | uint64(rnd.IntN(4))
			back[2] = between(1, 400)
			back[1] = back[2] * between(60, 1400)
			return back
		}
		start := uint64(60_000 + rnd.IntN(60_000)) // before the export, ms
		packets := between(1, 200)
		r := record{
			8: 10<<24 | uint64(rnd.IntN(4))<<16 | uint64(rnd.Uint32N(1<<16)), 12: uint64(1+rnd.IntN(220))<<24 | uint64(rnd.Uint32N(1<<24)),
			15: uint64(203<<24 | 113<<8 | rnd.IntN(4)), 10: uint64(1 + rnd.IntN(48)), 14: uint64(49 + rnd.IntN(4)),
			2: packets, 1: packets * between(60, 1400), 22: flowtest.Uptime - start, 21: flowtest.Uptime - start + between(1, 60_000),
			7: uint64(32768 + rnd.IntN(28000)), 11: []uint64{443, 443, 443, 80, 53, 22, 8443, 3389}[rnd.IntN(8)], 6: []uint64{27, 27, 24, 2, 16}[rnd.IntN(5)],
			4: []uint64{6, 6, 6, 17}[rnd.IntN(4)], 5: []uint64{0, 0, 0, 0, 184}[rnd.IntN(5)], 16: 0, 17: between(700, 70_000),
			9: 16, 13: uint64(12 + rnd.IntN(13)), 61: 0, 48: 1,
		}
		asked = append(asked, r)
		return r
	}
	for range datagrams {
		var d []byte
		for range n {
			r := next()
			for _, f := range flowtest.Twenty {
				d = append(d, binary.BigEndian.AppendUint64(nil, r[f.ID])[8-f.Len:]...)
			}
		}
		all = append(all, flowtest.Packet(9, 1, flowtest.Template(9, 260, flowtest.Twenty), flowtest.Set(260, d)))
	}
	return all
}

// A router decodes datagrams by turns.
type router struct {
	dec  *decode.Decoder
	all  [][]byte
	next int
}

func newRouter(apart int) *router {
	return &router{dec: decode.New(template.NewStore(template.Limits{})), all: usual(1, 4000, 24, apart)}
}

// fill fills b with about 256 flows.
func (s *router) fill(t testing.TB, b *flow.Batch) {
	b.Reset()
	for len(b.Flows) < 256 {
		err := s.dec.Decode(b, decode.Datagram{From: flowtest.From, Time: flowtest.Export * 1e9, Data: s.all[s.next]})
		if err != nil {
			t.Fatal(err)
		}
		s.next = (s.next + 1) % len(s.all)
	}
}

// What an event of a router's 20 fields costs of the licence.
func TestOctetsOfTwentyFields(t *testing.T) {
	s, e := newRouter(1000), Layout{}.NewRaw()
	var b flow.Batch
	var dst []byte
	octets, events, named := 0, 0, Layout{Format: JSON}.NewRaw()
	json := 0
	for range 200 {
		s.fill(t, &b)
		for i := range b.Flows {
			dst = e.AppendRaw(dst[:0], &b, &b.Flows[i])
			octets += len(dst)
			json += len(named.AppendRaw(nil, &b, &b.Flows[i]))
			events++
		}
	}
	t.Logf("%s", dst)
	mean := float64(octets) / float64(events)
	t.Logf("%.1f octets in psv, %.1f in json", mean, float64(json)/float64(events))
	if mean > 100 {
		t.Errorf("%.1f octets: at most 100", mean)
	}
}

// cpuTime is the CPU time that this process has had.
func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// pipe returns a pipe to a process that reads it.
func pipe(b *testing.B) io.Writer {
	cat := exec.Command("cat")
	w, err := cat.StdinPipe()
	if err == nil {
		err = cat.Start()
	}
	if err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() { w.Close(); cat.Wait() })
	return w
}

// BenchmarkEvents decodes v9 datagrams and writes their flows to a pipe. It counts
// this process's CPU time, not that of who reads the pipe.
func BenchmarkEvents(b *testing.B) {
	for _, format := range []Format{PSV, KV, JSON} {
		b.Run(format.String(), func(b *testing.B) {
			s := newRouter(1000)
			w := &plainSink{enc: NewEncoder(format, "weir://core", format.Sourcetype()), out: pipe(b)}
			var batch flow.Batch
			raw, octets, events := Layout{Format: format}.NewRaw(), 0, 0
			s.fill(b, &batch)
			for i := range batch.Flows {
				octets += len(raw.AppendRaw(nil, &batch, &batch.Flows[i]))
				events++
			}
			runtime.GC() // of what making the datagrams has left
			b.ReportAllocs()
			began := cpuTime()
			flows := 0
			for b.Loop() {
				s.fill(b, &batch)
				if err := w.Write(context.Background(), &batch); err != nil {
					b.Fatal(err)
				}
				flows += len(batch.Flows)
			}
			b.ReportMetric(float64(flows)/(cpuTime()-began).Seconds(), "events/s")
			b.ReportMetric(float64(octets)/float64(events), "octets")
		})
	}
}

// BenchmarkStitch does what BenchmarkEvents does, with conversations made one
// event. It counts flows. Without answers, each waits until there is no more room.
func BenchmarkStitch(b *testing.B) {
	for _, apart := range []int{0, 100, 10_000} {
		b.Run(fmt.Sprintf("apart=%d", apart), func(b *testing.B) {
			s := newRouter(apart)
			w := &plainSink{enc: NewEncoder(PSV, "weir://core", "weir:flow"), out: pipe(b)}
			stitch, _ := stitcher(b, DefaultStitch(), w)
			defer stitch.Close()
			var batch flow.Batch
			flows := 0
			turn := func() {
				s.fill(b, &batch)
				if err := stitch.Write(context.Background(), &batch); err != nil {
					b.Fatal(err)
				}
				flows += len(batch.Flows)
			}
			for flows < 200_000 {
				turn()
			}
			flows = 0
			before := stitch.Stats()
			runtime.GC() // of what making the datagrams has left
			b.ReportAllocs()
			began := cpuTime()
			for b.Loop() {
				turn()
			}
			b.ReportMetric(float64(flows)/(cpuTime()-began).Seconds(), "flows/s")
			b.ReportMetric(float64(2*(stitch.Stats().Pairs-before.Pairs))/float64(flows), "paired")
		})
	}
}
