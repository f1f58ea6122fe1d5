package decode

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/pcap"
)

const corpus = "../../../shared/corpus"

// sflowFiles returns the captures of the corpus that hold sFlow, by case.
func sflowFiles(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(corpus, "CASES.json"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the corpus of captures is not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	var cases map[string][]string
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for name, files := range cases {
		if !strings.Contains(strings.ToLower(name), "sflow") || len(files) != 1 {
			delete(cases, name)
		}
	}
	if len(cases) < 25 {
		t.Fatalf("%d cases of sFlow, there were 28", len(cases))
	}
	return cases
}

// datagrams returns what a capture holds: a pcap file's datagrams, or the one
// datagram of a raw file.
func datagrams(t testing.TB, file string) (all []Datagram) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(corpus, file))
	if err != nil {
		t.Fatal(err)
	}
	if !pcap.IsPcap(data) {
		return []Datagram{{From: flowtest.From, Time: at, Data: data}}
	}
	return payloads(t, data)
}

// said returns what tshark says of a case: its flow samples and counter samples.
func said(t *testing.T, name string) (flows, counters []map[string]any) {
	t.Helper()
	base := filepath.Join(corpus, "golden", "tshark-4.0.17", strings.ReplaceAll(name, "/", "__")+".jsonl")
	var in io.Reader
	f, err := os.Open(base)
	if in = f; err != nil {
		if f, err = os.Open(base + ".gz"); err != nil {
			t.Fatal(err)
		}
		if in, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	defer f.Close()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var r struct {
			Kind, Version string
			Sample        string
			Fields        map[string]any
			Exporter      map[string]any
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if r.Fields["sflow_245.agent"] = r.Exporter["sflow_245.agent"]; r.Sample == "" {
			continue
		}
		if r.Kind == "flow" {
			flows = append(flows, r.Fields)
		} else {
			counters = append(counters, r.Fields)
		}
	}
	return flows, counters
}

// first returns a field of tshark, the outermost where it is repeated.
func first(v any) string {
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	s, _ := v.(string)
	if n, err := strconv.ParseUint(s, 0, 64); err == nil {
		return fmt.Sprint(n)
	}
	return s
}

func TestSFlowCorpus(t *testing.T) {
	compared := 0
	for name, files := range sflowFiles(t) {
		d := newDecoder()
		var b flow.Batch
		other := 0 // flows of NetFlow in the same capture
		for i, dg := range datagrams(t, files[0]) {
			if len(dg.Data) > 4 && binary.BigEndian.Uint32(dg.Data) == 5 {
				sameAsSlowSFlow(t, dg, SFlow{})
			}
			n := len(b.Flows)
			err := d.Decode(&b, dg)
			switch {
			case strings.Contains(name, "print-segv"): // made to crash a decoder: one sample's length lies
				if err != ErrShort && err != ErrCount {
					t.Errorf("%s: %v, want ErrShort or ErrCount", name, err)
				}
			case strings.Contains(name, "cloudflare+goflow"):
				// Its octets were disguised, and with them the length of each switch
				// record: 6 for 16, so that what follows is no record.
				if err != ErrRecord || len(b.Flows) != 0 {
					t.Errorf("%s: %v and %d flows, want ErrRecord and none", name, err, len(b.Flows))
				}
			case err != nil:
				t.Errorf("%s, datagram %d: %v", name, i, err)
			}
			if len(b.Flows) > n && b.Flows[n].Version != flow.SFlow5 {
				other += len(b.Flows) - n
				b.Flows = b.Flows[:n]
			}
		}
		flows, counters := said(t, name)
		if strings.Contains(name, "print-segv") || strings.Contains(name, "cloudflare+goflow") {
			continue
		}
		if len(flows) != len(b.Flows) || len(counters) != len(b.Counters) {
			t.Errorf("%s: %d flows and %d counters, tshark has %d and %d", name, len(b.Flows), len(b.Counters), len(flows), len(counters))
			continue
		}
		for i, want := range flows {
			compared += compareSFlow(t, name, &b, &b.Flows[i], want)
		}
		for i, want := range counters {
			compared += compareCounter(t, name, &b.Counters[i], want)
		}
	}
	t.Logf("%d values compared", compared)
}

func compareSFlow(t *testing.T, name string, b *flow.Batch, f *flow.Flow, want map[string]any) (n int) {
	t.Helper()
	check := func(x flow.Field, keys ...string) {
		t.Helper()
		for _, key := range keys {
			w := first(want[key])
			if w == "" {
				continue
			}
			if strings.Contains(key, "vlan") && w == "4294967295" { // not known
				w = "absent"
			}
			got := "absent"
			if a := f.Addr(x); f.Set.Has(x) && a != nil {
				got = a.String()
			} else if f.Set.Has(x) {
				got = fmt.Sprint(f.Uint(x))
			}
			if n++; got != w {
				t.Errorf("%s: %s is %s, tshark says %s %s", name, flow.Fields[x].Name, got, key, w)
			}
			return
		}
	}
	check(flow.FieldExporter, "sflow_245.agent")
	check(flow.FieldSamplingRate, "sflow.flow_sample.sampling_rate")
	check(flow.FieldL2Bytes, "sflow_245.header.frame_length")
	check(flow.FieldSrcAddr, "ip.src", "ipv6.src", "sflow_245.ipv4_src")
	check(flow.FieldDstAddr, "ip.dst", "ipv6.dst", "sflow_245.ipv4_dst")
	check(flow.FieldProto, "ip.proto")
	check(flow.FieldTTL, "ip.ttl", "ipv6.hlim")
	check(flow.FieldTOS, "ip.dsfield", "ipv6.tclass")
	check(flow.FieldFlowLabel, "ipv6.flow")
	if _, nested := want["ip.src"].([]any); !nested {
		check(flow.FieldSrcPort, "tcp.srcport", "udp.srcport")
		check(flow.FieldDstPort, "tcp.dstport", "udp.dstport")
	}
	check(flow.FieldBytes, "ip.len")
	check(flow.FieldSrcVLAN, "sflow_245.vlan.in")
	check(flow.FieldDstVLAN, "sflow_245.vlan.out")
	check(flow.FieldSrcMask, "sflow_245.nexthop.src_mask")
	check(flow.FieldDstMask, "sflow_245.nexthop.dst_mask")
	check(flow.FieldSrcAS, "sflow_245.srcAS")
	// tshark lists the path and, behind it, the communities.
	path, _ := want["sflow_245.dstAS"].([]any)
	if communities, err := strconv.Atoi(first(want["sflow_245.communityEntries"])); err == nil && communities < len(path) {
		if n++; fmt.Sprint(f.DstAS) != fmt.Sprint(path[len(path)-communities-1]) {
			t.Errorf("%s: DstAS is %d, tshark's path is %v less %d communities", name, f.DstAS, path, communities)
		}
	}
	iface := func(x flow.Field, format, value string) {
		t.Helper()
		w := "absent"
		if v := first(want[value]); (format == "" || first(want[format]) == "0") && v != "0" && v != "1073741823" {
			w = v
		}
		got := "absent"
		if f.Set.Has(x) {
			got = fmt.Sprint(f.Uint(x))
		}
		if n++; got != w {
			t.Errorf("%s: %s is %s, tshark says %s", name, flow.Fields[x].Name, got, w)
		}
	}
	if _, expanded := want["sflow.flow_sample.input_interface_value"]; expanded {
		iface(flow.FieldInIf, "sflow.flow_sample.input_interface_format", "sflow.flow_sample.input_interface_value")
		iface(flow.FieldOutIf, "sflow.flow_sample.output_interface.format", "sflow.flow_sample.output_interface_value")
	} else {
		iface(flow.FieldInIf, "", "sflow.flow_sample.input_interface")
		iface(flow.FieldOutIf, "sflow.flow_sample.output_interface_format", "sflow.flow_sample.output_interface_value")
	}
	return n
}

func compareCounter(t *testing.T, name string, c *flow.Counter, want map[string]any) (n int) {
	t.Helper()
	v := &c.Interface
	for key, got := range map[string]uint64{
		"sflow.counters_sample.sequence_number": uint64(c.Sequence),
		"sflow.counters_sample.source_id_type":  uint64(c.Class),
		"sflow.counters_sample.source_id_index": uint64(c.Index),

		"sflow_245.ifindex": uint64(v.Index), "sflow_245.iftype": uint64(v.Type), "sflow_245.ifspeed": v.Speed,
		"sflow_245.ifdirection": uint64(v.Direction), "sflow_245.ifinoct": v.InOctets, "sflow_245.ifoutoct": v.OutOctets,
		"sflow_245.ifinpkt": uint64(v.InUnicast), "sflow_245.ifinmcast": uint64(v.InMulticast), "sflow_245.ifinbcast": uint64(v.InBroadcast),
		"sflow_245.ifindisc": uint64(v.InDiscards), "sflow_245.ifinerr": uint64(v.InErrors), "sflow_245.ifinunk": uint64(v.InUnknownProtos),
		"sflow_245.ifoutpkt": uint64(v.OutUnicast), "sflow_245.ifoutmcast": uint64(v.OutMulticast), "sflow_245.ifoutbcast": uint64(v.OutBroadcast),
		"sflow_245.ifoutdisc": uint64(v.OutDiscards), "sflow_245.ifouterr": uint64(v.OutErrors), "sflow_245.ifpromisc": uint64(v.Promiscuous),
	} {
		if w := first(want[key]); w != "" {
			if n++; w != fmt.Sprint(got) {
				t.Errorf("%s: %s is %d, tshark says %s", name, key, got, w)
			}
		}
	}
	return n
}
