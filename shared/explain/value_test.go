package explain

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/flowtest"
	"github.com/weirflow/weir/shared/ie"
)

// valueOf explains a value of an element in an IPFIX record, and returns what
// stands behind its name.
func valueOf(t *testing.T, pen uint32, id uint16, v ...byte) string {
	t.Helper()
	field := []flowtest.Field{flowtest.F(pen, id, uint16(len(v)))}
	x := explained(flowtest.Packet(10, 1, flowtest.Template(10, 256, field), flowtest.Set(256, v)))
	n := x.Root.Children[len(x.Root.Children)-1] // the set
	n = n.Children[len(n.Children)-1].Children[0]
	w := writer{data: x.Octets}
	value, text := w.value(n)
	return strings.TrimSpace(value + " " + text)
}

func TestValues(t *testing.T) {
	f := func(want string, pen uint32, id uint16, v ...byte) {
		t.Helper()
		if got := valueOf(t, pen, id, v...); got != want {
			t.Errorf("element %d/%d of %x is %q, want %q", pen, id, v, got, want)
		}
	}
	f("192.0.2.1", 0, 8, 192, 0, 2, 1)
	f("not ipv4Address", 0, 8, 192, 0)
	f("1 octet", 0, 1, 0, 0, 0, 1)
	f("300 octets", 0, 1, 1, 44)
	f("6 tcp", 0, 4, 6)
	f("250", 0, 4, 250)
	f("184 DSCP 46 EF", 0, 5, 184)
	f("3 DSCP 0 CS0, ECN CE", 0, 5, 3)
	f("18 SYN ACK", 0, 6, 0, 18)
	f("771 destination unreachable, port", 0, 32, 3, 3)
	f("34560 neighbor solicitation, code 0", 0, 139, 135, 0)
	f("2 active timeout", 0, 136, 2)
	f("3 flow denied", 0, 233, 3)
	f("66 forwarded, not fragmented", 0, 89, 66)
	f("1 egress", 0, 61, 1)
	f("4 NAT44 session create", 0, 230, 4)
	f("34525 IPv6", 0, 256, 0x86, 0xdd)
	f("3 random n-out-of-N", 0, 304, 0, 3)
	f("18 ipv4Address", 0, 339, 18)
	f("PANA-L7 453", 0, 95, 13, 0, 1, 197)
	f("label 1027, TC 3, bottom", 0, 70, 0, 0x40, 0x37)
	f("2026-11-22T00:00:00Z", 0, 150, 0x6b, 0x02, 0x30, 0x80)
	f("2026-11-22T00:00:00.004Z", 0, 152, 0x00, 0x00, 0x01, 0xa2, 0x00, 0x8d, 0x74, 0x04)
	f("1000 µs before the export: 2026-11-21T23:59:59.999Z", 0, 158, 0, 0, 3, 232)
	f("1000 ms since boot", 0, 22, 0, 0, 3, 232)
	f(`"eth0"`, 0, 82, 'e', 't', 'h', '0', 0, 0)
	f("true", 0, 276, 1)
	f("00:00:5e:00:53:01", 0, 56, 0, 0, 0x5e, 0, 0x53, 1)
	f("258 unknown element", 65520, 77, 1, 2)
	f("5 octets", ie.ReversePEN, 1, 0, 0, 0, 5)
}

// Text of an exporter's can't act on a terminal.
func TestValuesAreSafe(t *testing.T) {
	f := func(want, v string) {
		t.Helper()
		if got := valueOf(t, 0, 82, []byte(v)...); got != want {
			t.Errorf("%q is %s, want %s", v, got, want)
		}
	}
	f(`"\u001b[31mred\u0007"`, "\x1b[31mred\a")
	f(`"a\u009bb"`, "a\u009bb")
	f(`"\u202egnp.exe"`, "\u202egnp.exe")
	f(`"\u2066\u200b\ufeff"`, "\u2066\u200b\ufeff")
	f(`"\udb40\udc41"`, "\U000e0041")
	f(`"bücher �"`, "bücher \xff")
	f(`"\"\\"`, `"\`)
}

// The lists of RFC 6313, one within the other, element by element.
func TestLists(t *testing.T) {
	lists := []flowtest.Field{flowtest.F(0, 291, 0xffff), flowtest.F(0, 292, 0xffff), flowtest.F(0, 293, 0xffff)}
	x := explained(flowtest.Packet(10, 1, flowtest.Template(10, 260, lists), flowtest.Set(260, listsRecord(1))))
	covered(t, x)
	if len(x.Faults) > 0 || x.Flows != 1 {
		t.Errorf("%d faults, %d flows", len(x.Faults), x.Flows)
	}
	if got := texts(x, "sourceIPv4Address"); !slices.Equal(got, []string{
		"002c 00 08 00 04 list of sourceIPv4Address 4 octets each IE 8",
		"0030 c0 00 02 01 sourceIPv4Address 192.0.2.1 IE 8",
		"0034 c0 00 02 02 sourceIPv4Address 192.0.2.2 IE 8",
		"0042 00 08 00 04 list of sourceIPv4Address 4 octets each IE 8",
		"0046 c0 00 02 01 sourceIPv4Address 192.0.2.1 IE 8",
		"004a c0 00 02 02 sourceIPv4Address 192.0.2.2 IE 8",
	}) {
		t.Errorf("%q", got)
	}
	if got := texts(x, "§4.5.3"); len(got) != 2 || !strings.Contains(got[0], "2 lists") {
		t.Errorf("%q", got)
	}
}

// Elements of the reverse direction go by RFC 5103, enterprise's by both
// numbers.
func TestRefs(t *testing.T) {
	fields := []flowtest.Field{flowtest.F(ie.ReversePEN, 1, 4), flowtest.F(9, 1, 2), flowtest.F(0, 8, 4)}
	x := explained(flowtest.Packet(10, 1, flowtest.Template(10, 256, fields)))
	for name, ref := range map[string]string{"reverseOctetDeltaCount": "RFC 5103, IE 1", "9_1": "IE 9/1", "sourceIPv4Address": "IE 8"} {
		if got := texts(x, name); len(got) != 1 || !strings.HasSuffix(got[0], ref) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestRecords(t *testing.T) {
	data := flowtest.New(1).V5(30)
	f := func(n, records int, more string) {
		t.Helper()
		x := explained(data)
		out := x.AppendText(nil, "", Style{Records: n})
		if got := bytes.Count(out, []byte("octets                record ")); got != records {
			t.Errorf("%d: %d records, want %d", n, got, records)
		}
		if more != "" && !bytes.Contains(out, []byte(more)) {
			t.Errorf("%d: no %q", n, more)
		}
	}
	f(0, 2+noted(data), "")
	f(-1, 30, "")
	f(100, 30, "")
	clean := bytes.Clone(data)
	for i := range 30 { // neither ends before it starts nor has padding
		r := clean[24+48*i:]
		copy(r[28:32], r[24:28])
		r[36], r[46], r[47] = 0, 0, 0
	}
	data = clean
	f(0, 2, "… 28 records more")
	f(1, 1, "… 29 records more")
	f(5, 5, "… 25 records more")
	data[24+48*15+46] = 1
	f(0, 3, "… 14 records more")
}

// noted counts the records in the middle of a v5 datagram that have a note.
func noted(data []byte) (n int) {
	x := explained(data)
	for _, c := range x.Root.Children[2 : len(x.Root.Children)-1] {
		if c.odd() {
			n++
		}
	}
	return n
}

func TestStyle(t *testing.T) {
	x := explained(flowtest.Packet(10, 1, flowtest.Set(256, make([]byte, 100))))
	plain := x.AppendText(nil, "title", Style{})
	if bytes.ContainsRune(plain, '\x1b') {
		t.Error("colour without being asked for")
	}
	colored := x.AppendText(nil, "title", Style{Color: true})
	if !bytes.Contains(colored, []byte(red+"FAULT no_template"+reset)) {
		t.Error("the fault is not red")
	}
	bare := colored
	for _, c := range []string{bold, dim, red, yellow, cyan, reset} {
		bare = bytes.ReplaceAll(bare, []byte(c), nil)
	}
	if !bytes.Equal(bare, plain) {
		t.Error("colours change the text")
	}
	if !bytes.Contains(plain, []byte("… 68 octets more")) || bytes.Contains(x.AppendText(nil, "", Style{Full: true}), []byte("more")) {
		t.Error("long values are not cut, or not whole where they should be")
	}
	for line := range bytes.Lines(plain) {
		if n := len([]rune(string(line))); n > width+1 {
			t.Errorf("%d characters in %q", n, line)
		}
	}
}

func TestJSON(t *testing.T) {
	x := explained(flowtest.Packet(10, 1, flowtest.Set(256, []byte{1, 2, 3, 4})))
	text, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		From, Protocol, Octets string
		Flows                  int
		Root                   struct {
			Length   int
			Children []struct {
				Offset, Length int
				Name, Ref      string
				Fault          struct{ Kind, Text, Ref string }
				Children       []struct {
					Offset int
					Name   string
					Value  int
				}
			}
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.From != "192.0.2.1:40000" || got.Protocol != "IPFIX" || len(got.Octets) != 48 || got.Root.Length != 24 || len(got.Root.Children) != 2 {
		t.Fatalf("%s", text)
	}
	set := got.Root.Children[1]
	if set.Offset != 16 || set.Length != 8 || set.Fault.Kind != "no_template" || set.Ref != "RFC 7011 §3.4.3" || set.Children[0].Value != 256 {
		t.Errorf("%+v", set)
	}
}
