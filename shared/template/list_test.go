package template

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/weirflow/weir/shared/flow"
)

// What a session knows can be listed, without making plans of it.
func TestListSession(t *testing.T) {
	s := NewStore(Limits{}).Open(Key{From: netip.MustParseAddrPort("192.0.2.1:2055"), Version: 9}, 7e9)
	s.Saw(9e9, true)
	tm := &Template{ID: 256, Version: 9, Fields: []Field{{Element: flow.Element{ID: 8}, Len: 4}}}
	if _, _, err := s.Put(5, tm); err != nil {
		t.Fatal(err)
	}
	n := uint32(3)
	s.SetRate(5, nil, nil, 10)
	s.SetRate(5, &n, nil, 20)
	s.SetRate(6, nil, &n, 30)

	var got []string
	s.Announced(func(domain uint32, x *Template, last int64) {
		if !x.Equal(tm) {
			t.Errorf("template is %+v", x)
		}
		got = append(got, fmt.Sprint("template ", domain, x.ID, last))
	})
	s.EachRate(func(domain uint32, of RateOf, id uint64, rate uint32) {
		got = append(got, fmt.Sprint("rate ", domain, of, id, rate))
	})
	slices.Sort(got)
	want := []string{"rate 5 0 0 10", "rate 5 1 3 20", "rate 6 2 3 30", "template 5 256 9000000000"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if d := s.plans.get(planKey(5, 256)); d.plan.Load() != nil {
		t.Error("a plan was made")
	}
}
