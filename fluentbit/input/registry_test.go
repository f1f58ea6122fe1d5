package input

import "testing"

func TestRegistry(t *testing.T) {
	var r Registry[string]
	a, b, c := r.Add(1, "a"), r.Add(2, "b"), r.Add(2, "c")
	if a == 0 || a == b || b == c {
		t.Fatalf("handles %d %d %d", a, b, c)
	}
	if v, ok := r.Get(b); !ok || v != "b" {
		t.Errorf("get %q %t", v, ok)
	}
	if _, ok := r.Get(99); ok {
		t.Error("an instance for a handle that was never given")
	}
	if vs := r.Thread(2); len(vs) != 2 || vs[0] != "b" || vs[1] != "c" {
		t.Errorf("thread 2 has %q", vs)
	}
	if v, ok := r.Take(2); !ok || v != "b" {
		t.Errorf("took %q %t", v, ok)
	}
	if _, ok := r.Get(b); ok {
		t.Error("an instance that was taken is still there")
	}
	if _, ok := r.Take(3); ok {
		t.Error("took an instance of a thread that has none")
	}
	if d := r.Add(2, "d"); d == b {
		t.Error("a handle was used again")
	}
}
