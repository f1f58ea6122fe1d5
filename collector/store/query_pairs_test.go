//go:build cgo

package store

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weirflow/weir/shared/query"
	"github.com/weirflow/weir/shared/query/duck"
	"github.com/weirflow/weir/shared/query/querytest"
)

func quantityOf(t *testing.T, name string) *query.Quantity {
	t.Helper()
	f, err := query.Parse(name + " exists")
	if err != nil {
		t.Fatal(err)
	}
	return f.Expr().Of
}

// What a pair lacks is within the bound, whether it is shown or not; totals are
// those of all flows.
func TestLargestPairs(t *testing.T) {
	u := &duck.Rollups[len(duck.Rollups)-1]
	most := u.Most
	defer func() { u.Most = most }()
	rng := rand.New(rand.NewPCG(8, 4))
	d := openTest(t)
	d.eager = true
	b := querytest.Flows(rng, 500)
	sane(b)
	for i := range b.Flows { // bounds that overflow tell nothing
		b.Flows[i].Bytes &= 1<<30 - 1
	}
	stored := querytest.Stored(b)
	segments := put(t, d, b, len(b.Flows)/3)
	bounded := 0
	for _, u.Most = range []int{2, 10, 10_000} {
		s := &Snapshot{Segments: segments, Rollups: rolled(t, d, segments[:2])}
		for _, by := range [][]query.Dim{
			{{Of: quantityOf(t, "ip"), Pair: true}},
			{{Of: quantityOf(t, "src ip")}, {Of: quantityOf(t, "dst ip")}},
		} {
			r := &query.Request{
				From: querytest.Epoch - int64(150*time.Minute), To: querytest.Epoch + int64(61*time.Minute), By: by, Limit: 5,
				Metrics: []query.Metric{{Of: query.Bytes}, {Of: query.Records}},
			}
			got, err := d.ask(context.Background(), s, r)
			if err != nil {
				t.Fatal(err)
			}
			r.Limit = query.MaxGroups
			want := querytest.Oracle(stored, r)
			if got.Total[0] != want.Total[0] || got.Total[1] != want.Total[1] || got.Flows != want.Flows || got.Unknown != want.Unknown || got.Sampled != want.Sampled {
				t.Errorf("%v %d %d %d, want %v %d %d %d", got.Total, got.Flows, got.Unknown, got.Sampled, want.Total, want.Flows, want.Unknown, want.Sampled)
			}
			if got.LeastRate < 2 || got.LeastRate > want.LeastRate || got.MostRate < want.MostRate {
				t.Errorf("rates from %d to %d, want from %d to %d", got.LeastRate, got.MostRate, want.LeastRate, want.MostRate)
			}
			if len(got.Notes) != 2 {
				t.Errorf("notes %q", got.Notes)
			}
			shown := map[query.Key]uint64{}
			key := func(g *query.Group) query.Key {
				k := g.Key[0]
				if len(g.Key) == 2 {
					k.Peer = g.Key[1].Addr
					k.Missing = k.Missing || g.Key[1].Missing
				}
				return k
			}
			for i := range got.Groups {
				if k := key(&got.Groups[i]); !k.Missing {
					shown[k] = got.Groups[i].Values[0]
				}
			}
			least := got.Groups[len(got.Groups)-1].Values[0]
			for i := range want.Groups {
				k, v := key(&want.Groups[i]), want.Groups[i].Values[0]
				if k.Missing {
					continue
				}
				has, ok := shown[k]
				if ok && (has > v || v-has > got.Bound) || !ok && v > got.Bound+least {
					t.Errorf("most %d: %v has %d, shown %v %d, bound %d", u.Most, k, v, ok, has, got.Bound)
				}
			}
			if got.Bound > 0 {
				bounded++
			} else if u.Most < 10 {
				t.Errorf("no bound with %d pairs an hour", u.Most)
			}
			if u.Most == 10_000 && got.Bound != 0 {
				t.Errorf("bound %d, though all pairs are known", got.Bound)
			}
		}
	}
	if bounded == 0 {
		t.Error("all answers were exact")
	}
}
