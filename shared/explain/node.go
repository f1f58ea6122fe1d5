package explain

import (
	"encoding/json"
	"strconv"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/template"
)

// A Node is a stretch of a datagram and what it means. The leaves below a node
// cover its octets in order, each once; a leaf of no octets marks a place where
// something is missing.
type Node struct {
	Offset   int             `json:"offset"` // in the datagram
	Length   int             `json:"length"`
	Name     string          `json:"name"`
	Value    json.RawMessage `json:"value,omitempty"` // as RFC 7373 writes it, in JSON; printable characters only
	Text     string          `json:"text,omitempty"`  // what the value means, or what a node with children holds
	Ref      string          `json:"ref,omitempty"`   // what defines it; that of its parent where it is empty
	Fault    *Fault          `json:"fault,omitempty"`
	Note     string          `json:"note,omitempty"` // what is odd, though no fault
	Children []*Node         `json:"children,omitempty"`

	repeats bool // one of many records of a kind
	quoted  bool // Value is text of the exporter's
}

// A Fault says what makes a decoder fail here.
type Fault struct {
	Kind  decode.Fault `json:"-"`
	Label string       `json:"kind"` // Kind's
	Text  string       `json:"text"`
	Ref   string       `json:"ref"` // what is broken
}

// note adds a remark to n.
func (n *Node) note(text string) {
	if n.Note != "" {
		n.Note += "; "
	}
	n.Note += text
}

func (n *Node) number(v uint64) *Node {
	n.Value = strconv.AppendUint(nil, v, 10)
	return n
}

// in says in what the number of n counts.
func (n *Node) in(units string) { n.Text = unit(units, string(n.Value)) }

// walk calls f with n and all below it, parents first.
func (n *Node) walk(f func(*Node)) {
	f(n)
	for _, c := range n.Children {
		c.walk(f)
	}
}

// A reader goes through a datagram and hangs what it finds on the node that is
// open.
type reader struct {
	e    *Explainer
	x    *Explanation
	d    []byte // the datagram
	at   int
	end  int // of what is being read
	on   *Node
	clk  clock
	sum  *summary // of the record that is being read; nil: of none
	deep int      // tunnels within tunnels

	key    template.Key      // whose datagram it is
	m      *message          // NetFlow v9 and IPFIX
	from   *template.Session // whose templates the lists of a record go by
	lists  int               // lists within lists
	formed int               // octets that the last list takes in a decoder
	mute   bool              // lists are not read: the record is cut short
}

func (r *reader) left() int { return r.end - r.at }

// open hangs a node on the one that is open, which it returns, and opens it.
func (r *reader) open(name, ref string) (parent *Node) {
	parent = r.on
	r.on = &Node{Offset: r.at, Name: name, Ref: ref}
	parent.Children = append(parent.Children, r.on)
	return parent
}

// close ends the open node where the reader is, and opens its parent again.
func (r *reader) close(parent *Node) {
	r.on.Length = r.at - r.on.Offset
	r.on = parent
}

// leaf takes the next n octets, which are there.
func (r *reader) leaf(n int, name string) *Node {
	x := &Node{Offset: r.at, Length: n, Name: name}
	r.on.Children = append(r.on.Children, x)
	r.at += n
	return x
}

// rest takes what is left, if anything is, as octets that nobody reads, and says
// why. It returns nil if nothing is left.
func (r *reader) rest(name, why string) *Node {
	if r.left() <= 0 {
		return nil
	}
	x := r.leaf(r.left(), name)
	x.note(why)
	return x
}

// unread takes what is left, if anything is, of what a fault has made
// unreadable.
func (r *reader) unread(name, why string) {
	if r.left() > 0 {
		r.leaf(r.left(), name).Text = why
	}
}

// octets returns those of n.
func (r *reader) octets(n *Node) []byte { return r.d[n.Offset : n.Offset+n.Length] }

// uint takes the next n octets, at most 8 and there, as a number.
func (r *reader) uint(n int, name string) (uint64, *Node) {
	v := number(r.d[r.at : r.at+n])
	return v, r.leaf(n, name).number(v)
}

// within lets f read the octets of n, of which n is the parent, and takes what f
// leaves. The reader is behind n already.
func (r *reader) within(n *Node, f func()) {
	at, end, on := r.at, r.end, r.on
	r.at, r.end, r.on = n.Offset, n.Offset+n.Length, n
	f()
	r.rest("octets left over", "nothing says what they are")
	r.at, r.end, r.on = at, end, on
}

// fault marks n with a fault of the decoder. A node has one: a second goes to a
// leaf of no octets behind it.
func (r *reader) fault(n *Node, kind decode.Fault, text, ref string) {
	if n.Fault != nil {
		n = r.leaf(0, "")
	}
	n.Fault = &Fault{Kind: kind, Label: kind.Label(), Text: text, Ref: ref}
	r.x.Faults = append(r.x.Faults, n)
}

// missing marks the place where the reader is with a fault, and takes what is
// left.
func (r *reader) missing(kind decode.Fault, name, text, ref string) {
	r.fault(r.leaf(r.left(), name), kind, text, ref)
}

func number(d []byte) (v uint64) {
	for _, c := range d {
		v = v<<8 | uint64(c)
	}
	return v
}
