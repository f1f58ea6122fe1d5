package query_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

func Example() {
	filter, err := query.Parse("src net 10.0.0.0/8 and dst port in [80 443] and proto tcp and bytes > 1k")
	if err != nil {
		fmt.Println(err)
		return
	}
	var b flow.Batch
	for _, port := range []uint16{443, 53} {
		f := &b.Grow(1)[0]
		*f = flow.Flow{SrcAddr: flow.AddrFrom(netip.MustParseAddr("10.1.2.3")), DstPort: port, Proto: 6, Bytes: 1500}
		f.Set = flow.SetOf(flow.FieldSrcAddr, flow.FieldDstPort, flow.FieldProto, flow.FieldBytes)
	}
	for i := range b.Flows {
		f := &b.Flows[i]
		fmt.Println(f.DstPort, filter.Match(&b, f))
	}
	// Output:
	// 443 true
	// 53 false
}

func ExampleFilter_Eval() {
	filter, _ := query.Parse("not port 53")
	var b flow.Batch
	f := &b.Grow(1)[0]
	*f = flow.Flow{SrcPort: 40000, DstPort: 80, Set: flow.SetOf(flow.FieldSrcPort, flow.FieldDstPort)}
	fmt.Println(filter.Eval(&b, f))
	f.Set = flow.Set{}
	fmt.Println(filter.Eval(&b, f))
	// Output:
	// true
	// unknown
}

func ExampleSyntaxError() {
	_, err := query.Parse("src net 10.0.0.0/8 and prot tcp")
	fmt.Println(err)
	fmt.Println(err.(*query.SyntaxError).Caret())
	// Output:
	// column 24: "prot" is no field: did you mean "proto"?
	// src net 10.0.0.0/8 and prot tcp
	//                        ^^^^
}

func ExampleAsk() {
	now := time.Date(2026, 11, 26, 12, 34, 56, 0, time.UTC)
	q, err := query.Ask("top 3 exporter, in_if by bits p95 yesterday where proto tcp", now)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(q)
	_, err = query.Ask("top 3 exporter by bites", now)
	fmt.Println(err)
	fmt.Println(err.(*query.SyntaxError).Caret())
	// Output:
	// top 3 exporter ip, in if by bits p95 from 2026-11-25T00:00:00Z to 2026-11-26T00:00:00Z every 5min where proto tcp
	// column 19: "bites" is nothing to measure: did you mean "bits"?
	// top 3 exporter by bites
	//                   ^^^^^
}
