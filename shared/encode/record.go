package encode

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/ie"
	"github.com/weirflow/weir/shared/sflow"
)

// Options and counters are few beside flows: they are written without a plan.

// AppendOptionEvents appends each of os as an event, as AppendEvents does flows:
// who announced it and when, under the names of columns, and its fields as
// AppendOptionJSON names them. In ECS these are in netflow.scope and
// netflow.options.
func (e *Encoder) AppendOptionEvents(dst []byte, b *flow.Batch, os []flow.Option) []byte {
	for i := range os {
		o := &os[i]
		r := e.begin(kindOption, origin{o.Received, &o.Exporter, &o.Sender, o.Domain, o.Version})
		var c flow.Cursor
		for i := 0; ; i++ {
			x, v, ok := b.NextField(o, &c)
			if !ok {
				break
			}
			scope := i < int(o.Scopes)
			name, t := e.element(x).name, e.element(x).typ
			if scope && o.Version == 9 && int(x.ID) < len(scopes) && x.ID > 0 {
				name, t = x.AppendOrd([]byte(scopes[x.ID])), ie.Unsigned64
				if e.profile != IPFIX {
					name = snake(name)
				}
			}
			room := "netflow.options."
			if scope {
				room = "netflow.scope."
			}
			r.set(room, string(name), e.appendValue(nil, t, v))
		}
		dst = r.append(dst)
	}
	return dst
}

// AppendCounterEvents appends each of cs as an event, as AppendEvents does flows:
// who counted and when, under the names of columns, and the rest as
// AppendCounterJSON names it. In ECS that is in netflow.counters.
func (e *Encoder) AppendCounterEvents(dst []byte, b *flow.Batch, cs []flow.Counter) []byte {
	const room = "netflow.counters."
	for i := range cs {
		c := &cs[i]
		r := e.begin(kindCounter, origin{c.Received, &c.Exporter, &c.Sender, c.Domain, c.Version})
		eachCount(c, func(name string, v uint64) { r.set(room, name, uint64Value(v)) })
		var at flow.Cursor
		for {
			x, v, ok := b.NextRecord(c, &at)
			if !ok {
				break
			}
			l, rest := sflow.OfCounter(x.ID, v)
			switch {
			case l == nil:
				k := e.element(x)
				r.set(room, string(k.name), e.appendValue(nil, k.typ, v))
			case isInterface(c, x, v): // it is above
			default:
				r.set(room, string(e.sflowName(x, l)), e.appendRecord(nil, l, rest, true))
			}
		}
		dst = r.append(dst)
	}
	return dst
}

// An origin is where a record comes from.
type origin struct {
	received         int64
	exporter, sender *flow.Addr
	domain           uint32
	version          uint8
}

// An event is one that is being made, without a plan.
type event struct {
	e    *Encoder
	from origin
	root node
}

// begin begins one: what it is, and where it comes from.
func (e *Encoder) begin(k kind, from origin) *event {
	r := &event{e: e, from: from}
	for _, c := range e.constants(k) {
		e.place(&r.root, c.path, value{how: asConstant}, c.value)
	}
	r.column(flow.FieldReceived, uint64(from.received), nil)
	r.column(flow.FieldExporter, 0, from.exporter)
	if e.profile == ECS && e.opts.Typed {
		e.place(&r.root, "agent.name", value{how: asConstant}, appendStr(nil, []byte(from.exporter.Netip().String())))
	}
	if *from.sender != (flow.Addr{}) && *from.sender != *from.exporter {
		r.column(flow.FieldSender, 0, from.sender)
	}
	r.column(flow.FieldDomain, uint64(from.domain), nil)
	r.column(flow.FieldVersion, uint64(from.version), nil)
	return r
}

// column enters a column, by the slow way.
func (r *event) column(x flow.Field, v uint64, a *flow.Addr) {
	if !r.e.opts.Fields.Has(x) {
		return
	}
	var f flow.Flow
	if a != nil {
		*f.Addr(x) = *a
	} else {
		f.SetUint(x, v)
	}
	for _, path := range r.e.profile.paths(x) {
		val := value{x, r.e.profile.how(x, path.Form)}
		var d []byte
		switch val.how {
		case asUint, asNanos:
			d = uint64Value(v)
		case asAddr:
			d = appendStr(nil, []byte(a.Netip().String()))
		case asTime:
			d = appendStr(nil, time.Unix(0, int64(v)).UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z"))
		default:
			var buf [64]byte
			d = appendStr(nil, buf[:val.put(buf[:], 0, &f)])
		}
		r.e.place(&r.root, path.Name, value{how: asConstant}, d)
	}
}

func uint64Value(v uint64) []byte { return binary.BigEndian.AppendUint64([]byte{mpUint64}, v) }

// set enters a value, in its room if the profile is ECS, unless the name is
// taken.
func (r *event) set(room, name string, v []byte) {
	if r.e.profile != ECS {
		room = ""
	} else {
		name = strings.TrimPrefix(name, r.e.prefix())
	}
	r.e.place(&r.root, room+name, value{how: asConstant}, v)
}

func (r *event) append(dst []byte) []byte {
	t := r.from.received
	dst = append(dst, mpArray2, mpArray2, mpExt8, 0)
	dst = binary.BigEndian.AppendUint64(dst, uint64(t)/1e9<<32|uint64(t)%1e9)
	var meta node
	if r.e.opts.Meta {
		leaf := func(name string, v []byte) {
			meta.sub = append(meta.sub, &node{name: name, leaf: true, constant: v})
		}
		leaf("exporter", appendStr(nil, []byte(r.from.exporter.Netip().String())))
		leaf("protocol", appendStr(nil, []byte(Protocol(r.from.version))))
		leaf("domain", uint64Value(uint64(r.from.domain)))
	}
	return r.root.append(meta.append(dst))
}

// append appends a tree of constants.
func (n *node) append(dst []byte) []byte {
	seen := map[string]bool{}
	at := len(dst)
	dst = append(dst, mpMap16, 0, 0)
	for _, c := range n.sub {
		if seen[c.name] { // of two with one name the first has it
			continue
		}
		seen[c.name] = true
		dst = appendStr(dst, []byte(c.name))
		if c.leaf {
			dst = append(dst, c.constant...)
		} else {
			dst = c.append(dst)
		}
	}
	binary.BigEndian.PutUint16(dst[at+1:], uint16(len(seen)))
	return dst
}
