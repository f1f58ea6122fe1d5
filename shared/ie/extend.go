package ie

import (
	"cmp"
	"fmt"
	"slices"
	"sync/atomic"
)

// extension is what Extend was given last; nil if nothing. What it points to
// never changes.
var extension atomic.Pointer[overlay]

// An overlay is a set of elements in front of the built-in ones.
type overlay struct {
	elements []Element // by enterprise and number, with the reverse of those of enterprise 0
	byName   []uint32  // indexes into elements by name, then enterprise
	folded   foldedNames
}

// maxExtension bounds what Extend takes, far above any real registry.
const maxExtension = 1 << 18

// Extend adds elements to those that are built in, for the whole program: each
// takes the place of the built-in one of its number, if there is one. They
// replace all that an earlier call has added; Extend(nil) takes everything back.
// On an error nothing changes. An element of enterprise 0 is found under
// ReversePEN too, unless its id is above 32767.
//
// Extend may be called at any time, from any goroutine. It is made for start-up
// and for reloads: records that are being written meanwhile have the old names
// or the new ones. Elements is not kept.
func Extend(elements []Element) error {
	if len(elements) == 0 {
		extension.Store(nil)
		return nil
	}
	x, err := newOverlay(elements)
	if err != nil {
		return err
	}
	extension.Store(x)
	return nil
}

func newOverlay(elements []Element) (*overlay, error) {
	if len(elements) > maxExtension {
		return nil, fmt.Errorf("%d elements are more than %d", len(elements), maxExtension)
	}
	x := &overlay{elements: make([]Element, 0, len(elements))}
	for _, e := range elements {
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("element %d of enterprise %d: %w", e.ID, e.PEN, err)
		}
		x.elements = append(x.elements, e)
		if e.PEN == 0 && e.ID <= maxID {
			e.PEN, e.Name = ReversePEN, reverseName(e.Name)
			x.elements = append(x.elements, e)
		}
	}
	slices.SortStableFunc(x.elements, byNumber)
	x.byName = make([]uint32, len(x.elements))
	for i := range x.byName {
		x.byName[i] = uint32(i)
		if i > 0 && byNumber(x.elements[i-1], x.elements[i]) == 0 {
			return nil, fmt.Errorf("element %d of enterprise %d is there twice, as %s and %s",
				x.elements[i].ID, x.elements[i].PEN, x.elements[i-1].Name, x.elements[i].Name)
		}
	}
	slices.SortFunc(x.byName, func(i, j uint32) int {
		a, b := &x.elements[i], &x.elements[j]
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.PEN, b.PEN), cmp.Compare(a.ID, b.ID))
	})
	for i := range x.elements {
		x.folded = append(x.folded, foldHash(x.elements[i].Name))
	}
	slices.Sort(x.folded)
	return x, x.checkNames()
}

// hasFolded tells whether x has a name that folds alike. x may be nil.
func (x *overlay) hasFolded(name string) bool { return x != nil && x.folded.has(name) }

// checkNames reports a name that two elements of an enterprise would have.
func (x *overlay) checkNames() error {
	twice := func(a, b Element) error {
		return fmt.Errorf("elements %d and %d of enterprise %d are both named %s", a.ID, b.ID, b.PEN, b.Name)
	}
	for i, n := range x.byName {
		e := x.elements[n]
		if i > 0 {
			if prev := x.elements[x.byName[i-1]]; prev.Name == e.Name && prev.PEN == e.PEN {
				return twice(prev, e)
			}
		}
		for old := range builtInNamed(e.Name) {
			if _, hidden := x.lookup(old.PEN, old.ID); old.PEN == e.PEN && old.ID != e.ID && !hidden {
				return twice(old, e)
			}
		}
	}
	return nil
}

func (x *overlay) lookup(pen uint32, id uint16) (Element, bool) {
	i, ok := slices.BinarySearchFunc(x.elements, Element{PEN: pen, ID: id}, byNumber)
	if !ok {
		return Element{}, false
	}
	return x.elements[i], true
}

func (x *overlay) named(name string) (Element, bool) {
	i, ok := slices.BinarySearchFunc(x.byName, name, func(i uint32, name string) int {
		return cmp.Compare(x.elements[i].Name, name)
	})
	if !ok {
		return Element{}, false
	}
	return x.elements[x.byName[i]], true
}

func byNumber(a, b Element) int {
	return cmp.Or(cmp.Compare(a.PEN, b.PEN), cmp.Compare(a.ID, b.ID))
}
