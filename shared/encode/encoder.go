package encode

import (
	"slices"
	"strings"

	"github.com/weirflow/weir/shared/flow"
)

// An Encoder writes records under one profile. It keeps a plan for each shape of
// records and scratch space: one goroutine uses it at a time.
type Encoder struct {
	profile Profile
	opts    Options
	strict  bool // the columns don't show all that makes a shape

	json     map[shape]*jsonPlan
	lastJSON *jsonPlan // neighbours often have the same shape
	msgpack  map[shape]*msgpackPlan
	lastMap  *msgpackPlan

	clock       clock
	exporter    addrMemo // neighbours often have the same
	exporterStr addrMemo // the same as a msgpack string
	blobs       map[string]*[256]blob

	elements [256]element
	name     []byte // scratch for a name
	value    []byte // and for a value

	block block // of msgpack records
}

// maxPlans bounds what a hostile exporter can make an Encoder keep.
const maxPlans = 1024

// New makes an Encoder for p. What [ie.Extend] adds later it may not know.
func New(p Profile) *Encoder {
	return &Encoder{profile: p, opts: Options{Fields: allFields}, json: map[shape]*jsonPlan{}, msgpack: map[shape]*msgpackPlan{}, blobs: map[string]*[256]blob{}}
}

// A shape is what records share that are written by the same plan. Its words
// stay in registers, which an array would not.
type shape struct {
	low, high uint64 // the columns
	traits    uint64 // what else makes a difference to the format
}

func (s shape) set() flow.Set { return flow.Set{s.low, s.high} }

// keep puts a plan into plans, and another one out if there are too many.
func keep[P any](plans map[shape]P, s shape, p P) P {
	if len(plans) >= maxPlans {
		for k := range plans { // any one
			delete(plans, k)
			break
		}
	}
	plans[s] = p
	return p
}

// A node of the tree of names: a value, or a map of others.
type node struct {
	name     string
	leaf     bool
	value    value
	name6    string // for an address: the name if it is an IPv6 address
	constant []byte // the value of asConstant, in msgpack
	sub      []*node
	extras   bool // takes the elements without a column, behind its own
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
	asInterface            // OpenTelemetry's word for the same
	asFlowType             // OpenTelemetry's word for a protocol
	asBlob                 // one of those, from asText on, by the column's value
	asFamily               // an address's
	asIPv4                 // in msgpack, an address
	asConstant             // the same in all records of a shape
	asDuration             // nanoseconds from the start to the end
	asCommunity            // the hash of its ends
	asExtras               // the elements without a column
	asNothing
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
	case flow.FormFamily:
		return asFamily
	case flow.FormInterface:
		return asInterface
	case flow.FormFlowType:
		return asFlowType
	}
	switch flow.Fields[x].Kind {
	case flow.KindTime:
		if p.numericTimes() {
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

// tree lays out the columns of set as the profile nests them. The map that takes
// the extras, "netflow" in ECS and else the root, comes last in its parent.
func (p Profile) tree(set flow.Set, ipv6 bool) *node {
	return p.treeWith(set, ipv6, p == OTel, func(*node) {})
}

// treeWith is tree with names in one map, if they are to be flat, and with what
// add adds to it.
func (p Profile) treeWith(set flow.Set, ipv6, flat bool, add func(root *node)) *node {
	root, taken := &node{}, map[string]bool{}
	for x, ok := set.Next(0); ok && int(x) < flow.NumFields; x, ok = set.Next(x + 1) {
		for _, path := range p.paths(x) {
			if taken[path.Name] {
				path = flow.Path{Name: "netflow." + string(snake([]byte(flow.Fields[x].IPFIX)))}
			}
			taken[path.Name] = true
			n := root
			parts := []string{path.Name}
			if !flat {
				parts = strings.Split(path.Name, ".")
			}
			for _, part := range parts[:len(parts)-1] {
				n = n.child(part)
			}
			leaf := &node{name: parts[len(parts)-1], leaf: true, value: value{x, p.how(x, path.Form)}}
			six := p.name6(x, path.Name)
			if six != "" && flat && p == ECS {
				six = "netflow." + six
			}
			switch {
			case flow.Fields[x].Kind == flow.KindAddr:
				leaf.name6 = six
			case six != "" && ipv6:
				leaf.name = six
			}
			n.sub = append(n.sub, leaf)
		}
	}
	add(root)
	if p != ECS || flat {
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
