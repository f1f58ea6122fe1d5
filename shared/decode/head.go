package decode

import "github.com/weirflow/weir/shared/template"

// A Head is what a datagram's header says, and what the datagram held, in the
// unit in which the header counts.
type Head struct {
	template.Header

	// Sequence counts what the exporter sent before this datagram: flows in
	// NetFlow v5 to v8, export packets in v9, data records in IPFIX (RFC 7011
	// §3.1), datagrams of the agent and sub-agent in sFlow. HasSequence is false
	// for v1.
	Sequence    uint32
	HasSequence bool
	// Units is what this datagram adds to Sequence. Uncounted says that it holds
	// data records beside them whose number is not known: their template is not.
	Units     uint32
	Options   uint32 // of Units: options records, in IPFIX
	Uncounted bool
}

// Head returns the head of the datagram that was decoded last; false if its
// header could not be read.
func (d *Decoder) Head() (Head, bool) {
	d.head.Header = d.msg.Header
	return d.head, d.headed
}

// count adds data records, of which some are options, to the datagram's units,
// unless they were part of an earlier one.
func (d *Decoder) count(records, options int) {
	if !d.late && d.head.Version == 10 {
		d.head.Units += uint32(records)
		d.head.Options += uint32(options)
	}
}

// sequence enters what a header counts.
func (d *Decoder) sequence(n, units uint32) {
	d.head.Sequence, d.head.HasSequence, d.head.Units = n, true, units
}
