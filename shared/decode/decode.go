package decode

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

// A Datagram is what an exporter sent in one piece: a datagram, or a message of
// a connection or a file.
type Datagram struct {
	From netip.AddrPort // the exporter's address and port
	To   netip.AddrPort // where it was sent: needed of a connection only
	Time int64          // of arrival, Unix nanoseconds; 0: take the header's export time
	Data []byte         // from the export protocol's header on

	// Over is how it came. What an exporter announces over a connection holds for
	// that alone (RFC 7011 §8).
	Over   template.Transport
	Opened bool // the first of its connection
	Closed bool // its connection has ended; there is no Data
}

// A Decoder turns datagrams into flows. It keeps scratch space, so one
// goroutine uses it at a time; Decoders may share a template.Store.
type Decoder struct {
	// Stats counts what went through this Decoder. The goroutine that decodes
	// may read it at any time.
	Stats Stats
	// SFlow may be set before the first datagram.
	SFlow SFlow

	store   *template.Store
	session *template.Session // of the last datagram: neighbours often have the same
	msg     template.Message
	tmpl    template.Template
	last    netip.Addr   // the last datagram's source, and
	sender  flow.Addr    // the same as a column has it
	key     template.Key // of the current datagram's session, if it has one
	own     announced    // by the current datagram
	fault   Fault        // the first of the current datagram
	place   Place        // of it
	at      Place        // of what is being decoded
	late    bool         // it is a set that waited for its template
	head    Head
	headed  bool // head is of the current datagram

	agent    agent        // of sFlow
	ordinals ordinals     // of the extras of sFlow
	samples  []Sample     // of the current datagram
	row      [1]flow.Flow // of sFlow: what its samples have in common
}

// Stats counts in units that exist on the wire.
type Stats struct {
	Datagrams uint64
	Octets    uint64 // of datagrams
	Records   uint64 // data records, of flows and options, and counter samples
	Flows     uint64 // flows: a record that tells of both directions makes two
	Options   uint64 // records of options
	Counters  uint64 // counter samples of sFlow
	Announced uint64 // templates, refreshed ones included
	Templates uint64 // of them, those that were new or changed
	Redefined uint64 // of them, those that changed
	Withdrawn uint64 // templates that were withdrawn
	Waiting   uint64 // octets of data sets that came before their template; those that wait still are this, less the next two, over all decoders of a store
	Recovered uint64 // octets of those that were decoded when it came
	Undecoded uint64 // octets of those that had to make room for others
	Replaced  uint64 // records whose time was impossible or unknown
	Faults    [NumFaults]uint64
}

// Horizon is how long before its datagram a flow may have been seen.
const Horizon = 30 * 24 * time.Hour

// New makes a Decoder that keeps in ts what exporters announce.
func New(ts *template.Store) *Decoder {
	return &Decoder{store: ts, msg: template.Message{Horizon: int64(Horizon)}}
}

// Decode appends the flows, options and counters of dg to b. A fault in a set
// costs that set only; a length that can't be trusted ends the datagram. It
// returns the first fault, as a Fault; all are counted. Only whole records are
// appended. dg.Data is not kept.
func (d *Decoder) Decode(b *flow.Batch, dg Datagram) error {
	if dg.Opened {
		d.forget(&dg) // another one had the same ends
	}
	if dg.Closed {
		d.forget(&dg)
		return nil
	}
	d.Stats.Datagrams++
	d.Stats.Octets += uint64(len(dg.Data))
	d.fault, d.place, d.at = none, Place{}, Place{}
	d.headed, d.samples = false, d.samples[:0]
	if len(dg.Data) < 2 {
		d.at.Octet = len(dg.Data)
		return d.fail(ErrShort)
	}
	if b.Full() {
		return d.fail(ErrFull)
	}
	m := &d.msg
	if from := dg.From.Addr(); from != d.last {
		d.last, d.sender = from, flow.AddrFrom(from)
	}
	m.Exporter, m.Sender = d.sender, d.sender
	m.Received = dg.Time
	m.Rates = nil
	switch version := binary.BigEndian.Uint16(dg.Data); version {
	case 0: // the upper half of sFlow's
		d.sflow(b, dg.Data)
	case 1:
		d.v1(b, dg.Data)
	case 5:
		d.v5(b, dg.Data)
	case 6:
		d.v6(b, dg.Data)
	case 7:
		d.v7(b, dg.Data)
	case 8:
		d.v8(b, dg.Data)
	case 9:
		d.key = dg.session()
		d.v9(b, dg)
	case 10:
		d.key = dg.session()
		d.ipfix(b, dg)
	default:
		return d.fail(ErrVersion)
	}
	d.Stats.Replaced += m.Replaced
	m.Replaced = 0
	if d.fault != none {
		return d.fault
	}
	return nil
}

// fail counts f and keeps it if it is the datagram's first.
func (d *Decoder) fail(f Fault) error {
	d.Stats.Faults[f]++
	if d.fault == none {
		d.fault, d.place = f, d.at
	}
	return f
}

// forget forgets what was announced over a connection.
func (d *Decoder) forget(dg *Datagram) {
	k := dg.session()
	for _, k.Version = range [2]uint8{9, 10} {
		d.store.Close(k)
	}
}

// session returns whose dg is, but for the version.
func (dg *Datagram) session() template.Key {
	k := template.Key{From: dg.From, Over: dg.Over}
	if dg.Over.Connected() {
		k.To = dg.To
	}
	return k
}

// find returns the session of k, or nil if its exporter has announced nothing
// yet: a header alone must not cost us memory.
func (d *Decoder) find(k template.Key) *template.Session {
	if s := d.session; s != nil && s.Key == k && !s.Gone() {
		return s
	}
	d.session = d.store.Lookup(k)
	return d.session
}

// open makes the session of the datagram's exporter, which announces something;
// nil means that there are too many.
func (d *Decoder) open() *template.Session {
	if d.session = d.store.Open(d.key, d.msg.Received); d.session == nil {
		d.fail(ErrExporters)
	}
	return d.session
}

// header fills the message from an export packet's header.
func (d *Decoder) header(version uint8, export int64, domain uint32) {
	m := &d.msg
	m.Version, m.Export, m.Domain = version, export, domain
	d.key.Version = version
	m.Uptime, m.HasUptime = 0, false
	if m.Received == 0 {
		m.Received = export
	}
	d.head = Head{Header: template.Header{Version: version}}
	d.headed = true
}
