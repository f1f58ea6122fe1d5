package detect

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"time"
)

// AppendMsgpack appends f as one msgpack map, which has the keys of the JSON in
// their order, and its values: equal findings give equal bytes.
func (f *Finding) AppendMsgpack(dst []byte) []byte {
	n := 14
	if f.Technique != "" {
		n++
	}
	if len(f.Actions) > 0 {
		n++
	}
	p := packer(dst)
	p.head(fixMap, n)
	p.pair("id", f.ID)
	p.pair("detector", f.Detector)
	p.pair("version", f.Version)
	p.pair("class", f.Class)
	p.pair("severity", f.Severity.String())
	p.text("confidence")
	p.float(f.Confidence)
	p.text("start")
	p.time(f.Start)
	p.text("end")
	p.time(f.End)
	p.pair("key", f.Key)
	p.pair("explanation", f.Explanation)
	p.text("entities")
	p.head(fixArray, len(f.Entities))
	for _, e := range f.Entities {
		p.head(fixMap, 3)
		p.pair("role", e.Role)
		p.pair("kind", e.Kind)
		p.pair("value", e.Value)
	}
	p.text("metrics")
	p.head(fixMap, len(f.Metrics))
	for _, k := range slices.Sorted(maps.Keys(f.Metrics)) {
		p.text(k)
		p.float(f.Metrics[k])
	}
	if f.Technique != "" {
		p.pair("technique", f.Technique)
	}
	if len(f.Actions) > 0 {
		p.text("actions")
		p.head(fixArray, len(f.Actions))
		for _, a := range f.Actions {
			p.text(a)
		}
	}
	p.text("coverage")
	p.float(f.Coverage)
	p.text("evidence")
	p.head(fixArray, len(f.Evidence))
	for i := range f.Evidence {
		p.flowKey(&f.Evidence[i])
	}
	return p
}

// AppendEvent appends f as an event of Fluent Bit and of the Forward protocol,
// [[time, {}], {finding}]; its time is the window's end.
func (f *Finding) AppendEvent(dst []byte) []byte {
	dst = append(dst, 0x92, 0x92, 0xd7, 0x00) // arrays of two; extension 0, eight octets
	dst = binary.BigEndian.AppendUint32(dst, uint32(f.End/1e9))
	dst = binary.BigEndian.AppendUint32(dst, uint32(f.End%1e9))
	return f.AppendMsgpack(append(dst, fixMap))
}

// A packer is msgpack that grows.
type packer []byte

const (
	fixMap   = 0x80
	fixArray = 0x90
)

// head begins a map or an array of n.
func (p *packer) head(kind byte, n int) {
	switch {
	case n < 16:
		*p = append(*p, kind|byte(n))
	case kind == fixMap:
		*p = binary.BigEndian.AppendUint32(append(*p, 0xdf), uint32(n))
	default:
		*p = binary.BigEndian.AppendUint32(append(*p, 0xdd), uint32(n))
	}
}

func (p *packer) text(s string) {
	switch n := len(s); {
	case n < 32:
		*p = append(*p, 0xa0|byte(n))
	case n < 1<<8:
		*p = append(*p, 0xd9, byte(n))
	case n < 1<<16:
		*p = binary.BigEndian.AppendUint16(append(*p, 0xda), uint16(n))
	default:
		*p = binary.BigEndian.AppendUint32(append(*p, 0xdb), uint32(n))
	}
	*p = append(*p, s...)
}

func (p *packer) pair(key, value string) {
	p.text(key)
	p.text(value)
}

func (p *packer) float(v float64) {
	*p = binary.BigEndian.AppendUint64(append(*p, 0xcb), math.Float64bits(v))
}

func (p *packer) number(v uint16) {
	if v < 1<<7 {
		*p = append(*p, byte(v))
	} else {
		*p = binary.BigEndian.AppendUint16(append(*p, 0xcd), v)
	}
}

func (p *packer) time(ns int64) { p.text(utc(ns).Format(time.RFC3339Nano)) }

func (p *packer) flowKey(k *FlowKey) {
	p.head(fixMap, 8)
	p.pair("src_addr", k.SrcAddr.String())
	p.pair("dst_addr", k.DstAddr.String())
	p.text("src_port")
	p.number(k.SrcPort)
	p.text("dst_port")
	p.number(k.DstPort)
	p.text("proto")
	p.number(uint16(k.Proto))
	p.text("start")
	p.time(k.Start)
	p.text("end")
	p.time(k.End)
	p.pair("exporter", k.Exporter.String())
}
