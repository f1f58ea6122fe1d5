//go:build linux

package engine

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// million holds a million flows of an hour.
func million(b *testing.B) View {
	const n = 1_000_000
	r := rand.New(rand.NewPCG(9, 9))
	w := NewWindow(256<<20, time.Unix(0, epoch))
	for i := 0; i < n; i += 500 {
		w.Write(ctx, typicalBatch(r, 500, epoch+int64(i)*3600e9/n))
	}
	v := w.View()
	if v.Rows != n {
		b.Fatalf("%d rows", v.Rows)
	}
	return v
}

// cpu is the time that this process has used, in nanoseconds.
func cpu(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkRun(b *testing.B) {
	v := million(b)
	run := func(name string, r query.Request) {
		r.From, r.To, r.Limit = epoch, epoch+3600e9, 10
		r.Align()
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			before := cpu(b)
			for b.Loop() {
				if a, err := Run(ctx, v, &r); err != nil || a.Scanned < uint64(v.Rows)*9/10 {
					b.Fatal(a.Scanned, err)
				}
			}
			b.ReportMetric((cpu(b)-before)/float64(b.N*v.Rows), "cpu-ns/flow")
		})
	}
	filter := func(text string) *query.Filter {
		f, err := query.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		return f
	}
	bytes := []query.Metric{{Of: query.Bytes}}
	src, proto := columnsAs(flow.FieldSrcAddr), columnsAs(flow.FieldProto)
	ip := []query.Dim{{Of: filter("ip exists").Expr().Of}}
	run("total", query.Request{Metrics: bytes})
	run("top/SrcAddr", query.Request{Metrics: bytes, By: src})
	run("top/SrcAddr,DstAddr,DstPort", query.Request{Metrics: bytes, By: columnsAs(flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldDstPort)})
	run("top/ip/sides", query.Request{Metrics: bytes, By: ip, Sides: true})
	run("top/SrcAddr/filter", query.Request{Metrics: bytes, By: src, Filter: filter("dst net 192.0.0.0/16 and dst port in [80 443] and proto tcp and bytes > 1k")})
	run("total/filter", query.Request{Metrics: bytes, Filter: filter("dst net 192.0.0.0/16 and dst port in [80 443] and proto tcp and bytes > 1k")})
	run("total/needle", query.Request{Metrics: bytes, Filter: filter("ip 10.0.200.200")})
	run("timeseries/15s", query.Request{Metrics: bytes, Series: true, Bin: 15e9})
	run("timeseries/15s/Proto", query.Request{Metrics: bytes, By: proto, Series: true, Bin: 15e9})
	run("timeseries/15s/SrcAddr", query.Request{Metrics: bytes, By: src, Series: true, Bin: 15e9})
	run("p95/300s/SrcAddr", query.Request{Metrics: []query.Metric{{Of: query.Bytes, Fold: query.Percentile, Pct: 95}}, By: src, Bin: 300e9})
	run("distinct/DstAddr/Proto", query.Request{Metrics: []query.Metric{{Of: query.Distinct, Column: flow.FieldDstAddr}}, By: proto})
	run("top/SrcAddr/dedup", query.Request{Metrics: bytes, By: src, Dedup: true})
	run("flows/largest", query.Request{Shape: query.Flows, Metrics: bytes})
	run("conversations", query.Request{Shape: query.Conversations})
}

// BenchmarkFilter is what a filter takes of blocks alone.
func BenchmarkFilter(b *testing.B) {
	v := million(b)
	for _, text := range []string{
		"dst port 443",
		"dst net 192.0.0.0/16 and dst port in [80 443] and proto tcp and bytes > 1k",
		"ip 10.0.200.200 or port 53",
		"bps > 10m and duration > 1s",
	} {
		f, err := query.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			s, rows := f.Scan(), make([]uint64, blockRows/64)
			before := cpu(b)
			for b.Loop() {
				for _, x := range v.Blocks {
					x.Have(flow.FieldReceived, rows[:(x.rows+63)/64])
					s.Select(x, rows[:(x.rows+63)/64])
				}
			}
			b.ReportMetric((cpu(b)-before)/float64(b.N*v.Rows), "cpu-ns/flow")
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 5))
	batch := typicalBatch(r, 256, epoch)
	w := NewWindow(64<<20, time.Unix(0, epoch))
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		w.Write(ctx, batch)
	}
	v := w.View()
	b.ReportMetric((cpu(b)-before)/float64(b.N*256), "cpu-ns/flow")
	b.ReportMetric(float64(v.Size)/float64(v.Rows), "B/flow")
}
