package explain

import (
	"encoding/hex"
	"fmt"
	"net/netip"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

// An Explainer explains datagrams one after the other: the templates of one are
// known in the next. One goroutine uses it at a time.
type Explainer struct {
	store     *template.Store
	sequences sequences
	later     later
	n         int // datagrams so far
	tmpl      template.Template
	batch     flow.Batch       // scratch, for what options say of an exporter
	msg       template.Message // the same
}

// New makes an Explainer that keeps in ts what exporters announce.
func New(ts *template.Store) *Explainer { return &Explainer{store: ts} }

// An Explanation is a datagram, node by node.
type Explanation struct {
	From      netip.AddrPort `json:"from"`
	Exporter  netip.Addr     `json:"exporter"` // who sent it, for sFlow its agent
	Domain    uint32         `json:"domain"`   // observation domain, source, engine, or sub-agent
	Protocol  string         `json:"protocol"`
	Octets    Octets         `json:"octets"`
	Flows     int            `json:"flows"`     // records of flows; one of both directions counts once
	Options   int            `json:"options"`   // records of options
	Counters  int            `json:"counters"`  // counter samples of sFlow
	Templates int            `json:"templates"` // announcements, repeated ones too
	Faults    []*Node        `json:"-"`         // the nodes that have one, in the order they were found
	Root      *Node          `json:"root"`      // the whole datagram
}

// Octets are written in JSON as hexadecimal text.
type Octets []byte

// MarshalText returns hexadecimal digits.
func (o Octets) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, o), nil }

// Odd tells whether x has a fault or a note.
func (x *Explanation) Odd() bool { return len(x.Faults) > 0 || x.notes() > 0 }

func (x *Explanation) notes() (n int) {
	x.Root.walk(func(c *Node) {
		if c.Note != "" {
			n++
		}
	})
	return n
}

// Explain says what the octets of dg mean, all of them, and what a
// decode.Decoder that has seen the same datagrams would fault. dg.Data is kept
// as long as the Explanation is. There is nothing to explain, and nil returned,
// where dg only says that its connection is closed.
func (e *Explainer) Explain(dg decode.Datagram) *Explanation {
	key := keyOf(&dg)
	if dg.Closed {
		for _, key.Version = range [2]uint8{9, 10} {
			e.store.Close(key)
		}
		return nil
	}
	e.n++
	x := &Explanation{From: dg.From, Exporter: dg.From.Addr(), Octets: dg.Data, Protocol: "unknown", Root: &Node{Length: len(dg.Data), Name: "datagram"}}
	r := &reader{e: e, x: x, d: dg.Data, end: len(dg.Data), on: x.Root, key: key}
	r.clk.received = dg.Time
	r.datagram()
	r.rest("octets left over", "nothing says what they are")
	return x
}

// protocols are the protocols by their version.
var protocols = map[uint16]string{1: "NetFlow v1", 5: "NetFlow v5", 6: "NetFlow v6", 7: "NetFlow v7", 8: "NetFlow v8", 9: "NetFlow v9", 10: "IPFIX"}

func (r *reader) datagram() {
	if r.left() < 2 {
		r.missing(decode.ErrShort, "datagram", fmt.Sprintf("a datagram of %s has no version", count(r.left(), "octet")), "")
		return
	}
	version := uint16(number(r.d[:2]))
	if p, ok := protocols[version]; ok {
		r.x.Protocol = p
	}
	switch version {
	case 0: // the upper half of sFlow's
		r.sflow()
	case 1:
		r.fixed(&v1)
	case 5:
		r.fixed(&v5)
	case 6:
		r.fixed(&v6)
	case 7:
		r.fixed(&v7)
	case 8:
		r.v8()
	case 9:
		r.v9()
	case 10:
		r.ipfix()
	default:
		_, n := r.uint(2, "version")
		r.fault(n, decode.ErrVersion, fmt.Sprintf("version %d is none of NetFlow (1, 5 to 9), IPFIX (10) and sFlow (32 bits, 5)", version), "")
		r.unread("octets", "of a protocol that weir doesn't read")
	}
}

// keyOf returns whose session a datagram belongs to, but for the version.
func keyOf(dg *decode.Datagram) template.Key {
	k := template.Key{From: dg.From, Over: dg.Over}
	if dg.Over.Connected() {
		k.To = dg.To
	}
	return k
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
