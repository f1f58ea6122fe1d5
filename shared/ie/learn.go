package ie

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// learned is what exporters have said of elements that nobody else knows.
var (
	learned   atomic.Pointer[overlay]
	learnLock sync.Mutex
)

// Learn adds an element as an exporter describes it (RFC 5610), for the whole
// program. It is found where neither the built-in tables nor Extend know its
// number, and the first description of a number stands: an exporter may not
// rename what is known. most bounds how many are learned. Elements of IANA, and
// names that another element of the enterprise has, are refused.
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
	var all []Element
	if x := learned.Load(); x != nil {
		if _, known := x.lookup(e.PEN, e.ID); known {
			return nil
		}
		all = x.elements
	}
	if len(all) >= most {
		return fmt.Errorf("element %d of enterprise %d: %d have been learned already", e.ID, e.PEN, len(all))
	}
	x, err := newOverlay(append(slices.Clone(all), e))
	if err != nil {
		return err
	}
	learned.Store(x)
	return nil
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
