package ie

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// ReversePEN is the enterprise under which RFC 5103 repeats IANA's elements for
// the other direction of a biflow.
const ReversePEN = 29305

// An Element is what the registries say of an information element.
type Element struct {
	PEN       uint32 // enterprise number, 0 for IANA
	ID        uint16 // 1 to 32767, without the enterprise bit
	Type      Type
	Semantics Semantics
	Name      string
	Units     string // "octets", "packets"; empty where a value has none
}

// Lookup returns the element id of enterprise pen. It does not allocate. Each
// element of IANA is found under ReversePEN too; whether it makes sense there
// (RFC 5103 §6.1 excepts a few) is for the exporter to know.
func Lookup(pen uint32, id uint16) (Element, bool) {
	forward := pen
	if pen == ReversePEN {
		forward = 0
	}
	i, ok := find(forward, id)
	if !ok {
		return Element{}, false
	}
	return at(i, pen), true
}

// ByName returns the element of that name, upper and lower case told apart. If
// two enterprises use a name, the lower number has it.
func ByName(name string) (Element, bool) {
	if i, ok := findName(name); ok {
		return at(i, penOf(i)), true
	}
	rest, ok := strings.CutPrefix(name, "reverse")
	if !ok || rest == "" {
		return Element{}, false
	}
	for _, s := range [...]string{rest, strings.ToLower(rest[:1]) + rest[1:]} {
		if i, ok := findName(s); ok && penOf(i) == 0 {
			if e := at(i, ReversePEN); e.Name == name {
				return e, true
			}
		}
	}
	return Element{}, false
}

// All ranges over the registries, by enterprise and number. The reverse
// elements of RFC 5103 are not among them: they repeat IANA's.
func All() iter.Seq[Element] {
	return func(yield func(Element) bool) {
		for _, e := range enterprises {
			for i := e.first; i < e.end; i++ {
				if !yield(at(int(i), e.pen)) {
					return
				}
			}
		}
	}
}

// AppendName appends the name of an element to dst, and for one that no
// registry has its two numbers: "9_12345", "0_4242".
func AppendName(dst []byte, pen uint32, id uint16) []byte {
	if e, ok := Lookup(pen, id); ok {
		return append(dst, e.Name...)
	}
	dst = strconv.AppendUint(dst, uint64(pen), 10)
	dst = append(dst, '_')
	return strconv.AppendUint(dst, uint64(id), 10)
}

// The tables of zelements.go are plain arrays of numbers over two texts, so
// that a program's start costs nothing and its binary some 40 bytes an element,
// 70 for one of IANA's:
//
//	enterprises   ascending by number, IANA first; each a run of rows
//	rows          ascending by id within an enterprise
//	names         the names, a line each, in the order of rows
//	reverseNames  the same for IANA's rows, each with "reverse" before it
//	byName        rows in the order of their names
type (
	enterprise struct {
		pen        uint32
		first, end uint16 // rows[first:end]
	}
	row struct {
		off  uint32 // of the name, in names
		id   uint16
		n    uint8 // length of the name
		typ  Type
		sem  Semantics
		unit uint8 // index into units
	}
)

// at returns row i as an element of pen: its own enterprise, or ReversePEN.
func at(i int, pen uint32) Element {
	r := &rows[i]
	e := Element{PEN: pen, ID: r.id, Type: r.typ, Semantics: r.sem, Units: units[r.unit]}
	if pen == ReversePEN {
		const more = len("reverse") // each line of reverseNames is that much longer
		e.Name = reverseNames[int(r.off)+more*i:][:int(r.n)+more]
	} else {
		e.Name = names[r.off:][:r.n]
	}
	return e
}

func find(pen uint32, id uint16) (int, bool) {
	for _, e := range enterprises {
		if e.pen != pen {
			continue
		}
		lo, last := int(e.first), int(e.end)-1
		a, b := rows[lo].id, rows[last].id
		if id < a || id > b {
			return 0, false
		}
		// Ids ascend by one or more from row to row, so id can't be further
		// from either end in rows than it is in numbers. Registries have few
		// gaps: that leaves little to search.
		hi := min(last, lo+int(id-a)) + 1
		lo = max(lo, last-int(b-id))
		i, ok := slices.BinarySearchFunc(rows[lo:hi], id, func(r row, id uint16) int {
			return cmp.Compare(r.id, id)
		})
		return lo + i, ok
	}
	return 0, false
}

func findName(name string) (int, bool) {
	i, ok := slices.BinarySearchFunc(byName[:], name, func(i uint16, name string) int {
		r := &rows[i]
		return cmp.Compare(names[r.off:][:r.n], name)
	})
	if !ok {
		return 0, false
	}
	return int(byName[i]), true
}

func penOf(i int) uint32 {
	for _, e := range enterprises {
		if i < int(e.end) {
			return e.pen
		}
	}
	panic("ie: bug: row without an enterprise")
}
