package decode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
)

// fixedPacket returns a datagram of v1, v6, v7 or v8 with n records whose octets
// all differ, as far as there are enough of them, but for the times, which stand
// at first in a record: a minute before the export, and half a minute after.
func fixedPacket(version uint16, scheme byte, header, record, first, n int) []byte {
	d := make([]byte, header, header+n*record)
	binary.BigEndian.PutUint16(d, version)
	binary.BigEndian.PutUint16(d[2:], uint16(n))
	binary.BigEndian.PutUint32(d[4:], flowtest.Uptime)
	binary.BigEndian.PutUint32(d[8:], flowtest.Export)
	if version == 6 || version == 8 {
		d[20], d[21] = 3, 7
	}
	if version == 8 {
		d[22], d[23] = scheme, 2
		binary.BigEndian.PutUint16(d[24:], 1<<14|100)
	}
	for i := range n {
		r := make([]byte, record)
		for j := range r {
			r[j] = byte(1 + j + 64*i)
		}
		binary.BigEndian.PutUint32(r[first:], flowtest.Uptime-60_000)
		binary.BigEndian.PutUint32(r[first+4:], flowtest.Uptime-30_000)
		d = append(d, r...)
	}
	return d
}

func packetV1(n int) []byte { return fixedPacket(1, 0, 16, 48, 24, n) }
func packetV6(n int) []byte { return fixedPacket(6, 0, 24, 52, 24, n) }
func packetV7(n int) []byte { return fixedPacket(7, 0, 24, 52, 24, n) }
func packetV8(scheme byte, n int) []byte {
	x := schemes[scheme]
	return fixedPacket(8, scheme, 28, x.octets, x.columns["Start"], n)
}

// Where v1, v5, v6 and v7 have the same column, by its offset in a record.
var first36 = map[string]int{
	"SrcAddr": 0, "DstAddr": 4, "NextHop": 8, "InIf": 12, "OutIf": 14, "Packets": 16, "Bytes": 20,
	"Start": 24, "End": 28, "SrcPort": 32, "DstPort": 34,
}

var first46 = with(first36, map[string]int{
	"TCPFlags": 37, "Proto": 38, "TOS": 39, "SrcAS": 40, "DstAS": 42, "SrcMask": 44, "DstMask": 45,
})

func with(a, b map[string]int) map[string]int {
	m := map[string]int{}
	for _, x := range []map[string]int{a, b} {
		for k, v := range x {
			m[k] = v
		}
	}
	return m
}

// octets of a column on the wire, in all of these versions.
func octets(name string) int {
	switch name {
	case "Proto", "TOS", "TCPFlags", "SrcMask", "DstMask":
		return 1
	case "InIf", "OutIf", "SrcAS", "DstAS", "SrcPort", "DstPort":
		return 2
	}
	return 4
}

// nobody is the enterprise number of our own elements.
const nobody = 1<<32 - 1

// A place is where an element without a column stands in a record.
type place struct {
	pen, id  int
	from, to int
}

// holds checks that each record of data is in b: the columns at their offsets
// and no others besides those of the message, and the extras.
func holds(t *testing.T, b *flow.Batch, version uint8, data []byte, record int, columns map[string]int, more map[string]uint64, extras []place) {
	t.Helper()
	if len(b.Flows) != len(data)/record {
		t.Fatalf("v%d: %d flows, want %d", version, len(b.Flows), len(data)/record)
	}
	for i := range b.Flows {
		f, r := &b.Flows[i], data[i*record:][:record]
		if f.Exporter.Netip() != flowtest.From.Addr() || f.Received != at || f.Version != version || f.Marks != 0 {
			t.Errorf("v%d record %d: exporter %s, received %d, version %d, marks %b", version, i, f.Exporter, f.Received, f.Version, f.Marks)
		}
		n := len(columns) + len(more) + 3
		for name, o := range columns {
			x, ok := flow.FieldByName(name)
			if !ok || !f.Set.Has(x) {
				t.Errorf("v%d record %d: %s is absent", version, i, name)
				continue
			}
			v := r[o : o+octets(name)]
			var got, want any
			switch a := f.Addr(x); {
			case a != nil:
				got, want = a.Netip(), netip.AddrFrom4([4]byte(v))
			case name == "Start" || name == "End":
				got, want = int64(f.Uint(x)), at-(flowtest.Uptime-int64(binary.BigEndian.Uint32(v)))*1e6
			default:
				got, want = fmt.Sprintf("%x", be(f.Uint(x), len(v))), fmt.Sprintf("%x", v)
			}
			if got != want {
				t.Errorf("v%d record %d: %s is %v, want %v", version, i, name, got, want)
			}
		}
		for name, want := range more {
			if x, ok := flow.FieldByName(name); !ok || !f.Set.Has(x) || f.Uint(x) != want {
				t.Errorf("v%d record %d: %s is not %d", version, i, name, want)
			}
		}
		if f.Set.Len() != n {
			t.Errorf("v%d record %d: %d columns, want %d", version, i, f.Set.Len(), n)
		}
		var got, want []string
		for e, v := range b.Extra(f) {
			got = append(got, fmt.Sprintf("%d/%d=%x", e.PEN, e.ID, v))
		}
		for _, x := range extras {
			want = append(want, fmt.Sprintf("%d/%d=%x", x.pen, x.id, r[x.from:x.to]))
		}
		if !slices.Equal(got, want) {
			t.Errorf("v%d record %d: extras %v, want %v", version, i, got, want)
		}
	}
}

func TestV1(t *testing.T) {
	data := packetV1(3)
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, data)
	holds(t, &b, 1, data[16:], 48, with(first36, map[string]int{"Proto": 38, "TOS": 39, "TCPFlags": 40}), nil, nil)
}

func TestV6(t *testing.T) {
	data := packetV6(3)
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, data)
	holds(t, &b, 6, data[24:], 52, with(first46, map[string]int{"BGPNextHop": 48}), map[string]uint64{"Domain": 0x0307},
		[]place{{nobody, 1, 46, 47}, {nobody, 2, 47, 48}})
}

func TestV7(t *testing.T) {
	data := packetV7(3)
	copy(data[20:], "\x01\x02\x03\x04") // reserved
	var b flow.Batch
	decodeAll(t, newDecoder(), &b, data)
	holds(t, &b, 7, data[24:], 52, first46, nil, []place{{0, 43, 48, 52}, {nobody, 3, 36, 37}, {nobody, 4, 46, 48}})
}

// Faults of the headers, for all versions with records of a fixed shape.
func TestFixedFaults(t *testing.T) {
	type version struct {
		name           string
		packet         func(n int) []byte
		header, record int
	}
	all := []version{
		{"v1", packetV1, 16, 48}, {"v5", flowtest.New(1).V5, 24, 48}, {"v6", packetV6, 24, 52}, {"v7", packetV7, 24, 52},
	}
	for i, x := range schemes {
		if i > 0 {
			all = append(all, version{fmt.Sprintf("v8 scheme %d", i), func(n int) []byte { return packetV8(byte(i), n) }, 28, x.octets})
		}
	}
	for _, v := range all {
		f := func(what string, data []byte, flows int, want Fault) {
			t.Helper()
			var b flow.Batch
			d := newDecoder()
			err := d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: data})
			if want == none && err != nil || want != none && (!errors.Is(err, want) || d.Stats.Faults[want] != 1) {
				t.Errorf("%s, %s: %v, want %v", v.name, what, err, want)
			}
			if len(b.Flows) != flows || d.Stats.Flows != uint64(flows) {
				t.Errorf("%s, %s: %d flows, counted %d, want %d", v.name, what, len(b.Flows), d.Stats.Flows, flows)
			}
		}
		p := v.packet(3)
		for n := 2; n < v.header; n++ {
			f("header cut", p[:n], 0, ErrShort)
		}
		f("header alone", p[:v.header], 0, ErrCount)
		f("no records", v.packet(0), 0, none)
		f("whole", p, 3, none)
		f("one octet short", p[:len(p)-1], 2, ErrCount)
		f("one record short", p[:len(p)-v.record], 2, ErrCount)
		f("one record more", append(p[:len(p):len(p)], make([]byte, v.record)...), 3, ErrCount)
		lie := slices.Clone(p)
		lie[2], lie[3] = 0xff, 0xff
		f("promises 65,535", lie, 3, ErrCount)
		lie[2], lie[3] = 0, 0
		f("promises none", lie, 0, ErrCount)
		most := v.packet((65507 - v.header) / v.record)
		f("as many as fit", most, (65507-v.header)/v.record, none)
	}
}
