package modinput

import (
	"context"
	"strconv"
	"time"

	"github.com/weirflow/weir/shared/flow"
)

// metricType is the source type of sums for a metrics index: a line of
// name=value, which props.conf and transforms.conf make a data point of.
const metricType = "weir:metric"

// maxMetrics bounds how many keys there are sums of in a minute. What comes
// beyond is summed under the key "other" of its kind and exporter, and beyond
// twice as many, of its kind alone.
const maxMetrics = 20000

// A metricKind is what flows are summed by.
type metricKind uint8

const (
	byInterfaceIn metricKind = iota
	byInterfaceOut
	byApp
	bySrcAS
	byDstAS
	metricKinds
)

// metricKeys says how a kind and its id are called.
var metricKeys = [metricKinds]struct{ kind, key string }{
	{"interface_in", "interface"}, {"interface_out", "interface"}, {"app", "app"}, {"src_as", "as"}, {"dst_as", "as"},
}

// A metricKey is an interface, an application or an autonomous system, as an
// exporter sees it.
type metricKey struct {
	kind     metricKind
	other    bool
	exporter flow.Addr
	id       uint64
	name     string
}

// sums are scaled by the sampling rate, but for flows.
type sums struct{ bytes, packets, flows uint64 }

// metrics sums flows over a minute.
type metrics struct {
	index string
	most  int
	all   map[metricKey]*sums
}

func newMetrics(index string) *metrics {
	return &metrics{index: index, most: maxMetrics, all: map[metricKey]*sums{}}
}

func (m *metrics) add(b *flow.Batch) {
	for i := range b.Flows {
		f := &b.Flows[i]
		s := sums{f.Bytes, f.Packets, 1}
		if f.Set.Has(flow.FieldSamplingRate) && f.SamplingRate > 1 {
			s.bytes = flow.Times(s.bytes, uint64(f.SamplingRate))
			s.packets = flow.Times(s.packets, uint64(f.SamplingRate))
		}
		if f.Set.Has(flow.FieldInIf) {
			m.count(metricKey{kind: byInterfaceIn, exporter: f.Exporter, id: uint64(f.InIf)}, s)
		}
		if f.Set.Has(flow.FieldOutIf) {
			m.count(metricKey{kind: byInterfaceOut, exporter: f.Exporter, id: uint64(f.OutIf)}, s)
		}
		switch {
		case f.Set.Has(flow.FieldAppName):
			m.count(metricKey{kind: byApp, exporter: f.Exporter, name: string(b.Strings.Get(f.AppName))}, s)
		case f.Set.Has(flow.FieldAppID):
			m.count(metricKey{kind: byApp, exporter: f.Exporter, id: f.AppID}, s)
		}
		if f.Set.Has(flow.FieldSrcAS) {
			m.count(metricKey{kind: bySrcAS, exporter: f.Exporter, id: uint64(f.SrcAS)}, s)
		}
		if f.Set.Has(flow.FieldDstAS) {
			m.count(metricKey{kind: byDstAS, exporter: f.Exporter, id: uint64(f.DstAS)}, s)
		}
	}
}

func (m *metrics) count(k metricKey, s sums) {
	x := m.all[k]
	if x == nil && len(m.all) >= m.most {
		k = metricKey{kind: k.kind, other: true, exporter: k.exporter}
		if x = m.all[k]; x == nil && len(m.all) >= 2*m.most {
			k.exporter = flow.Addr{}
			x = m.all[k]
		}
	}
	if x == nil {
		x = new(sums)
		m.all[k] = x
	}
	x.bytes = flow.Plus(x.bytes, s.bytes)
	x.packets = flow.Plus(x.packets, s.packets)
	x.flows += s.flows
}

// flush appends the sums of the minute that began at, as events, and begins anew.
func (m *metrics) flush(dst []byte, r *recorder, at int64) ([]byte, int) {
	kind := "</time><sourcetype>" + metricType + "</sourcetype><index>" + escaped(m.index) + "</index>"
	for k, s := range m.all {
		dst = r.begin(dst, kind, at, k.exporter.Netip())
		dst = append(dst, "kind="+metricKeys[k.kind].kind+" exporter="...)
		dst = k.exporter.Netip().AppendTo(dst)
		dst = append(dst, " "+metricKeys[k.kind].key+"="...)
		switch {
		case k.other:
			dst = append(dst, "other"...)
		case k.name != "":
			dst = appendWord(dst, k.name)
		case k.kind == byApp:
			dst = strconv.AppendUint(dst, k.id>>56, 10) // engine:selector, RFC 6759
			dst = strconv.AppendUint(append(dst, ':'), k.id&(1<<56-1), 10)
		default:
			dst = strconv.AppendUint(dst, k.id, 10)
		}
		dst = strconv.AppendUint(append(dst, " flow_bytes="...), s.bytes, 10)
		dst = strconv.AppendUint(append(dst, " flow_packets="...), s.packets, 10)
		dst = strconv.AppendUint(append(dst, " flow_count="...), s.flows, 10)
		dst = append(dst, eventEnd...)
	}
	n := len(m.all)
	clear(m.all)
	return dst, n
}

// appendWord appends a text as one word of letters, digits and "-_.:", all else
// as '%' and two hexadecimal digits.
func appendWord(dst []byte, s string) []byte {
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c == ':' {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hexUpper[c>>4], hexUpper[c&15])
		}
	}
	return dst
}

// sum adds the flows of b to the sums, if there are to be any.
func (s *Stream) sum(b *flow.Batch) {
	if s.metrics == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.metrics.add(b)
}

// rollup makes events of the sums since it was called last, at the time at.
func (s *Stream) rollup(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.metrics == nil || len(s.metrics.all) == 0 {
		return
	}
	buf, n := s.metrics.flush(s.buf[:0], s.records, at.UnixNano())
	s.add(buf, n)
}

// rollups calls rollup at the end of each minute, until ctx ends.
func (s *Stream) rollups(ctx context.Context) {
	for {
		minute := time.Now().Truncate(time.Minute)
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(minute.Add(time.Minute))):
			s.rollup(minute)
		}
	}
}
