package input

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
	Ledgers        // the loss ledger, now and then
	Findings       // of detectors

	allTypes = Flows | Options | Counters | Ledgers | Findings
)

var typeNames = []string{"flows", "options", "counters", "stats", "findings"}

// Has tells whether t has all of u.
func (t Types) Has(u Types) bool { return t&u == u }

func parseTypes(s string) (t Types, err error) {
	for _, name := range words(s) {
		switch i := slices.Index(typeNames, name); {
		case name == "all":
			t |= allTypes
		case i < 0:
			return 0, fmt.Errorf("%q is none of %s", name, strings.Join(typeNames, ", "))
		default:
			t |= 1 << i
		}
	}
	if t == 0 {
		return 0, fmt.Errorf("%q names no type: write some of %s", s, strings.Join(typeNames, ", "))
	}
	return t, nil
}

// words returns the words of a comma list, in lower case.
func words(s string) (all []string) {
	for w := range strings.SplitSeq(s, ",") {
		if w = strings.ToLower(strings.TrimSpace(w)); w != "" {
			all = append(all, w)
		}
	}
	return all
}
