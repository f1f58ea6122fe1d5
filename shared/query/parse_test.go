package query

import (
	"errors"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/flow"
)

// usual holds a text against how String writes it.
func usual(t *testing.T, in, want string) {
	t.Helper()
	x, err := Parse(in)
	if err != nil {
		t.Errorf("%s: %v", in, err)
		return
	}
	if got := x.String(); got != want {
		t.Errorf("%s\n got %s\nwant %s", in, got, want)
	}
	if again, err := Parse(want); err != nil || again.String() != want {
		t.Errorf("%s becomes %v, %v", want, again, err)
	}
}

func TestPhrases(t *testing.T) {
	f := func(in, want string) { t.Helper(); usual(t, in, want) }
	f("", "any")
	f("  # nothing\n", "any")
	f("any", "any")
	f("src net 10.0.0.0/8 and dst port in [80 443] and proto tcp and bytes > 1k",
		"src net 10.0.0.0/8 and dst port in [80 443] and proto tcp and bytes > 1000")
	f("SRC NET 10.0.0.0/8 AND # web\n DST PORT IN [80, 443]", "src net 10.0.0.0/8 and dst port in [80 443]")
	f("host 10.0.0.1", "ip 10.0.0.1")
	f("src host 10.0.0.1", "src ip 10.0.0.1")
	f("ip in [10.0.0.0/24 2001:db8::/32]", "ip in [10.0.0.0/24 2001:db8::/32]")
	f("net 10.1.2.3/8", "net 10.0.0.0/8")
	f("net 10/8 or net 172.16/12", "net 10.0.0.0/8 or net 172.16.0.0/12")
	f("net 172.16.0.0 255.240.0.0", "net 172.16.0.0/12")
	f("ip ::ffff:10.0.0.1 or net ::ffff:10.0.0.0/104", "ip 10.0.0.1 or net 10.0.0.0/8")
	f("port 53", "port 53")
	f("port=53 || port==54", "port 53 or port 54")
	f("port gt 1023", "port > 1023")
	f("port 0x35", "port 53")
	f("port in [80 8000-8100]", "port in [80 8000-8100]")
	f("port 1000-2000", "port 1000-2000")
	f("src or dst port 53", "src port 53 or dst port 53")
	f("dst and src port > 53", "dst port > 53 and src port > 53")
	f("proto udp or proto 17 or proto 250 or proto ICMP6", "proto udp or proto udp or proto 250 or proto ipv6-icmp")
	f("flags S", "flags S")
	f("flags AS and not flags r", "flags SA and not flags R")
	f("flags S and not flags AFRPU", "flags S and not flags FRPAU")
	f("not (flags AF)", "not (flags FA)")
	f("flags X", "flags FSRPAU")
	f("flags = S or flags 2 or flags =2", "flags = S or flags = S or flags = S")
	f("flags != 0", "not flags = 0")
	f("tcp_flags = SA", "tcp_flags = SA")
	f("tos 46 or dscp EF or dscp 5", "tos 46 or dscp ef or dscp 5")
	f("in if 3 and out if 4 or if 5", "in if 3 and out if 4 or if 5")
	f("as 64500 or src as in [1 2] or next as 3 or prev as 4", "as 64500 or src as in [1 2] or next as 3 or prev as 4")
	f("vlan 10 or src vlan in [1-4094]", "vlan 10 or src vlan 1-4094")
	f("mac 00-00-5E-00-53-01 or src mac 0000.5e00.5301", "mac 00:00:5e:00:53:01 or src mac 00:00:5e:00:53:01")
	f("next ip 10.0.0.1 or bgpnext ip 10.0.0.2 or router ip 192.0.2.1", "next ip 10.0.0.1 or bgpnext ip 10.0.0.2 or exporter ip 192.0.2.1")
	f("exporter net 192.0.2.0/24", "exporter net 192.0.2.0/24")
	f("icmp-type 8 and icmp-code 0", "icmp-type 8 and icmp-code 0")
	f("packets > 100 and bytes 1M", "packets > 100 and bytes 1000000")
	f("pps > 10 and bps > 10m and bpp < 100", "pps > 10 and bps > 10000000 and bpp < 100")
	f("duration > 1000 or duration < 1500us or duration >= 1.5s or duration = 5min", "duration > 1s or duration < 1500us or duration >= 1500ms or duration 5min")
	f("ipv4 or inet6 or INET", "ipv4 or ipv6 or ipv4")
	f("asa event denied or nat event add or flowdir egress or dir 0", "asa event denied or nat event add or flowdir egress or flowdir ingress")
	f("fwdstat dropped or fwdstat in [64-127 130]", "fwdstat dropped or fwdstat in [forwarded 130]")
	f("src geo de or country in [US at]", `src country "DE" or country in ["US" "AT"]`)
	f("src nip 10.0.0.1 or xport 5", "src nat ip 10.0.0.1 or nat port 5")
}

func TestFields(t *testing.T) {
	f := func(in, want string) { t.Helper(); usual(t, in, want) }
	f("octetDeltaCount > 1000", "bytes > 1000")
	f("OCTETDELTACOUNT > 1000", "bytes > 1000")
	f("src_as = 64500", "src as 64500")
	f("exporter = 192.0.2.1", "exporter ip 192.0.2.1")
	f("sourceIPv6Address = 2001:db8::/32", "src net 2001:db8::/32")
	f("source.ip = 10.0.0.1", "src ip 10.0.0.1")
	f("dest_port 53", "dst port 53")
	f("flowStartSeconds > 2026-11-26T12:00:00+02:00", "start > 2026-11-26T10:00:00Z")
	f("start > 2026-11-26T12:00:00.5Z", "start > 2026-11-26T12:00:00.5Z")
	f(`app_name = dns or AppName ~ '^d"' or user in ["a b" c]`, `app_name = "dns" or app_name ~ '^d"' or user in ["a b" "c"]`)
	f(`app_name !~ x and user != "y"`, `not app_name ~ "x" and not user = "y"`)
	f("app_id = 3:53", "app_id = 3:53")
	f("natEvent = 4 or 4242_12345 exists or 0_230 1", "natEvent = 4 or 4242_12345 exists or natEvent = add")
	f("flowEndReason idle", "end_reason = idle")
	f("in_if exists and not user exists", "in if exists and not user exists")
	f("ether_type arp", "ether_type = arp")
	f("0_8 = 10.0.0.1", "src ip 10.0.0.1")
	f("samplingProbability > 0.5", "samplingProbability > 0.5")
	f("mibObjectValueInteger < -5", "mibObjectValueInteger < -5")
	f("systemInitTimeMilliseconds < 2026-11-26T12:00:00Z", "systemInitTimeMilliseconds < 2026-11-26T12:00:00Z")
	f("dataRecordsReliability true", "dataRecordsReliability = true")
	f("basicList exists", "basicList exists")
}

func TestPrecedence(t *testing.T) {
	f := func(in, want string) { t.Helper(); usual(t, in, want) }
	f("proto 1 or proto 2 and not proto 3", "proto icmp or proto igmp and not proto ggp")
	f("(proto 1 or proto 2) and proto 3", "(proto icmp or proto igmp) and proto ggp")
	f("not (proto 1 and proto 2) or ((proto 3))", "not (proto icmp and proto igmp) or proto ggp")
	f("((proto 1 and (proto 2 and proto 3)))", "proto icmp and proto igmp and proto ggp")
	f("!proto 1&&!(!proto 2||proto 3)", "not proto icmp and not (not proto igmp or proto ggp)")
}

// Each name of a column finds that column, unless it is a word of nfdump's.
func TestNames(t *testing.T) {
	words := map[string]bool{"vlan": true} // either VLAN
	ecs := map[string]bool{}
	for x := range flow.Fields {
		c := &flow.Fields[x]
		names := []string{c.Name, c.IPFIX, c.IPFIX6, c.Flat, c.CIM}
		for _, p := range c.ECS {
			if !ecs[p.Name] { // of two columns, the first has it
				names = append(names, p.Name)
			}
			ecs[p.Name] = true
		}
		for _, n := range names {
			if n == "" || words[n] {
				continue
			}
			q, ok := lookup(n)
			if !ok || q.Of != Column || len(q.Fields) != 1 || q.Fields[0] != flow.Field(x) || q.Shift != 0 {
				t.Errorf("%s of %s is %+v", n, c.Name, q)
			}
			if again, ok := lookup(q.Name); !ok || again != q {
				t.Errorf("%s is written as %s, which is %+v", n, q.Name, again)
			}
		}
	}
	for i := range phrases {
		if q := phrases[i].q; q.Kind == Number && q.Mask == 0 {
			t.Errorf("%s has no bits", q.Name)
		}
	}
}

func TestErrors(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		_, err := Parse(in)
		if err == nil {
			t.Errorf("%s: no error, want %s", in, want)
			return
		}
		if err.Error() != want {
			t.Errorf("%s\n got %s\nwant %s", in, err, want)
		}
		if s := new(SyntaxError); !errors.As(err, &s) {
			t.Errorf("%s: %T", in, err)
		}
	}
	f("src net 10/8 and prot tcp", `column 18: "prot" is no field: did you mean "proto"?`)
	f("octetDeltaCont > 5", `column 1: "octetDeltaCont" is no field: did you mean "octetDeltaCount"?`)
	f("natevent = 4", `column 1: "natevent" is no field: did you mean "natEvent"?`)
	f("src prot 80", `column 5: no field is called "src prot": did you mean "src port"?`)
	f("src 10.0.0.1", `column 5: no field is called "src 10.0.0.1": src ip, src host, src port, src as, src mask, …`)
	f("src", `column 1: "src" what? src ip, src host, src port, src as, src mask, …`)
	f("src or dst prot 80", `column 12: "src prot" is no field: did you mean "src port"?`)
	f("zzzzzz 4", `column 1: "zzzzzz" is no field`)
	f("port 80 adn proto tcp", `column 9: "and" or "or" is missing before "adn": did you mean "and"?`)
	f("port 80 proto tcp", `column 9: "and" or "or" is missing before "proto"`)
	f("(port 80 proto tcp)", `column 10: "and", "or" or ")" is missing before "proto"`)
	f("(port 80", `column 1: no ")" belongs to this`)
	f("port 80)", `column 8: no "(" belongs to this`)
	f("port 80 and", `column 12: something is missing at the end`)
	f("and port 80", `column 1: a field is missing before "and"`)
	f("port", `column 1: "port" what? A value is missing: port = 1`)
	f("proto and port 5", `column 1: "proto" what? A value is missing: proto = ipv4`)
	f("port > ", `column 8: a value of "port" is missing at the end: port = 1`)
	f("port > )", `column 8: a value of "port" is missing before ")": port = 1`)
	f("port 70000", `column 6: "70000" is above 65535, the highest that "port" can be`)
	f("port http", `column 6: "http" is no number`)
	f("port 99999999999999999999", `column 6: "99999999999999999999" is more than 64 bits hold`)
	f("bytes > 20000000t", `column 9: "20000000t" is more than 64 bits hold`)
	f("port 90-80", `column 6: "90-80" goes from the higher to the lower number`)
	f("port > 80-90", `column 8: "80-90" stands for several values: =, != and in compare it`)
	f("fwdstat < dropped", `column 11: "dropped" stands for several values: =, != and in compare it`)
	f("port in []", `column 9: the list is empty`)
	f("port in [80 443", `column 9: no "]" belongs to this`)
	f("port in [80 and", `column 13: "and" is no number`)
	f("proto tpc", `column 7: "tpc" is no value of "proto": did you mean "tcp"?`)
	f("proto nothing", `column 7: "nothing" is no value of "proto": a number, or hopopt, icmp, igmp, ggp, ipv4, …`)
	f("flags Q", `column 7: "Q" is no value of "flags": a number, or X`)
	f("ip example.com", `column 4: "example.com" is no address, and names are not looked up`)
	f("ip 10.0.0.256", `column 4: "10.0.0.256" is no address`)
	f("ip fe80::1/129", `column 4: "129" is no length of a network: 0 to 128`)
	f("net 10.0.0.0/33", `column 5: "33" is no length of a network: 0 to 32`)
	f("ip > 10.0.0.1", `column 4: "ip" has no order: =, != and in compare it`)
	f("net 10.0.0.0 255.0.255.0", `column 14: "and" or "or" is missing before "255.0.255.0"`)
	f("mac 00-11-22-33-44-5g", `column 5: "00-11-22-33-44-5g" is no MAC address: write it as 00:00:5e:00:53:01`)
	f("mac +0:11:22:33:44:55", `column 5: "+0:11:22:33:44:55" is no MAC address: write it as 00:00:5e:00:53:01`)
	f("mac 00:11", `column 5: "00:11" is no MAC address: write it as 00:00:5e:00:53:01`)
	f("start > yesterday", `column 9: "yesterday" is no time: write it as 2026-11-26T12:00:00Z`)
	f("start > 2300-01-01T00:00:00Z", `column 9: "2300-01-01T00:00:00Z" is not between 1678 and 2261`)
	f("duration > 5m", `column 12: "5m" could be minutes or a million: write min, or s and h`)
	f("duration > 5y", `column 12: "5y" is no length of time: write it as 10s, 1500ms or 5min`)
	f("duration exists", `column 10: "duration" is computed: ask for what it is computed from`)
	f("port ~ 80", `column 6: "port" is no text, and only texts are compared with a pattern`)
	f(`app_name ~ "("`, "column 12: missing closing ): `(`")
	f(`app_name ~ "(a{1000}){1000}"`, "column 12: invalid repeat count: `{1000}`")
	f(`app_name ~ "(abcdefghijklmnop){1000}"`, "column 12: the pattern is too large once its repetitions are written out")
	f(`app_name = "dns`, `column 12: no " ends what begins here`)
	f("port 80 % label", `column 9: "%" means nothing here; texts stand in quotes`)
	f("port 80 and\n  prot tcp", `line 2, column 3: "prot" is no field: did you mean "proto"?`)
	f("app_id = 5", `column 10: "5" is no application: write engine:selector, as 3:53`)
	f("basicList = 5", `column 13: "basicList" is a list: no more can be asked than whether it exists`)
	f("out bytes > 5", `column 1: no "out bytes" here: a record of both directions makes two flows here, each with bytes of its own`)
	f("ident x", `column 1: no "ident" here: exporters are told apart by "exporter ip"`)
	f("\xff", `column 1: "`+"\ufffd"+`" means nothing here; texts stand in quotes`)
	f("größe 4", `column 1: "größe" is no field`)
}

func TestCaret(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		_, err := Parse(in)
		s, ok := err.(*SyntaxError)
		if !ok {
			t.Fatalf("%s: %v", in, err)
		}
		if got := s.Caret(); got != want {
			t.Errorf("%q\n got\n%s\nwant\n%s", in, got, want)
		}
	}
	f("src net 10/8 and prot tcp", `
src net 10/8 and prot tcp
                 ^^^^`[1:])
	f("port 80 and\n\tprot tcp # no\nand any", `
 prot tcp # no
 ^^^^`[1:])
	f("port", `
port
^^^^`[1:])
	f("port 80 and ", `
port 80 and 
            ^`[1:])
	f("port\x1b[31m 80", `
port?[31m 80
    ^`[1:])
	f("größe 4", `
größe 4
^^^^^`[1:])
	f("port in ["+strings.Repeat("80 ", 100)+"x"+strings.Repeat(" 80", 100), "…"+strings.Repeat("80 ", 20)+"x"+strings.Repeat(" 80", 20)+"…\n"+strings.Repeat(" ", 61)+"^")
	f("x"+strings.Repeat("y", 1000), "x"+strings.Repeat("y", 119)+"…\n"+strings.Repeat("^", 120))
}

// Hostile texts end with an error, not with a deep stack or much memory.
func TestLimits(t *testing.T) {
	f := func(in string, ok bool) {
		t.Helper()
		if _, err := Parse(in); (err == nil) != ok {
			t.Errorf("%.60s… of %d octets: %v", in, len(in), err)
		}
	}
	f("any"+strings.Repeat(" ", MaxText-3), true)
	f("any"+strings.Repeat(" ", MaxText-2), false)
	f(strings.Repeat("(", MaxDepth)+"any"+strings.Repeat(")", MaxDepth), true)
	f(strings.Repeat("(", MaxDepth+1)+"any"+strings.Repeat(")", MaxDepth+1), false)
	f(strings.Repeat("not ", MaxDepth)+"any", true)
	f(strings.Repeat("!", MaxDepth+1)+"any", false)
	f(strings.Repeat("not (", MaxDepth)+"any", false)
	f("port in ["+strings.Repeat("1 ", MaxList)+"]", true)
	f("port in ["+strings.Repeat("1 ", MaxList+1)+"]", false)
	f(strings.Repeat("ttl 1 or ", MaxTerms-1)+"ttl 2", true)
	f(strings.Repeat("ttl 1 or ", MaxTerms)+"ttl 2", false)
	f(strings.Repeat(`user~"a{999}"or `, 20)+"any", false)
	f(`user ~ "`+strings.Repeat("a", maxPattern)+`"`, true)
	f(`user ~ "`+strings.Repeat("a", maxPattern+1)+`"`, false)
}
