package enrich

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/sflow"
	"github.com/weirflow/weir/shared/template"
)

func TestAnonymise(t *testing.T) {
	const hostile = "198.51.100.9"
	record := func() (*flow.Batch, *flow.Flow) {
		var b flow.Batch
		f := add(&b, flow.Flow{
			Exporter: exporter, SrcAddr: addr("10.1.2.3"), DstAddr: addr("2001:db8:1:2:3::4"), NATSrcAddr: addr("192.0.2.77"),
			NextHop: addr(hostile), SrcMAC: 1, DstMAC: 2, User: b.Strings.Intern([]byte("me")),
		}, flow.FieldSrcAddr, flow.FieldDstAddr, flow.FieldNATSrcAddr, flow.FieldNextHop, flow.FieldSrcMAC, flow.FieldDstMAC, flow.FieldUser)
		return &b, f
	}
	f := func(anonymise, want string) {
		t.Helper()
		s := stage(t, parse(t, "home: [10.0.0.0/8]\nnetworks: [{prefix: 10.1.2.3, name: one}]\nanonymise: "+anonymise), nil)
		b, f := record()
		s.Apply(b)
		got := fmt.Sprint(f.SrcAddr, f.DstAddr, f.NATSrcAddr, f.NATDstAddr, f.NextHop, f.SrcMAC, f.DstMAC, f.User != 0, f.Set.Has(flow.FieldUser), f.Set.Has(flow.FieldSrcMAC))
		if got = strings.ReplaceAll(got, hostile, "hop"); got != want {
			t.Errorf("%s:\n got %s\nwant %s", anonymise, got, want)
		}
		if string(b.Strings.Get(flow.Str(f.SrcNet))) != "one" {
			t.Error("names come after the address is hidden")
		}
		if f.Exporter != exporter {
			t.Errorf("exporter is %s", f.Exporter)
		}
	}
	key := hex.EncodeToString(sampleKey)
	f("{mode: none}", "10.1.2.3 2001:db8:1:2:3::4 192.0.2.77 :: hop 1 2 true true true")
	f("{mode: truncate}", "10.1.2.0 2001:db8:1:: 192.0.2.0 :: hop 1 2 true true true")
	f("{mode: truncate, ipv4: 8, ipv6: 32, columns: [src]}", "10.0.0.0 2001:db8:1:2:3::4 192.0.2.77 :: hop 1 2 true true true")
	f("{mode: truncate, columns: [dst, next_hop, mac, user]}", "10.1.2.3 2001:db8:1:: 192.0.2.77 :: 198.51.100.0 0 0 false false false")
	f("{mode: truncate, home_only: true}", "10.1.2.0 2001:db8:1:2:3::4 192.0.2.77 :: hop 1 2 true true true")
	src, dst := addr("10.1.2.3"), addr("2001:db8:1:2:3::4")
	v := sampleVeil(t)
	v.hide(&src)
	v.hide(&dst)
	f("{mode: cryptopan, columns: [src, dst], key: "+key+"}", fmt.Sprint(src, dst)+" 192.0.2.77 :: hop 1 2 true true true")
	f("{mode: cryptopan, columns: [src], key_file: "+file(t, "key", strings.ToUpper(key)+"\n")+"}", fmt.Sprint(src)+" 2001:db8:1:2:3::4 192.0.2.77 :: hop 1 2 true true true")
}

// No address hides in what has no column.
func TestAnonymiseExtras(t *testing.T) {
	s := stage(t, parse(t, "anonymise: {mode: truncate}"), nil)
	var b flow.Batch
	f := add(&b, flow.Flow{Exporter: exporter})
	var row []byte
	for _, e := range []struct {
		e flow.Element
		v string
	}{
		{flow.Element{ID: 8, Ord: 1}, "\x0a\x01\x02\x03"},        // sourceIPv4Address, a second one
		{flow.Element{ID: 3}, "\x00\x07"},                        // deltaFlowCount
		{flow.Element{ID: 315}, "frame"},                         // dataLinkFrameSection
		{flow.Element{ID: 291}, "list"},                          // basicList
		{flow.Element{ID: 82}, "eth0"},                           // interfaceName
		{flow.Element{PEN: 64999, ID: 1}, "\x0a\x01\x02\x03..."}, // nobody knows
		{flow.Element{ID: 131}, "0123456789abcdef"},              // exporterIPv6Address
	} {
		head := make([]byte, flow.ExtraHeader)
		flow.PutExtraHeader(head, e.e, uint16(len(e.v)))
		row = append(append(row, head...), e.v...)
	}
	off, buf := b.Arena(len(row))
	copy(buf, row)
	f.SetExtra(off, uint32(len(row)))
	twin := add(&b, flow.Flow{Exporter: exporter}) // the other half of a record shares them
	twin.SetExtra(off, uint32(len(row)))
	s.Apply(&b)
	for _, f := range []*flow.Flow{&b.Flows[0], twin} {
		var left []string
		for e, v := range b.Extra(f) {
			left = append(left, fmt.Sprintf("%d/%d=%q", e.PEN, e.ID, v))
		}
		if got := strings.Join(left, " "); got != `0/3="\x00\a" 0/82="eth0"` {
			t.Errorf("left: %s", got)
		}
	}
}

// extras puts elements into the arena of b.
func extras(b *flow.Batch, all ...extra) (off, n uint32) {
	var row []byte
	for _, x := range all {
		head := make([]byte, flow.ExtraHeader)
		flow.PutExtraHeader(head, x.e, uint16(len(x.v)))
		row = append(append(row, head...), x.v...)
	}
	off, buf := b.Arena(len(row))
	copy(buf, row)
	return off, uint32(len(row))
}

type extra struct {
	e flow.Element
	v string
}

// What is hidden in columns hides in no other element either: an address in a
// text, a second MAC address, a second user.
func TestAnonymiseTexts(t *testing.T) {
	f := func(columns string, want string, all ...extra) {
		t.Helper()
		s := stage(t, parse(t, "anonymise: {mode: truncate, columns: ["+columns+"]}"), nil)
		var b flow.Batch
		f := add(&b, flow.Flow{Exporter: exporter})
		f.SetExtra(extras(&b, all...))
		s.Apply(&b)
		var left []string
		for e, v := range b.Extra(f) {
			left = append(left, fmt.Sprintf("%d=%q", e.ID, v))
		}
		if got := strings.Join(left, " "); got != want {
			t.Errorf("%s: left %s, want %s", columns, got, want)
		}
		whole := flow.AppendBatch(nil, &b)
		for _, x := range all {
			if !strings.Contains(want, fmt.Sprintf("%q", x.v)) && strings.Contains(string(whole), x.v) {
				t.Errorf("%s: %q is still in the batch", columns, x.v)
			}
		}
	}
	text := func(v string) extra { return extra{flow.Element{ID: 460}, v} } // httpRequestHost
	for _, v := range []string{"10.1.2.3", "[2001:db8::1]:80", "10.1.2.3:8080", "a, 10.1.2.3, b", "http://10.1.2.3/x", "<sip:me@2001:db8::1>", "for=10.1.2.3.", "fe80::1%eth0"} {
		f("src", "", text(v))
	}
	for _, v := range []string{"", "example.net", "v1.2.3", "12:30:45", "a.b.c.d", "1.2.3.4.5"} {
		f("src", fmt.Sprintf("460=%q", v), text(v))
	}
	mac, user, agent := extra{flow.Element{ID: 81}, "\x02\x01\x02\x03\x04\x05"}, extra{flow.Element{ID: 371, Ord: 1}, "alice"}, extra{flow.Element{ID: 468}, "curl"}
	f("src", `81="\x02\x01\x02\x03\x04\x05" 371="alice" 468="curl"`, mac, user, agent)
	f("mac, user", `468="curl"`, mac, user, agent)
}

// Nor in options.
func TestAnonymiseOptions(t *testing.T) {
	s := stage(t, parse(t, "anonymise: {mode: truncate}"), nil)
	f := func(version uint8, scopes uint8, want string, all ...extra) {
		t.Helper()
		b := flow.Batch{Options: []flow.Option{{Version: version, Scopes: scopes}}}
		b.Options[0].SetFields(extras(&b, all...))
		s.Apply(&b)
		got := fmt.Sprint(b.Options[0].Scopes)
		for e, v := range b.Fields(&b.Options[0]) {
			got += fmt.Sprintf(" %d=%q", e.ID, v)
		}
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	address, name, id := extra{flow.Element{ID: 8}, "\x0a\x01\x02\x03"}, extra{flow.Element{ID: 82}, "eth0"}, extra{flow.Element{ID: 10}, "\x00\x07"}
	f(10, 1, `1 10="\x00\a" 82="eth0"`, id, address, name)
	f(10, 2, `1 10="\x00\a" 82="eth0"`, address, id, name)
	f(9, 1, `1 1="\n" 82="eth0"`, extra{flow.Element{ID: 1}, "\x0a"}, address, name)
}

// Nor in counter samples.
func TestAnonymiseCounters(t *testing.T) {
	word := func(v ...uint32) (s string) {
		for _, x := range v {
			s += string(binary.BigEndian.AppendUint32(nil, x))
		}
		return s
	}
	text := func(s string) string {
		return word(uint32(len(s))) + s + strings.Repeat("\x00", -len(s)&3)
	}
	record := func(id uint16, v string) extra { return extra{flow.Element{PEN: sflow.PEN, ID: id}, v} }
	generic, name := record(1, strings.Repeat("\x00", 88)), record(1005, text("eth0"))
	address, url := record(1005, text("to 10.1.2.3")), record(4321, "\x0a\x01\x02\x03")
	adapters := record(2001, word(1, 7, 1)+"\x02\x01\x02\x03\x04\x05\x00\x00")
	descr := record(2000, text("host")+"0123456789abcdef"+word(3, 2)+text("6.1"))
	tail, short := record(1005, text("eth0")+"\x0a\x01\x02\x03"), record(1005, word(8)+"10.1")
	vendor := record(sflow.Vendor, word(4413<<12|1)+"\x0a\x01\x02\x03")
	f := func(anonymise, want string) {
		t.Helper()
		s := stage(t, parse(t, "anonymise: "+anonymise), nil)
		b := flow.Batch{Counters: []flow.Counter{{Version: flow.SFlow5}}}
		b.Counters[0].SetRecords(extras(&b, generic, name, address, url, adapters, descr, tail, short, vendor))
		s.Apply(&b)
		var got []string
		for e, v := range b.Records(&b.Counters[0]) {
			got = append(got, fmt.Sprintf("%d:%d", e.ID, len(v)))
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%s: left: %s, want %s", anonymise, got, want)
		}
		if d := flow.AppendBatch(nil, &b); anonymise != "{mode: none}" && (bytes.Contains(d, []byte("10.1")) || bytes.Contains(d, []byte("\x0a\x01\x02\x03"))) {
			t.Errorf("%s: the address is written", anonymise)
		}
	}
	f("{mode: none}", "1:88 1005:8 1005:16 4321:4 2001:20 2000:40 1005:12 1005:8 4096:8")
	f("{mode: truncate}", "1:88 1005:8 2001:20")
	f("{mode: truncate, columns: [mac]}", "1:88 1005:8")
}

// What was a user's name is in no batch that is handed on whole, unless it is in
// another column.
func TestAnonymiseUserIsGone(t *testing.T) {
	s := stage(t, parse(t, "anonymise: {mode: truncate, columns: [user]}"), nil)
	var b flow.Batch
	alice, both := b.Strings.Intern([]byte("alice")), b.Strings.Intern([]byte("both"))
	add(&b, flow.Flow{Exporter: exporter, User: alice}, flow.FieldUser)
	add(&b, flow.Flow{Exporter: exporter, User: both, AppName: both}, flow.FieldUser, flow.FieldAppName)
	s.Apply(&b)
	d := flow.AppendBatch(nil, &b)
	if bytes.Contains(d, []byte("alice")) {
		t.Error("the name of a user is written")
	}
	var got flow.Batch
	if err := flow.ReadBatch(&got, d); err != nil || string(got.Strings.Get(got.Flows[1].AppName)) != "both" || got.Strings.Len() != 1 {
		t.Errorf("read back: %v, %d strings", err, got.Strings.Len())
	}
}

type broken struct{}

func (broken) Names(netip.Addr, uint8, uint32) template.Names { panic("broken") }

// Where something goes wrong, no address gets out.
func TestAnonymisePanic(t *testing.T) {
	f := func(mode string, want int) {
		t.Helper()
		s := stage(t, parse(t, "anonymise: {mode: "+mode+"}"), broken{})
		var b flow.Batch
		add(&b, flow.Flow{Exporter: exporter, SrcAddr: addr("10.1.2.3")}, flow.FieldSrcAddr)
		defer func() {
			if recover() == nil || len(b.Flows) != want {
				t.Errorf("%s: %d flows are left, want %d and a panic", mode, len(b.Flows), want)
			}
		}()
		s.Apply(&b)
	}
	f("none", 1)
	f("truncate", 0)
}
