package decode

import (
	"encoding/binary"

	"github.com/weirflow/weir/shared/flow"
)

const ipfixHeader = 16

// ipfix decodes an IPFIX message (RFC 7011 §3.1).
func (d *Decoder) ipfix(b *flow.Batch, dg Datagram) {
	data := dg.Data
	if len(data) < ipfixHeader {
		d.fail(ErrShort)
		return
	}
	s := d.find(dg.From, 10)
	if s == nil {
		return
	}
	switch n := int(binary.BigEndian.Uint16(data[2:])); {
	case n < ipfixHeader || n > len(data):
		d.fail(ErrShort) // what is there is still worth reading
	default:
		data = data[:n]
	}
	d.header(10, int64(binary.BigEndian.Uint32(data[4:]))*1e9, binary.BigEndian.Uint32(data[12:]))
	d.msg.Rates = s.Rates(d.msg.Domain)
	d.boot(s)
	d.sets(b, s, data[ipfixHeader:], 2, 3)
}
