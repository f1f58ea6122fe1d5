package querytest

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// Answers to random questions agree with themselves whatever the order of the
// flows, and a difference is told.
func TestOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	answers := 0
	for range 200 {
		b, r := Flows(rng, 100), Request(rng)
		first := Oracle(b, r)
		rng.Shuffle(len(b.Flows), func(i, j int) { b.Flows[i], b.Flows[j] = b.Flows[j], b.Flows[i] })
		again := Oracle(b, r)
		if d := Diff(r, again, first); d != "" {
			t.Fatalf("%+v\n%s", r, d)
		}
		answers += len(first.Groups) + len(first.Conversations) + len(first.Batch.Flows)
		again.Others++
		if d := Diff(r, again, first); !strings.HasPrefix(d, "Others is ") {
			t.Fatalf("difference is %q", d)
		}
	}
	if answers < 500 {
		t.Errorf("only %d groups, records and conversations", answers)
	}
}
