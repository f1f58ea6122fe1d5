package api

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/engine"
)

// A windowStore answers from memory.
type windowStore struct {
	fakeStore
	*engine.Window
}

func (s *windowStore) Query(ctx context.Context, r *query.Request) (*query.Answer, error) {
	return engine.Run(ctx, s.View(), r)
}

// office has the flows of one minute, 12:20 to 12:21 on 26 November 2026: what a
// client asks of a server and a resolver, through one router. The sampled one
// counts ten times.
func office(t *testing.T) *engine.Window {
	t.Helper()
	begin := time.Date(2026, 11, 26, 12, 20, 0, 0, time.UTC).UnixNano()
	w := engine.NewWindow(engine.MinLimit, time.Unix(0, begin))
	var b flow.Batch
	add := func(src, dst string, sport, dport uint16, proto uint8, in, out uint32, bytes, packets uint64, rate uint32, from, to int64) {
		f := &b.Grow(1)[0]
		*f = flow.Flow{
			SrcAddr: flow.AddrFrom(netip.MustParseAddr(src)), DstAddr: flow.AddrFrom(netip.MustParseAddr(dst)), SrcPort: sport, DstPort: dport,
			Proto: proto, InIf: in, OutIf: out, Bytes: bytes, Packets: packets, SamplingRate: rate, Start: begin + from*1e9, End: begin + to*1e9,
			Received: begin + to*1e9, Exporter: flow.AddrFrom(netip.MustParseAddr("192.0.2.254")),
		}
		f.Set = flow.SetOf(flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldSrcPort, flow.FieldDstPort, flow.FieldProto, flow.FieldInIf, flow.FieldOutIf,
			flow.FieldBytes, flow.FieldPackets, flow.FieldStart, flow.FieldEnd, flow.FieldReceived, flow.FieldExporter)
		if rate > 0 {
			f.Set.Add(flow.FieldSamplingRate)
		}
	}
	add("10.0.0.1", "192.0.2.80", 40000, 443, 6, 1, 2, 600, 6, 1, 0, 30)
	add("192.0.2.80", "10.0.0.1", 443, 40000, 6, 2, 1, 600, 60, 10, 0, 60) // 6,000 octets
	add("10.0.0.1", "192.0.2.53", 50000, 53, 17, 1, 2, 60, 1, 0, 10, 10)
	if err := w.Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return w
}

// Questions in words, answered by the Go engine, with what was computed by hand.
func TestQueryEngine(t *testing.T) {
	s := windowStore{Window: office(t)}
	d := start(t, func(_ *Config, deps *Deps) {
		deps.Store = &s
		deps.Now = func() time.Time { return time.Date(2026, 11, 26, 12, 21, 0, 0, time.UTC) }
	})
	f := func(question, want string) {
		t.Helper()
		got, err := d.client().Table(t.Context(), &query.Asked{Question: question}, time.Minute)
		if err != nil {
			t.Errorf("%s: %v", question, err)
			return
		}
		var rows []string
		for _, row := range append(append([][]query.Cell{}, got.Rows...), got.Other, got.Total) {
			var cells []string
			for i, c := range row {
				switch got.Columns[i].Role {
				case query.RateRole, query.ErrorRole:
				case query.ShareRole:
					cells = append(cells, fmt.Sprintf("%.2f", c.Number()))
				default:
					cells = append(cells, c.String())
				}
			}
			if row != nil {
				rows = append(rows, strings.Join(cells, " "))
			}
		}
		if have := strings.Join(rows, " | "); have != want {
			t.Errorf("%s\nis   %s\nwant %s", question, have, want)
		}
	}
	const minute = " last 1min"
	// Octets, share of 6,660, packets.
	f("top 1 src by bytes, packets"+minute, "192.0.2.80 6000 90.09 600 |  660 9.91 7 |  6660 100.00 607")
	f("top src by bytes raw"+minute+" where proto tcp", "10.0.0.1 600 50.00 | 192.0.2.80 600 50.00 |  1200 100.00")
	f("top proto by flows"+minute, "tcp 2 66.67 | udp 1 33.33 |  3 100.00")
	// In is what a host received, and what an interface let in.
	f("top ip by bytes both"+minute, "10.0.0.1 6660 6000 660 100.00 | 192.0.2.80 6600 600 6000 99.10 | 192.0.2.53 60 60 0 0.90 |  6660   100.00")
	f("top if by bytes both"+minute, "1 6660 660 6000 100.00 | 2 6660 6000 660 100.00 |  6660   100.00")
	f("top pair by bits"+minute, "10.0.0.1 192.0.2.80 52800 99.10 | 10.0.0.1 192.0.2.53 480 0.90 |   53280 100.00")
	f("count dst by src"+minute, "10.0.0.1 2 | 192.0.2.80 1")
	f("conversations 1"+minute, "2026-11-26T12:20:00Z 2026-11-26T12:21:00Z tcp 10.0.0.1 40000 192.0.2.80 443 600 6000 6 600 1 1")
	f("matrix in_if x out_if by packets"+minute, "2 1 600 98.85 | 1 2 7 1.15 |   607 100.00")
	f("top src/8 by bytes last 30s", "192.0.0.0/8 3000 100.00 |  3000 100.00")
	// Half of the sampled flow lies in each half of the minute: 3,000 octets in 30 s
	// are 800 bit/s, and with the others 3,660 octets 976.
	got, err := d.client().Table(t.Context(), &query.Asked{Question: "series by bits every 30s" + minute}, time.Minute)
	if err != nil || len(got.Series) != 1 || len(got.Series[0].Values) != 2 || got.Series[0].Values[0] != 976 || got.Series[0].Values[1] != 800 {
		t.Errorf("series is %+v, %v", got, err)
	}
	if got.Flows != 3 || got.Sampled != 1 || got.Unknown != 1 {
		t.Errorf("of %d flows %d are sampled, %d unknown", got.Flows, got.Sampled, got.Unknown)
	}
	if got.LeastRate != 10 || got.MostRate != 10 {
		t.Errorf("rates are from %d to %d", got.LeastRate, got.MostRate)
	}
}
