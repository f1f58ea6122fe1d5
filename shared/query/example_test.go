package query_test

import (
	"fmt"
	"net/netip"

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
