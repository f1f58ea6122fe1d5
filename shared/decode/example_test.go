package decode_test

import (
	"fmt"
	"net/netip"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/template"
)

func Example() {
	d := decode.New(template.NewStore(template.DefaultLimits()))
	var b flow.Batch
	err := d.Decode(&b, decode.Datagram{
		From: netip.MustParseAddrPort("192.0.2.1:40000"),
		Data: flowtest.New(1).V5(2),
	})
	for i := range b.Flows {
		f := &b.Flows[i]
		fmt.Println(f.SrcAddr, f.DstAddr, flow.ProtoName(f.Proto), f.SamplingRate)
	}
	fmt.Println(err, d.Stats.Flows)
	// Output:
	// 10.2.240.31 172.0.65.246 udp 100
	// 10.3.88.13 172.3.94.23 icmp 100
	// <nil> 2
}
