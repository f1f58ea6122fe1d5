package decode

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/ie"
)

// peers returns what each peer says of a case: flows, and options.
func peers(t *testing.T, name string) (flows, options map[string][]peerRecord) {
	t.Helper()
	flows, options = map[string][]peerRecord{}, map[string][]peerRecord{}
	found, err := filepath.Glob(filepath.Join(corpus, "golden", "*", "*"))
	if err != nil || len(found) == 0 {
		t.Fatal("no goldens: ", err)
	}
	for _, path := range found {
		if base := filepath.Base(path); strings.TrimSuffix(strings.TrimSuffix(base, ".gz"), ".jsonl") != strings.ReplaceAll(name, "/", "__") {
			continue
		}
		peer := filepath.Base(filepath.Dir(path))
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		var in io.Reader = f
		if strings.HasSuffix(path, ".gz") {
			if in, err = gzip.NewReader(f); err != nil {
				t.Fatal(err)
			}
		}
		flows[peer] = nil
		lines := bufio.NewScanner(in)
		lines.Buffer(nil, 1<<24)
		for lines.Scan() {
			r := object(t, lines.Bytes())
			switch r["kind"] {
			case "flow":
				if r["version"] == "sflow5" {
					continue // TestSFlowCorpus compares these
				}
				flows[peer] = append(flows[peer], readPeer(peer, r))
			case "options":
				p := readPeer(peer, r)
				p.key = [keys]string{} // an option is told by its fields
				options[peer] = append(options[peer], p)
			}
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	return flows, options
}

func object(t *testing.T, line []byte) (m map[string]any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return m
}

func readPeer(peer string, r map[string]any) (p peerRecord) {
	key, _ := r["key"].(map[string]any)
	for i, k := range keyNames {
		if v := key[k.key]; k.key == "start" || k.key == "end" {
			p.key[i] = when(v)
		} else {
			p.key[i] = normal(v)
		}
	}
	p.fields = map[string][]string{}
	fields, _ := r["fields"].(map[string]any)
	for name, v := range fields {
		if name, v := stated(peer, fmt.Sprint(r["version"]), name, v); name != "" && v != "" {
			p.fields[name] = append(p.fields[name], v)
		}
	}
	// Of a template for both families the goldens took the address for IPv4,
	// though it is zero.
	for i, name := range []string{"sourceIPv6Address", "destinationIPv6Address"} {
		if v := p.fields[name]; p.key[i] == "0.0.0.0" && len(v) > 0 && v[0] != "::" {
			p.key[i] = v[0]
		}
	}
	return p
}

// stated returns a field of a peer under its name at IANA, and "" where it is
// not comparable: a name of the peer's own, or a value that it has interpreted.
func stated(peer, version, name string, v any) (string, string) {
	if scope, ok := strings.CutPrefix(name, "scope:"); ok && version == "9" { // RFC 3954 §6.1
		if e, ok := ie.ByName(scope); ok && e.PEN == 0 { // which has the same number
			scope = strconv.Itoa(int(e.ID))
		}
		names := map[string]string{"1": "scopeSystem", "2": "scopeInterface", "3": "scopeLineCard", "4": "scopeCache", "5": "scopeTemplate"}
		return names[scope], normal(v)
	}
	_, name, _ = cutLast(name, ":") // "scope:" and "options:"
	name = strings.TrimRight(name, "_")
	if peer == "tshark-4.0.17" {
		if n, ok := tsharkNames[name]; ok {
			name = n
		}
	}
	e, ok := ie.ByName(name)
	if !ok || e.PEN != 0 || e.ID == 210 || e.Type >= ie.BasicList { // padding, lists
		return "", ""
	}
	switch v := v.(type) {
	case string:
		switch {
		case e.Type == ie.OctetArray && peer == "elastic-beats-7.17.29":
			b, err := base64.StdEncoding.DecodeString(v)
			if err != nil {
				return "", ""
			}
			return name, wireValue(e, b)
		case e.Type == ie.OctetArray && (peer == "reference" || peer == "tshark-4.0.17"):
			b, err := hex.DecodeString(strings.ReplaceAll(v, ":", ""))
			if err != nil {
				return "", ""
			}
			return name, wireValue(e, b)
		case peer == "NetGauze" && isNumber(e.Type):
			return "", "" // its word for the number
		case e.Type >= ie.DateTimeSeconds && e.Type <= ie.DateTimeNanoseconds:
			return name, when(v)
		}
		if peer == "tshark-4.0.17" && strings.HasSuffix(name, "SysUpTime") { // in seconds
			if x, err := time.ParseDuration(v + "s"); err == nil {
				return name, strconv.FormatInt(x.Milliseconds(), 10)
			}
		}
	case []any:
		var b []byte
		for _, x := range v {
			n, err := strconv.Atoi(fmt.Sprint(x))
			if err != nil {
				return "", ""
			}
			b = append(b, byte(n))
		}
		return name, wireValue(e, b)
	case map[string]any:
		return "", ""
	case json.Number:
		if e.Type >= ie.DateTimeSeconds && e.Type <= ie.DateTimeNanoseconds {
			return name, when(map[string]any{"value": v, "name": name})
		}
	}
	return name, normal(v)
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

func isNumber(t ie.Type) bool {
	return t >= ie.Unsigned8 && t <= ie.Unsigned64 || t >= ie.Signed8 && t <= ie.Signed64
}

// wireValue is the normal form of an element that a peer gives as octets.
func wireValue(e ie.Element, b []byte) string {
	if e.ID == 95 && len(b) > 1 { // RFC 6759: an engine and a selector
		n, err := strconv.ParseUint(hex.EncodeToString(b[1:]), 16, 64)
		if err == nil {
			return fmt.Sprintf("%d:%d", b[0], n)
		}
	}
	if len(b) == 0 {
		return ""
	}
	return normal("0x" + hex.EncodeToString(b))
}

// normal gives values that are the same one form: numbers, addresses, octets.
func normal(v any) string {
	switch v := v.(type) {
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case string:
		if a, err := netip.ParseAddr(v); err == nil {
			return a.Unmap().String()
		}
		digits := strings.TrimPrefix(v, "0x")
		if len(v) == 17 && strings.Count(v, ":") == 5 { // a MAC address
			digits = strings.ReplaceAll(v, ":", "")
			v = "0x" + digits
		}
		if strings.HasPrefix(v, "0x") {
			if n, err := strconv.ParseUint(digits, 16, 64); err == nil {
				return strconv.FormatUint(n, 10)
			}
		}
		return strings.TrimRight(v, "\x00")
	}
	return ""
}

// when returns an absolute time in milliseconds: of RFC 3339, of tshark's text,
// or of the value of an element that counts from 1970; "" for others.
func when(v any) string {
	if m, ok := v.(map[string]any); ok {
		name, _ := m["name"].(string)
		n, err := strconv.ParseInt(fmt.Sprint(m["value"]), 10, 64)
		switch {
		case err != nil:
			return when(m["value"])
		case n <= 1e8 || strings.Contains(name, "Delta"):
		case strings.HasSuffix(name, "Seconds"):
			return strconv.FormatInt(n*1000, 10)
		case strings.HasSuffix(name, "Milliseconds"):
			return strconv.FormatInt(n, 10)
		}
		return ""
	}
	s, _ := v.(string)
	for _, layout := range []string{time.RFC3339Nano, "Jan _2, 2006 15:04:05.000000000 MST"} {
		if x, err := time.Parse(layout, s); err == nil && x.Unix() > 0 {
			return strconv.FormatInt(x.UnixMilli(), 10)
		}
	}
	return ""
}

// tsharkNames are the elements that tshark has names of its own for, where it
// prints their value as it is.
var tsharkNames = map[string]string{
	"cflow.ip_version":                       "ipVersion",
	"cflow.ip_ttl":                           "ipTTL",
	"cflow.sampling_interval":                "samplingInterval",
	"cflow.sampling_algorithm":               "samplingAlgorithm",
	"cflow.tcpflags":                         "tcpControlBits",
	"cflow.srcas":                            "bgpSourceAsNumber",
	"cflow.dstas":                            "bgpDestinationAsNumber",
	"cflow.direction":                        "flowDirection",
	"cflow.ingress_vrfid":                    "ingressVRFID",
	"cflow.egress_vrfid":                     "egressVRFID",
	"cflow.srcmask":                          "sourceIPv4PrefixLength",
	"cflow.dstmask":                          "destinationIPv4PrefixLength",
	"cflow.srcmaskv6":                        "sourceIPv6PrefixLength",
	"cflow.dstmaskv6":                        "destinationIPv6PrefixLength",
	"cflow.selector_id":                      "selectorId",
	"cflow.delta_octets_squared":             "octetDeltaSumOfSquares",
	"cflow.nexthop":                          "ipNextHopIPv4Address",
	"cflow.nexthopv6":                        "ipNextHopIPv6Address",
	"cflow.bgpnexthop":                       "bgpNextHopIPv4Address",
	"cflow.bgpnexthopv6":                     "bgpNextHopIPv6Address",
	"cflow.ipv6_exthdr":                      "ipv6ExtensionHeaders",
	"cflow.ipv6flowlabel":                    "flowLabelIPv6",
	"cflow.ttl_max":                          "maximumTTL",
	"cflow.ttl_min":                          "minimumTTL",
	"cflow.srcmac":                           "sourceMacAddress",
	"cflow.dstmac":                           "destinationMacAddress",
	"cflow.dot1q_vlan_id":                    "dot1qVlanId",
	"cflow.dot1q_customer_vlan_id":           "dot1qCustomerVlanId",
	"cflow.dot1q_priority":                   "dot1qPriority",
	"cflow.ethernet_type":                    "ethernetType",
	"cflow.toplabeladdr":                     "mplsTopLabelIPv4Address",
	"cflow.toplabeladdr_v6":                  "mplsTopLabelIPv6Address",
	"cflow.toplabeltype":                     "mplsTopLabelType",
	"cflow.mpls_top_label_prefix_length":     "mplsTopLabelPrefixLength",
	"cflow.icmp_type_code_ipv4":              "icmpTypeCodeIPv4",
	"cflow.sampler_id":                       "samplerId",
	"cflow.vlanid":                           "vlanId",
	"cflow.post_vlanid":                      "postVlanId",
	"cflow.flow_end_reason":                  "flowEndReason",
	"cflow.biflow_direction":                 "biflowDirection",
	"cflow.ip_dscp":                          "ipDiffServCodePoint",
	"cflow.post_natsource_ipv4_address":      "postNATSourceIPv4Address",
	"cflow.post_natdestination_ipv4_address": "postNATDestinationIPv4Address",
	"cflow.frag_ident":                       "fragmentIdentification",
	"cflow.sta_mac_address":                  "staMacAddress",
	"cflow.sta_ipv4_address":                 "staIPv4Address",
	"cflow.wtp_mac_address":                  "wtpMacAddress",
	"cflow.wlan_ssid":                        "wlanSSID",
	"cflow.post_ip_diff_serv_code_point":     "postIpDiffServCodePoint",
	"cflow.flow_class":                       "classId",
	"cflow.new_connection_delta_count":       "newConnectionDeltaCount",
	"cflow.connection_sum_duration_seconds":  "connectionSumDurationSeconds",
	"cflow.engine_id":                        "engineId",
	"cflow.engine_type":                      "engineType",
	"cflow.post_octets":                      "postOctetDeltaCount",
	"cflow.post_packets":                     "postPacketDeltaCount",
	"cflow.layer2_segment_id":                "layer2SegmentId",
	"cflow.ipv6_next_hdr":                    "nextHeaderIPv6",
	"cflow.srcprefix":                        "sourceIPv4Prefix",
	"cflow.ingress_physical_interface":       "ingressPhysicalInterface",
	"cflow.egress_physical_interface":        "egressPhysicalInterface",
	"cflow.post_dot1q_vlan_id":               "postDot1qVlanId",
	"cflow.post_dot1q_customer_vlan_id":      "postDot1qCustomerVlanId",
	"cflow.length_min":                       "minimumIpTotalLength",
	"cflow.length_max":                       "maximumIpTotalLength",
	"cflow.peer_dstas":                       "bgpNextAdjacentAsNumber",
	"cflow.peer_srcas":                       "bgpPrevAdjacentAsNumber",
	"cflow.multicast_replication_factor":     "multicastReplicationFactor",
	"cflow.data_link_frame_size":             "dataLinkFrameSize",
	"cflow.data_link_frame_section":          "dataLinkFrameSection",
	"cflow.vrfname":                          "VRFname",
	"cflow.mpls_vpn_rd":                      "mplsVpnRouteDistinguisher",
	"cflow.if_descr":                         "interfaceDescription",
	"cflow.if_name":                          "interfaceName",
	"cflow.appl_name":                        "applicationName",
	"cflow.appl_desc":                        "applicationDescription",
	"cflow.selector_algorithm":               "selectorAlgorithm",
	"cflow.sampling_packet_interval":         "samplingPacketInterval",
	"cflow.sampler_name":                     "samplerName",
	"cflow.sys_init_time":                    "systemInitTimeMilliseconds",
	"cflow.od_id":                            "observationDomainId",
}
