package encode_test

import (
	"fmt"
	"net/netip"

	"github.com/weirflow/weir/shared/encode"
	"github.com/weirflow/weir/shared/flow"
)

func Example() {
	var b flow.Batch
	f := &b.Grow(1)[0]
	*f = flow.Flow{Set: flow.SetOf(flow.FieldSrcAddr, flow.FieldEnd, flow.FieldProto), Proto: 17,
		SrcAddr: flow.AddrFrom(netip.MustParseAddr("192.0.2.7")), End: 1_795_305_600_250_000_000}
	for _, p := range []encode.Profile{encode.IPFIX, encode.ECS, encode.Flat} {
		fmt.Println(string(encode.New(p).AppendJSON(nil, &b, f)))
	}
	// Output:
	// {"flowEndMilliseconds":"2026-11-22T00:00:00.250Z","sourceIPv4Address":"192.0.2.7","protocolIdentifier":17}
	// {"event":{"end":"2026-11-22T00:00:00.250Z"},"source":{"ip":"192.0.2.7"},"network":{"iana_number":"17","transport":"udp"},"netflow":{}}
	// {"end":1795305600250000000,"src_addr":"192.0.2.7","proto":17}
}
