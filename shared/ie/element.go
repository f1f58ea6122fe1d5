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

// maxID is the highest id that the enterprise bit leaves room for.
const maxID = 1<<15 - 1

// An Element is what the registries say of an information element.
type Element struct {
	PEN       uint32 // enterprise number, 0 for IANA
	ID        uint16 // up to 32767; above only the numbers vendors use in NetFlow v9, with PEN 0
	Type      Type
	Semantics Semantics
	Name      string
	Units     string // "octets", "packets"; empty where a value has none
}

// Lookup returns the element id of enterprise pen. It does not allocate. Each
// element of IANA is found under ReversePEN too; whether it makes sense there
// (RFC 5103 §6.1 excepts a few) is for the exporter to know.
func Lookup(pen uint32, id uint16) (Element, bool) {
	if x := extension.Load(); x != nil {
		if e, ok := x.lookup(pen, id); ok {
			return e, true
		}
	}
	forward := pen
	if pen == ReversePEN {
		if id > maxID {
			return Element{}, false
		}
		forward = 0
	}
	i, ok := find(forward, id)
	if ok {
		return at(i, pen), true
	}
	if x := learned.Load(); x != nil && pen != 0 {
		return x.lookup(pen, id)
	}
	return Element{}, false
}

// ByName returns the element of that name, upper and lower case told apart. If
// several have it, those given to Extend come first, then the lower enterprise
// number; learned ones come last.
func ByName(name string) (Element, bool) {
	x := extension.Load()
	if x != nil {
		if e, ok := x.named(name); ok {
			return e, true
		}
	}
	for e := range builtInNamed(name) {
		if x != nil {
			if _, hidden := x.lookup(e.PEN, e.ID); hidden {
				continue
			}
		}
		return e, true
	}
	if x := learned.Load(); x != nil {
		return x.named(name)
	}
	return Element{}, false
}

// builtInNamed ranges over the built-in elements of that name, by enterprise,
// those of ReversePEN last.
func builtInNamed(name string) iter.Seq[Element] {
	return func(yield func(Element) bool) {
		for _, i := range byName[findName(name):] {
			if rowName(int(i)) != name {
				break
			}
			if !yield(at(int(i), penOf(int(i)))) {
				return
			}
		}
		rest, ok := strings.CutPrefix(name, "reverse")
		if !ok || rest == "" {
			return
		}
		for _, s := range [...]string{rest, strings.ToLower(rest[:1]) + rest[1:]} {
			n := findName(s)
			if n == len(byName) {
				continue
			}
			i := int(byName[n]) // IANA's, if IANA has the name
			if i < int(enterprises[0].end) && rowName(i) == s && reverseName(s) == name {
				yield(at(i, ReversePEN))
				return
			}
		}
	}
}

// reverseName is the name RFC 5103 §6.1 gives to the element of the other
// direction.
func reverseName(name string) string {
	return "reverse" + strings.ToUpper(name[:1]) + name[1:]
}

// All ranges over the registries, by enterprise and number. The reverse
// elements of RFC 5103 are not among them: they repeat IANA's.
func All() iter.Seq[Element] {
	return func(yield func(Element) bool) {
		var more []Element // what Extend was given, yet to come
		if x := extension.Load(); x != nil {
			more = x.elements
		}
		for _, t := range enterprises {
			for i := t.first; i < t.end; i++ {
				e := at(int(i), t.pen)
				for len(more) > 0 && byNumber(more[0], e) < 0 {
					if more[0].PEN != ReversePEN && !yield(more[0]) {
						return
					}
					more = more[1:]
				}
				if len(more) > 0 && byNumber(more[0], e) == 0 {
					continue // more[0] is in its place, and next
				}
				if !yield(e) {
					return
				}
			}
		}
		for _, e := range more {
			if e.PEN != ReversePEN && !yield(e) {
				return
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
//	enterprises   ascending by number; each a run of rows. The first is
//	              IANA, the second NetFlow v9's numbers above 32767,
//	              under enterprise 0 as well
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

func rowName(i int) string {
	r := &rows[i]
	return names[r.off:][:r.n]
}

func find(pen uint32, id uint16) (int, bool) {
	e := &enterprises[0]
	switch {
	case pen != 0:
		i, ok := slices.BinarySearchFunc(enterprises[2:], pen, func(e enterprise, pen uint32) int {
			return cmp.Compare(e.pen, pen)
		})
		if !ok {
			return 0, false
		}
		e = &enterprises[2+i]
	case id > maxID:
		e = &enterprises[1]
	}
	lo, last := int(e.first), int(e.end)-1
	a, b := rows[lo].id, rows[last].id
	if id < a || id > b {
		return 0, false
	}
	// Ids ascend by one or more from row to row, so id can't be further
	// from either end in rows than it is in numbers. IANA's registry has few
	// gaps: that leaves little to search.
	hi := min(last, lo+int(id-a)) + 1
	lo = max(lo, last-int(b-id))
	i, ok := slices.BinarySearchFunc(rows[lo:hi], id, func(r row, id uint16) int {
		return cmp.Compare(r.id, id)
	})
	return lo + i, ok
}

// findName returns where in byName the elements of that name start, if there
// are any.
func findName(name string) int {
	i, _ := slices.BinarySearchFunc(byName[:], name, func(i uint16, name string) int {
		return cmp.Compare(rowName(int(i)), name)
	})
	return i
}

func penOf(i int) uint32 {
	for _, e := range enterprises {
		if i < int(e.end) {
			return e.pen
		}
	}
	panic("ie: bug: row without an enterprise")
}
