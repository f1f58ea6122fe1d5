package encode

import (
	"math"
	"strings"

	"github.com/weirflow/weir/shared/flow"
)

// Options change what [Encoder.AppendMsgpack], [Encoder.AppendEvents] and
// [Encoder.AppendEntries] write. The zero value is the profile alone.
type Options struct {
	Fields   flow.Set  // the columns that are written; none: all
	NoExtras bool      // elements without a column are left out
	Dotted   bool      // the names of ECS are keys as they stand, "source.ip", not maps in maps
	Time     EventTime // of an event
	// Meta gives events metadata: exporter, protocol, domain and sampling.
	Meta bool
	// Typed says of each record what it is: "type" is flow, option or counter; in
	// ECS it is what Elastic's assets for NetFlow look for instead.
	Typed bool
	// CommunityID adds the hash of a flow's ends that other tools make as well, as
	// network.community_id in ECS, else community_id.
	CommunityID bool
}

// An EventTime says which of a flow's times is its event's.
type EventTime uint8

const (
	End      EventTime = iota // else the start, else the arrival
	Start                     // else the arrival
	Received                  // arrival at the collector
)

// NewWith makes an Encoder for p that heeds o.
func NewWith(p Profile, o Options) *Encoder {
	e := New(p)
	e.opts = o
	if o.Fields == (flow.Set{}) {
		e.opts.Fields = allFields
	}
	e.strict = e.opts.Fields != allFields
	return e
}

var allFields = flow.Set{math.MaxUint64, math.MaxUint64}

// A kind is what a record tells of.
type kind uint8

const (
	kindFlow kind = iota
	kindOption
	kindCounter
)

// A constant is a value that all records of a shape have.
type constant struct {
	path  string
	value []byte // in msgpack
}

func word(path, value string) constant { return constant{path, appendKey(nil, value)} }

func list(path, value string) constant {
	return constant{path, appendKey([]byte{mpFixArray | 1}, value)}
}

// constants returns what says of a record what it is. In ECS this is what
// Elastic's dashboards for NetFlow and its detection rules select by, no more.
func (e *Encoder) constants(k kind) []constant {
	if !e.opts.Typed {
		return nil
	}
	if e.profile != ECS {
		return []constant{word(e.typeKey(), [...]string{"flow", "option", "counter"}[k])}
	}
	return []constant{
		word("event.kind", [...]string{"event", "event", "metric"}[k]),
		list("event.category", "network"),
		list("event.type", [...]string{"connection", "info", "info"}[k]),
		word("event.action", [...]string{"netflow_flow", "netflow_options", "sflow_counters"}[k]),
		word("input.type", "netflow"),
		word("data_stream.dataset", "netflow.log"),
	}
}

func (e *Encoder) typeKey() string {
	if e.profile == OTel {
		return "flow.record"
	}
	return "type"
}

// additions adds to a tree of flows what [Options] want there.
func (e *Encoder) additions(root *node, s shape) {
	if set := s.set(); e.opts.CommunityID && set.Union(communityFields) == set {
		name := "community_id"
		switch e.profile {
		case ECS, OTel:
			name = "network.community_id"
		case IPFIX:
			name = "communityId"
		}
		e.place(root, name, value{how: asCommunity}, nil)
	}
	for _, c := range e.constants(kindFlow) {
		e.place(root, c.path, value{how: asConstant}, c.value)
	}
	if e.profile != ECS || !e.opts.Typed {
		return
	}
	set := s.set()
	name := value{flow.FieldExporter, asAddr}
	if set.Has(flow.FieldExporterName) {
		name = value{flow.FieldExporterName, asStr}
	}
	e.place(root, "agent.name", name, nil) // a dashboard's word for the exporter
	if set.Has(flow.FieldStart) && set.Has(flow.FieldEnd) {
		e.place(root, "event.duration", value{how: asDuration}, nil)
	}
	if set.Has(flow.FieldSrcAddr) || set.Has(flow.FieldDstAddr) {
		e.place(root, "network.type", value{how: asConstant}, appendKey(nil, family(!s.has(namedIPv6))))
	}
}

// place puts a leaf where its path says.
func (e *Encoder) place(root *node, path string, v value, constant []byte) {
	n, parts := root, []string{path}
	if !e.flat() {
		parts = strings.Split(path, ".")
	}
	for _, part := range parts[:len(parts)-1] {
		n = n.child(part)
	}
	n.sub = append(n.sub, &node{name: parts[len(parts)-1], leaf: true, value: v, constant: constant})
}

// flat tells whether the names are not laid out in maps.
func (e *Encoder) flat() bool { return e.profile == OTel || e.opts.Dotted }

// prefix stands before the names of elements without a column.
func (e *Encoder) prefix() string {
	switch {
	case e.profile == OTel:
		return "flow."
	case e.profile == ECS && e.opts.Dotted:
		return "netflow."
	}
	return ""
}

// time returns the time of f's event.
func (o *Options) time(f *flow.Flow) int64 {
	t := f.Received
	switch {
	case o.Time == Received:
	case o.Time == End && f.Set.Has(flow.FieldEnd):
		t = f.End
	case f.Set.Has(flow.FieldStart):
		t = f.Start
	}
	if t < 0 || t/1e9 > math.MaxUint32 { // an exporter's clock may say anything
		t = f.Received
	}
	return t
}
