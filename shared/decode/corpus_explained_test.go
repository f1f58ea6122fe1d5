package decode

// What is wrong with captures of the corpus, by file ("in CASE" where it is so in
// that case only), with the number of faults by their labels, the octets that
// wait for a template at the end, and the records whose time was replaced.
var corpusExplained = []struct{ why, faults string }{
	{`The template of the data is in no file: unit tests of one message, captures that began after it was sent. The sets wait, RFC 7011 §8 and RFC 3954 §9; TestCorpusCounts has the same number of them from a reference decoder.`, `
		CESNET+ipfixcol/base/tests/ipfixcol_test/tests/ipfix_data/missing-template-258.ipfix: no_template=1 waiting=56
		CESNET+ipfixcol/base/tests/ipfixcol_test/tests/ipfix_data/only-data-no-templates.ipfix: no_template=3 waiting=296
		EdgeCast+vflow/mined/ipfix.ipfix__decoder_test.go.L216.bin: no_template=3 waiting=260
		EdgeCast+vflow/mined/ipfix.stress__hammer__ipfix_samples.go.L26.bin: no_template=1 waiting=400
		EdgeCast+vflow/mined/ipfix.stress__hammer__ipfix_samples.go.L27.bin: no_template=1 waiting=160
		EdgeCast+vflow/mined/ipfix.stress__hammer__ipfix_samples.go.L28.bin: no_template=1 waiting=400
		EdgeCast+vflow/mined/ipfix.stress__hammer__ipfix_samples.go.L29.bin: no_template=1 waiting=400
		Graylog2+graylog-plugin-netflow/netflow-v9-2-2.dat: no_template=1 waiting=52
		Graylog2+graylog-plugin-netflow/netflow-v9-2-3.dat: no_template=1 waiting=52
		akvorado+akvorado/outlet/flow/decoder/netflow/testdata/datalink-data.pcap: no_template=1 waiting=126 in akvorado-nf/TestDecodeWithoutTemplate
		bitkeks+python-netflow-v9-softflowd/mined/nf9.tests__lib.py.L148.bin: no_template=1 waiting=480
		bitkeks+python-netflow-v9-softflowd/mined/nf9.tests__lib.py.L162.bin: no_template=1 waiting=480
		bitkeks+python-netflow-v9-softflowd/mined/nf9.tests__lib.py.L176.bin: no_template=1 waiting=480
		jegarberi+cnetflow/mined/ipfix.tests__test_ipfix.c.L58.bin: no_template=1 waiting=8
		kentik+ktranslate/mined/ipfix.pkg__util__netflow__ipfix__decoder_test.go.L57.bin: no_template=1 waiting=8
		kentik+ktranslate/mined/ipfix.pkg__util__netflow__ipfix__decoder_test.go.L77.bin: no_template=1 waiting=8
		kentik+ktranslate/mined/nf9.pkg__util__netflow__netflow9__decoder_test.go.L58.bin: no_template=1 waiting=8
		kentik+ktranslate/mined/nf9.pkg__util__netflow__netflow9__decoder_test.go.L79.bin: no_template=1 waiting=8
		mikemiles-dev+netflow_parser/mined/ipfix.benches__netflow_ipfix_bench.rs.L16.bin: no_template=1 waiting=24
		mikemiles-dev+netflow_parser/mined/ipfix.src__tests.rs.L1275.bin: no_template=1 waiting=6
		mikemiles-dev+netflow_parser/mined/ipfix.src__tests.rs.L1396.bin: no_template=1 waiting=168
		mikemiles-dev+netflow_parser/mined/ipfix.src__tests.rs.L1423.bin: no_template=1 waiting=76
		mikemiles-dev+netflow_parser/mined/ipfix.src__tests.rs.L1452.bin: no_template=1 waiting=1376
		mikemiles-dev+netflow_parser/mined/ipfix.src__tests.rs.L1469.bin: no_template=5 waiting=1181
		mikemiles-dev+netflow_parser/mined/ipfix.src__tests.rs.L232.bin: no_template=1 waiting=12
		mikemiles-dev+netflow_parser/mined/ipfix.tests__pending_flows.rs.L1682.bin: no_template=1 waiting=20
		mikemiles-dev+netflow_parser/mined/ipfix.tests__pending_flows.rs.L527.bin: no_template=1 waiting=12
		mikemiles-dev+netflow_parser/mined/ipfix.tests__pending_flows.rs.L543.bin: no_template=1 waiting=20
		mikemiles-dev+netflow_parser/mined/ipfix.tests__pending_flows.rs.L649.bin: no_template=1 waiting=12
		mikemiles-dev+netflow_parser/mined/ipfix.tests__pending_flows.rs.L67.bin: no_template=1 waiting=4
		mikemiles-dev+netflow_parser/mined/nf9.benches__netflow_v9_bench.rs.L15.bin: no_template=1 waiting=8
		mikemiles-dev+netflow_parser/mined/nf9.src__tests.rs.L1089.bin: no_template=2 waiting=193
		mikemiles-dev+netflow_parser/mined/nf9.src__tests.rs.L109.bin: no_template=1 waiting=4
		mikemiles-dev+netflow_parser/mined/nf9.src__tests.rs.L133.bin: no_template=1 waiting=4
		mikemiles-dev+netflow_parser/mined/nf9.src__tests.rs.L189.bin: no_template=1 waiting=16
		mikemiles-dev+netflow_parser/mined/nf9.src__tests.rs.L369.bin: no_template=1 waiting=128
		mikemiles-dev+netflow_parser/mined/nf9.src__tests.rs.L406.bin: no_template=1 waiting=32
		mikemiles-dev+netflow_parser/mined/nf9.tests__cache_collision.rs.L102.bin: no_template=1 waiting=4
		mikemiles-dev+netflow_parser/mined/nf9.tests__cache_collision.rs.L23.bin: no_template=1 waiting=4
		mikemiles-dev+netflow_parser/mined/nf9.tests__dos_edge_cases.rs.L142.bin: no_template=1 waiting=4
		mikemiles-dev+netflow_parser/mined/nf9.tests__dos_edge_cases.rs.L272.bin: no_template=1 waiting=8
		mikemiles-dev+netflow_parser/mined/nf9.tests__dos_edge_cases.rs.L344.bin: no_template=1 waiting=4
		mikemiles-dev+netflow_parser/mined/nf9.tests__pending_flows.rs.L1386.bin: no_template=2 waiting=8
		mikemiles-dev+netflow_parser/mined/nf9.tests__pending_flows.rs.L1617.bin: no_template=1 waiting=20
		mikemiles-dev+netflow_parser/mined/nf9.tests__pending_flows.rs.L32.bin: no_template=1 waiting=4
		mikemiles-dev+netflow_parser/mined/nf9.tests__pending_flows.rs.L339.bin: no_template=1 waiting=4
		mikemiles-dev+netflow_parser/mined/nf9.tests__pending_flows.rs.L461.bin: no_template=1 waiting=12
		mikemiles-dev+netflow_parser/mined/nf9.tests__pending_flows.rs.L481.bin: no_template=1 waiting=20
		mikemiles-dev+netflow_parser/mined/nf9.tests__pending_flows.rs.L596.bin: no_template=1 waiting=12
		ntop+nDPI/netflowv9.pcap: no_template=23 waiting=13176
		repeatedly+fluent-plugin-netflow/test/dump/netflow.v9.dump: no_template=1 waiting=68
		repeatedly+fluent-plugin-netflow/test/dump/netflow.v9.flowStartMilliseconds.dump: no_template=1 waiting=76
		repeatedly+fluent-plugin-netflow/test/dump/netflow.v9.sampler.dump: no_template=1 waiting=44
		vmware+go-ipfix/mined/ipfix.pkg__collector__process_test.go.L47.bin: no_template=1 waiting=13
		vmware+go-ipfix/mined/ipfix.pkg__collector__process_test.go.L48.bin: no_template=1 waiting=32
	`},
	{`The template comes after the data, RFC 7011 §8: the sets wait for it and are decoded.`, `
		Graylog2+graylog-plugin-netflow/nprobe-netflow9-4.pcap: no_template=2
		akvorado+akvorado/outlet/flow/decoder/netflow/testdata/data+templates.pcap: no_template=1
		elastic+beats/pcap/netflow9_e10s_4_7byte_pad.pcap: no_template=1
	`},
	{`NetFlow v9's options template (its lengths are octets, RFC 3954 §6.1: 4 and 8) in an IPFIX message: RFC 7011 §3.4.2.2 reads 4 fields, of which 8 are scopes; the set holds 3. Its data set waits.`, `
		CESNET+ipfixcol/base/tests/ipfixcol_test/tests/ipfix_data/enterprise-from-nfv9.ipfix: no_template=1 template=1 waiting=12
	`},
	{`A template of no fields, which RFC 3954 §5.2 knows no use for, or of three or one of no octets; its data would never end.`, `
		exatel+libnetflow9/testcases/malformed_1.pcap: no_template=3 template=3 waiting=60
		exatel+libnetflow9/testcases/malformed_3.pcap: no_template=1 template=1 waiting=1
		exatel+libnetflow9/testcases/malformed_5.pcap: no_template=1 template=1 waiting=1
	`},
	{`A template FlowSet or an options template that is shorter than its count says, RFC 7011 §3.4.1.`, `
		jegarberi+cnetflow/mined/ipfix.tests__test_ipfix.c.L93.bin: template=1
	`},
	{`Two options templates with two octets between them: padding comes behind the last record of a set only, RFC 7011 §3.3.1. And a set that begins within the message of 1366 octets and goes beyond it, RFC 7011 §3.1.`, `
		EdgeCast+vflow/mined/ipfix.ipfix__decoder_test.go.L59.bin: set_length=1 template=1
	`},
	{`The set's length is altered: it takes in what follows, which is no template (id 258 and 5 octets), or goes far beyond the end: RFC 7011 §3.3.2. The message's length is that of the capture before it was cut, 1384 for 1316: RFC 7011 §3.1.`, `
		CESNET+ipfixcol/base/tests/ipfixcol_test/tests/ipfix_data/bad-length-in-set-very-long.ipfix: short=1 set_length=1
		CESNET+ipfixcol/base/tests/ipfixcol_test/tests/ipfix_data/bad-length-in-set.ipfix: short=1 set_length=1 template=1
	`},
	{`The message says 40 octets and the set 24, of which 38 and 22 are there: RFC 7011 §3.1, §3.3.2.`, `
		vmware+go-ipfix/mined/ipfix.pkg__collector__process_test.go.L489.bin: short=1 set_length=1
	`},
	{`The set's length is below 4, or beyond the end of the packet: RFC 3954 §5.2. In L192 620 zeros stand behind the fifth FlowSet, a buffer's rest.`, `
		bitkeks+python-netflow-v9-softflowd/mined/nf9.tests__lib.py.L192.bin: set_length=1 no_template=5 waiting=340
		mikemiles-dev+netflow_parser/mined/nf9.src__tests.rs.L289.bin: set_length=1
		mikemiles-dev+netflow_parser/mined/nf9.src__tests.rs.L408.bin: set_length=1 no_template=2 waiting=36
		mikemiles-dev+netflow_parser/mined/nf9.tests__dos_edge_cases.rs.L491.bin: set_length=1
		mikemiles-dev+netflow_parser/mined/nf9.tests__memory_bounds.rs.L21.bin: set_length=1
		mikemiles-dev+netflow_parser/mined/nf9.tests__pending_flows.rs.L1098.bin: set_length=1
		mikemiles-dev+netflow_parser/mined/nf9.tests__round_trip.rs.L55.bin: set_length=1
		mikemiles-dev+netflow_parser/mined/nf9.tests__round_trip.rs.L70.bin: set_length=1
	`},
	{`The FlowSet's or set's length is too small for the fields that the template counts, RFC 3954 §5.2 and RFC 7011 §3.4.1, so that the rest reads as a set of id 11, 177 or 199 and of 2 octets.`, `
		mikemiles-dev+netflow_parser/mined/ipfix.src__tests.rs.L267.bin: set_length=1 template=2
		mikemiles-dev+netflow_parser/mined/nf9.benches__packet_size_bench.rs.L60.bin: set_length=1 template=1
		mikemiles-dev+netflow_parser/mined/nf9.src__tests.rs.L440.bin: set_length=1 template=1
	`},
	{`Data within the template FlowSet, whose length takes them in: the first words read as template 256 of 24 fields. Behind it, a length of 36 where 4 octets are left. RFC 3954 §5.2.`, `
		mikemiles-dev+netflow_parser/mined/nf9.src__tests.rs.L379.bin: set_length=1 template=1
	`},
	{`Behind the template, four octets that are neither padding (RFC 3954 §5.2: zeros) nor a template: id 1 of 56 fields.`, `
		mikemiles-dev+netflow_parser/mined/nf9.src__tests.rs.L404.bin: template=1
	`},
	{`The lengths of the scopes and the options, 33 and 1, are no multiples of 4: RFC 3954 §6.1 has them in octets. What stands behind eight fields is no template.`, `
		mikemiles-dev+netflow_parser/mined/nf9.src__tests.rs.L359.bin: template=1
	`},
	{`A template set that holds addresses: it reads as a template 49320 of one field, and as one with the id 0, which RFC 7011 §3.4.1 doesn't allow.`, `
		mikemiles-dev+netflow_parser/mined/ipfix.src__tests.rs.L321.bin: template=1
	`},
	{`Fields 150 and 151 have no octets (made to crash a decoder): 16 octets are left of the first record's 56 and 16 of the second's, too many for padding, RFC 7011 §3.3.1; and the set ends 2 octets behind the message, §3.1.`, `
		influxdata+telegraf/plugins/inputs/netflow/testcases/issue_14370/message.bin: short=2 set_length=1
	`},
	{`The record has 83 octets and the FlowSet 100; the 17 that are left are not zero, and RFC 3954 §5.3 pads to 4.`, `
		logstash-plugins+logstash-codec-netflow/spec/codecs/netflow9_test_nprobe_dpi.dat: short=1
	`},
	{`A sample's length lies, so that the next begins within it: made to crash a decoder. TestSFlowCorpus.`, `
		the-tcpdump-group+tcpdump/tests/sflow_print-segv.pcap: short=1
	`},
	{`Its octets were disguised, and with them the length of each switch record, 6 for 16: sFlow version 5, extended_switch. TestSFlowCorpus.`, `
		cloudflare+goflow/mined/sflow5.utils__sflow_test.go.L24.bin: short=6 record=6
	`},
	{`The header's count is 55,582 for 30 records; and 6 flows began or ended 71 minutes to 9 days after the export time, or ended before they began: SEMANTICS, Time.`, `
		logstash-plugins+logstash-codec-netflow/spec/codecs/netflow5_test_invalid01.dat: count=1 replaced=6
	`},
	{`Times in uptime (IE 21, 22) of an exporter whose boot time (IE 160) nobody knows can't be made absolute: SEMANTICS, Time. They are kept as they came.`, `
		elastic+beats/pcap/ipfix_cisco.pcap: replaced=29
		logstash-plugins+logstash-codec-netflow/spec/codecs/ipfix_test_mikrotik_data258.dat: replaced=28
		logstash-plugins+logstash-codec-netflow/spec/codecs/ipfix_test_mikrotik_data259.dat: replaced=18
		pmacct+pmacct/tests/104-IPFIXv10-IPv6-CISCO-sampling_option/traffic-00.pcap: replaced=3
		pmacct+pmacct/tests/111-IPFIXv10-NFv9-IPv6-IPv4-mix_sources/traffic-01.pcap: replaced=13
	`},
	{`Impossible times, SEMANTICS, Time: FortiGate's flow ended 7 days after the export time; flow-tools' generator counts up the octets, and flows end 65.5 s before they begin; the README's and the benchmark's octets are 0 1 2 3 …; nfreplay's header, and that of telegraf's example, is a day older than the flows.`, `
		exporters-loopback/flow-tools_v1.pcap: replaced=65
		exporters-loopback/flow-tools_v5.pcap: replaced=65
		exporters-loopback/flow-tools_v7.pcap: replaced=65
		exporters-loopback/flow-tools_v8.1.pcap: replaced=65
		exporters-loopback/flow-tools_v8.2.pcap: replaced=65
		exporters-loopback/nfreplay-1.7.1_v9.mixed.pcap: replaced=41
		influxdata+telegraf/plugins/inputs/netflow/testcases/netflow_v9_example/netflow_v9.bin: replaced=8
		logstash-plugins+logstash-codec-netflow/spec/codecs/netflow9_test_fortigate_fortios_521_data257.dat: replaced=1
		mikemiles-dev+netflow_parser/mined/nf5.README.md.L49.bin: replaced=1
		mikemiles-dev+netflow_parser/mined/nf7.benches__netflow_v7_bench.rs.L8.bin: replaced=1
	`},
}

// What the reference decoder counts otherwise: ours, and its.
var countsExplained = []struct{ why, counts string }{
	{`The file holds several messages; the reference decoder reads the first.`, `
		Graylog2+graylog-plugin-netflow/netflow-v5-1.dat: packets=12,1 flows=30,2
		Graylog2+graylog-plugin-netflow/netflow-v9-1.dat: packets=2,1 flows=6,2
		logstash-plugins+logstash-codec-netflow/spec/codecs/ipfix.dat: packets=3,1 flows=12,6
		logstash-plugins+logstash-codec-netflow/spec/codecs/netflow5.dat: packets=12,1 flows=30,2
	`},
	{`The template comes after the data, RFC 7011 §8: the reference decoder loses them.`, `
		Graylog2+graylog-plugin-netflow/nprobe-netflow9-4.pcap: flows=15,1
		akvorado+akvorado/outlet/flow/decoder/netflow/testdata/data+templates.pcap: flows=21,10
		elastic+beats/pcap/netflow9_e10s_4_7byte_pad.pcap: flows=8,6
	`},
	{`It reads the options template that has too few fields, RFC 7011 §3.4.2.2, or no octets, and makes no record of its data.`, `
		CESNET+ipfixcol/base/tests/ipfixcol_test/tests/ipfix_data/enterprise-from-nfv9.ipfix: unresolved=1,0
		exatel+libnetflow9/testcases/malformed_3.pcap: unresolved=1,0
		exatel+libnetflow9/testcases/malformed_5.pcap: unresolved=1,0
	`},
	{`It stops at the message's end, in the middle of a set that is all there: RFC 7011 §3.1.`, `
		EdgeCast+vflow/mined/ipfix.ipfix__decoder_test.go.L59.bin: flows=3,2
	`},
	{`It counts a set without a template whose length goes beyond the packet, RFC 3954 §5.2.`, `
		mikemiles-dev+netflow_parser/mined/nf9.src__tests.rs.L408.bin: unresolved=2,3
		mikemiles-dev+netflow_parser/mined/nf9.tests__dos_edge_cases.rs.L491.bin: unresolved=0,1
		mikemiles-dev+netflow_parser/mined/nf9.tests__round_trip.rs.L70.bin: unresolved=0,1
	`},
	{`It counts samples, which hold nothing readable here: TestSFlowCorpus.`, `
		cloudflare+goflow/mined/sflow5.utils__sflow_test.go.L24.bin: flows=0,6
	`},
}
