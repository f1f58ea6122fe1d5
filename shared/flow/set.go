package flow

import "math/bits"

// A Field is the number of a column, in the order of the struct Flow. Numbers
// may change between versions of weir: store names, not numbers.
type Field uint8

// A Set is a set of columns: one bit each, 128 at most.
type Set [2]uint64

// SetOf makes a Set of the columns given.
func SetOf(fields ...Field) (s Set) {
	for _, x := range fields {
		s.Add(x)
	}
	return s
}

func (s *Set) Add(x Field)     { s[x>>6&1] |= 1 << (x & 63) }
func (s *Set) Del(x Field)     { s[x>>6&1] &^= 1 << (x & 63) }
func (s Set) Has(x Field) bool { return s[x>>6&1]>>(x&63)&1 != 0 }
func (s Set) Len() int         { return bits.OnesCount64(s[0]) + bits.OnesCount64(s[1]) }

// AddAll adds the columns of t to s, word by word: what was just written in
// words is slow to be read as a whole.
func (s *Set) AddAll(t *Set) {
	s[0] |= t[0]
	s[1] |= t[1]
}

// Union returns the columns that are in s or in t.
func (s Set) Union(t Set) Set { return Set{s[0] | t[0], s[1] | t[1]} }

// Next returns the first column of s that is x or follows it, and false if
// there is none:
//
//	for x, ok := s.Next(0); ok; x, ok = s.Next(x + 1) { … }
func (s Set) Next(x Field) (Field, bool) {
	for i := int(x); i < 128; i = (i | 63) + 1 {
		if w := s[i>>6] >> (i & 63); w != 0 {
			return Field(i + bits.TrailingZeros64(w)), true
		}
	}
	return 0, false
}
