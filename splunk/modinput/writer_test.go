package modinput

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"testing"

	"github.com/weirflow/weir/shared/flow"
)

// A stream as another XML reader sees it.
type xmlStream struct {
	XMLName xml.Name   `xml:"stream"`
	Events  []xmlEvent `xml:"event"`
}

// batch returns n flows.
func batch(n int) *flow.Batch {
	b, f := sample("ssh", "jane")
	for len(b.Flows) < n {
		b.Flows = append(b.Flows, *f)
	}
	return b
}

// A spy notes how it is written to.
type spy struct {
	bytes.Buffer
	writes []int
	fail   error
}

func (s *spy) Write(p []byte) (int, error) {
	if s.fail != nil {
		return 0, s.fail
	}
	s.writes = append(s.writes, len(p))
	return s.Buffer.Write(p)
}

func TestWriter(t *testing.T) {
	var out spy
	w := NewWriter(&out, NewEncoder(PSV, "weir://core", "weir:flow"), nil)
	ctx := context.Background()
	if err := errors.Join(w.Open(), w.Write(ctx, batch(1000)), w.Write(ctx, new(flow.Batch)), w.Write(ctx, batch(1)), w.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	var s xmlStream
	if err := xml.Unmarshal(out.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Events) != 1001 || w.Events() != 1001 {
		t.Errorf("%d events, counted %d", len(s.Events), w.Events())
	}
	for _, e := range s.Events {
		byColumn(t, e.Data)
	}
	// One write for <stream>, one as often as the buffer is full, one at the
	// end of each batch that isn't empty, one for </stream>.
	if want := 1 + out.Len()/bufferSize + 1 + 1 + 1; len(out.writes) != want {
		t.Errorf("%d writes, want %d: %v", len(out.writes), want, out.writes)
	}
}

func TestWriterStopsAtError(t *testing.T) {
	var out spy
	calls := 0
	w := NewWriter(&out, NewEncoder(PSV, "weir://core", "weir:flow"), func(error) { calls++ })
	if err := w.Open(); err != nil {
		t.Fatal(err)
	}
	out.fail = io.ErrClosedPipe
	for range 3 {
		if err := w.Write(context.Background(), batch(1)); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("error %v", err)
		}
	}
	out.fail = nil
	if err := w.Close(); !errors.Is(err, io.ErrClosedPipe) || calls != 1 || w.Events() != 0 || len(out.writes) != 1 {
		t.Errorf("error %v, %d calls, %d events, writes %v", err, calls, w.Events(), out.writes)
	}
}

func TestWriterDoesNotAllocate(t *testing.T) {
	w := NewWriter(io.Discard, NewEncoder(PSV, "weir://core", "weir:flow"), nil)
	b := batch(500)
	if n := testing.AllocsPerRun(20, func() { w.Write(context.Background(), b) }); n != 0 {
		t.Errorf("%v allocations for 500 events", n)
	}
}

func BenchmarkWriter(b *testing.B) {
	w := NewWriter(io.Discard, NewEncoder(PSV, "weir://core", "weir:flow"), nil)
	events := batch(256)
	b.ReportAllocs()
	for b.Loop() {
		w.Write(context.Background(), events)
	}
	b.ReportMetric(float64(w.Events())/b.Elapsed().Seconds(), "events/s")
}
