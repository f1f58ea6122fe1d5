package modinput

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"
)

// conf reads a file of the app: stanza → key → value.
func conf(t *testing.T, path string) map[string]map[string]string {
	t.Helper()
	text, err := os.ReadFile("../app/" + path)
	if err != nil {
		t.Fatal(err)
	}
	all, stanza := map[string]map[string]string{}, ""
	lines := bufio.NewScanner(strings.NewReader(string(text)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case line == "", strings.ContainsRune("#* ", rune(line[0])): // ' ' goes on with the line before
		case line[0] == '[':
			stanza = strings.Trim(line, "[]")
			all[stanza] = map[string]string{}
		default:
			k, v, ok := strings.Cut(line, "=")
			if !ok || all[stanza] == nil {
				t.Fatalf("%s: %q", path, line)
			}
			all[stanza][strings.TrimSpace(k)] = strings.TrimSpace(v)
		}
	}
	return all
}

// What Splunk makes of an event is what modinput puts in.
func TestTransformsHasColumns(t *testing.T) {
	x := conf(t, "default/transforms.conf")["weir_flow_columns"]
	if x["DELIMS"] != `"|"` {
		t.Errorf("DELIMS = %s", x["DELIMS"])
	}
	var names []string
	for name := range strings.SplitSeq(x["FIELDS"], ",") {
		names = append(names, strings.Trim(name, `" `))
	}
	if !slices.Equal(names, Columns()) {
		t.Errorf("FIELDS is\n%v, columns are\n%v", names, Columns())
	}
}

// Columns are appended to: events that were indexed before keep their meaning.
// This is the order of the first release.
func TestColumnsDoNotMove(t *testing.T) {
	first := strings.Fields(`src_ip dest_ip src_port dest_port protocol_number bytes_out packets_out bytes_in packets_in
		duration tcp_flag tos src_interface dest_interface direction sampling_rate src_as dst_as src_mask dst_mask next_hop
		version domain sampler_id icmp_type vlan dst_vlan ip_version ttl end_reason fwd_status fw_event src_mac dst_mac
		bgp_next_hop app_id app user src_translated_ip src_translated_port dest_translated_ip dest_translated_port in_vrf
		out_vrf mpls_label flow_label ether_type l2_bytes l2_bytes_in start_time end_time received_time dvc_ip sender extras
		in_if_speed out_if_speed dvc exporter_site in_if_name out_if_name in_if_desc out_if_desc src_zone dest_zone
		in_vrf_name out_vrf_name src_net dst_net src_site dst_site src_role dst_role src_country dst_country perimeter`)
	if got := Columns(); len(got) < len(first) || !slices.Equal(got[:len(first)], first) {
		t.Errorf("columns begin %v", got)
	}
}

func TestPropsServesSourcetypes(t *testing.T) {
	props := conf(t, "default/props.conf")
	for f, mode := range map[Format]string{PSV: "none", JSON: "json", KV: "auto"} {
		p := props[f.Sourcetype()]
		if p["KV_MODE"] != mode || p["SHOULD_LINEMERGE"] != "false" || p["LINE_BREAKER"] != `([\r\n]+)` || p["DATETIME_CONFIG"] != "NONE" || p["TRUNCATE"] == "" {
			t.Errorf("%s: %v", f.Sourcetype(), p)
		}
	}
	transforms := conf(t, "default/transforms.conf")
	if r := props["weir:flow"]["REPORT-weir_flow"]; transforms[r] == nil {
		t.Errorf("REPORT names %q, which transforms.conf hasn't", r)
	}
}

// inputs.conf and its spec know the arguments that --scheme announces.
func TestInputsHasArgs(t *testing.T) {
	spec := conf(t, "README/inputs.conf.spec")["weir://<name>"]
	inputs := conf(t, "default/inputs.conf")["weir"]
	for _, a := range args {
		if spec[a.name] == "" {
			t.Errorf("inputs.conf.spec lacks %s", a.name)
		}
		if v, ok := inputs[a.name]; ok && v != a.value {
			t.Errorf("inputs.conf has %s = %s, --scheme has %s", a.name, v, a.value)
		}
	}
	if len(spec) != len(args) {
		t.Errorf("inputs.conf.spec has %v", spec)
	}
}
