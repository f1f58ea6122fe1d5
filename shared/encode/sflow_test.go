package encode

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/sflow"
	"github.com/weirflow/weir/shared/template"
)

// xdr puts numbers of 32 bits, texts and octets as they are behind one another.
func xdr(parts ...any) (d []byte) {
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			d = binary.BigEndian.AppendUint32(d, uint32(p))
		case string:
			d = binary.BigEndian.AppendUint32(d, uint32(len(p)))
			d = append(append(d, p...), make([]byte, -len(p)&3)...)
		case []byte:
			d = append(d, p...)
		}
	}
	return d
}

// record puts a format and a length before what parts are.
func record(format int, parts ...any) []byte {
	v := xdr(parts...)
	return xdr(format, len(v), v)
}

// sflowBatch decodes a datagram of one sample.
func sflowBatch(t *testing.T, sample []byte) *flow.Batch {
	t.Helper()
	var b flow.Batch
	d := decode.New(template.NewStore(template.Limits{}))
	d.Decode(&b, decode.Datagram{From: flowtest.From, Time: 1, Data: xdr(5, 1, 0x0a000001, 0, 1, 1, 1, sample)})
	if len(b.Flows)+len(b.Counters) != 1 {
		t.Fatalf("%d flows, %d counters of %x", len(b.Flows), len(b.Counters), sample)
	}
	return &b
}

// The fields of each record by its document, in JSON and in msgpack.
func TestSFlowRecords(t *testing.T) {
	six := []byte{0x20, 1, 0xd, 0xb8, 15: 1}
	for _, c := range []struct {
		record []byte
		want   string
	}{
		{record(1, 3, 100, 4, 3, []byte{1, 2, 3, 0}), `"sampled_header":{"header_protocol":3,"frame_length":100,"stripped":4,"header":"0x010203"}`},
		{record(1001, 100, 5, 200, 6), `"extended_switch":{"src_vlan":100,"src_priority":5,"dst_vlan":200,"dst_priority":6}`},
		{record(1003, 1, 0xc0000201, 64500, 64501, 64502, 2, 2, 2, 64510, 64511, 1, 1, 64512, 2, 7, 8, 100),
			`"extended_gateway":{"nexthop":"192.0.2.1","as":64500,"src_as":64501,"src_peer_as":64502,` +
				`"dst_as_path":[{"type":2,"as":[64510,64511]},{"type":1,"as":[64512]}],"communities":[7,8],"localpref":100}`},
		{record(1003, 0, 1, 2, 3, 0, 0, 100), `"extended_gateway":{"as":1,"src_as":2,"src_peer_as":3,"dst_as_path":[],"communities":[],"localpref":100}`},
		{record(1003, 2, six, 1, 2, 3, 0, 0, 100, 9), `"extended_gateway":{"nexthop":"2001:db8::1","as":1,"src_as":2,"src_peer_as":3,` +
			`"dst_as_path":[],"communities":[],"localpref":100,"octets":"0x00000009"}`},
		{record(1004, 106, "alice", 106, "b\""), `"extended_user":{"src_charset":106,"src_user":"alice","dst_charset":106,"dst_user":"b\""}`},
		{record(1005, 1, "/index", "example.org"), `"extended_url":{"direction":1,"url":"/index","host":"example.org"}`},
		{record(1006, 1, 0x0a000001, 1, 0x00abc1ff, 2, 1, 2), `"extended_mpls":{"nexthop":"10.0.0.1","in_stack":[11256319],"out_stack":[1,2]}`},
		{record(1008, "lsp", 1, 2), `"extended_mpls_tunnel":{"tunnel_lsp_name":"lsp","tunnel_id":1,"tunnel_cos":2}`},
		{record(1012, 2, 0x81000064, 0x88a80005), `"extended_vlantunnel":{"stack":[2164260964,2292711429]}`},
		{record(1021, 64, []byte{0, 0, 0, 0, 0, 1, 0, 0}, []byte{0, 0, 0, 0, 0, 2, 0, 0}, 0x800),
			`"extended_L2_tunnel_egress":{"length":64,"src_mac":"00:00:00:00:00:01","dst_mac":"00:00:00:00:00:02","type":2048}`},
		{record(1024, 60, 6, 0x0a000001, 0x0a000002, 80, 443, 2, 8),
			`"extended_ipv4_tunnel_ingress":{"length":60,"protocol":6,"src_ip":"10.0.0.1","dst_ip":"10.0.0.2","src_port":80,"dst_port":443,"tcp_flags":2,"tos":8}`},
		{record(1026, 60, 17, six, six, 80, 443, 0, 8),
			`"extended_ipv6_tunnel_ingress":{"length":60,"protocol":17,"src_ip":"2001:db8::1","dst_ip":"2001:db8::1","src_port":80,"dst_port":443,"tcp_flags":0,"priority":8}`},
		{record(1027, 50), `"extended_decapsulate_egress":{"inner_header_offset":50}`},
		{record(1030, 5000), `"extended_vni_ingress":{"vni":5000}`},
		{record(1030), `"extended_vni_ingress":"0x"`},
		{record(1005, 1, "/index", 1<<32-1), `"extended_url":"0x00000001000000062f696e6465780000ffffffff"`},
		{record(1012, 1<<30), `"extended_vlantunnel":"0x40000000"`},
		{record(1999, 1), `"14706_1999":"0x00000001"`},
		{record(9<<12|1, 1), `"14706_4096":"0x0000900100000001"`},
		{record(2206, 2, 1001, "/a", "h", "", "curl", "", "", "text/html", 0, 5, 0, 6, 7, -1),
			`"http_request":{"method":2,"protocol":1001,"uri":"/a","host":"h","referer":"","useragent":"curl","xff":"","authuser":"",` +
				`"mime_type":"text/html","req_bytes":5,"resp_bytes":6,"uS":7,"status":-1}`},
	} {
		b := sflowBatch(t, record(1, 1, 3, 1000, 5000, 0, 3, 4, 2, c.record, record(1020, 1, 2)))
		for _, p := range []Profile{IPFIX, Flat, OTel} {
			e := New(p)
			text := e.AppendJSON(nil, b, &b.Flows[0])
			want := c.want
			if p == OTel {
				want = `"flow.` + want[1:]
			}
			if !bytes.Contains(text, []byte(want)) {
				t.Errorf("%v: %s, want %s", p, text, want)
			}
			var fromJSON, fromMsgpack map[string]any
			d := json.NewDecoder(bytes.NewReader(text))
			d.UseNumber()
			if err := d.Decode(&fromJSON); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if err := msgpack.Unmarshal(e.AppendMsgpack(nil, b, b.Flows), &fromMsgpack); err != nil {
				t.Fatalf("%s: %v", c.want, err)
			}
			key := strings.Split(want, `"`)[1]
			if j, m := fmt.Sprint(fromJSON[key]), fmt.Sprint(fromMsgpack[key]); j != m || j == "<nil>" {
				t.Errorf("%v: JSON %s, msgpack %s", p, j, m)
			}
		}
	}
}

func TestSFlowInterfaceNames(t *testing.T) {
	b := sflowBatch(t, record(1, 1, 3, 1000, 5000, 0, 0x3fffffff, 2<<30|5, 0))
	text := New(Flat).AppendJSON(nil, b, &b.Flows[0])
	for _, want := range []string{`"input_interface":{"format":0,"value":1073741823}`, `"output_interface":{"format":2,"value":5}`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%s, want %s", text, want)
		}
	}
	b = sflowBatch(t, record(5, 1, 0, 3, 0, 3, 0, 257, 0))
	if text := New(Flat).AppendJSON(nil, b, &b.Flows[0]); !bytes.Contains(text, []byte(`"discard_reason":{"reason":257}`)) {
		t.Errorf("%s has no reason", text)
	}
}

func TestSFlowCounterRecords(t *testing.T) {
	generic := make([]any, 22)
	for i := range generic {
		generic[i] = i
	}
	ints := func(n int) (d []any) {
		for i := range n {
			d = append(d, i+1)
		}
		return d
	}
	mac := []byte{0, 0x1b, 0x21, 0, 0, 1, 0, 0}
	float := []byte{0x3f, 0, 0, 0} // 0.5
	for _, c := range []struct {
		record []byte
		want   string
	}{
		{record(1, generic...), `{"sequence":1,"class":0,"index":3,"ifSpeed":8589934595,"ifHCInOctets":25769803783,"ifHCOutOctets":60129542159,` +
			`"ifIndex":0,"ifType":1,"ifDirection":4,"ifStatus":5,"ifInUcastPkts":8,"ifInMulticastPkts":9,"ifInBroadcastPkts":10,` +
			`"ifInDiscards":11,"ifInErrors":12,"ifInUnknownProtos":13,"ifOutUcastPkts":16,"ifOutMulticastPkts":17,"ifOutBroadcastPkts":18,` +
			`"ifOutDiscards":19,"ifOutErrors":20,"ifPromiscuousMode":21}`},
		{record(2, ints(13)...), `"ethernet_counters":{"dot3StatsAlignmentErrors":1,"dot3StatsFCSErrors":2,"dot3StatsSingleCollisionFrames":3,` +
			`"dot3StatsMultipleCollisionFrames":4,"dot3StatsSQETestErrors":5,"dot3StatsDeferredTransmissions":6,"dot3StatsLateCollisions":7,` +
			`"dot3StatsExcessiveCollisions":8,"dot3StatsInternalMacTransmitErrors":9,"dot3StatsCarrierSenseErrors":10,` +
			`"dot3StatsFrameTooLongs":11,"dot3StatsInternalMacReceiveErrors":12,"dot3StatsSymbolErrors":13}`},
		{record(5, 100, 0, 5, 1, 2, 3, -1), `"vlan_counters":{"vlan_id":100,"octets":5,"ucastPkts":1,"multicastPkts":2,"broadcastPkts":3}`},
		{record(1001, 500, -1, 700, 0, 1000, 0, 500), `"processor":{"5s_cpu":500,"5m_cpu":700,"total_memory":1000,"free_memory":500}`},
		{record(2000, "host", []byte{0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0}, 3, 2, "6.1"),
			`"host_descr":{"hostname":"host","uuid":"11223344-5566-7788-99aa-bbccddeeff00","machine_type":3,"os_name":2,"os_release":"6.1"}`},
		{record(2001, 2, 1, 1, mac, 2, 2, mac, mac), `"host_adapters":{"adapters":[{"ifIndex":1,"macs":[{"mac":"00:1b:21:00:00:01"}]},` +
			`{"ifIndex":2,"macs":[{"mac":"00:1b:21:00:00:01"},{"mac":"00:1b:21:00:00:01"}]}]}`},
		{record(2003, append([]any{float, float, float}, ints(14)...)...), `"host_cpu":{"load_one":0.5,"load_five":0.5,"load_fifteen":0.5,` +
			`"proc_run":1,"proc_total":2,"cpu_num":3,"cpu_speed":4,"uptime":5,"cpu_user":6,"cpu_nice":7,"cpu_system":8,"cpu_idle":9,` +
			`"cpu_wio":10,"cpu_intr":11,"cpu_sintr":12,"interrupts":13,"contexts":14}`},
		{record(2003, append([]any{float, float, float}, ints(17)...)...), `"contexts":14,"cpu_steal":15,"cpu_guest":16,"cpu_guest_nice":17}`},
		{record(2004, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 8, 9, 10, 11), `"host_memory":{"mem_total":1,"mem_free":2,"mem_shared":3,` +
			`"mem_buffers":4,"mem_cached":5,"swap_total":6,"swap_free":7,"page_in":8,"page_out":9,"swap_in":10,"swap_out":11}`},
		{record(2005, 0, 1, 0, 2, 3, 4, 0, 5, 6, 7, 0, 8, 9), `"host_disk_io":{"disk_total":1,"disk_free":2,"part_max_used":3,"reads":4,` +
			`"bytes_read":5,"read_time":6,"writes":7,"bytes_written":8,"write_time":9}`},
		{record(2006, 0, 1, 2, 3, 4, 0, 5, 6, 7, 8), `"host_net_io":{"bytes_in":1,"pkts_in":2,"errs_in":3,"drops_in":4,"bytes_out":5,` +
			`"packets_out":6,"errs_out":7,"drops_out":8}`},
		{record(4413<<12|1, 5, 6), `"bst_device_buffers":{"uc_pc":5,"mc_pc":6}`},
		{record(2001, 1<<30), `"host_adapters":"0x40000000"`},
		{record(1003, 1), `"14706_1003":"0x00000001"`},
	} {
		b := sflowBatch(t, record(2, 1, 3, 1, c.record))
		text := New(IPFIX).AppendCounterJSON(nil, b, &b.Counters[0])
		if !json.Valid(text) || !bytes.Contains(text, []byte(c.want)) {
			t.Errorf("%s, want %s", text, c.want)
		}
	}
	// A second record of the interface is not lost.
	b := sflowBatch(t, record(2, 1, 3, 2, record(1, generic...), record(1, generic...)))
	if text := New(IPFIX).AppendCounterJSON(nil, b, &b.Counters[0]); !bytes.Contains(text, []byte(`"if_counters_2":{"ifIndex":0,"ifType":1,`)) {
		t.Errorf("%s has one interface", text)
	}
}

func TestSFlowNoAllocations(t *testing.T) {
	b := sflowBatch(t, record(1, 1, 3, 1000, 5000, 0, 3, 4, 1, record(1003, 1, 0xc0000201, 1, 2, 3, 1, 2, 2, 64510, 64511, 1, 7, 100)))
	e := New(Flat)
	dst := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() {
		dst = e.AppendJSON(dst[:0], b, &b.Flows[0])
		dst = e.AppendMsgpack(dst[:0], b, b.Flows)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Octets that are no record of their format are JSON and msgpack all the same.
func TestSFlowHostile(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for format := range sflow.Flows {
		for range 50 {
			v := make([]byte, 4*rnd.IntN(30)+rnd.IntN(4))
			for i := range v {
				if v[i] = byte(rnd.IntN(3)); i%4 < 3 {
					v[i] = 0
				}
			}
			b := sflowBatch(t, record(1, 1, 3, 1000, 5000, 0, 3, 4, 1, record(int(format), v)))
			e := New(ECS)
			if text := e.AppendJSON(nil, b, &b.Flows[0]); !json.Valid(text) {
				t.Fatalf("format %d, %x: %s", format, v, text)
			}
			var m any
			if err := msgpack.Unmarshal(e.AppendMsgpack(nil, b, b.Flows), &m); err != nil {
				t.Fatalf("format %d, %x: %v", format, v, err)
			}
		}
	}
	for format := range sflow.Counters {
		b := sflowBatch(t, record(2, 1, 3, 1, record(int(format), make([]byte, rnd.IntN(200)))))
		if text := New(Flat).AppendCounterJSON(nil, b, &b.Counters[0]); !json.Valid(text) {
			t.Fatalf("format %d: %s", format, text)
		}
	}
}
