package querytest

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// Answers to random questions agree with themselves whatever the order of the
// flows, and a difference is told.
func TestOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	answers, sampled := 0, 0
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
		again.Others--
		if again.LeastRate, again.MostRate = 2, math.MaxUint32; first.MostRate > 0 { // more than there are
			sampled++
			if d := Diff(r, again, first); d != "" {
				t.Fatalf("difference is %q", d)
			}
			again.LeastRate = first.LeastRate + 1
		}
		if d := Diff(r, again, first); !strings.HasPrefix(d, "LeastRate to MostRate is ") {
			t.Fatalf("difference is %q", d)
		}
	}
	if answers < 500 || sampled < 50 {
		t.Errorf("only %d groups, records and conversations; %d answers of sampled flows", answers, sampled)
	}
}
