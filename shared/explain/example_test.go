package explain_test

import (
	"fmt"
	"net/netip"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/explain"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/template"
)

func Example() {
	e := explain.New(template.NewStore(template.DefaultLimits()))
	x := e.Explain(decode.Datagram{
		From: netip.MustParseAddrPort("192.0.2.1:40000"),
		Data: flowtest.Packet(10, 7, flowtest.Template(10, 256, []flowtest.Field{{ID: 8, Len: 4}}), flowtest.Set(256, []byte{192, 0, 2, 9}), []byte{1, 0, 0, 2}),
	})
	fmt.Printf("%s", x.AppendText(nil, "an IPFIX message", explain.Style{}))
	// Output:
	// an IPFIX message
	// IPFIX, 40 octets, 1 template, 1 flow, 1 FAULT
	// 0000  16 octets                header                                                                      RFC 7011 §3.1
	// 0000  00 0a                      version                          10
	// 0002  00 28                      length                           40 octets
	// 0004  6b 02 30 80                exportTime                       1795305600 2026-11-22T00:00:00Z
	// 0008  00 00 00 00                sequenceNumber                   0
	// 000c  00 00 00 07                observationDomainId              7
	// 0010  12 octets                Set 2  templates                                                          RFC 7011 §3.4.1
	// 0010  00 02                      Set id                           2
	// 0012  00 0c                      length                           12 octets
	// 0014  8 octets                   template 256  1 field, records of 4 octets
	// 0014  01 00                        template id                    256
	// 0016  00 01                        field count                    1
	// 0018  00 08 00 04                  sourceIPv4Address              4 octets, ipv4Address                             IE 8
	// 001c  8 octets                 Set 256  data, 1 record                                                   RFC 7011 §3.4.3
	// 001c  01 00                      Set id                           256
	// 001e  00 08                      length                           8 octets
	// 0020  4 octets                   record 1  192.0.2.9 → ?
	// 0020  c0 00 02 09                  sourceIPv4Address              192.0.2.9                                         IE 8
	// 0024  4 octets                 Set 256                                                                   RFC 7011 §3.4.3
	// 0024  01 00                      Set id                           256
	// 0026  00 02                      length                           2 octets
	// 0026  FAULT set_length             a set of 2 octets is shorter than its own header of 4 (RFC 7011 §3.3.2)
}
