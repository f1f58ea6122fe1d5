package ie

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// learned is what exporters have said of elements that nobody else knows.
var (
	learned      atomic.Pointer[overlay]
	learnLock    sync.Mutex
	learnedNames foldedNames // under learnLock
)

// Learn adds an element as an exporter describes it (RFC 5610), for the whole
// program. It is found where neither the built-in tables nor Extend know its
// number, and the first description of a number stands: an exporter may not
// rename what is known. most bounds how many are learned. Elements of IANA are
// refused, and names that might be taken for another: of an element of any
// enterprise, by whatever case and separators it is told apart, or with a number
// at the end, as the second element of a name in a record has. What is refused
// costs little, however often it is said.
func Learn(e Element, most int) error {
	if e.PEN == 0 {
		return fmt.Errorf("element %d is IANA's to describe", e.ID)
	}
	if _, known := Lookup(e.PEN, e.ID); known {
		return nil
	}
	if err := e.check(); err != nil {
		return fmt.Errorf("element %d of enterprise %d: %w", e.ID, e.PEN, err)
	}
	learnLock.Lock()
	defer learnLock.Unlock()
	x := learned.Load()
	if x == nil {
		x = &overlay{}
	}
	if _, known := x.lookup(e.PEN, e.ID); known {
		return nil
	}
	if len(x.elements) >= most {
		return fmt.Errorf("element %d of enterprise %d: %d have been learned already", e.ID, e.PEN, len(x.elements))
	}
	if ordinal(e.Name) || learnedNames.has(e.Name) || builtInFolded().has(e.Name) || extension.Load().hasFolded(e.Name) {
		return fmt.Errorf("element %d of enterprise %d: the name %s is another's", e.ID, e.PEN, e.Name)
	}
	learnedNames = learnedNames.with(e.Name)
	learned.Store(x.with(e))
	return nil
}

// ordinal tells whether name ends as that of the second element of a name in a
// record does.
func ordinal(name string) bool {
	s := strings.TrimRight(name, "0123456789")
	return len(s) < len(name) && strings.HasSuffix(s, "_")
}

// with returns x with one more element.
func (x *overlay) with(e Element) *overlay {
	at, _ := slices.BinarySearchFunc(x.elements, e, byNumber)
	y := &overlay{elements: slices.Concat(x.elements[:at], []Element{e}, x.elements[at:]), byName: slices.Clone(x.byName)}
	for i, n := range y.byName {
		if int(n) >= at {
			y.byName[i]++
		}
	}
	name, _ := slices.BinarySearchFunc(y.byName, e.Name, func(i uint32, name string) int {
		return cmp.Compare(y.elements[i].Name, name)
	})
	y.byName = slices.Insert(y.byName, name, uint32(at))
	return y
}

// Unit returns the name of a unit by its number in IANA's registry
// informationElementUnits (RFC 5610 §3.5), "" for one that is none.
func Unit(n uint16) string {
	if int(n) < len(unitNames) {
		return unitNames[n]
	}
	return ""
}

var unitNames = [...]string{
	"", "bits", "octets", "packets", "flows", "seconds", "milliseconds", "microseconds", "nanoseconds",
	"4-octet words", "messages", "hops", "entries", "frames", "ports", "inferred",
}
