package decode

// What differs from peers, and who is right: one line for each case, peer and
// kind of record, with how many records are missing here, or are extra, the keys
// in which they differ, and the fields in which the others do. The goldens named
// reference come from a slow script that reads each file as one message; it is
// no peer, but it breaks ties.
var peersExplained = []struct{ why, differs string }{
	{`The first message carries data before its template, RFC 7011 §8: they wait here for it, peers lose them. In TestTemplatesMixedWithData 11 records of 60 octets come before the template of the same packet, in nprobe-netflow9-4 14 in two packets, in 7byte_pad two.`, `
		akvorado-nf/TestTemplatesMixedWithData: reference: extra=11
		akvorado-nf/TestTemplatesMixedWithData: tshark-4.0.17: extra=11
		beats/netflow9_e10s_4_7byte_pad.pcap: elastic-beats-7.17.29: extra=2
		beats/netflow9_e10s_4_7byte_pad.pcap: reference: extra=2
		beats/netflow9_e10s_4_7byte_pad.pcap: tshark-4.0.17: extra=2
		single/Graylog2+graylog-plugin-netflow__nprobe-netflow9-4.pcap: reference: extra=14
		single/Graylog2+graylog-plugin-netflow__nprobe-netflow9-4.pcap: tshark-4.0.17: extra=14
	`},
	{`The file holds several messages; these read the first.`, `
		beats/IPFIX: reference: extra=6
		beats/IPFIX: tshark-4.0.17: extra=6
		logstash/IPFIX: reference: extra=6
		logstash/IPFIX: tshark-4.0.17: extra=6
		logstash/Netflow-5-valid-01: tshark-4.0.17: extra=28
		single/Graylog2+graylog-plugin-netflow__netflow-v5-1.dat: tshark-4.0.17: extra=28
	`},
	{`The same, and in the first message a flow began at uptime 2³² − 1, 1 ms before the exporter booted: SEMANTICS, Time, reads the difference as signed. The script is 49.7 days late.`, `
		logstash/Netflow-5-valid-01: reference: missing=2 extra=30 start=2
		single/Graylog2+graylog-plugin-netflow__netflow-v5-1.dat: reference: missing=2 extra=30 start=2
		single/Graylog2+graylog-plugin-netflow__netflow-v9-1.dat: reference: extra=4 flowStartMilliseconds=2
	`},
	{`That flow again, and logstash is a second late: see below.`, `
		logstash/Netflow-5-valid-01: logstash-codec-netflow: missing=2 end=2 start=2
	`},
	{`logstash is a second late: with a v9 header's UNIX Secs s and sysUpTime u, a flow switched at s − (u − switched), RFC 3954 §5.1 and §8; it says 1,000 ms more.`, `
		logstash/Netflow-9-Cisco-ASR-9000-series-template-260: logstash-codec-netflow: missing=1 end=1 start=1
		logstash/Netflow-9-Cisco-NBAR-flowset-262: logstash-codec-netflow: missing=1 end=1 start=1
		logstash/Netflow-9-multiple-netflow-exporters: logstash-codec-netflow: missing=2 end=2 start=2
		logstash/Netflow-9-template-with-0-length-fields: logstash-codec-netflow: missing=1 end=1 start=1
		logstash/Netflow-9-valid-01: logstash-codec-netflow: missing=1 end=1 start=1
	`},
	{`A record with addresses of hosts in a wireless network and none of IP is a flow: its template, 261, is in the Template FlowSet 0 (RFC 3954 §5.2). The golden's script took it for an option.`, `
		logstash/Netflow-9-Cisco-WLC: logstash-codec-netflow: options missing=1
	`},
	{`Filebeat takes the header's Count, 2, for the number of FlowSets; there are 6, and RFC 3954 §5.1 counts records.`, `
		beats/Netflow-9-invalid-01: elastic-beats-7.17.29: extra=2
		beats/Netflow-9-invalid-01: elastic-beats-7.17.29: options extra=1
	`},
	{`The scope has no octets: it says nothing and has no value. The script says 0.`, `
		akvorado-nf/TestTemplatesMixedWithData: reference: options scopeSystem=1
		beats/Netflow9-Juniper-SRX-options-template-with-0-scope-field-length: reference: options scopeSystem=1
		logstash/Juniper-SRX-options-template-with-0-scope-field-length: reference: options scopeSystem=1
	`},
	{`Impossible times are replaced and marked: SEMANTICS, Time. In FortiGate's packet the flow ended 7 days after the export time (RFC 3954 §5.1: sysUpTime 20,412,178, §8: LAST_SWITCHED 621,770,700); in invalid-01 6 flows began or ended 71 minutes to 9 days after it, or ended before they began; flow-tools' generator counts up the octets, so that flows end 65.5 s before they began; the README's and the benchmark's octets are 0 1 2 3 …; in telegraf's example the header is a day older than the flows.`, `
		beats/Netflow-9-Fortigate-FortiOS-5.2.1: elastic-beats-7.17.29: flowEndSysUpTime=1 flowStartSysUpTime=1
		beats/Netflow-9-Fortigate-FortiOS-5.2.1: reference: flowEndMilliseconds=1 flowEndSysUpTime=1 flowStartMilliseconds=1 flowStartSysUpTime=1
		beats/Netflow-9-Fortigate-FortiOS-5.2.1: tshark-4.0.17: flowEndSysUpTime=1 flowStartSysUpTime=1
		logstash/Netflow-5-invalid-01: reference: missing=6 extra=6 end=6 start=2
		logstash/Netflow-5-invalid-01: tshark-4.0.17: flowEndSysUpTime=6 flowStartSysUpTime=2
		logstash/Netflow-9-Fortigate-FortiOS-5.2.1: logstash-codec-netflow: missing=1 end=1 start=1
		logstash/Netflow-9-Fortigate-FortiOS-5.2.1: reference: flowEndMilliseconds=1 flowEndSysUpTime=1 flowStartMilliseconds=1 flowStartSysUpTime=1
		logstash/Netflow-9-Fortigate-FortiOS-5.2.1: tshark-4.0.17: flowEndSysUpTime=1 flowStartSysUpTime=1
		single/exporters-loopback__flow-tools_v1.pcap: reference: missing=65 extra=65 end=65
		single/exporters-loopback__flow-tools_v1.pcap: tshark-4.0.17: flowEndSysUpTime=65 flowStartSysUpTime=65
		single/exporters-loopback__flow-tools_v5.pcap: reference: missing=65 extra=65 end=65
		single/exporters-loopback__flow-tools_v5.pcap: tshark-4.0.17: flowEndSysUpTime=65 flowStartSysUpTime=65
		single/exporters-loopback__flow-tools_v7.pcap: reference: missing=65 extra=65 end=65
		single/exporters-loopback__flow-tools_v7.pcap: tshark-4.0.17: flowEndSysUpTime=65 flowStartSysUpTime=65
		single/exporters-loopback__flow-tools_v8.1.pcap: tshark-4.0.17: flowEndSysUpTime=65 flowStartSysUpTime=65
		single/exporters-loopback__flow-tools_v8.2.pcap: tshark-4.0.17: flowEndSysUpTime=65 flowStartSysUpTime=65
		single/mikemiles-dev+netflow_parser__mined__nf5.README.md.L49.bin: reference: missing=1 extra=1 end=1 start=1
		single/mikemiles-dev+netflow_parser__mined__nf5.README.md.L49.bin: tshark-4.0.17: flowEndSysUpTime=1 flowStartSysUpTime=1
		single/mikemiles-dev+netflow_parser__mined__nf7.benches__netflow_v7_bench.rs.L8.bin: reference: missing=1 extra=1 end=1 start=1
		single/mikemiles-dev+netflow_parser__mined__nf7.benches__netflow_v7_bench.rs.L8.bin: tshark-4.0.17: flowEndSysUpTime=1 flowStartSysUpTime=1
		telegraf/netflow_v9_example: reference: missing=8 extra=8 end=8 start=8
		telegraf/netflow_v9_example: tshark-4.0.17: missing=8 extra=8 end=8 start=8
	`},
	{`v8 is a protocol that the script doesn't read.`, `
		single/exporters-loopback__flow-tools_v8.1.pcap: reference: extra=65
		single/exporters-loopback__flow-tools_v8.2.pcap: reference: extra=65
	`},
	{`NetFlow beside sFlow in one capture: this golden of tshark has the sFlow only.`, `
		single/the-tcpdump-group+tcpdump__tests__sflow_multiple_counter_30_pdus.pcap: tshark-4.0.17: extra=7
	`},
	{`Switched times beyond half of 2³² ms before sysUpTime: 19.3 days before, or 30.4 days after, modulo 2³²; SEMANTICS, Time, wants a signed 32-bit difference, which is the former. The script doesn't take it modulo 2³².`, `
		single/exporters-loopback__softflowd-1.1.0_v1.tls.pcap: reference: missing=14 extra=14 end=14 start=14
		single/exporters-loopback__softflowd-1.1.0_v5.tls.pcap: reference: missing=14 extra=14 end=14 start=14
	`},
	{`sysUpTime is 3 ms and the flows switched at 0xfb3c1aaa, 22 hours before the boot: signed, SEMANTICS, Time. The script is 49.7 days late.`, `
		single/bitkeks+python-netflow-v9-softflowd__mined__nf9.tests__lib.py.L116.bin: reference: flowEndMilliseconds=8 flowStartMilliseconds=8
	`},
	{`Of the initiator's and the responder's counters two flows are made: SEMANTICS, Volume. The key holds the initiator's, the second flow the responder's.`, `
		beats/ipfix_cisco.pcap: elastic-beats-7.17.29: initiatorOctets=29 initiatorPackets=29 responderOctets=29 responderPackets=29
		beats/ipfix_cisco.pcap: reference: initiatorOctets=29 initiatorPackets=29 responderOctets=29 responderPackets=29
	`},
	{`Elements of the other direction (RFC 5103) make a second flow, whose counters the script gives with the first's.`, `
		telegraf/ipfix_example: reference: octetTotalCount=25 packetTotalCount=11
	`},
	{`The golden leaves telegraf's options out of this case.`, `
		telegraf/ipfix_example: telegraf: options extra=2
	`},
	{`The last set begins within the message of 1366 octets and goes beyond it, RFC 7011 §3.1, but the datagram of 1409 holds all of it: one record of 95 octets.`, `
		single/EdgeCast+vflow__mined__ipfix.ipfix__decoder_test.go.L59.bin: reference: extra=1
	`},
	{`telegraf gives an interface's counters as one more flow, calls the pool of packets that samples were drawn from (sFlow v5, sample_pool) the packets of a flow, the data source its input interface, and the hop-by-hop header a protocol. TestSFlowCorpus holds the same packets against tshark.`, `
		telegraf/sflow_issue_15918: telegraf: missing=7 extra=6 bytes=1 dport=3 dst=3 inif=3 outif=3 packets=5 proto=1 sport=3 src=3
		telegraf/sflow_v5_example: telegraf: missing=1
	`},
}
