package addon

import (
	"encoding/csv"
	"strings"
	"testing"
)

// What a lookup gives, by its first columns: flags by RFC 9293 and RFC 3540, code
// points by RFC 2474, 2597, 3246 and 8622, messages by the registries of ICMP and
// ICMPv6.
func TestLookups(t *testing.T) {
	made, err := Files("../../..")
	if err != nil {
		t.Fatal(err)
	}
	f := func(table, key, want string) {
		t.Helper()
		rows, err := csv.NewReader(strings.NewReader(string(made["lookups/weir_"+table+".csv"]))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, r := range rows {
			if rest, ok := strings.CutPrefix(strings.Join(r, ","), key+","); ok {
				if got != "" {
					t.Errorf("%s: %s is there twice", table, key)
				}
				got = rest
			}
		}
		if got != want {
			t.Errorf("%s: %s is %q, want %q", table, key, got, want)
		}
	}
	f("tcp_flags", "0", "none")
	f("tcp_flags", "2", "SYN")
	f("tcp_flags", "18", "SYN ACK")
	f("tcp_flags", "255", "SYN ACK PSH FIN RST URG ECE CWR")
	f("tcp_flags", "450", "SYN ECE CWR NS")
	f("dscp", "0", "CS0 (default)")
	f("dscp", "1", "LE")
	f("dscp", "10", "AF11")
	f("dscp", "38", "AF43")
	f("dscp", "46", "EF")
	f("dscp", "48", "CS6")
	f("dscp", "63", "DSCP 63")
	f("protocols", "6", "tcp,unknown")
	f("protocols", "58", "icmp,ipv6-icmp")
	f("protocols", "47", "gre,gre")
	f("protocols", "254", "ip-254,ip-254")
	f("ports", "6,443", "https")
	f("ports", "17,53", "domain")
	f("icmp", "1,3,3", "destination unreachable: port")
	f("icmp", "1,11,0", "time exceeded: in transit")
	f("icmp", "58,1,4", "destination unreachable: port")
	f("icmp", "58,4,10", "parameter problem: option too big")
	f("icmp", "58,135,0", "neighbor solicitation")
	f("icmp", "58,143,0", "multicast listener report v2")
	f("icmp", "58,155,0", "RPL control")
}
