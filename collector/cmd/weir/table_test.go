package main

import (
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/weirflow/weir/shared/flow"
)

func addr(s string) flow.Addr { return flow.AddrFrom(netip.MustParseAddr(s)) }

func TestTable(t *testing.T) {
	end := time.Date(2026, 11, 2, 10, 0, 4, 125e6, time.UTC).UnixNano()
	full := flow.SetOf(flow.FieldStart, flow.FieldEnd, flow.FieldBytes, flow.FieldPackets, flow.FieldSrcAddr, flow.FieldDstAddr,
		flow.FieldSrcPort, flow.FieldDstPort, flow.FieldTCPFlags, flow.FieldProto, flow.FieldExporter)
	tcp := flow.Flow{
		Set: full, Start: end - 2175e6, End: end, Bytes: 1124, Packets: 12, Proto: 6, TCPFlags: 0x1b, SrcPort: 40001, DstPort: 443,
		SrcAddr: addr("10.20.1.11"), DstAddr: addr("198.51.100.80"), Exporter: addr("192.0.2.1"),
	}
	wide := tcp
	wide.SrcAddr, wide.DstAddr, wide.Exporter = addr("255.255.255.255"), addr("255.255.255.255"), addr("255.255.255.255")
	wide.SrcPort, wide.DstPort, wide.Bytes, wide.Packets, wide.Start = 65535, 65535, 999_949_999, 18e18, end-95e9
	ping := tcp
	ping.Proto, ping.ICMPType = 58, 128<<8
	ping.Set.Add(flow.FieldICMPType)
	ping.SrcAddr, ping.DstAddr = addr("2001:db8:20:1::10"), addr("2001:db8:ff::80")
	v6 := tcp
	v6.SrcAddr, v6.DstAddr = addr("2001:db8:20:1::11"), addr("2001:db8:ff::123")
	bare := flow.Flow{Set: flow.SetOf(flow.FieldReceived), Received: end, Exporter: addr("192.0.2.1")}

	tb := newTable()
	got := string(tb.appendTitle(nil))
	for _, f := range []flow.Flow{tcp, wide, ping, v6, bare, tcp} {
		got = string(tb.appendRow([]byte(got), &f)) + "\n"
	}
	want := strings.TrimPrefix(`
TIME (UTC)   EXPORTER        PROTO SOURCE                → DESTINATION             BYTES PACKETS FLAGS    DURATION
10:00:04.125 192.0.2.1       tcp   10.20.1.11:40001      → 198.51.100.80:443        1124      12 ...AP.SF 2.175s
10:00:04.125 255.255.255.255 tcp   255.255.255.255:65535 → 255.255.255.255:65535  999.9M   18.0E ...AP.SF 1m35s
10:00:04.125 192.0.2.1       icmp6 2001:db8:20:1::10     → 2001:db8:ff::80          1124      12 128/0    2.175s
10:00:04.125 192.0.2.1       tcp   2001:db8:20:1::11.40001 → 2001:db8:ff::123.443     1124      12 ...AP.SF 2.175s
10:00:04.125 192.0.2.1       -     -                       → -                           -       - -        -
10:00:04.125 192.0.2.1       tcp   10.20.1.11:40001        → 198.51.100.80:443        1124      12 ...AP.SF 2.175s
`, "\n")
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for line := range strings.Lines(got) {
		if n := utf8.RuneCountInString(line) - 1; n > 120 {
			t.Errorf("row of %d columns: %s", n, line)
		}
	}
}

func TestVolume(t *testing.T) {
	f := func(n uint64, want string) {
		t.Helper()
		x := flow.Flow{Set: flow.SetOf(flow.FieldBytes)}
		if got := volume(&x, flow.FieldBytes, n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
	f(0, "0")
	f(999_999, "999999")
	f(1_000_000, "1.0M")
	f(999_949_999, "999.9M")
	f(999_950_000, "1.0G")
	f(1<<64-1, "18.4E")
}
