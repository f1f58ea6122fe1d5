package plugin

import (
	"slices"
	"time"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// steps are bins that go without rest into those that a collector keeps sums of, or
// are made of whole ones.
var steps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 20 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 20 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 4 * time.Hour, 6 * time.Hour, 12 * time.Hour,
}

// even returns the shortest step that is no shorter, or whole days.
func even(least time.Duration) time.Duration {
	for _, s := range steps {
		if s >= least {
			return s
		}
	}
	const day = 24 * time.Hour
	return (least + day - 1) / day * day
}

// A collector keeps sums by hosts for each hour, and by most else for five minutes.
// Long ranges are asked in such steps, unless the question says which: of a day's
// flows one by one an answer takes a hundred times as long.
const (
	groupStep = 5 * time.Minute
	groupLong = 6 * time.Hour
	hostStep  = time.Hour
	hostLong  = 24 * time.Hour
)

// summed returns s with bins for q, which has those of s, that a collector has sums of.
func (s scope) summed(q *query.Question) scope {
	span := time.Duration(q.To - q.From)
	switch {
	case !q.Series || q.Bin != s.Bin || len(q.By) == 0:
		return s
	case span >= hostLong && slices.ContainsFunc(q.By, ofHosts):
		s.Bin = max(s.Bin, int64(hostStep))
	case span >= groupLong:
		s.Bin = max(s.Bin, int64(groupStep))
	}
	return s
}

// ofHosts tells whether d tells the ends of flows apart.
func ofHosts(d query.Dim) bool {
	return d.Pair || slices.ContainsFunc(d.Of.Fields, func(x flow.Field) bool { return x == flow.FieldSrcAddr || x == flow.FieldDstAddr })
}

// always tells whether a filter lets all through, as it does where all of a dashboard's
// variables are chosen. A collector has sums of all flows that it has not of some.
func always(e *query.Expr) bool {
	switch e.Op {
	case query.Any:
		return true
	case query.And:
		return !slices.ContainsFunc(e.Args, func(x query.Expr) bool { return !always(&x) })
	case query.Or:
		return slices.ContainsFunc(e.Args, func(x query.Expr) bool { return always(&x) })
	}
	return false
}

// unfiltered returns q without a filter that lets all through.
func unfiltered(q *query.Question) *query.Question {
	if q.Filter == nil || !always(q.Filter.Expr()) {
		return q
	}
	all := *q
	all.Filter = nil
	return &all
}
