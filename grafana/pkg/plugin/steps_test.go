package plugin

import (
	"testing"
	"time"
)

// Long ranges are asked in steps that a collector has sums of, unless the question says
// which.
func TestSummed(t *testing.T) {
	f := func(json string, span, want time.Duration) {
		t.Helper()
		q := testQuery(json)
		q.Interval, q.MaxDataPoints = 30*time.Second, 10_000
		q.TimeRange.To = q.TimeRange.From.Add(span)
		a, _, err := parse(q, q.TimeRange.To)
		if err != nil || a.Bin != int64(want) {
			t.Errorf("%s over %s: %v, %v", json, span, err, a)
		}
	}
	const day = 24 * time.Hour
	f(`{"show":"series"}`, day, 30*time.Second)
	f(`{"show":"series","by":["proto"]}`, 5*time.Hour, 30*time.Second)
	f(`{"show":"series","by":["proto"]}`, 6*time.Hour, 5*time.Minute)
	f(`{"show":"series","by":["proto"],"every":"1min"}`, day, time.Minute)
	f(`{"question":"series 3 src"}`, 23*time.Hour, 5*time.Minute)
	f(`{"question":"series 3 src"}`, day, time.Hour)
	f(`{"question":"series 3 src every 5min"}`, day, 5*time.Minute)
	f(`{"question":"series 3 pair"}`, day, time.Hour)
	f(`{"question":"series 3 dst/24, proto"}`, day, time.Hour)
}

// A filter that lets all through is none.
func TestAlways(t *testing.T) {
	f := func(where string, none bool) {
		t.Helper()
		a, _, err := parse(testQuery(`{"show":"top","where":"`+where+`"}`), time.Now())
		if err != nil || (unfiltered(&a.Question).Filter == nil) != none {
			t.Errorf("%s: %v, %v", where, a, err)
		}
	}
	f("", true)
	f("$__in(exporter ip, any) and $__in(if, any)", true)
	f("any or proto tcp", true)
	f("any and proto tcp", false)
	f("any and not any", false)
	f("proto tcp or proto udp", false)
}
