package main

import (
	"fmt"
	"net/netip"
	"runtime/debug"
	"syscall"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/template"
)

// spoof sends templates in the names of n exporters that there aren't, and
// prints what one costs in CPU time and all in memory: the growth of what the
// process has resident at most, garbage included, at Go's own setting. It must
// come first, before anything else makes the process large.
func spoof(n int) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	d := decode.New(template.NewStore(template.Limits{}))
	var b flow.Batch
	tmpl := flowtest.Packet(9, 1, flowtest.Template(9, templateID, flowtest.Twenty))
	honest := func(i int, data []byte) {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 2055)
		check(d.Decode(&b, decode.Datagram{From: from, Time: flowtest.Export * 1e9, Data: data}))
	}
	const exporters, records = 200, 24
	data := flowtest.Packet(9, 1, flowtest.New(1).Data(templateID, records, flowtest.Twenty))
	for i := range exporters {
		honest(i, tmpl)
		honest(i, data)
	}

	before, start := resident(), cpu()
	for i := range n {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), uint16(1024+i>>24))
		check(d.Decode(&b, decode.Datagram{From: from, Time: flowtest.Export*1e9 + int64(i)*1e3, Data: tmpl}))
	}
	ns, grown := float64(cpu()-start)/float64(n), float64(resident()-before)/(1<<20)

	b.Reset()
	for i := range exporters {
		honest(i, data)
	}
	if len(b.Flows) != exporters*records {
		check(fmt.Errorf("after %d spoofed templates, %d honest records of %d were decoded", n, len(b.Flows), exporters*records))
	}
	most := func(name string, value float64, unit string, goal float64) {
		verdict := "met"
		if value > goal {
			verdict = "missed"
		}
		fmt.Printf("figure\t%s\t%.1f\t%s\t<=%g\t%s\n", name, value, unit, goal, verdict)
	}
	most("shared/spoofed template", ns, "ns", 2000)
	most(fmt.Sprintf("shared/spoofed templates, %g million: memory added", float64(n)/1e6), grown, "MiB", 64)
}

// resident returns the octets that the process had resident at most.
func resident() int64 {
	var r syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &r))
	return r.Maxrss << 10
}
