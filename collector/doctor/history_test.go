package doctor

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weirflow/weir/collector/pipeline"
)

// What was wrong, and isn't lately, is a note; what goes on stays what it was.
func TestHistory(t *testing.T) {
	const period = int64(Period)
	var h History
	p := healthy()
	p.Missing, p.Sent = 100, 2100
	p.NoRate, p.Looked = 200, 400
	p.Early, p.Undecoded = 40, 40
	p.Peaks, p.Lately = pipeline.Peaks{Longest: 1800 * second}, pipeline.Peaks{Longest: 1800 * second}
	p.Outputs[0].Dropped = 5
	p.Dropped = 7
	look := func() (found []string) {
		p.Before = h.Before(&p.Ledger)
		for _, f := range Examine(p) {
			found = append(found, fmt.Sprintf("%s %s", f.ID, f.Severity))
			if old := strings.HasPrefix(f.Text, "until 10 min ago: "); old != (f.Severity == Note) || old && f.Repairs != nil {
				t.Errorf("%s says %q, repairs %v", f.ID, f.Text, f.Repairs)
			}
		}
		return found
	}
	const wrong = "undecoded error, loss error, output error, sampling-unknown warning, active-timeout warning"
	is := func(want string) {
		t.Helper()
		if got := strings.Join(look(), ", "); got != want {
			t.Errorf("found %s\nwant  %s", got, want)
		}
	}
	turn := func() {
		h.Turn(p.Now, []pipeline.Ledger{p.Ledger}, p.Dropped)
		p.Now += period
		p.Last, p.Announced, p.Decoded = p.Last+period, p.Announced+period, p.Decoded+period
		p.Sent, p.Received, p.Records, p.Looked = p.Sent+1000, p.Received+1000, p.Records+1000, p.Looked+100
	}
	is(wrong)
	turn()
	is(wrong) // within the last two periods
	h.Turn(p.Now-period, []pipeline.Ledger{p.Ledger}, p.Dropped)
	p.Lately = pipeline.Peaks{Longest: 60 * second}
	p.Missing-- // came late
	is("undecoded note, loss note, sampling-unknown note, active-timeout note, output note")

	p.Missing, p.Sent, p.NoRate = p.Missing+500, p.Sent+500, p.NoRate+50
	p.Before = h.Before(&p.Ledger)
	for _, f := range Examine(p) {
		if f.ID == "loss" && (f.Severity != Error || !strings.Contains(f.Text, " of 1500 ") || !strings.Contains(f.Advice, "dropped nothing")) {
			t.Errorf("lately: %+v", f)
		}
	}

	p.First += second // evicted, and there again
	if h.Before(&p.Ledger) != nil {
		t.Error("another account's past")
	}
}
