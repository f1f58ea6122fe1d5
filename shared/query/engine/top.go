package engine

import "slices"

// A top keeps the first of what is added, in the order that compare gives.
type top[T any] struct {
	limit   int
	compare func(a, b T) int
	best    []T
	last    T // once best was full: what comes behind it is none of the first
	full    bool
}

func newTop[T any](limit int, compare func(a, b T) int) *top[T] {
	return &top[T]{limit: limit, compare: compare}
}

func (t *top[T]) add(x T) {
	if t.full && t.compare(x, t.last) >= 0 {
		return
	}
	t.best = append(t.best, x)
	if len(t.best) >= 2*t.limit+1000 {
		t.sorted()
	}
}

// sorted returns the first of what was added.
func (t *top[T]) sorted() []T {
	slices.SortFunc(t.best, t.compare)
	if len(t.best) >= t.limit {
		t.best = t.best[:t.limit]
		t.last, t.full = t.best[t.limit-1], true
	}
	return t.best
}
