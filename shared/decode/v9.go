package decode

import (
	"encoding/binary"

	"github.com/weirflow/weir/shared/flow"
)

const v9Header = 20

// v9 decodes a NetFlow v9 export packet (RFC 3954 §5.1). The header's Count
// does not bound it: exporters put more FlowSets in than it says.
func (d *Decoder) v9(b *flow.Batch, dg Datagram) {
	data := dg.Data
	if len(data) < v9Header {
		d.failAt(ErrShort, len(data))
		return
	}
	d.header(9, int64(binary.BigEndian.Uint32(data[8:]))*1e9, binary.BigEndian.Uint32(data[16:]))
	d.sequence(binary.BigEndian.Uint32(data[12:]), 1)
	m := &d.msg
	m.Uptime, m.HasUptime = binary.BigEndian.Uint32(data[4:]), true
	d.sets(b, data[v9Header:], v9Header, 0, 0, 1)
}
