package source

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func prefixes(t *testing.T, text string) (p Prefixes) {
	t.Helper()
	if err := p.add(text); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParseListen(t *testing.T) {
	f := func(text string, want Listen, key string) {
		t.Helper()
		got, err := ParseListen(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
		if again, err := ParseListen(got.String()); err != nil || again.HostPort() != got.HostPort() || again.String() != got.String() || again.Workers != got.Workers {
			t.Errorf("%s: as text %s, that is %+v, %v", text, got, again, err)
		}
		if got.Key() != key {
			t.Errorf("%s: key %q, want %q", text, got.Key(), key)
		}
	}
	f(":2055", Listen{Address: ":2055"}, "udp://:2055")
	f("udp://:2055", Listen{Address: "udp://:2055"}, "udp://:2055")
	f("127.0.0.1:0", Listen{Address: "127.0.0.1:0"}, "")
	f("[2001:db8::1]:2055", Listen{Address: "[2001:db8::1]:2055"}, "udp://[2001:db8::1]:2055")
	f("udp://:6343?protocol=sflow,netflow5&workers=2&allow=192.0.2.0/24,2001:db8::1&deny=192.0.2.9",
		Listen{Address: "udp://:6343", Protocol: 1<<0 | 1<<5, Workers: 2, Allow: prefixes(t, "192.0.2.0/24,2001:db8::1/128"), Deny: prefixes(t, "192.0.2.9/32")},
		"udp://:6343")
	f("udp://?socket=flows", Listen{Address: "udp://", Socket: "flows"}, "socket flows")
}

func TestParseListenErrors(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		_, err := ParseListen(text)
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: got error %v, want one with %q", text, err, w)
			}
		}
	}
	f("2055", `"2055" is not understood`, ":port")
	f("host:", "write host:port")
	f(":x2055", `port "x2055" is not a number`)
	f(":70000", `port "70000" is not a number`)
	f("sctp://:4739", "sctp is not supported", "udp://host:port")
	f("tcp://:4739?protocol=sflow", "only IPFIX comes over tcp")
	f("tls://:4740", "tls: write cert and key")
	f("dtls://:4740?cert=a&key=b&client_auth=require", "client_auth is require: write client_ca")
	f("tls://:4740?cert=a&key=b&client_auth=maybe", `client_auth is "maybe": write require, optional or none`)
	f("tls://:4740?cert=a&key=b&names=exporter.example.net", "names says who exporters must be: write client_ca")
	f("tcp://:4739?cert=a.pem", "has tls settings: write tls://")
	f(":2055?colour=red", `unknown option "colour"`, "protocol, workers")
	f(":2055?protocol=netflow4", `protocol "netflow4" is not known`, "write auto, netflow")
	f(":2055?workers=many", `workers is "many"`)
	f(":2055?workers=-1", "workers is -1")
	f(":2055?allow=10.0.0.0/33", `"10.0.0.0/33" is not a network`, "from 0 to 32")
	f(":2055?deny=here", `"here" is not a network`, "192.0.2.0/24")
	f(":2055?%zz", "options behind ?")
	f(":2055?cert=a.pem", "has tls settings: write dtls://")
}

func TestProtocols(t *testing.T) {
	f := func(text string, want Protocols, name string) {
		t.Helper()
		var p Protocols
		if err := p.UnmarshalText([]byte(text)); err != nil || p != want || p.String() != name {
			t.Errorf("%q: got %b, %v, %q, want %b, %q", text, p, err, p, want, name)
		}
	}
	f("", 0, "auto")
	f("auto", 0, "auto")
	f("netflow9", 1<<9, "netflow9")
	f("netflow, ipfix", netflow|1<<10, "netflow,ipfix")
	f("sflow,netflow5", 1<<0|1<<5, "netflow5,sflow")

	has := func(p Protocols, want bool, head ...byte) {
		t.Helper()
		if p.has(head) != want {
			t.Errorf("%s, datagram %v: got %t, want %t", p, head, !want, want)
		}
	}
	const sflow, ipfix = Protocols(1 << 0), Protocols(1 << 10)
	has(sflow, true, 0, 0, 0, 5)
	has(sflow, false, 0, 9)
	has(ipfix, true, 0, 10)
	has(ipfix, false, 0, 0, 0, 5)
	has(netflow, true, 0, 9)
	has(netflow, false, 0, 4)
	has(0, true, 0, 9)
	has(ipfix, true, 77, 9) // the decoder's fault
	has(ipfix, true, 0)
}

// What a relay must not send to: itself.
func TestHear(t *testing.T) {
	f := func(to string, want bool, listen ...string) {
		t.Helper()
		all, err := ParseListens(listen...)
		if err != nil {
			t.Fatal(err)
		}
		if got := all.Hear(netip.MustParseAddrPort(to)); got != want {
			t.Errorf("%s to %v: %v", to, listen, got)
		}
	}
	f("127.0.0.1:2055", true, ":2055")
	f("[::1]:2055", true, "tcp://:4739", "udp://[::]:2055")
	f("0.0.0.0:2055", true, "127.0.0.1:2055")
	f("192.0.2.1:2055", true, "192.0.2.1:2055")
	f("[::ffff:192.0.2.1]:2055", true, "192.0.2.1:2055")
	f("192.0.2.1:2055", false, ":2055")
	f("127.0.0.1:2056", false, ":2055")
	f("127.0.0.2:2055", false, "127.0.0.1:2055")
	f("127.0.0.1:4739", false, "tcp://:4739")
}

// Which two listeners one machine can't have at once.
func TestListenClashes(t *testing.T) {
	f := func(a, b string, want bool) {
		t.Helper()
		x, err := ParseListen(a)
		if err != nil {
			t.Fatal(err)
		}
		y, err := ParseListen(b)
		if err != nil {
			t.Fatal(err)
		}
		if x.Clashes(y) != want || y.Clashes(x) != want {
			t.Errorf("%s and %s: clash %v, want %v", a, b, !want, want)
		}
	}
	f(":2055", "udp://:2055", true)
	f(":2055", "0.0.0.0:2055", true)
	f(":2055", "[::]:2055", true)
	f(":2055", "127.0.0.1:2055?protocol=sflow", true)
	f("127.0.0.1:2055", "[::ffff:127.0.0.1]:2055", true)
	f("127.0.0.1:2055", "127.0.0.2:2055", false)
	f("127.0.0.1:2055", "[::1]:2055", false)
	f(":2055", ":2056", false)
	f(":4739", "tcp://:4739", false)
	f("127.0.0.1:0", "127.0.0.1:0", false)
	f("?socket=flows", "?socket=flows", true)
	f("?socket=flows", ":2055", false)
}
