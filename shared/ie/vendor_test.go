package ie

import (
	"strings"
	"testing"
)

// Facts of vendors' elements, each written down from the list it is in, apart
// from the CSV files.
func TestVendors(t *testing.T) {
	pens := map[uint32]bool{}
	n := 0
	f := func(pen uint32, id uint16, typ Type, sem Semantics, name, units string) {
		t.Helper()
		pens[pen] = true
		n++
		want := Element{pen, id, typ, sem, name, units}
		if got, ok := Lookup(pen, id); !ok || got != want {
			t.Errorf("Lookup(%d, %d) = %+v, %v; want %+v", pen, id, got, ok, want)
		}
		if got, ok := ByName(name); !ok || got.Name != name || got.PEN > pen {
			t.Errorf("ByName(%q) = %+v, %v; want the element of enterprise %d or a lower one", name, got, ok, pen)
		}
	}
	// CERT IPFIX Registry, 2020-01-31; the reverse ones with bit 0x4000.
	f(6871, 14, Unsigned16, Flags, "initialTCPFlags", "")
	f(6871, 33, Unsigned16, Identifier, "silkAppLabel", "")
	f(6871, 18, OctetArray, Default, "payload", "")
	f(6871, 16398, Unsigned16, Flags, "reverseInitialTCPFlags", "")
	f(6871, 500, Unsigned32, TotalCounter, "smallPacketCount", "packets")
	f(6871, 111, String, Default, "certHttpUserAgent", "") // httpUserAgent is IANA's 468
	// libfds
	f(9, 4315, Unsigned32, Identifier, "tcpWindowSizeMin", "octets")
	f(9, 8337, Unsigned64, Default, "serverBytesNetwork", "octets")
	f(9, 12235, String, Default, "appHTTPHost", "")
	f(9, 12236, IPv4Address, Identifier, "clientIPv4Address", "")
	f(5951, 128, Unsigned32, Quantity, "roundTripTime", "milliseconds")
	f(5951, 129, Unsigned32, Identifier, "transactionId", "")
	f(5951, 130, String, Default, "httpReqUrl", "")
	f(5951, 133, Unsigned32, Identifier, "connectionId", "")
	f(5951, 205, String, Default, "aaaUsername", "")
	f(8057, 1, Unsigned8, Default, "DNSRCode", "")
	f(8057, 2, String, Default, "DNSName", "")
	f(8057, 5, Unsigned32, Default, "DNSRRTTL", "")
	f(8057, 100, Unsigned16, Default, "SIPMsgType", "")
	f(16982, 0, Unsigned8, Default, "sourceGeo", "")
	f(16982, 102, String, Default, "HTTPDomain", "")
	f(39499, 1, String, Default, "httpHost", "")
	f(39499, 4, Unsigned16, Default, "httpMethodMask", "")
	f(39499, 32, Unsigned8, Default, "voipPacketType", "")
	// NetGauze
	f(637, 91, Unsigned16, Identifier, "aluInsideServiceId", "")
	f(637, 93, String, Identifier, "aluNatSubString", "")
	f(2011, 2, Unsigned16, Identifier, "egressGponGemPortId", "")
	f(3746, 1, DateTimeSeconds, Default, "windowStart", "seconds")
	f(6876, 880, Unsigned8, Identifier, "tenantProtocol", "")
	f(6876, 881, IPv4Address, Default, "tenantSourceIPv4", "")
	// logstash-codec-netflow
	f(3054, 110, Unsigned32, Default, "ixiaL7AppId", "")
	f(3054, 111, String, Default, "ixiaL7AppName", "")
	f(10704, 1, Unsigned32, Default, "Timestamp", "")
	f(10704, 3, Unsigned8, Default, "TrafficType", "")
	f(15397, 1, String, Default, "proceraService", "")
	f(15397, 3, Unsigned64, Default, "proceraIncomingOctets", "")
	f(21373, 6, Unsigned32, Default, "conntrackId", "")
	f(41916, 4321, Unsigned64, Default, "viptelaVPNId", "")
	// ElastiFlow
	f(6321, 2, Unsigned32, Default, "calixShelf", "")
	f(8741, 3, MACAddress, Default, "sonicInitiatorGwMac", "")
	f(8741, 5, IPv4Address, Default, "sonicInitiatorIp", "")
	f(12276, 3, Unsigned64, Default, "f5FlowId", "")
	f(12276, 6, IPv6Address, Default, "f5BigipMgmtIpv6Addr", "")
	f(13745, 100, IPv4Address, Default, "plixerClientIpv4Addr", "")
	f(26866, 207, IPv4Address, Default, "gigamonDnsRespIpv4Addr", "")
	f(43874, 4, Unsigned64, Default, "pmacctTag4", "")
	f(45346, 12317, Float32, Default, "velocloudLossPercentOut", "")
	// ntop's guide
	f(35632, 101, String, Default, "ntopSrcIpCountry", "")
	f(35632, 119, String, Default, "ntopL7ProtoName", "")
	// NetFlow v9, without an enterprise number
	f(0, 33000, OctetArray, Default, "ingressAclId", "")
	f(0, 33002, Unsigned16, Default, "firewallEventExtended", "")
	f(0, 40000, String, Default, "ciscoUserName", "") // userName is IANA's 371
	f(0, 40001, IPv4Address, Default, "xlateSrcAddrIpv4", "")
	f(0, 40003, Unsigned16, Default, "xlateSrcPort", "")
	f(0, 40005, Unsigned8, Default, "fwEvent", "")
	f(0, 56701, String, Default, "panApp", "")
	f(0, 56702, String, Default, "panUser", "")
	if n < 40 || len(pens) < 10 {
		t.Errorf("%d facts of %d enterprises; want 40 of 10", n, len(pens))
	}
}

// A key is the name alone: no vendor may have one of IANA's, or a record with
// both would say it twice.
func TestNamesApart(t *testing.T) {
	type key struct {
		pen  uint32
		name string
	}
	seen := map[key]bool{}
	iana := map[string]bool{}
	for e := range All() {
		if k := (key{e.PEN, e.Name}); seen[k] {
			t.Errorf("enterprise %d has two elements named %s", e.PEN, e.Name)
		} else {
			seen[k] = true
		}
		if e.PEN == 0 && e.ID <= maxID {
			iana[e.Name] = true
			iana[reverseName(e.Name)] = true
		} else if iana[e.Name] {
			t.Errorf("%d of enterprise %d has IANA's name %s", e.ID, e.PEN, e.Name)
		}
		if strings.Contains(strings.ToLower(e.Name), "unknown") && e.PEN == 5951 {
			t.Errorf("%d of enterprise %d is listed without a real name: %s", e.ID, e.PEN, e.Name)
		}
		if err := e.check(); err != nil {
			t.Errorf("%+v: %v", e, err)
		}
	}
}

func TestNoReverseOfV9(t *testing.T) {
	for id := maxID + 1; id < 1<<16; id++ {
		if e, ok := Lookup(ReversePEN, uint16(id)); ok {
			t.Fatalf("Lookup(ReversePEN, %d) = %+v; want none", id, e)
		}
	}
	if e, ok := ByName("reverseFirewallEventExtended"); ok {
		t.Errorf("ByName finds %+v; want none", e)
	}
}
