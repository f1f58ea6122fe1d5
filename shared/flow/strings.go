package flow

import "hash/maphash"

// Strings holds the distinct strings of a Batch. The zero value is ready. The
// texts are as the exporter sent them: perhaps not UTF-8, trailing NULs of
// fixed-length fields removed.
type Strings struct {
	text []byte   // all strings, one behind the other
	end  []uint32 // end[i] is where string i+1 ends in text
	tab  []uint32 // open addressing; a Str, or 0 for a free place
}

var seed = maphash.MakeSeed()

// Reset forgets all strings and keeps the memory.
func (s *Strings) Reset() {
	if len(s.end) > 0 {
		clear(s.tab)
	}
	s.text = s.text[:0]
	s.end = s.end[:0]
}

// Len returns the number of distinct strings, "" not counted.
func (s *Strings) Len() int { return len(s.end) }

// Get returns the text of x, "" if x is not of s. It is valid until Reset.
func (s *Strings) Get(x Str) []byte {
	if x == 0 || int(x) > len(s.end) {
		return nil
	}
	from := uint32(0)
	if x > 1 {
		from = s.end[x-2]
	}
	return s.text[from:s.end[x-1]:s.end[x-1]]
}

// Intern returns the Str of v; equal texts give equal Strs until Reset.
func (s *Strings) Intern(v []byte) Str {
	if len(v) == 0 {
		return 0
	}
	if len(s.end)*2 >= len(s.tab) {
		s.rehash()
	}
	mask := uint64(len(s.tab) - 1)
	for h := maphash.Bytes(seed, v); ; h++ {
		switch x := s.tab[h&mask]; {
		case x == 0:
			s.text = append(s.text, v...)
			s.end = append(s.end, uint32(len(s.text)))
			s.tab[h&mask] = uint32(len(s.end))
			return Str(len(s.end))
		case string(s.Get(Str(x))) == string(v):
			return Str(x)
		}
	}
}

func (s *Strings) rehash() {
	s.tab = make([]uint32, max(64, 2*len(s.tab)))
	mask := uint64(len(s.tab) - 1)
	for i := range s.end {
		h := maphash.Bytes(seed, s.Get(Str(i+1)))
		for s.tab[h&mask] != 0 {
			h++
		}
		s.tab[h&mask] = uint32(i + 1)
	}
}
