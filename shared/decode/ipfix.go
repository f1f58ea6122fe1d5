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
		d.failAt(ErrShort, len(data))
		return
	}
	// A header that promises more than there is: what is there is still worth
	// reading. One that promises less: a set that begins within the message is
	// read to its own end.
	end := int(binary.BigEndian.Uint16(data[2:]))
	if end < ipfixHeader || end > len(data) {
		d.failAt(ErrShort, 2)
		end = len(data)
	}
	d.header(10, int64(binary.BigEndian.Uint32(data[4:]))*1e9, binary.BigEndian.Uint32(data[12:]))
	d.sequence(binary.BigEndian.Uint32(data[8:]), 0)
	d.sets(b, data[ipfixHeader:], ipfixHeader, len(data)-end, 2, 3)
}
