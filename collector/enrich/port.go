package enrich

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/weirflow/weir/shared/flow"
)

// wellKnown holds IANA's names of services that are in use, a line each:
// name,port,tcp|udp|….
//
//go:embed port.csv
var wellKnown string

// transports with ports, by their number here.
var transports = [...]struct {
	name  string
	proto uint8
}{{"tcp", 6}, {"udp", 17}, {"sctp", 132}, {"dccp", 33}}

// transport returns the number of a transport here, or -1.
func transport(name string) int {
	for i, t := range transports {
		if t.name == name {
			return i
		}
	}
	return -1
}

// ports know the application at a port. The zero ports know none.
type ports struct {
	names []string
	of    [len(transports)]*[1 << 16]uint16 // by port: 0, or the number in names + 1
	known map[string]uint16
}

// none tells that no port has a name.
func (p *ports) none() bool { return p == nil || len(p.names) == 0 }

// builtin returns the well-known ports.
var builtin = sync.OnceValue(func() *ports {
	p := &ports{}
	for line := range strings.Lines(wellKnown) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(strings.TrimSpace(line), ",")
		port, err := strconv.ParseUint(cells[1], 10, 16)
		if err != nil || transport(cells[2]) < 0 {
			panic("port.csv has the line " + line)
		}
		p.add(cells[0], uint16(port), transport(cells[2]))
	}
	return p
})

func (p *ports) add(name string, port uint16, of int) {
	if p.known == nil {
		p.known = map[string]uint16{}
	}
	n, ok := p.known[name]
	if !ok {
		p.names = append(p.names, name)
		n = uint16(len(p.names))
		p.known[name] = n
	}
	if p.of[of] == nil {
		p.of[of] = new([1 << 16]uint16)
	}
	p.of[of][port] = n
}

// newPorts puts the operator's applications before the well-known ports, if
// those are wanted.
func newPorts(well bool, rows []Application) (*ports, error) {
	p := &ports{}
	if well {
		if p = builtin(); len(rows) == 0 {
			return p, nil
		}
		p = p.clone()
	}
	seen := map[[2]int]*origin{}
	for i := range rows {
		a := &rows[i]
		for of, t := range transports {
			if t.name != a.Proto && (a.Proto != "" || of > 1) { // TCP and UDP come first
				continue
			}
			key := [2]int{of, int(a.Port)}
			if old := seen[key]; old != nil {
				return nil, fmt.Errorf("%s: port %d of %s is in %s already: remove one", a.at(), a.Port, t.name, old)
			}
			seen[key] = a.at()
			p.add(a.Name, a.Port, of)
		}
	}
	if len(p.names) >= 1<<16 {
		return nil, fmt.Errorf("there are %d names of applications: write fewer than %d", len(p.names), 1<<16)
	}
	return p, nil
}

func (p *ports) clone() *ports {
	q := &ports{}
	for of, t := range p.of {
		if t == nil {
			continue
		}
		for port, n := range t {
			if n > 0 {
				q.add(p.names[n-1], uint16(port), of)
			}
		}
	}
	return q
}

// find returns the number in p.names, from 1, of the application that f's ports
// stand for, 0 if they stand for none. The lower port comes first: it is mostly
// the server's.
func (p *ports) find(f *flow.Flow) uint16 {
	for of, t := range &transports {
		if t.proto != f.Proto {
			continue
		}
		if p.of[of] == nil {
			return 0
		}
		low, high := min(f.SrcPort, f.DstPort), max(f.SrcPort, f.DstPort)
		if n := p.of[of][low]; n != 0 && low != 0 {
			return n
		}
		return p.of[of][high]
	}
	return 0
}
