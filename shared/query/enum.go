package query

import (
	"strings"

	"github.com/weirflow/weir/shared/flow"
)

// A name is a word for values from lo to hi.
type name struct {
	text   string
	lo, hi uint64
}

// fieldNames are the values of columns that have names. Of several for a value,
// String writes the first.
var fieldNames = map[flow.Field][]name{
	flow.FieldProto:     protoNames(),
	flow.FieldDirection: {{"ingress", 0, 0}, {"egress", 1, 1}, {"in", 0, 0}, {"out", 1, 1}},
	flow.FieldTCPFlags:  flagNames,
	flow.FieldEtherType: {{"ipv4", 0x0800, 0x0800}, {"arp", 0x0806, 0x0806}, {"ipv6", 0x86dd, 0x86dd}, {"mpls", 0x8847, 0x8847}, {"lldp", 0x88cc, 0x88cc}},
	flow.FieldVersion:   {{"ipfix", 10, 10}, {"sflow", 105, 105}},
	// RFC 5102 §5.11.3.
	flow.FieldEndReason: {{"idle", 1, 1}, {"active", 2, 2}, {"end", 3, 3}, {"forced", 4, 4}, {"resources", 5, 5}},
	// RFC 7270 §4.12: the upper two bits say what became of the packets, the
	// others why.
	flow.FieldFwdStatus: {{"unknown", 0, 63}, {"forwarded", 64, 127}, {"dropped", 128, 191}, {"consumed", 192, 255}},
	// IANA's registry of firewallEvent, and nfdump's words.
	flow.FieldFwEvent: {
		{"ignore", 0, 0}, {"created", 1, 1}, {"deleted", 2, 2}, {"denied", 3, 3}, {"alert", 4, 4}, {"update", 5, 5},
		{"create", 1, 1}, {"delete", 2, 2}, {"term", 2, 2}, {"deny", 3, 3},
	},
}

// elementNames are the values with names of IANA's elements without a column.
var elementNames = map[uint16][]name{
	230: {{"add", 1, 1}, {"create", 1, 1}, {"delete", 2, 2}}, // nfdump's words
}

// dscpNames are those of RFC 2474, 2597, 3246 and 8622.
var dscpNames = []name{
	{"cs0", 0, 0}, {"le", 1, 1}, {"cs1", 8, 8}, {"af11", 10, 10}, {"af12", 12, 12}, {"af13", 14, 14},
	{"cs2", 16, 16}, {"af21", 18, 18}, {"af22", 20, 20}, {"af23", 22, 22},
	{"cs3", 24, 24}, {"af31", 26, 26}, {"af32", 28, 28}, {"af33", 30, 30},
	{"cs4", 32, 32}, {"af41", 34, 34}, {"af42", 36, 36}, {"af43", 38, 38},
	{"cs5", 40, 40}, {"ef", 46, 46}, {"cs6", 48, 48}, {"cs7", 56, 56},
}

func protoNames() (all []name) {
	for p := range uint64(256) {
		if s := flow.ProtoName(uint8(p)); s != "" {
			all = append(all, name{s, p, p})
		}
	}
	return append(all, name{"icmp6", 58, 58}, name{"icmpv6", 58, 58}, name{"ospf", 89, 89}, name{"ipip4", 4, 4})
}

// flagLetters are the TCP flags from the lowest bit up: FIN, SYN, RST, PSH, ACK,
// URG, ECE, CWR.
const flagLetters = "FSRPAUEC"

// flagNames marks quantities whose values are written as letters of flags; X is
// all of the first six, as nfdump has it.
var flagNames = []name{{"X", 63, 63}}

// flagBits reads letters of TCP flags.
func flagBits(s string) (bits uint64, ok bool) {
	for _, c := range []byte(strings.ToUpper(s)) {
		if c == 'X' {
			bits |= 63
			continue
		}
		i := strings.IndexByte(flagLetters, c)
		if i < 0 {
			return 0, false
		}
		bits |= 1 << i
	}
	return bits, s != ""
}

// flagText writes them, the lowest first, and nothing where they are none.
func flagText(bits uint64) string {
	if bits>>len(flagLetters) != 0 {
		return ""
	}
	var s []byte
	for i := range flagLetters {
		if bits>>i&1 != 0 {
			s = append(s, flagLetters[i])
		}
	}
	return string(s)
}
