//go:build real

package main

// What differs from tshark 4.0.17, by case, and who is right.
var tsharkExplained = []struct{ why, differs string }{
	{`Data before its template, RFC 7011 §8: it waits here, and comes with the template.`, `
		akvorado-nf/TestTemplatesMixedWithData: extra=11
		beats/netflow9_e10s_4_7byte_pad.pcap: extra=2
		single/Graylog2+graylog-plugin-netflow__nprobe-netflow9-4.pcap: extra=14
	`},
	{`The header's Count is 2, for two templates, and records follow. tshark stops there; RFC 3954 §5 has a packet end where its last FlowSet does.`, `
		beats/Netflow-9-invalid-01: extra=2
		logstash/Netflow-9-invalid-01: extra=2
		single/Graylog2+graylog-plugin-netflow__netflow-v9-1.dat: extra=2
	`},
	{`A template whose only field is a basicList of variable length (RFC 6313 §4.4). tshark takes the length of its records for 0, and the template for none.`, `
		single/CN-TU+go-ipfix__mined__ipfix.write_test.go.L130.bin: extra=3
		single/CN-TU+go-ipfix__mined__ipfix.write_test.go.L184.bin: extra=3
	`},
	{`An options template set ends with octets that are no template. They cost that set only; tshark gives the datagram up.`, `
		single/EdgeCast+vflow__mined__ipfix.ipfix__decoder_test.go.L59.bin: extra=3
	`},
	{`The octets were disguised, and with them the length of each switch record: 6 for 16 (sFlow v5, extended_switch), so that what follows is no record. tshark does not look at that length.`, `
		single/cloudflare+goflow__mined__sflow5.utils__sflow_test.go.L24.bin: missing=6
	`},
	{`tshark does not know NetFlow v6, nor sFlow's samples of discarded packets.`, `
		testdata/made/sflow/records: extra=1
		testdata/made/v6/flow-tools: extra=2
	`},
	{`In v8's scheme 9 tshark has the class of service before the interfaces; Cisco's figure and flow-tools have it behind them.`, `
		testdata/made/v8/schemes: inif=2 outif=2 tos=2
	`},
}
