package decode

import (
	"fmt"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/flowtest"
)

func TestPlace(t *testing.T) {
	d := newDecoder()
	var b flow.Batch
	f := func(want Place, fault Fault, text string, data []byte) {
		t.Helper()
		b.Reset()
		if err := d.Decode(&b, Datagram{From: flowtest.From, Time: at, Data: data}); err != fault {
			t.Errorf("%v, want %v", err, fault)
		}
		if got := d.Place(); got != want || got.String() != text {
			t.Errorf("%+v, %v; want %+v, %s", got, got, want, text)
		}
	}
	name := []flowtest.Field{flowtest.F(0, 96, 0xffff)}
	source := []flowtest.Field{flowtest.F(0, 8, 4)}

	f(Place{Octet: 1}, ErrShort, "octet 1", []byte{0})
	f(Place{}, ErrVersion, "octet 0", []byte{0, 3, 0, 0})
	f(Place{Octet: 19}, ErrShort, "octet 19", flowtest.Header(9, 1, 0)[:19])
	count := flowtest.New(1).V5(2)
	f(Place{Octet: 2}, ErrCount, "octet 2", count[:len(count)-1])
	f(Place{Octet: 2}, ErrShort, "octet 2", flowtest.Header(10, 1, 4))
	f(Place{Octet: 28, Set: 999}, ErrSetLength, "octet 28, set 999",
		flowtest.Packet(9, 1, flowtest.Set(99, make([]byte, 4)), []byte{3, 231, 0, 5}))
	f(Place{Octet: 28, Set: 256}, ErrNoTemplate, "octet 28, set 256",
		flowtest.Packet(9, 1, flowtest.Set(99, make([]byte, 4)), flowtest.Set(256, make([]byte, 4))))

	// The second template of a set: behind 16 + 4 + 8 octets.
	two := append(flowtest.Template(10, 300, source), flowtest.Template(10, 301, []flowtest.Field{flowtest.F(0, 8, 0)})[4:]...)
	f(Place{Octet: 28, Set: 2}, ErrTemplate, "octet 28, set 2", flowtest.Packet(10, 1, flowtest.Set(2, two[4:])))

	// The second record: behind 16 + 12 + 4 + 2 octets.
	cut := []byte{1, 'a', 9, 'b'}
	f(Place{Octet: 34, Set: 300, Record: 2}, ErrShort, "octet 34, set 300, record 2",
		flowtest.Packet(10, 1, flowtest.Template(10, 300, name), flowtest.Set(300, cut)))
	f(Place{Octet: 36, Set: 301, Record: 2}, ErrShort, "octet 36, set 301, record 2",
		flowtest.Packet(10, 1, flowtest.OptionsTemplate(10, 301, 1, name), flowtest.Set(301, cut)))

	// A record that makes two flows is one: behind 16 + 20 + 4 + 9 octets.
	both := []flowtest.Field{flowtest.F(0, 231, 4), flowtest.F(0, 232, 4)}
	f(Place{Octet: 49, Set: 302, Record: 2}, ErrShort, "octet 49, set 302, record 2",
		flowtest.Packet(10, 1, flowtest.Template(10, 302, append(both, name...)),
			flowtest.Set(302, []byte{0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 99}), []byte{0, 0, 0, 0}))

	// A set that waited was in another datagram: the place is its template's.
	f(Place{Octet: 16, Set: 303}, ErrNoTemplate, "octet 16, set 303", flowtest.Packet(10, 1, flowtest.Set(303, cut)))
	f(Place{Octet: 16, Set: 2}, ErrShort, "octet 16, set 2", flowtest.Packet(10, 1, flowtest.Template(10, 303, name)))

	// Behind a header of 28 octets and one sample.
	whole := compactOf(1, 2, headerTCP)
	f(Place{Octet: 28 + len(whole), Record: 2}, ErrShort, fmt.Sprintf("octet %d, sample 2", 28+len(whole)), sflowOf(whole, whole)[:28+2*len(whole)-1])
	f(Place{Octet: 28 + len(whole), Record: 2}, ErrRecord, fmt.Sprintf("octet %d, sample 2", 28+len(whole)), sflowOf(whole, compactOf(1, 2, tagged(1001))))
	f(Place{Octet: 4}, ErrShort, "octet 4", u32(5, 3, 1, 1, 1, 1, 1))

	bad := Datagram{From: flowtest.From, Time: at, Data: []byte{0, 3}}
	if n := testing.AllocsPerRun(100, func() {
		b.Reset()
		_ = d.Decode(&b, bad)
		_ = d.Place()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
