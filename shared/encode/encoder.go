package encode

import (
	"slices"
	"strings"

	"github.com/weirflow/weir/shared/flow"
)

// An Encoder writes records under one profile. It keeps a plan for each shape of
// records and scratch space: one goroutine uses it at a time.
type Encoder struct {
	profile  Profile
	plans    map[shape]*plan
	last     *plan // neighbours often have the same shape
	clock    clock
	exporter addrMemo // neighbours often have the same
	blobs    map[string]*[256]blob
	name     []byte // scratch for an extra's name
	text     []byte // scratch for an extra's value
}

// maxPlans bounds what a hostile exporter can make an Encoder keep.
const maxPlans = 1024

// New makes an Encoder for p.
func New(p Profile) *Encoder {
	return &Encoder{profile: p, plans: map[shape]*plan{}, blobs: map[string]*[256]blob{}}
}

// A shape is what two records share that are written by the same plan.
type shape struct {
	set  flow.Set
	ipv6 bool // columns go by the names for IPv6
	fine bool // some time is finer than a millisecond
}

// A plan is what an Encoder needs to know to write the records of one shape.
type plan struct {
	shape shape

	json  []jsonOp // in the order of writing
	head  string   // what stands before the extras
	fresh bool     // nothing else is in the map that takes them
	tail  string   // the closing braces behind them

	msgpack []segment
	entries uint16 // of the map that takes the extras
	countAt int    // where its count is: in segment countIn
	countIn int

	room int // octets of a record in either format, without strings and extras
}

// plan returns the plan for f.
func (e *Encoder) plan(f *flow.Flow, fine bool) *plan {
	s := shape{f.Set, f.IsIPv6(), fine}
	if p := e.last; p != nil && p.shape == s {
		return p
	}
	p := e.plans[s]
	if p == nil {
		if len(e.plans) >= maxPlans {
			for k := range e.plans { // any one
				delete(e.plans, k)
				break
			}
		}
		p = e.compile(s)
		e.plans[s] = p
	}
	e.last = p
	return p
}

func (e *Encoder) compile(s shape) *plan {
	root := e.profile.tree(s)
	p := &plan{shape: s}
	e.compileJSON(p, root)
	e.compileMsgpack(p, root)
	return p
}

// A node of the tree of names: a value, or a map of others.
type node struct {
	name   string
	leaf   bool
	value  value
	name6  string // for an address: the name if it is an IPv6 address
	sub    []*node
	extras bool // takes the elements without a column, behind its own
}

// A value is a column in a form.
type value struct {
	field flow.Field
	how   how
}

// how a column is written.
type how uint8

const (
	asUint      how = iota // a number, as wide as its column
	asNanos                // Unix nanoseconds
	asTime                 // RFC 3339
	asAddr                 // RFC 5952
	asMAC                  // 00:1b:21:3c:9d:f8
	asDashedMAC            // 00-1B-21-3C-9D-F8
	asStr                  // a string of the batch
	asApp                  // "engine:selector", RFC 6759
	asText                 // a number in quotes
	asProto                // a protocol's name
	asDirection            // ECS's word
	asBlob                 // one of those three, key and all
)

func (p Profile) how(x flow.Field, f flow.Form) how {
	switch f {
	case flow.FormText:
		return asText
	case flow.FormProto:
		return asProto
	case flow.FormDirection:
		return asDirection
	case flow.FormECSMAC:
		return asDashedMAC
	}
	switch flow.Fields[x].Kind {
	case flow.KindTime:
		if p == Flat {
			return asNanos
		}
		return asTime
	case flow.KindAddr:
		return asAddr
	case flow.KindMAC:
		return asMAC
	case flow.KindStr:
		return asStr
	case flow.KindApp:
		return asApp
	}
	return asUint
}

// tree lays out the columns of s as the profile nests them. The map that takes
// the extras, "netflow" in ECS and else the root, comes last in its parent.
func (p Profile) tree(s shape) *node {
	root, taken := &node{}, map[string]bool{}
	for x, ok := s.set.Next(0); ok && int(x) < flow.NumFields; x, ok = s.set.Next(x + 1) {
		for _, path := range p.paths(x) {
			if taken[path.Name] {
				path = flow.Path{Name: "netflow." + string(snake([]byte(flow.Fields[x].IPFIX)))}
			}
			taken[path.Name] = true
			n := root
			parts := strings.Split(path.Name, ".")
			for _, part := range parts[:len(parts)-1] {
				n = n.child(part)
			}
			leaf := &node{name: parts[len(parts)-1], leaf: true, value: value{x, p.how(x, path.Form)}}
			switch six := p.name6(x, path.Name); {
			case flow.Fields[x].Kind == flow.KindAddr:
				leaf.name6 = six
			case six != "" && s.ipv6:
				leaf.name = six
			}
			n.sub = append(n.sub, leaf)
		}
	}
	if p != ECS {
		root.extras = true
		return root
	}
	netflow := root.child("netflow")
	netflow.extras = true
	root.sub = append(slices.DeleteFunc(root.sub, func(n *node) bool { return n == netflow }), netflow)
	return root
}

// name6 returns the last part of a path's name for a record of IPv6, if it is
// another one.
func (p Profile) name6(x flow.Field, path string) string {
	c := &flow.Fields[x]
	switch {
	case c.IPFIX6 == "":
	case p == IPFIX:
		return c.IPFIX6
	case p == ECS && path == "netflow."+string(snake([]byte(c.IPFIX))):
		return string(snake([]byte(c.IPFIX6)))
	}
	return ""
}

func (n *node) child(name string) *node {
	for _, c := range n.sub {
		if c.name == name && !c.leaf {
			return c
		}
	}
	c := &node{name: name}
	n.sub = append(n.sub, c)
	return c
}
