package packet_test

import (
	"fmt"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/packet"
)

func Example() {
	sample := []byte{
		0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0x08, 0x00,
		0x45, 0, 0x05, 0xdc, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
		0, 53, 0xc3, 0x50,
	}
	var f flow.Flow
	in := packet.Ethernet(&f, sample, packet.Options{})
	fmt.Println(f.SrcAddr, f.SrcPort, f.DstAddr, f.DstPort, flow.ProtoName(f.Proto), in.Bytes)
	// Output: 192.0.2.1 53 192.0.2.2 50000 udp 1500
}
