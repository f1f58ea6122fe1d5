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

var v7Extras = extraRow(
	extraField{flow.Element{ID: 43}, 4},
	extraField{flow.Element{PEN: reserved, ID: invalidFields}, 1},
	extraField{flow.Element{PEN: reserved, ID: invalidFlows}, 2},
)

func (d *Decoder) v7(b *flow.Batch, data []byte) {
	if len(data) < v7Header {
		d.failAt(ErrShort, len(data))
		return
	}
	data, n := d.fixed(7, data, v7Header, v7Record)
	if n == 0 {
		return
	}
	fl := d.rows(b, n, v7Set, 0)
	columns(fl, data, v7Record, &d.msg)
	buf := fixedExtras(b, fl, v7Extras)
	for range fl {
		r := (*[v7Record]byte)(data)
		data = data[v7Record:]
		e := (*[3*flow.ExtraHeader + 7]byte)(buf)
		buf = buf[len(e):]
		*(*[4]byte)(e[flow.ExtraHeader:]) = [4]byte(r[48:])
		e[2*flow.ExtraHeader+4] = r[36]
		*(*[2]byte)(e[3*flow.ExtraHeader+5:]) = [2]byte(r[46:])
	}
	d.msg.CheckTimes(fl)
	d.Stats.Flows += uint64(n)
}
