package pipeline

import (
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/weirflow/weir/shared/decode"
)

func TestSamples(t *testing.T) {
	f := func(name string, want SampleCount, numbers ...uint32) {
		t.Helper()
		d := dataSources{room: new(atomic.Int64)}
		for _, n := range numbers {
			d.note([]decode.Sample{{Sequence: n, Index: 1}, {Sequence: 2 * n, Index: 2, Kind: decode.CounterSamples}})
		}
		x := d.all[DataSource{Index: 1}].SampleCount
		if x != want {
			t.Errorf("%s: %+v, want %+v", name, x, want)
		}
		if s := d.sum(); s.Sent != s.Received+s.Missing || s.DataSources != 2 || s.Received != 2*want.Received {
			t.Errorf("%s: in all %+v", name, s)
		}
	}
	f("in order", SampleCount{Sent: 3, Received: 3}, 7, 8, 9)
	f("a gap", SampleCount{Sent: 5, Received: 3, Missing: 2}, 7, 8, 11)
	f("overtaken", SampleCount{Sent: 4, Received: 4}, 7, 9, 8, 10)
	f("the first was overtaken", SampleCount{Sent: 3, Received: 3}, 8, 7, 9)
	f("wraps", SampleCount{Sent: 4, Received: 3, Missing: 1}, 1<<32-1, 0, 2)
	f("begins anew", SampleCount{Sent: 4, Received: 4, Restarts: 1}, 900_000, 900_001, 1, 2)
	f("jumps", SampleCount{Sent: 3, Received: 3, Restarts: 1}, 1, 2, 1<<30)
	f("never counts", SampleCount{Sent: 3, Received: 3}, 0, 0, 0)
}

// What an agent dropped is counted from the first sample on.
func TestSampleDrops(t *testing.T) {
	var x samples
	for i, drops := range []uint32{100, 100, 130, 129, 131} {
		x.note(&decode.Sample{Sequence: uint32(i), Drops: drops})
	}
	if x.Dropped != 31 {
		t.Errorf("%d drops, want 31", x.Dropped)
	}
	x.note(&decode.Sample{Sequence: 1 << 30, Drops: 5})
	x.note(&decode.Sample{Sequence: 1<<30 + 1, Drops: 7})
	if x.Dropped != 33 || x.Restarts != 1 {
		t.Errorf("after a restart %+v", x.SampleCount)
	}
}

// There is room for so many data sources, and it is given back.
func TestDataSourcesAreBounded(t *testing.T) {
	var room atomic.Int64
	a, b := dataSources{room: &room}, dataSources{room: &room}
	for i := range uint32(maxDataSources) {
		a.note([]decode.Sample{{Index: i}})
	}
	b.note([]decode.Sample{{Index: 1}, {Index: 2}})
	if s := b.sum(); s != (Samples{Untold: 2}) {
		t.Errorf("without room: %+v", s)
	}
	a.forget()
	a.note([]decode.Sample{{Index: 1}})
	b.note([]decode.Sample{{Index: 1}})
	if s := b.sum(); s.DataSources != 1 || s.Untold != 2 || s.Received != 1 {
		t.Errorf("with room again: %+v", s)
	}
	if s := a.sum(); s != (Samples{}) || room.Load() != 1 {
		t.Errorf("forgotten: %+v, %d in use", s, room.Load())
	}
}

// An agent whose datagrams begin anew begins its samples anew; datagrams that
// come twice count their samples once.
func TestSamplesOfDatagrams(t *testing.T) {
	var a Account
	a.From = netip.MustParseAddrPort("192.0.2.1:6343")
	a.sources.room = new(atomic.Int64)
	note := func(datagram, sample, uptime uint32) {
		var after decode.Stats
		var h decode.Head
		h.Sequence, h.HasSequence, h.Units, h.Uptime, h.HasUptime = datagram, true, 1, uptime, true
		a.note(&tally{arrival: 1e18, head: h, samples: []decode.Sample{{Sequence: sample}}}, &after)
	}
	note(100, 1000, 500_000)
	note(101, 1001, 501_000)
	note(101, 1001, 501_000)
	note(102, 1003, 502_000)
	note(1, 990, 1000)
	note(2, 991, 2000)
	if s := a.ledger(1e18).Samples; s != (Samples{DataSources: 1, SampleCount: SampleCount{Sent: 6, Received: 5, Missing: 1, Restarts: 1}}) {
		t.Errorf("%+v", s)
	}
}
