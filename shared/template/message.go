package template

import (
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
	"github.com/weirflow/weir/shared/packet"
)

// A Header is what the header of an export packet says of all its records.
type Header struct {
	Export    int64  // the header's export time, Unix nanoseconds
	Received  int64  // when the datagram arrived, Unix nanoseconds
	Uptime    uint32 // the exporter's sysUpTime at Export, milliseconds
	HasUptime bool
	Version   uint8
	Domain    uint32
	Exporter  flow.Addr // who observed the flows
	Sender    flow.Addr // the datagram's source; mostly the same
}

// A Message is the header with what decoding its records needs beside: a decoder
// keeps one and fills it for each datagram.
type Message struct {
	Header
	Session *Session       // whose templates the lists in records name; nil if none is known
	Rates   *Rates         // sampling rates of the domain, nil if none is known
	Packet  packet.Options // how packets in records are read
	Horizon int64          // nanoseconds before Export that a flow's time may lie

	// Replaced counts the records whose time was impossible or unknown, BadLists
	// the lists (RFC 6313) that are kept as they came, since they are not what
	// they say, and UnknownLists those whose template is not known.
	Replaced, BadLists, UnknownLists uint64

	marked bool      // some record of the set has TimeReplaced
	gather []byte    // the fixed parts of variable-length records, one behind the other
	vars   []uint32  // where each variable-length value starts, and its length
	extras []byte    // those of a record, where their lengths vary
	row    flow.Flow // of a packet in a record
	sub    struct {  // the last subTemplateList's template, of the set that is being read
		id     uint16
		layout *layout
	}
	basics [ie.MaxListDepth]basicLayout // of the basicLists that are being read
}

// Absolute turns a switched time of an exporter's uptime, in milliseconds, into
// Unix nanoseconds: the export time less the time since, which is read as a
// signed number modulo 2³², so that neither the wrap after 49.7 days nor a flow
// that ended just after the header was stamped goes astray.
func Absolute(export int64, uptime, switched uint32) int64 {
	return export - int64(int32(uptime-switched))*1e6
}

// CheckTimes replaces the impossible times of fl by Received: an end before its
// start, and what lies more than an hour after the message's own time, or
// further before it than Horizon. The message's own time is Export, so that a
// replay of old datagrams gives what they gave when they were new.
func (m *Message) CheckTimes(fl []flow.Flow) {
	lo, hi := m.Export-m.Horizon, m.Export+3600e9
	for i := range fl {
		f := &fl[i]
		if f.Start >= lo && f.Start <= f.End && f.End <= hi {
			continue
		}
		m.mend(f, lo, hi)
	}
	if !m.marked {
		return
	}
	m.marked = false
	for i := range fl {
		if fl[i].Marks&flow.TimeReplaced != 0 {
			m.Replaced++
		}
	}
}

func (m *Message) mend(f *flow.Flow, lo, hi int64) {
	hasStart, hasEnd := f.Set.Has(flow.FieldStart), f.Set.Has(flow.FieldEnd)
	bad := false
	if hasStart && (f.Start < lo || f.Start > hi) {
		f.Start, bad = m.Received, true
	}
	if hasEnd && (f.End < lo || f.End > hi) {
		f.End, bad = m.Received, true
	}
	if hasStart && hasEnd && f.End < f.Start {
		f.End, bad = m.Received, true
		f.Start = min(f.Start, f.End)
	}
	// An exporter whose clock is years off: better a flow of no duration than one
	// of years.
	if bad && hasStart && hasEnd && f.End-f.Start > m.Horizon+3600e9 {
		f.Start, f.End = m.Received, m.Received
	}
	if bad {
		f.Marks |= flow.TimeReplaced
		m.marked = true
	}
}
