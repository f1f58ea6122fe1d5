package decode

import (
	"github.com/weirflow/weir/shared/flow"
)

// NetFlow v7, of Catalyst 5000 switches with a NetFlow feature card: v5 without
// an engine and sampling, and with the router behind each record whose work the
// switch did (ipv4RouterSc, IE 43). The exporter is still the switch.
//
// A switch knows less than a router: next hop, AS numbers and prefix lengths
// are zero, and what its flow mask leaves out is too, which flags tell.
const (
	v7Header = 24
	v7Record = 52
)

var v7Set = func() flow.Set {
	s := v5Set
	s.Del(flow.FieldDomain)
	return s
}()

func (d *Decoder) v7(b *flow.Batch, data []byte) {
	if len(data) < v7Header {
		d.fail(ErrShort)
		return
	}
	data, n := d.fixed(7, data, v7Header, v7Record)
	if n == 0 {
		return
	}
	fl := d.rows(b, n, v7Set, 0)
	columns(fl, data, v7Record, &d.msg)
	const size = 3*flow.ExtraHeader + 4 + 1 + 2
	off, extras := b.Arena(n * size)
	for i := range fl {
		r := (*[v7Record]byte)(data)
		data = data[v7Record:]
		fl[i].SetExtra(off+uint32(i*size), size)
		extras = putExtra(extras, flow.Element{ID: 43}, r[48:52])
		extras = putExtra(extras, flow.Element{PEN: reserved, ID: invalidFields}, r[36:37])
		extras = putExtra(extras, flow.Element{PEN: reserved, ID: invalidFlows}, r[46:48])
	}
	d.msg.CheckTimes(fl)
	d.Stats.Flows += uint64(n)
}
