//go:build cgo

package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	flb "github.com/fluent/fluent-bit-go/input"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/template"
)

// cpu is what this process has used so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAgainstFluentBitGo measures the way from a datagram of NetFlow v9 with
// 24 records of 20 fields to finished events of Fluent Bit, and that of the same
// records, decoded already, through fluent-bit-go's encoder, as its examples use it:
// a map is filled for each and given to it. By turns, CPU time a record, the least
// of the rounds. ready is their time with a map that is there already.
func BenchmarkAgainstFluentBitGo(b *testing.B) {
	const records = 24
	gen := flowtest.New(2)
	announce := flowtest.Packet(9, 5, flowtest.Template(9, 260, flowtest.Twenty))
	datagram := flowtest.Packet(9, 5, gen.Data(260, records, flowtest.Twenty))
	for _, p := range []encode.Profile{encode.Flat, encode.ECS} {
		b.Run(p.String(), func(b *testing.B) {
			d := decode.New(template.NewStore(template.Limits{}))
			e := encode.NewWith(p, encode.Options{Typed: true, Meta: true})
			var batch flow.Batch
			var dst []byte
			ours := func(data []byte) {
				batch.Reset()
				if err := d.Decode(&batch, decode.Datagram{From: flowtest.From, Time: flowtest.Export * 1e9, Data: data}); err != nil {
					b.Fatal(err)
				}
				dst = e.AppendEvents(dst[:0], &batch, batch.Flows)
			}
			ours(announce)
			ours(datagram)
			if n := testing.AllocsPerRun(100, func() { ours(datagram) }); n != 0 {
				b.Errorf("%v allocations", n)
			}
			theirs := func(f *flow.Flow, record map[string]any) {
				if _, err := flb.NewEncoder().Encode([]any{flb.FLBTime{Time: time.Unix(0, f.End)}, record}); err != nil {
					b.Fatal(err)
				}
			}
			ready := recordOf(p, &batch.Flows[0])
			var our, their, least float64
			for b.Loop() {
				const n = 100
				measure(&our, n*records, func() {
					for range n {
						ours(datagram)
					}
				})
				measure(&their, n*records, func() {
					for range n {
						for i := range batch.Flows {
							theirs(&batch.Flows[i], recordOf(p, &batch.Flows[i]))
						}
					}
				})
				measure(&least, n, func() {
					for range n {
						theirs(&batch.Flows[0], ready)
					}
				})
			}
			b.ReportMetric(our, "ns/record")
			b.ReportMetric(their, "ns/theirs")
			b.ReportMetric(least, "ns/ready")
			b.ReportMetric(their/our, "x")
			b.ReportMetric(float64(len(dst))/records, "octets/event")
		})
	}
}

// measure lowers least to the CPU time in nanoseconds of one of n, if it was above.
func measure(least *float64, n int, f func()) {
	from := cpu()
	f()
	if v := float64(cpu()-from) / float64(n); *least == 0 || v < *least {
		*least = v
	}
}

// recordOf is f as a Go program would give it to fluent-bit-go.
func recordOf(p encode.Profile, f *flow.Flow) map[string]any {
	root := map[string]any{}
	for x, ok := f.Set.Next(0); ok; x, ok = f.Set.Next(x + 1) {
		m, name := root, p.Name(x)
		if p == encode.ECS {
			for {
				first, rest, more := strings.Cut(name, ".")
				if !more {
					break
				}
				inner, ok := m[first].(map[string]any)
				if !ok {
					inner = map[string]any{}
					m[first] = inner
				}
				m, name = inner, rest
			}
		}
		switch c := &flow.Fields[x]; {
		case f.Addr(x) != nil:
			m[name] = f.Addr(x).Netip().String()
		case c.Kind == flow.KindTime && p == encode.ECS:
			m[name] = time.Unix(0, int64(f.Uint(x))).UTC().Format("2006-01-02T15:04:05.000Z")
		default:
			m[name] = f.Uint(x)
		}
	}
	return root
}
