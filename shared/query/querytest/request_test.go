package querytest

import (
	"math/rand/v2"
	"testing"

	"github.com/weirflow/weir/shared/query"
)

// Random questions are valid, and reach what can be asked.
func TestRequest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	seen := map[string]int{}
	see := func(what string, is bool) {
		if is {
			seen[what]++
		} else {
			seen[what] += 0
		}
	}
	for range 2000 {
		r := Request(rng)
		if err := r.Validate(); err != nil {
			t.Fatal(err)
		}
		for s := query.Groups; s <= query.Conversations; s++ {
			see(s.String(), r.Shape == s)
		}
		for fold, name := range []string{"total", "peak", "percentile"} {
			for _, m := range r.Metrics {
				see(name, m.Fold == query.Fold(fold))
				see("distinct", m.Of == query.Distinct)
			}
		}
		for i := range r.By {
			see("either", r.By[i].Either())
			see("pair", r.By[i].Pair)
			see("prefix", r.By[i].Bits > 0)
		}
		see("sides", r.Sides)
		see("series", r.Series)
		see("present", r.Present && r.Folds())
		see("dedup", r.Dedup)
		see("raw", r.Raw)
		see("filter", r.Filter != nil)
	}
	for what, n := range seen {
		if n < 50 {
			t.Errorf("%d of 2000 are about %s", n, what)
		}
	}
}
