package flow

import "iter"

// SFlow5 is the Version of what came by sFlow version 5: NetFlow has a version
// 5 too, so sFlow's count from 100.
const SFlow5 = 105

// A Counter is an sFlow counter sample: what an agent counted at one of its
// data sources since it was started. Its records are kept as they came; that of
// an interface is read as well.
type Counter struct {
	Received int64
	Exporter Addr
	Sender   Addr // zero if it is the exporter
	Domain   uint32
	Sequence uint32 // of the counter samples of this source
	// Class says what Index counts: 0 ifIndex, 1 smonVlanDataSource, 2
	// entPhysicalEntry.
	Class     uint32
	Index     uint32
	Interface Interface // zero without HasInterface
	// HasInterface tells that the sample has the record of generic interface
	// counters.
	HasInterface bool
	Version      uint8
	extra        span
}

// Interface holds sFlow's generic interface counters: those of RFC 2233's
// ifTable, running totals. Those that the agent doesn't know have all bits set.
type Interface struct {
	Index     uint32
	Type      uint32
	Speed     uint64 // bits a second
	Direction uint32 // 0 unknown, 1 full duplex, 2 half duplex, 3 in, 4 out
	Status    uint32 // bit 0 ifAdminStatus is up, bit 1 ifOperStatus is up
	InOctets  uint64
	OutOctets uint64

	InUnicast, InMulticast, InBroadcast    uint32 // packets
	InDiscards, InErrors, InUnknownProtos  uint32
	OutUnicast, OutMulticast, OutBroadcast uint32
	OutDiscards, OutErrors, Promiscuous    uint32
}

// SetRecords is for c what SetExtra is for a Flow.
func (c *Counter) SetRecords(off, n uint32) { c.extra = span{off, n} }

// NextRecord returns the record of c behind x and moves x on. The element is of
// sFlow's enterprise, 14706, and its id the record's format.
func (b *Batch) NextRecord(c *Counter, x *Cursor) (Element, []byte, bool) {
	return b.next(c.extra, x)
}

// DropLastRecord is for c and NextRecord what DropLast is for a Flow and NextExtra.
func (b *Batch) DropLastRecord(c *Counter, x *Cursor, n int) {
	b.drop(c.extra, int(x.at)-n-ExtraHeader)
}

// Records ranges over the records of c.
func (b *Batch) Records(c *Counter) iter.Seq2[Element, []byte] { return b.seq(c.extra) }
