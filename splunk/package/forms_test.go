package main

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/splunk/internal/spl"
	"github.com/weirflow/weir/splunk/modinput"
)

// Each flow of each capture has the same fields in all three forms of an event,
// but for the percent signs of texts, which JSON doesn't need, and extras, which
// are an object there.
func TestFormsGiveTheSame(t *testing.T) {
	_, a := built(t)
	fields := func(name string, format modinput.Format, b *flow.Batch) (all []spl.Event) {
		for _, e := range events(t, format, true, b) {
			ev, err := a.Event(e.Sourcetype, e.Host, e.Time, e.Data)
			if err != nil {
				t.Fatalf("%s: %s: %v", name, format, err)
			}
			maps.DeleteFunc(ev, func(f string, v any) bool { // an empty text is no field in psv
				return f == "_raw" || f == "sourcetype" || f == "extras" || strings.HasPrefix(f, "extras.") || v == ""
			})
			if format != modinput.JSON {
				for f, v := range ev {
					if s, ok := v.(string); ok {
						if ev[f], err = url.PathUnescape(s); err != nil {
							t.Fatalf("%s: %s: %v", name, format, err)
						}
					}
				}
			}
			all = append(all, ev)
		}
		return all
	}
	n := 0
	captures(t, func(name string, b *flow.Batch) {
		want := fields(name, modinput.PSV, b)
		for _, format := range []modinput.Format{modinput.KV, modinput.JSON} {
			got := fields(name, format, b)
			if len(got) != len(want) {
				t.Fatalf("%s: %s: %d events, psv has %d", name, format, len(got), len(want))
			}
			for i := range want {
				n += len(want[i])
				for _, f := range slices.Sorted(maps.Keys(want[i])) {
					if x, y := spl.Values(want[i][f]), spl.Values(got[i][f]); !slices.Equal(x, y) {
						t.Errorf("%s: %s: flow %d: %s is %q, psv has %q", name, format, i+1, f, y, x)
					}
				}
				for f := range got[i] {
					if want[i][f] == nil {
						t.Errorf("%s: %s: flow %d: psv lacks %s", name, format, i+1, f)
					}
				}
			}
		}
	})
	if n < 10_000 {
		t.Errorf("%d values", n)
	}
}
