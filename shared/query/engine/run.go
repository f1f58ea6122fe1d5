package engine

import (
	"context"

	"github.com/weirflow/weir/shared/flow"
	"github.com/weirflow/weir/shared/query"
)

// Run answers r, which is aligned, from the flows of v. It ends early, with an
// error, only if ctx does or r is not valid.
func Run(ctx context.Context, v View, r *query.Request) (*query.Answer, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	s := &scan{ctx: ctx, view: v, r: r, choice: newChoice(r), answer: &query.Answer{Total: make([]uint64, len(r.Metrics))}}
	if r.Dedup {
		if err := s.observe(); err != nil {
			return nil, err
		}
	}
	run := s.groups
	switch r.Shape {
	case query.Flows:
		run = s.flows
	case query.Conversations:
		run = s.conversations
	}
	if err := run(); err != nil {
		return nil, err
	}
	if s.answer.Sampled == 0 { // what is sampled ended later
		s.answer.LeastRate, s.answer.MostRate = 0, 0
	}
	return s.answer, nil
}

// A scan is a request under way.
type scan struct {
	ctx    context.Context
	view   View
	r      *query.Request
	choice *choice
	points *points // of Dedup
	answer *query.Answer
}

// each calls use for each block of which something is chosen, and adds to the
// answer what belongs to every shape.
func (s *scan) each(use func(block int) error) error {
	c := s.choice
	for n, b := range s.view.Blocks {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		if b.start >= s.r.To || b.end < s.r.From {
			continue
		}
		s.answer.Scanned += uint64(b.rows)
		if !c.of(b, s.r.From, s.r.To) {
			continue
		}
		if s.points != nil {
			if s.points.cut(c, n); len(c.rows) == 0 {
				continue
			}
		}
		c.add(s.answer)
		if err := use(n); err != nil {
			return err
		}
	}
	return nil
}

// total adds what is chosen to the totals.
func (s *scan) total() {
	for m, metric := range s.r.Metrics {
		if metric.Fold == query.Total && metric.Of != query.Distinct {
			s.answer.Total[m] = flow.Plus(s.answer.Total[m], sumOf(s.choice.parts(s.choice.volumes(metric.Of, s.r.Raw))))
		}
	}
}

func sumOf(all []uint64) (sum uint64) {
	for _, n := range all {
		sum = flow.Plus(sum, n)
	}
	return sum
}
