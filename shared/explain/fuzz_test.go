package explain

import (
	"testing"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flowtest"
)

// Whatever comes: all octets are covered, what is printed is safe and bounded,
// and a decoder finds the same records and faults. The templates of the first
// datagram are known in the second.
func FuzzExplain(f *testing.F) {
	for _, c := range captures(f) {
		for i := range c.datagrams[:min(len(c.datagrams), 2)] {
			next := min(i+1, len(c.datagrams)-1)
			if len(c.datagrams[i].Data)+len(c.datagrams[next].Data) < 4096 {
				f.Add(c.datagrams[i].Data, c.datagrams[next].Data)
			}
		}
	}
	m := flowtest.New(1)
	lists := []flowtest.Field{flowtest.F(0, 291, 0xffff), flowtest.F(0, 292, 0xffff), flowtest.F(0, 293, 0xffff)}
	f.Add(flowtest.Packet(10, 1, flowtest.Template(10, 260, lists)), flowtest.Packet(10, 1, flowtest.Set(260, listsRecord(8))))
	f.Add(flowtest.Packet(10, 1, flowtest.OptionsTemplate(10, 260, 1, lists)), flowtest.Packet(10, 1, flowtest.Set(260, listsRecord(4))))
	f.Add(flowtest.Packet(10, 1, flowtest.Template(10, 260, flowtest.Named)), flowtest.Packet(10, 1, m.Data(260, 2, flowtest.Named)))
	f.Add(flowtest.Packet(9, 1, flowtest.OptionsTemplate(9, 261, 1, flowtest.Twenty[:4])), flowtest.Packet(9, 1, m.Data(261, 2, flowtest.Twenty[:4])))
	for scheme := range byte(16) {
		d := append(make([]byte, 28), make([]byte, 80)...)
		d[1], d[3], d[22], d[23] = 8, 2, scheme, 2
		f.Add(d, d[:30])
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		w := newTwin()
		for _, d := range [][]byte{first, second, first} {
			if len(d) > 1<<16-1 {
				return // no datagram
			}
			x := w.same(t, decode.Datagram{From: flowtest.From, Time: at, Data: d})
			covered(t, x)
			printed(t, x)
		}
	})
}

// listsRecord is a record of a basicList, a subTemplateList and a
// subTemplateMultiList, of template id 260, with another such record within, to a
// depth.
func listsRecord(depth int) (d []byte) {
	var inner []byte
	if depth > 0 {
		inner = listsRecord(depth - 1)
	}
	field := func(v []byte) []byte {
		return append([]byte{255, byte(len(v) >> 8), byte(len(v))}, v...)
	}
	d = append(d, field([]byte{3, 0, 8, 0, 4, 192, 0, 2, 1, 192, 0, 2, 2})...)
	d = append(d, field(append([]byte{255, 1, 4}, inner...))...)
	return append(d, field([]byte{4, 1, 4, 0, 4, 1, 4, 0, 4})...)
}
