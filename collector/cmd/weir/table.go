package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

const (
	widthTime     = 12
	widthExporter = 15
	widthProto    = 5
	widthEndpoint = 21 // 255.255.255.255:65535
	widthBytes    = 7
	widthPackets  = 7
	widthFlags    = 8
)

// A table lays flows out in rows: 114 columns wide with IPv4. For IPv6, the
// columns of the addresses grow to the widest seen; nothing is cut.
type table struct {
	source, destination int
}

func newTable() table { return table{widthEndpoint, widthEndpoint} }

func (t *table) appendTitle(dst []byte) []byte {
	return fmt.Appendf(dst, "%-*s %-*s %-*s %-*s → %-*s %*s %*s %-*s %s\n",
		widthTime, "TIME (UTC)", widthExporter, "EXPORTER", widthProto, "PROTO",
		t.source, "SOURCE", t.destination, "DESTINATION",
		widthBytes, "BYTES", widthPackets, "PACKETS", widthFlags, "FLAGS", "DURATION")
}

// appendRow appends f as a row, without a line end.
func (tb *table) appendRow(dst []byte, f *flow.Flow) []byte {
	t := f.Received
	if f.Set.Has(flow.FieldEnd) {
		t = f.End
	}
	dst = pad(time.Unix(0, t).UTC().AppendFormat(dst, "15:04:05.000"), len(dst), widthTime)
	dst = pad(append(dst, f.Exporter.String()...), len(dst), widthExporter)
	dst = pad(append(dst, protoText(f)...), len(dst), widthProto)

	at := len(dst)
	dst = appendEndpoint(dst, f, flow.FieldSrcAddr, f.SrcPort)
	tb.source = max(tb.source, len(dst)-at)
	dst = append(pad(dst, at, tb.source), "→ "...)
	at = len(dst)
	dst = appendEndpoint(dst, f, flow.FieldDstAddr, f.DstPort)
	tb.destination = max(tb.destination, len(dst)-at)
	dst = pad(dst, at, tb.destination)

	dst = fmt.Appendf(dst, "%*s ", widthBytes, volume(f, flow.FieldBytes, f.Bytes))
	dst = fmt.Appendf(dst, "%*s ", widthPackets, volume(f, flow.FieldPackets, f.Packets))
	dst = pad(append(dst, flagsText(f)...), len(dst), widthFlags)
	return append(dst, durationText(f)...)
}

// pad fills up what dst has from start on to width columns, and a space.
func pad(dst []byte, start, width int) []byte {
	for n := len(dst) - start; n < width; n++ {
		dst = append(dst, ' ')
	}
	return append(dst, ' ')
}

func protoText(f *flow.Flow) string {
	if !f.Set.Has(flow.FieldProto) {
		return "-"
	}
	if f.Proto == 58 {
		return "icmp6" // ipv6-icmp is too long for its column
	}
	if s := flow.ProtoName(f.Proto); s != "" && len(s) <= widthProto {
		return s
	}
	return strconv.Itoa(int(f.Proto))
}

// appendEndpoint appends an address with the port, if the protocol has ports:
// 192.0.2.1:53, 2001:db8::1.53.
func appendEndpoint(dst []byte, f *flow.Flow, x flow.Field, port uint16) []byte {
	if !f.Set.Has(x) {
		return append(dst, '-')
	}
	a := f.Addr(x)
	dst = a.Netip().AppendTo(dst)
	switch f.Proto {
	case 6, 17, 33, 132, 136: // TCP, UDP, DCCP, SCTP, UDP-Lite
		sep := byte('.')
		if a.Is4() {
			sep = ':'
		}
		dst = strconv.AppendUint(append(dst, sep), uint64(port), 10)
	}
	return dst
}

// volume writes a count in at most seven columns.
func volume(f *flow.Flow, x flow.Field, n uint64) string {
	if !f.Set.Has(x) {
		return "-"
	}
	if n < 1e6 {
		return strconv.FormatUint(n, 10)
	}
	v, unit := float64(n), ""
	for _, unit = range [...]string{"k", "M", "G", "T", "P", "E"} {
		if v /= 1000; v < 999.95 {
			break
		}
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + unit
}

// flagsText writes TCP flags as CEUAPRSF, a dot for each that is not set, and
// for ICMP its type and code.
func flagsText(f *flow.Flow) string {
	switch {
	case f.Proto == 6 && f.Set.Has(flow.FieldTCPFlags):
		text := []byte("CEUAPRSF")
		for i := range text {
			if f.TCPFlags>>(7-i)&1 == 0 {
				text[i] = '.'
			}
		}
		return string(text)
	case f.Proto == 1 || f.Proto == 58:
		v, ok := f.ICMPType, f.Set.Has(flow.FieldICMPType)
		if !ok { // Cisco's way
			v, ok = f.DstPort, f.Set.Has(flow.FieldDstPort)
		}
		if ok {
			return fmt.Sprintf("%d/%d", v>>8, v&255)
		}
	}
	return "-"
}

func durationText(f *flow.Flow) string {
	if !f.Set.Has(flow.FieldStart) || !f.Set.Has(flow.FieldEnd) {
		return "-"
	}
	d := time.Duration(f.End - f.Start)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.3fs", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
}

// rfc3339 writes Unix nanoseconds with milliseconds, and more digits only where
// they are not 0.
func rfc3339(t int64) string {
	layout := "2006-01-02T15:04:05.000Z"
	switch {
	case t%1e3 != 0:
		layout = "2006-01-02T15:04:05.000000000Z"
	case t%1e6 != 0:
		layout = "2006-01-02T15:04:05.000000Z"
	}
	return time.Unix(0, t).UTC().Format(layout)
}
