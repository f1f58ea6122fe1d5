package decode

import (
	"encoding/binary"

	"github.com/weirflow/weir/shared/flow"
)

// NetFlow v6: v5 with the sizes of encapsulations and a second next hop behind
// each record. Cisco never documented it, and no device is known that still
// sends it; the layout is that of flow-tools.
const (
	v6Header = 24
	v6Record = 52
)

var v6Set = v5Set.Union(flow.SetOf(flow.FieldBGPNextHop))

var v6Extras = extraRow(
	extraField{flow.Element{PEN: reserved, ID: inEncapsulation}, 1},
	extraField{flow.Element{PEN: reserved, ID: outEncapsulation}, 1},
)

func (d *Decoder) v6(b *flow.Batch, data []byte) {
	if len(data) < v6Header {
		d.failAt(ErrShort, len(data))
		return
	}
	domain := uint32(binary.BigEndian.Uint16(data[20:])) // engine type and id
	data, n := d.fixed(6, data, v6Header, v6Record)
	d.msg.Domain = domain
	if n == 0 {
		return
	}
	fl := d.rows(b, n, v6Set, 0)
	columns(fl, data, v6Record, &d.msg)
	buf := fixedExtras(b, fl, v6Extras)
	for i := range fl {
		r := (*[v6Record]byte)(data)
		data = data[v6Record:]
		e := (*[2*flow.ExtraHeader + 2]byte)(buf)
		buf = buf[len(e):]
		*(*[4]byte)(fl[i].BGPNextHop[12:]) = [4]byte(r[48:]) // "the next hop within the peer"
		e[flow.ExtraHeader] = r[46]
		e[2*flow.ExtraHeader+1] = r[47]
	}
	d.msg.CheckTimes(fl)
	d.Stats.Flows += uint64(n)
}
