package modinput

import (
	"fmt"
	"slices"
	"strings"
)

// Types says which kinds of events there are to be.
type Types uint8

const (
	Flows    Types = 1 << iota
	Options        // what exporters announce of themselves
	Counters       // sFlow's
	Ledgers        // what was sent, received, lost and written, once a minute
	Findings       // of detectors

	allTypes = Flows | Options | Counters | Ledgers | Findings
)

var typeNames = []string{"flows", "options", "counters", "stats", "findings"}

// Has tells whether t has all of u.
func (t Types) Has(u Types) bool { return t&u == u }

// String returns the names of t with commas between.
func (t Types) String() string {
	var names []string
	for i, name := range typeNames {
		if t.Has(1 << i) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// ParseTypes reads a comma list of names.
func ParseTypes(s string) (t Types, err error) {
	for name := range strings.SplitSeq(s, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "" {
			continue
		}
		i := slices.Index(typeNames, name)
		if i < 0 {
			return 0, fmt.Errorf("types: there are no %q: write some of %s", name, allTypes)
		}
		t |= 1 << i
	}
	if t == 0 {
		return 0, fmt.Errorf("types is empty: write some of %s", allTypes)
	}
	return t, nil
}
