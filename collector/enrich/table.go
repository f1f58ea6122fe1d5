package enrich

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"
)

// tables hold what the operator says. They are immutable.
type tables struct {
	cfg       Config
	hide      columns
	pan       *cryptopan // nil: addresses are truncated, if they are hidden
	exporters *bart.Table[Exporter]
	exact     map[exactInterface]Interface // of one exporter
	within    []Interface                  // of prefixes, the longest first
	networks  *bart.Table[Network]
	home      *bart.Lite
	ports     *ports
	geo       []*database
	located   bool // something is known of addresses

	rows int // in all tables
}

// named tells whether the operator has a name for the exporter, by its address.
func (t *tables) named(exporter netip.Addr) bool {
	exporter = exporter.Unmap()
	e, ok := t.exporters.Get(netip.PrefixFrom(exporter, exporter.BitLen()))
	return ok && e.Name != ""
}

// quiet tells whether t says nothing of any flow but by its exporter.
func (t *tables) quiet() bool {
	return !t.located && len(t.exact)+len(t.within) == 0 && t.ports.none()
}

type exactInterface struct {
	exporter netip.Addr
	index    uint32
}

// build makes tables of the rows of c, of its files, and of databases.
func (c *Config) build(geo []*database) (*tables, error) {
	exporters, err := collect(c.Exporters, c.Files.Exporters)
	if err != nil {
		return nil, err
	}
	interfaces, err := collect(c.Interfaces, c.Files.Interfaces)
	if err != nil {
		return nil, err
	}
	networks, err := collect(c.Networks, c.Files.Networks)
	if err != nil {
		return nil, err
	}
	applications, err := collect(c.Applications, c.Files.Applications)
	if err != nil {
		return nil, err
	}
	t := &tables{cfg: *c, home: new(bart.Lite), geo: geo, located: len(networks)+len(c.Home)+len(geo) > 0}
	for i := range exporters {
		for _, n := range exporters[i].Interfaces {
			n.Exporter, n.file = exporters[i].Address, exporters[i].file
			interfaces = append(interfaces, n)
		}
	}
	if t.exporters, err = byPrefix(exporters, func(e *Exporter) Prefix { return e.Address }, (*Exporter).inherit); err != nil {
		return nil, err
	}
	if t.networks, err = byPrefix(networks, func(n *Network) Prefix { return n.Prefix }, (*Network).inherit); err != nil {
		return nil, err
	}
	if err := t.addInterfaces(interfaces); err != nil {
		return nil, err
	}
	if t.ports, err = newPorts(c.Ports, applications); err != nil {
		return nil, err
	}
	for _, p := range c.Home {
		t.home.Insert(p.Prefix)
	}
	t.rows = len(exporters) + len(interfaces) + len(networks) + len(applications)
	return t, nil
}

// collect returns the rows given and those of the files, checked.
func collect[T any, P pointer[T]](rows []T, files []string) ([]T, error) {
	all := slices.Clone(rows)
	for _, f := range files {
		more, err := readRows[T, P](f)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	for i := range all {
		x := P(&all[i])
		if err := x.check(); err != nil {
			return nil, fmt.Errorf("%s: %w", x.at(), err)
		}
	}
	return all, nil
}

// byPrefix makes a table of rows. Each takes from the next shorter prefix
// around its own what it leaves empty.
func byPrefix[T any, P pointer[T]](rows []T, prefix func(*T) Prefix, inherit func(r, from *T)) (*bart.Table[T], error) {
	slices.SortStableFunc(rows, func(a, b T) int { return cmp.Compare(prefix(&a).Bits(), prefix(&b).Bits()) })
	t := new(bart.Table[T])
	for i := range rows {
		r := &rows[i]
		p := prefix(r).Prefix
		if old, ok := t.Get(p); ok {
			return nil, fmt.Errorf("%s: %s is in %s already: remove one", P(r).at(), prefix(r), P(&old).at())
		}
		if around, ok := t.LookupPrefix(p); ok {
			inherit(r, &around)
		}
		t.Insert(p, *r)
	}
	return t, nil
}

func (e *Exporter) inherit(from *Exporter) {
	e.Name, e.Site = cmp.Or(e.Name, from.Name), cmp.Or(e.Site, from.Site)
	e.Sampling, e.ClockShift = cmp.Or(e.Sampling, from.Sampling), cmp.Or(e.ClockShift, from.ClockShift)
}

func (n *Network) inherit(from *Network) {
	n.Name, n.Site, n.Role = cmp.Or(n.Name, from.Name), cmp.Or(n.Site, from.Site), cmp.Or(n.Role, from.Role)
}

func (t *tables) addInterfaces(rows []Interface) error {
	t.exact = map[exactInterface]Interface{}
	seen := map[Prefix]map[uint32]*origin{}
	for i := range rows {
		n := &rows[i]
		if seen[n.Exporter] == nil {
			seen[n.Exporter] = map[uint32]*origin{}
		}
		if old := seen[n.Exporter][n.Index]; old != nil {
			return fmt.Errorf("%s: interface %d of exporter %s is in %s already: remove one", n.at(), n.Index, n.Exporter, old)
		}
		seen[n.Exporter][n.Index] = n.at()
		if n.Exporter.IsSingleIP() {
			t.exact[exactInterface{n.Exporter.Addr(), n.Index}] = *n
		} else {
			t.within = append(t.within, *n)
		}
	}
	slices.SortStableFunc(t.within, func(a, b Interface) int { return cmp.Compare(b.Exporter.Bits(), a.Exporter.Bits()) })
	return nil
}

// iface returns what the operator says of an interface.
func (t *tables) iface(exporter netip.Addr, index uint32) Interface {
	if n, ok := t.exact[exactInterface{exporter, index}]; ok {
		return n
	}
	for i := range t.within {
		if n := &t.within[i]; n.Index == index && n.Exporter.Contains(exporter) {
			return *n
		}
	}
	return Interface{}
}
