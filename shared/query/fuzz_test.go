package query

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// Whatever is parsed can be written, parsed again, and means the same as to the
// slow evaluator.
func FuzzParse(f *testing.F) {
	rnd := rand.New(rand.NewPCG(2, 2))
	b := randomBatch(rnd, 20)
	for range 100 {
		f.Add(randomFilter(rnd, 3))
	}
	for _, line := range strings.Split(Help, "\n") {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, text string) {
		x, err := Parse(text)
		if err != nil {
			s := err.(*SyntaxError)
			if s.Line < 1 || s.Column < 1 || strings.Count(s.Caret(), "\n") != 1 {
				t.Fatalf("%q: %v\n%s", text, err, s.Caret())
			}
			return
		}
		if len(x.String()) <= MaxText {
			check(t, x, b, nil)
		}
	})
}
