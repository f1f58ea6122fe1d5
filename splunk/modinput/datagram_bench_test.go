//go:build linux

package modinput

import (
	"context"
	"io"
	"syscall"
	"testing"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/template"
)

// From a datagram of NetFlow v9, 20 fields, to events that are written, by the
// CPU's time on all threads.
func BenchmarkDatagrams(b *testing.B) {
	s := NewStream(io.Discard, parsed(b, Param{"types", "flows"}), nil)
	if err := s.Open(); err != nil {
		b.Fatal(err)
	}
	m := flowtest.New(1)
	d := decode.New(template.NewStore(template.Limits{}))
	datagram := func(p []byte) decode.Datagram {
		return decode.Datagram{Data: p, From: flowtest.From, Time: flowtest.Export * 1e9}
	}
	batch := new(flow.Batch)
	if err := d.Decode(batch, datagram(flowtest.Packet(9, 1, flowtest.Template(9, 260, flowtest.Twenty)))); err != nil {
		b.Fatal(err)
	}
	packet := flowtest.Packet(9, 1, m.Data(260, flowtest.LoadRecords, flowtest.Twenty))
	ctx := context.Background()
	begin := cpu(b)
	for b.Loop() {
		batch.Reset()
		for range 11 {
			if err := d.Decode(batch, datagram(packet)); err != nil {
				b.Fatal(err)
			}
		}
		s.Write(ctx, batch)
		s.Drain(ctx)
	}
	took := cpu(b) - begin
	c, _ := s.ring.stats()
	b.ReportMetric(float64(c.out)/took, "events/cpu/s")
}

// cpu returns the CPU time of the process, in seconds.
func cpu(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
