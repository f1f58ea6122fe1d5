package input

import (
	"slices"
	"sync"
)

// A Handle stands for an instance in C's memory, where no Go pointer may be. It
// is never zero and never used twice.
type Handle uintptr

// A Registry finds instances, by handle or by thread: Fluent Bit runs each
// instance on a thread of its own, and some of its calls have no argument that
// says which instance is meant. The zero Registry is empty and ready; any number
// of goroutines may use it at once.
type Registry[T any] struct {
	mu      sync.Mutex
	entries []entry[T] // in the order of Add
	last    Handle
}

type entry[T any] struct {
	handle Handle
	thread uint64
	value  T
}

// Add keeps v, an instance that runs on thread.
func (r *Registry[T]) Add(thread uint64, v T) Handle {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	r.entries = append(r.entries, entry[T]{r.last, thread, v})
	return r.last
}

// Get returns the instance of h.
func (r *Registry[T]) Get(h Handle) (v T, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.entries {
		if e.handle == h {
			return e.value, true
		}
	}
	return v, false
}

// Thread returns the instances of a thread, oldest first. There is more than one
// only if the user has switched threads off; then they share Fluent Bit's main
// thread.
func (r *Registry[T]) Thread(thread uint64) (vs []T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.entries {
		if e.thread == thread {
			vs = append(vs, e.value)
		}
	}
	return vs
}

// Take removes the oldest instance of a thread. Where a thread has several,
// Fluent Bit ends all of them, one call each, so that the order doesn't matter.
func (r *Registry[T]) Take(thread uint64) (v T, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.entries, func(e entry[T]) bool { return e.thread == thread })
	if i < 0 {
		return v, false
	}
	v = r.entries[i].value
	r.entries = slices.Delete(r.entries, i, i+1)
	return v, true
}
