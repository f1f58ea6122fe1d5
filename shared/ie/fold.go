package ie

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"
)

// Fold returns name without what naming profiles change of it: upper case and
// separators. Names that fold alike may be written alike.
func Fold(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '-' || r == '_':
			return -1
		case r >= 'A' && r <= 'Z':
			return r | 0x20
		}
		return r
	}, name)
}

// A foldedNames holds names by the hash of what they fold to, in order.
type foldedNames []uint64

var foldSeed = maphash.MakeSeed()

func foldHash(name string) uint64 { return maphash.String(foldSeed, Fold(name)) }

// has tells whether a name that folds alike is there.
func (f foldedNames) has(name string) bool {
	_, ok := slices.BinarySearch(f, foldHash(name))
	return ok
}

// with returns f with one more name; f is not used any more.
func (f foldedNames) with(name string) foldedNames {
	h := foldHash(name)
	i, _ := slices.BinarySearch(f, h)
	return slices.Insert(f, i, h)
}

// builtInFolded are the names of the built-in elements, those of the reverse
// direction too.
var builtInFolded = sync.OnceValue(func() foldedNames {
	var f foldedNames
	for _, t := range enterprises {
		for i := t.first; i < t.end; i++ {
			f = append(f, foldHash(rowName(int(i))))
			if t.pen == 0 && rows[i].id <= maxID {
				f = append(f, foldHash(reverseName(rowName(int(i)))))
			}
		}
	}
	slices.Sort(f)
	return f
})
