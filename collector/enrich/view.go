package enrich

import (
	"cmp"
	"net/netip"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

// These bound what exporters can make a worker remember.
const (
	maxExporters = 1 << 14
	maxLabels    = 1 << 16
	maxPlaces    = 1 << 17 // records of a database
)

// An exporterKey is what a record says of where it comes from.
type exporterKey struct {
	exporter, sender flow.Addr
	domain           uint32
	version          uint8
}

// An exporterView is what there is to say of an exporter's records.
type exporterView struct {
	number     uint32 // among the worker's
	addr       netip.Addr
	names      template.Names
	name, site label
	sampling   Sampling
	shift      int64
	silent     bool // there is nothing to say
}

// An ifaceView is what there is to say of an interface.
type ifaceView struct {
	name, description, role label
	speed                   uint32 // kbit/s
	sampling                Sampling
}

// An addrView is what there is to say of an address.
type addrView struct {
	addr             flow.Addr
	known            bool
	home             bool
	name, site, role label
	country          label
	as               uint32
}

// views are what a worker found already. They end when tables, options or
// counters say something new.
type views struct {
	exporters  map[exporterKey]exporterView
	interfaces store[ifaceView]
	apps, vrfs store[label]
}

func (v *views) reset() {
	if v.exporters == nil {
		v.exporters = map[exporterKey]exporterView{}
	}
	clear(v.exporters)
	v.interfaces.reset()
	v.apps.reset()
	v.vrfs.reset()
}

func (w *worker) exporter(key *exporterKey) exporterView {
	if v, ok := w.views.exporters[*key]; ok {
		return v
	}
	if len(w.views.exporters) >= maxExporters { // others name exporters by their number
		w.views.reset()
	}
	v := exporterView{number: uint32(len(w.views.exporters)), addr: key.exporter.Netip()}
	if e, ok := w.tables.exporters.Lookup(v.addr); ok {
		v.name, v.site = w.labels.of(e.Name), w.labels.of(e.Site)
		v.sampling, v.shift = e.Sampling, int64(e.ClockShift/time.Nanosecond)
	}
	if w.stage.names != nil && w.tables.cfg.Options {
		from := v.addr
		if key.sender != (flow.Addr{}) {
			from = key.sender.Netip()
		}
		v.names = w.stage.names.Names(from, key.version, key.domain)
	}
	v.silent = w.tables.quiet() && v.name|v.site == 0 && v.sampling == 0 && v.shift == 0 && v.names.Empty() && w.stage.speeds.none()
	w.views.exporters[*key] = v
	return v
}

// iface puts together what the operator, options and counters say of an
// interface, in this order.
func (w *worker) iface(of *exporterView, index uint32) *ifaceView {
	v, ok := w.views.interfaces.find(of.number, uint64(index))
	if ok {
		return v
	}
	n, said := w.tables.iface(of.addr, index), of.names.Interface(index)
	*v = ifaceView{role: w.labels.of(n.Role), sampling: n.Sampling, speed: n.Speed.kbits()}
	v.name = w.labels.of(cmp.Or(n.Name, said.Name))
	v.description = w.labels.of(cmp.Or(n.Description, said.Description))
	if v.speed == 0 && w.tables.cfg.Counters {
		v.speed = w.stage.speeds.get(agentInterface{flow.AddrFrom(of.addr), index})
	}
	return v
}

func (w *worker) app(of *exporterView, id uint64) label {
	x, ok := w.views.apps.find(of.number, id)
	if !ok {
		*x = w.labels.of(of.names.Application(id).Name)
	}
	return *x
}

func (w *worker) vrf(of *exporterView, id uint32) label {
	x, ok := w.views.vrfs.find(of.number, uint64(id))
	if !ok {
		*x = w.labels.of(of.names.VRF(id).Name)
	}
	return *x
}

// addr says what networks and databases do of an address.
func (w *worker) addr(a *flow.Addr) *addrView {
	v := &w.addrs[addrSlot(a)]
	if v.known && v.addr == *a {
		return v
	}
	*v = addrView{addr: *a, known: true}
	ip := a.Netip()
	if n, ok := w.tables.networks.Lookup(ip); ok {
		v.name, v.site, v.role = w.labels.of(n.Name), w.labels.of(n.Site), w.labels.of(n.Role)
	}
	v.home = w.tables.home.Contains(ip)
	for i, d := range w.tables.geo {
		r, ok := d.at(ip)
		if !ok {
			continue
		}
		known := w.places[i]
		p, ok := known[r.Offset()]
		if !ok {
			at := read(r)
			p = placeView{w.labels.of(at.country), at.as}
			if len(known) >= maxPlaces {
				clear(known)
			}
			known[r.Offset()] = p
		}
		if v.country == 0 {
			v.country = p.country
		}
		if v.as == 0 {
			v.as = p.as
		}
	}
	return v
}

// A placeView is a place with its label.
type placeView struct {
	country label
	as      uint32
}
