package addon

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"github.com/weirflow/weir/shared/flow"
)

// lookups makes the CSV files. ports are IANA's names of services, as
// collector/enrich has them: name,port,transport.
func lookups(ports string) (map[string][]byte, error) {
	made := map[string][]byte{}
	put := func(name string, rows [][]string) {
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.WriteAll(rows) // a Buffer returns no errors
		made["lookups/weir_"+name+".csv"] = b.Bytes()
	}
	put("protocols", protocols())
	services, err := services(ports)
	if err != nil {
		return nil, err
	}
	put("ports", services)
	put("tcp_flags", tcpFlags())
	put("dscp", dscp())
	put("icmp", icmp())
	return made, nil
}

// protocols gives each protocol its transport for CIM, and a name for app. A
// port that has no name says nothing of TCP's application.
func protocols() [][]string {
	rows := [][]string{{"protocol_number", "transport", "app"}}
	for n := range 256 {
		name := flow.ProtoName(uint8(n))
		if name == "" {
			name = "ip-" + strconv.Itoa(n)
		}
		transport, app := name, name
		switch name {
		case "tcp", "udp", "sctp", "dccp", "udplite":
			app = "unknown"
		case "ipv6-icmp":
			transport = "icmp"
		}
		rows = append(rows, []string{strconv.Itoa(n), transport, app})
	}
	return rows
}

func services(ports string) ([][]string, error) {
	rows := [][]string{{"protocol_number", "port", "app"}}
	numbers := map[string]string{}
	for n := range 256 {
		if name := flow.ProtoName(uint8(n)); name != "" {
			numbers[name] = strconv.Itoa(n)
		}
	}
	for line := range strings.Lines(ports) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		cells := strings.Split(line, ",")
		if len(cells) != 3 || numbers[cells[2]] == "" {
			return nil, fmt.Errorf("port.csv has the line %q", line)
		}
		rows = append(rows, []string{numbers[cells[2]], cells[1], cells[0]})
	}
	return rows, nil
}

// tcpFlags names the flags of each value (RFC 9293, RFC 3540), in the order in which
// a connection shows them.
func tcpFlags() [][]string {
	rows := [][]string{{"tcp_flags", "tcp_flags_text"}}
	names := []struct {
		bit  int
		name string
	}{{2, "SYN"}, {16, "ACK"}, {8, "PSH"}, {1, "FIN"}, {4, "RST"}, {32, "URG"}, {64, "ECE"}, {128, "CWR"}, {256, "NS"}}
	for n := range 512 {
		var set []string
		for _, f := range names {
			if n&f.bit != 0 {
				set = append(set, f.name)
			}
		}
		if set == nil {
			set = []string{"none"}
		}
		rows = append(rows, []string{strconv.Itoa(n), strings.Join(set, " ")})
	}
	return rows
}

// dscp has IANA's registry of code points; the others go by their number.
func dscp() [][]string {
	names := map[int]string{0: "CS0 (default)", 1: "LE", 44: "VOICE-ADMIT", 45: "NQB", 46: "EF"}
	for class := 1; class < 8; class++ {
		names[class*8] = fmt.Sprintf("CS%d", class)
	}
	for class := 1; class < 5; class++ {
		for drop := 1; drop < 4; drop++ {
			names[class*8+drop*2] = fmt.Sprintf("AF%d%d", class, drop)
		}
	}
	rows := [][]string{{"dscp", "dscp_name"}}
	for n := range 64 {
		name := names[n]
		if name == "" {
			name = "DSCP " + strconv.Itoa(n)
		}
		rows = append(rows, []string{strconv.Itoa(n), name})
	}
	return rows
}

// icmp has IANA's types and codes of ICMP and ICMPv6, without the deprecated.
func icmp() [][]string {
	rows := [][]string{{"protocol_number", "icmp_type", "icmp_code", "icmp_text"}}
	add := func(proto, kind int, name string, codes ...string) {
		if codes == nil {
			codes = []string{""}
		}
		for i, c := range codes {
			text := name
			if c != "" {
				text += ": " + c
			}
			rows = append(rows, []string{strconv.Itoa(proto), strconv.Itoa(kind), strconv.Itoa(i), text})
		}
	}
	add(1, 0, "echo reply")
	add(1, 3, "destination unreachable", "network", "host", "protocol", "port", "fragmentation needed", "source route failed",
		"network unknown", "host unknown", "source host isolated", "network prohibited", "host prohibited",
		"network for this type of service", "host for this type of service", "communication prohibited", "host precedence", "precedence cutoff")
	add(1, 4, "source quench")
	add(1, 5, "redirect", "network", "host", "type of service and network", "type of service and host")
	add(1, 8, "echo request")
	add(1, 9, "router advertisement")
	add(1, 10, "router solicitation")
	add(1, 11, "time exceeded", "in transit", "in reassembly")
	add(1, 12, "parameter problem", "pointer", "option missing", "bad length")
	add(1, 13, "timestamp request")
	add(1, 14, "timestamp reply")
	add(1, 42, "extended echo request")
	add(1, 43, "extended echo reply", "", "malformed query", "no such interface", "no such entry", "several interfaces")
	add(58, 1, "destination unreachable", "no route", "prohibited", "beyond scope", "address", "port", "source address policy", "route rejected", "source routing header", "headers too long")
	add(58, 2, "packet too big")
	add(58, 3, "time exceeded", "in transit", "in reassembly")
	add(58, 4, "parameter problem", "header field", "next header", "option", "first fragment incomplete", "upper layer of segment routing",
		"next header at a router", "extension header too big", "header chain too long", "too many extension headers", "too many options", "option too big")
	add(58, 128, "echo request")
	add(58, 129, "echo reply")
	add(58, 130, "multicast listener query")
	add(58, 131, "multicast listener report")
	add(58, 132, "multicast listener done")
	add(58, 133, "router solicitation")
	add(58, 134, "router advertisement")
	add(58, 135, "neighbor solicitation")
	add(58, 136, "neighbor advertisement")
	add(58, 137, "redirect")
	add(58, 138, "router renumbering", "command", "result")
	add(58, 139, "node information query", "address", "name", "IPv4 address")
	add(58, 140, "node information response", "success", "refused", "unknown")
	add(58, 141, "inverse neighbor solicitation")
	add(58, 142, "inverse neighbor advertisement")
	add(58, 143, "multicast listener report v2")
	add(58, 144, "home agent request")
	add(58, 145, "home agent reply")
	add(58, 146, "mobile prefix solicitation")
	add(58, 147, "mobile prefix advertisement")
	add(58, 148, "certification path solicitation")
	add(58, 149, "certification path advertisement")
	add(58, 151, "multicast router advertisement")
	add(58, 152, "multicast router solicitation")
	add(58, 153, "multicast router termination")
	add(58, 154, "fast handover")
	add(58, 155, "RPL control")
	add(58, 156, "ILNPv6 locator update")
	add(58, 157, "duplicate address request")
	add(58, 158, "duplicate address confirmation")
	add(58, 159, "MPL control")
	add(58, 160, "extended echo request")
	add(58, 161, "extended echo reply", "", "malformed query", "no such interface", "no such entry", "several interfaces")
	return rows
}
