package pipeline

import (
	"testing"

	"github.com/weirflow/weir/shared/decode"
	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/template"
)

// The longest times of the last two periods are told from those since the start.
func TestPeaks(t *testing.T) {
	var a Account
	a.Version = 9
	now := int64(1e18)
	lasted := func(d int64) {
		now += 1e9
		var after decode.Stats
		after.Announced = 1
		a.note(&tally{arrival: now, head: decode.Head{Header: template.Header{Export: now}}, flows: []flow.Flow{{Start: now - d, End: now}}}, &after)
	}
	is := func(ever, lately int64) {
		t.Helper()
		l := a.ledger(now)
		if want := (Peaks{1e9, ever, ever}); l.Peaks != want {
			t.Errorf("peaks are %v, want %v", l.Peaks, want)
		}
		if l.Lately.Longest != lately || l.Lately.Oldest != lately {
			t.Errorf("lately the longest are %v, want %d", l.Lately, lately)
		}
	}
	lasted(5)
	lasted(3)
	is(5, 5)
	a.turn()
	lasted(2)
	is(5, 5)
	a.turn()
	lasted(1)
	is(5, 2)
	a.turn()
	a.turn()
	is(5, 0)
}
