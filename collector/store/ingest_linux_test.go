package store

import (
	"syscall"
	"testing"
	"time"

	"github.com/weirflow/weir/collector/config"
	"github.com/weirflow/weir/shared/flow"
)

// cpu is the time that this process has had of its CPUs.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkIngest is all that a flow costs from the sink to a segment in the
// manifest, on all CPUs, and how many octets it takes there.
func BenchmarkIngest(b *testing.B) {
	const batches, rows = 1024, 256
	x := newTraffic(1)
	all := make([]flow.Batch, batches)
	for i := range all {
		x.batch(&all[i], rows, epoch+int64(i)*60e9/batches)
	}
	c := config.DefaultStore()
	c.Dir = b.TempDir()
	s := open(b, c)
	start, n := cpu(b), 0
	for b.Loop() {
		for i := range all {
			if err := s.Write(b.Context(), &all[i]); err != nil {
				b.Fatal(err)
			}
			n += rows
		}
	}
	if err := s.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	used := cpu(b) - start
	st := s.Stats()
	b.ReportMetric(float64(used.Nanoseconds())/float64(n), "cpu-ns/row")
	b.ReportMetric(float64(st.Octets)/float64(st.Rows), "octets/row")
	b.ReportMetric(0, "ns/op")
}
